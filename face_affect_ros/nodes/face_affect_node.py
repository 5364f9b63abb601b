# Copyright 2026 face_affect_ros maintainers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The lifecycle node `face_affect`: detects and classifies the faces in images."""

from collections.abc import Callable, Sequence
from functools import partial
import gc
from importlib import import_module
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes import large_images, lifecycle, parameters, qos
from face_affect_ros.nodes.declaration import declare, unknown_overrides
from face_affect_ros.nodes.health import Health, other_nodes, why_no_time
from face_affect_ros.nodes.image_input import DepthInput, ImageInput, ImageMessage
from face_affect_ros.nodes.main import ClosingNode, run, steady_timer
from face_affect_ros.nodes.messages import seconds_of, to_message
from face_affect_ros.nodes.outputs import Output, Result
from face_affect_ros.nodes.outputs.annotated import (
    AnnotatedOutput,
    load_saliency,
    SaliencyOutput,
)
from face_affect_ros.nodes.outputs.events import EventsOutput
from face_affect_ros.nodes.outputs.markers import MarkersOutput
from face_affect_ros.nodes.outputs.observe import ObserveOutput
from face_affect_ros.nodes.threads import Worker
import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from std_msgs.msg import Header

#: Seconds between two log lines of the same kind.
LOG_PERIOD = 5.0
#: States of an active node on /diagnostics.
ACTIVE, PAUSED = 'active', 'paused'


class FaceAffectNode(ClosingNode, LifecycleNode):
    """
    Publishes the tracked faces of every processed image, with expression and gender.

    kwargs: of rclpy's Node. AffectError if a parameter has a wrong type or value.
    """

    def __init__(self, node_name: str = 'face_affect', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        self.health = Health()
        self.lifecycle_state = 'unconfigured'
        self.pipeline: AffectPipeline | None = None
        self._faces: Publisher | None = None
        self.image_input: ImageInput | None = None
        self.depth_input: DepthInput | None = None
        self._worker: Worker[tuple[ImageMessage, float]] | None = None
        self.outputs: list[Output] = []
        self._activated_at = time.monotonic()
        declare(self, parameters.PARAMETERS, fixed=False)
        self.unknown_parameters = unknown_overrides(self, parameters.PARAMETERS)
        if self.unknown_parameters:
            self.get_logger().error(self.unknown_parameters)
            self.health.set_error('parameters', self.unknown_parameters)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', qos.results())
        self._timer = steady_timer(self, self.get_parameter('diagnostics_period').value,
                                   self._publish_diagnostics)
        self._observe = ObserveOutput(self)
        lifecycle.reject_invalid_transitions(self)
        if self.get_parameter('autostart').value:
            lifecycle.autostart(self, required=self.get_parameter('required').value)

    @lifecycle.reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models and run them once, so that the first image is not delayed."""
        values = self._values()
        pipeline = make_pipeline(parameters.settings_of(values))
        pipeline.warm_up()
        with qos.named(self.resolve_topic_name('~/faces'), 'publisher'):
            self._faces = self.create_lifecycle_publisher(
                FaceAffectArray, '~/faces', qos.results(), event_callbacks=qos.NO_PUBLISHER_EVENTS,
                qos_overriding_options=qos.overridable())
        try:
            self._make_outputs(pipeline, values)
        except Exception:
            self._release()   # also the outputs created so far
            raise
        self.pipeline = pipeline
        self.lifecycle_state = 'inactive'
        gc.collect()
        gc.freeze()   # full collections skip the objects loaded so far, and take less time
        self.get_logger().info(f"configured with {', '.join(pipeline.models)}")
        return TransitionCallbackReturn.SUCCESS

    def _make_outputs(self, pipeline: AffectPipeline, values: dict[str, Any]) -> None:
        """Create the outputs that the parameters and the installed packages allow."""
        add = self.outputs.append
        add(EventsOutput(self))
        self._observe.heads = pipeline.heads
        add(self._observe)
        if module := self._optional('detections', 'vision_msgs', '~/detections'):
            add(module.DetectionsOutput(self, pipeline.models))
        if values['ros4hri'] and (module := self._optional('humans', 'hri_msgs',
                                                           '/humans/faces')):
            add(module.HumansOutput(self))
        if values['publish_tf'] and (module := self._optional('transforms', 'tf2_msgs', '/tf')):
            add(module.TransformsOutput(self))
        add(MarkersOutput(self))
        saliency = load_saliency(self, pipeline, values)
        add(AnnotatedOutput(self) if saliency is None else SaliencyOutput(
            self, saliency, task=values['saliency_task']))

    def _optional(self, name: str, package: str, topic: str) -> Any:
        """Return a module of outputs, None if the package of its messages is missing."""
        try:
            return import_module(f'face_affect_ros.nodes.outputs.{name}')
        except ModuleNotFoundError as error:
            if (error.name or '').split('.')[0] != package:
                raise
            self.get_logger().info(f'no {topic}: the package {package} is not installed')
            return None

    @lifecycle.reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe to the images."""
        result = super().on_activate(state)
        self._pause(self.get_parameter('paused').value)
        return result

    def _pause(self, paused: bool) -> None:
        """Unsubscribe from the images or subscribe to them; the node stays active."""
        if paused:
            self._stop()
        elif self.image_input is None:
            try:
                self._subscribe()
            except Exception:
                self._stop()   # what has been started
                raise
        self.lifecycle_state = PAUSED if paused else ACTIVE

    def _subscribe(self) -> None:
        values = self._values()
        every = values['processing'] == 'every'
        depth = values['queue_depth'] if every else 1
        self._worker = Worker(self.process, depth=depth, name='face_affect')
        for output in self.outputs:
            output.start()
        if values['use_depth']:
            self.depth_input = DepthInput(self, depth)
        reliability = 'reliable' if every else values['image_reliability']
        self.image_input = ImageInput(self, qos.image_input(reliability, depth))
        self._activated_at = time.monotonic()
        self.get_logger().info(f"waiting for images on '{self.image_input.topic}'")

    @lifecycle.reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe from the images."""
        self._stop()
        self.lifecycle_state = 'inactive'
        return super().on_deactivate(state)

    @lifecycle.reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the models."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    @lifecycle.reporting
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and release the models."""
        self._release()
        self.lifecycle_state = 'finalized'
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything after an internal error; the node can be configured again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Run the transition shutdown before the process ends."""
        try:
            if self.lifecycle_state != 'finalized' and self.context.ok():
                self.trigger_shutdown()
        finally:
            self._stop()

    def destroy_node(self) -> None:
        """Close the node, and destroy it and its action."""
        super().destroy_node()
        self._observe.destroy()

    def _stop(self) -> None:
        """Unsubscribe; keep the models and the tracks, but not the templates of the tracks."""
        if self._worker is not None:   # first: it uses the inputs for the current image
            self.health.count('dropped', self._worker.stop())
            self._worker = None
        for output in self.outputs:
            self._run_output(output, output.stop)
        if self.image_input is not None:
            self.image_input.close()
        if self.depth_input is not None:
            self.depth_input.close()
        self.image_input = self.depth_input = None
        for kind in ('stamps', 'calibration', 'position', 'cameras', 'depth', 'qos', 'losses'):
            self.health.warn(kind, '')
        self.health.stopped()
        lifecycle.forget_destroyed(self)
        if self.pipeline is not None:
            self.pipeline.locate.reset()

    def _release(self) -> None:
        self._stop()
        while self.outputs:
            self.outputs.pop().close()
        if self._faces is not None:
            self.destroy_lifecycle_publisher(self._faces)
            self._faces = None
        self.pipeline = None
        self.lifecycle_state = 'unconfigured'
        gc.unfreeze()   # a frozen node would stay in the graph after its end

    def take(self, message: ImageMessage) -> None:
        """Queue an image; runs in the executor and must be quick."""
        if self._worker is not None:   # else an events executor had it queued
            self.health.received(time.monotonic())
            self.health.count('dropped', self._worker.put((message, self._now())))

    def process(self, item: tuple[ImageMessage, float]) -> None:
        """Publish the faces of an image with its time of arrival; runs in the worker's thread."""
        message, arrived = item
        started = time.monotonic()
        try:
            assert (self.pipeline is not None and self.image_input is not None
                    and self._faces is not None)
            image = self.image_input.to_array(message)
            stamp = seconds_of(message.header) or started
            height, width = image.shape[:2]
            depth = (None if self.depth_input is None else
                     self.depth_input.at(stamp, message.header.frame_id, width, height))
            faces = self.pipeline.process(image, stamp, self.image_input.camera, depth)
            self._faces.publish(to_message(faces, header=message.header, width=width,
                                           height=height))
        except Exception as error:  # one bad image must not end the node
            if self.context.ok():   # else the process is ending
                self._refuse(error)
            return
        ended = time.monotonic()
        age = self._now() - stamp
        self.health.warn('stamps', self._why_stale(arrived - stamp, age, message.header))
        self.health.published(ended, latency=age if seconds_of(message.header) else np.nan,
                              working=ended - started)
        self.image_input.check_calibration(image)
        result = Result(image, faces, message.header, stamp)
        for output in self.outputs:
            self._run_output(output, partial(output.put, result))

    def _values(self) -> dict[str, Any]:
        return {name: self.get_parameter(name).value for name in parameters.PARAMETERS}

    def _now(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9

    def _run_output(self, output: Output, act: Callable[[], None]) -> None:
        """Call an output and log its exceptions, which must not affect ~/faces."""
        try:
            act()
        except Exception as error:
            if self.context.ok():   # else the process is ending
                self.get_logger().error(
                    f'{type(output).__name__}: {type(error).__name__}: {error}',
                    throttle_duration_sec=LOG_PERIOD)

    def _refuse(self, error: Exception) -> None:
        """Count and log an image that could not be processed."""
        reason, kind = f'{type(error).__name__}: {error}', type(error).__name__
        if isinstance(error, AffectError):
            reason, kind = str(error), getattr(error, 'kind', 'cannot be processed')
        count = self.health.refused(reason, kind=kind)
        self.get_logger().error(f'image refused ({kind}, {count} times): {reason}',
                                throttle_duration_sec=LOG_PERIOD)

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        values = {each.name: each.value for each in changed}
        problem = parameters.problem_with(values) or parameters.refused(
            values, configured=self.pipeline is not None)
        if not problem and 'paused' in values and self.lifecycle_state in (ACTIVE, PAUSED):
            try:
                self._pause(values['paused'])
            except Exception as error:   # it would end the process
                problem = f"parameter 'paused': {error}"
        if problem:
            return SetParametersResult(successful=False, reason=problem)
        if self.pipeline is not None:
            self.pipeline.settings = parameters.settings_of(values, self.pipeline.settings)
        if 'diagnostics_period' in values:
            self._timer.timer_period_ns = round(values['diagnostics_period'] * 1e9)
            self._timer.reset()   # or the old period would end first
        return SetParametersResult(successful=True)

    def _publish_diagnostics(self) -> None:
        self._check_surroundings()
        more: dict[str, int | str] = {}
        for output in self.outputs:
            more |= output.counts()
        if self.image_input is not None:
            more['calibration'] = self.image_input.calibration
        name = f'{self.get_fully_qualified_name()[1:]}: faces'
        message = DiagnosticArray(status=[self.health.status(
            more, now=time.monotonic(), name=name, state=self.lifecycle_state)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _check_surroundings(self) -> None:
        """Warn of problems with the clock, the ROS graph, the outputs and lost images."""
        self.health.warn('clock', why_no_time(self))
        self.health.warn('outputs', '; '.join(filter(None, (
            output.problem() for output in self.outputs))))
        self.health.warn('twin', self._why_doubled())
        self.health.warn('silent', self._why_silent())
        if self.image_input is None:
            return
        now = time.monotonic()
        started = now - self._activated_at > self.get_parameter('stale_timeout').value
        needs = [output.needs_position() for output in self.outputs]
        needs.append('use_depth' if self.depth_input is not None else '')
        self.image_input.check_graph([each for each in needs if each and started])
        lost, sent = self.health.lost_lately(now)
        self.health.warn('losses', large_images.why_lost(self.image_input.topic, lost, sent)
                         if lost else '')

    def _why_doubled(self) -> str:
        """Return a warning about a second node of this name, '' for none."""
        name, topic = self.get_fully_qualified_name(), self.resolve_topic_name('~/faces')
        if name not in other_nodes(self, topic):
            return ''
        return (f"another node {name} also publishes '{topic}', so that subscribers see faces "
                'appear and disappear: end one, or change its name or namespace')

    def _why_stale(self, age: float, late: float, header: Header) -> str:
        """
        Return what is wrong with the times of an image, '' if nothing is.

        age: of the image when it arrived. late: when its faces were published. Both in seconds.
        """
        assert self.image_input is not None
        if not seconds_of(header):
            return f"images on '{self.image_input.topic}' have no stamp"
        limit = self.get_parameter('stale_timeout').value
        if abs(age) <= limit and late <= limit:
            return ''
        if abs(age) <= limit and late > 2.0 * age:   # most of the delay is in this node
            return (f"faces are {late:.1f} s late: images on '{self.image_input.topic}' arrive "
                    'faster than they are processed, and wait; see the parameter processing')
        when = f'{age:.1f} s old' if age > 0 else f'{-age:.1f} s in the future'
        return (f"images on '{self.image_input.topic}' are {when} according to their stamps: "
                'the clocks differ, or a bag is played without use_sim_time')

    def _why_silent(self) -> str:
        if self.image_input is None:
            return ''
        timeout = self.get_parameter('stale_timeout').value
        now = time.monotonic()
        silent = min(self.health.silent_for(now), now - self._activated_at)
        if silent < timeout:
            return ''
        return (f"no image on '{self.image_input.topic}' for {np.floor(silent):.0f} s: "
                f'{self.image_input.why_silent()}')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until it is stopped; return the exit code."""
    return run(FaceAffectNode, argv)


if __name__ == '__main__':
    raise SystemExit(main())
