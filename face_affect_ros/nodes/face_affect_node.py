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

"""The lifecycle node `face_affect`: images in, faces out."""

from collections.abc import Callable, Sequence
from functools import partial
import gc
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, KeyValue
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.affect.settings import make_pipeline
from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes import large_images, lifecycle, parameters, qos
from face_affect_ros.nodes.declaration import declare, unknown_overrides
from face_affect_ros.nodes.depth_input import DepthInput
from face_affect_ros.nodes.executors import make_executor
from face_affect_ros.nodes.health import Health
from face_affect_ros.nodes.image_input import ImageInput, ImageMessage
from face_affect_ros.nodes.main import run
from face_affect_ros.nodes.messages import seconds_of, to_message
from face_affect_ros.nodes.outputs import make_outputs, Output, Result
from face_affect_ros.nodes.sim_time import why_no_time
from face_affect_ros.nodes.worker import Worker
import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from std_msgs.msg import Header

#: Seconds between two log lines of the same kind.
LOG_PERIOD = 5.0
#: What /diagnostics says of an active node.
ACTIVE, PAUSED = 'active', 'paused'


class FaceAffectNode(LifecycleNode):
    """Publishes the tracked faces of every processed image, with expression and gender."""

    def __init__(self, node_name: str = 'face_affect', **kwargs: Any) -> None:
        """Declare the parameters and start the diagnostics; kwargs go to rclpy's Node."""
        super().__init__(node_name, **kwargs)
        self.health = Health()
        self._state = 'unconfigured'
        self.pipeline: AffectPipeline | None = None
        self._faces: Publisher | None = None
        self.image_input: ImageInput | None = None
        self.depth_input: DepthInput | None = None
        self._worker: Worker[ImageMessage] | None = None
        self.outputs: list[Output] = []
        self._activated_at = time.monotonic()
        declare(self, parameters.PARAMETERS, fixed=False)
        problem = parameters.problem_with(parameters.values_of(self))
        if problem:
            raise AffectError(problem)
        unknown = '; '.join(unknown_overrides(self, parameters.PARAMETERS))
        if unknown:
            self.get_logger().error(unknown)
        self.unknown_parameters = unknown
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', qos.results())
        # Of the steady clock: it must tick while simulated time stands still.
        self._timer = self.create_timer(self.get_parameter('diagnostics_period').value,
                                        self._publish_diagnostics,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))
        lifecycle.reject_invalid_transitions(self)
        if self.get_parameter('autostart').value:
            lifecycle.autostart(self, required=self.get_parameter('required').value)

    @lifecycle.reporting
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the models, so that the first image need not wait for them."""
        values = parameters.values_of(self)
        pipeline = make_pipeline(parameters.settings_of(values))
        pipeline.warm_up()
        self._faces = self.create_lifecycle_publisher(FaceAffectArray, '~/faces', qos.results(),
                                                      qos_overriding_options=qos.overridable())
        try:
            for output in make_outputs(self, pipeline, values):
                self.outputs.append(output)
        except Exception:
            self._release()   # of the outputs those that have been made
            raise
        self.pipeline = pipeline
        self._state = 'inactive'
        gc.unfreeze()   # what an earlier configuration left behind may go
        gc.collect()
        gc.freeze()   # what is loaded by now stays: full collections need not look at it
        models = ', '.join([pipeline.detector.name, *(c.card.name for c in pipeline.classifiers)])
        self.get_logger().info(f'configured with {models}')
        return TransitionCallbackReturn.SUCCESS

    @lifecycle.reporting
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen."""
        result = super().on_activate(state)
        self._pause(self.get_parameter('paused').value)
        return result

    def _pause(self, paused: bool) -> None:
        """Stop listening as if deactivated, or begin to; the node is active and stays so."""
        if paused:
            self._rest()
        elif self.image_input is None:
            self._listen()
        self._state = PAUSED if paused else ACTIVE

    def _listen(self) -> None:
        values = parameters.values_of(self)
        every = values['processing'] == 'every'
        depth = values['queue_depth'] if every else 1
        self._worker = Worker(self.process, depth=depth, name='face_affect')
        for output in self.outputs:
            output.start()
        if values['use_depth']:
            self.depth_input = DepthInput(self, self.health)
        reliability = 'reliable' if every else values['image_reliability']
        self.image_input = ImageInput(self, transport=values['image_transport'],
                                 rectified=values['image_rectified'],
                                 profile=qos.image_input(reliability, depth),
                                 take=self.take, health=self.health)
        self._activated_at = time.monotonic()
        self.get_logger().info(f"waiting for images on '{self.image_input.topic}'")

    @lifecycle.reporting
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening, ready to go on."""
        self._rest()
        self._state = 'inactive'
        return super().on_deactivate(state)

    @lifecycle.reporting
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the models."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    @lifecycle.reporting
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs."""
        self._release()
        self._state = 'finalized'
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to the start after a fault of ours, ready to be configured again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """End in order, as the last transition of the lifecycle, before the process ends."""
        if self._state != 'finalized' and self.context.ok():
            self.trigger_shutdown()
        self._stop()

    def _rest(self) -> None:
        """Stop listening; the models stay loaded and the tracks alive, without their looks."""
        self._stop()
        if self.pipeline is not None:
            self.pipeline.locate.reset()

    def _stop(self) -> None:
        if self.image_input is not None:
            self.image_input.close()
        if self._worker is not None:
            self.health.dropped(self._worker.stop())
            self._worker = None
        for output in self.outputs:
            self._run_output(output, output.stop)
        for kind in ('stamps', 'calibration', 'losses'):
            self.health.warn(kind, '')
        # Not before the worker has ended: it converts the image in hand.
        self.image_input = None
        if self.depth_input is not None:
            self.depth_input.close()
            self.depth_input = None
        lifecycle.forget_destroyed(self)

    def _release(self) -> None:
        self._stop()
        while self.outputs:
            self.outputs.pop().close()
        if self._faces is not None:
            self.destroy_lifecycle_publisher(self._faces)
            self._faces = None
        self.pipeline = None
        self._state = 'unconfigured'

    def take(self, message: ImageMessage) -> None:
        """Queue an image; runs in the executor and must not take long."""
        self.health.received(time.monotonic())
        if self._worker is not None:
            self.health.dropped(self._worker.put(message))

    def process(self, message: ImageMessage) -> None:
        """Publish the faces of one image; runs in the worker's thread."""
        started = time.monotonic()
        try:
            assert (self.pipeline is not None and self.image_input is not None
                    and self._faces is not None)
            image = self.image_input.to_array(message)
            stamp = seconds_of(message.header) or started
            depth = self.depth_input.at(stamp) if self.depth_input is not None else None
            faces = self.pipeline.process(image, stamp, self.image_input.camera, depth)
            result = Result(image, faces, message.header, stamp)
            self._faces.publish(to_message(faces, header=message.header, width=result.width,
                                           height=result.height))
        except AffectError as error:
            self._refuse(str(error), kind=getattr(error, 'kind', 'cannot be processed'))
            return
        except Exception as error:  # one bad image must not end the node
            if not self.context.ok():  # told to end while it works
                return
            self._refuse(f'{type(error).__name__}: {error}', kind=type(error).__name__)
            return
        ended = time.monotonic()
        age = self.get_clock().now().nanoseconds * 1e-9 - stamp
        self.health.warn('stamps', self._why_stale(age, message.header))
        self.health.published(ended, latency=age, working=ended - started)
        self.image_input.check_calibration(image)
        for output in self.outputs:
            self._run_output(output, partial(output.put, result))

    def _run_output(self, output: Output, act: Callable[[], None]) -> None:
        """Let an output act; the faces are out, and they are what matters."""
        try:
            act()
        except Exception as error:
            if self.context.ok():   # else it was told to end while it acted
                self.get_logger().error(
                    f'{type(output).__name__}: {type(error).__name__}: {error}',
                    throttle_duration_sec=LOG_PERIOD)

    def _refuse(self, reason: str, *, kind: str) -> None:
        count = self.health.refused(reason, kind=kind)
        self.get_logger().error(f'image refused ({kind}, {count} times): {reason}',
                                throttle_duration_sec=LOG_PERIOD)

    def _on_set_parameters(self, changed: list[Parameter]) -> SetParametersResult:
        problem = parameters.problem_with({each.name: each.value for each in changed})
        problem = problem or parameters.refused(changed, configured=self.pipeline is not None)
        if problem:
            return SetParametersResult(successful=False, reason=problem)
        if self.pipeline is not None:
            self.pipeline.settings = parameters.changed_settings(self.pipeline.settings, changed)
        for each in changed:
            if each.name == 'diagnostics_period':
                self._timer.timer_period_ns = round(each.value * 1e9)
                self._timer.reset()   # or the old period would have to pass first
            elif each.name == 'paused' and self._state in (ACTIVE, PAUSED):
                self._pause(each.value)
        return SetParametersResult(successful=True)

    def _publish_diagnostics(self) -> None:
        self._look_around()
        status = self.health.status(name=f'{self.get_fully_qualified_name()[1:]}: faces',
                                    state=self._state, silent=self._why_silent(),
                                    unknown=self.unknown_parameters)
        status.values = [*status.values, *(
            KeyValue(key=key, value=str(value))
            for output in self.outputs for key, value in output.counts().items())]
        if self.image_input is not None:
            status.values = [*status.values,
                             KeyValue(key='calibration', value=self.image_input.calibration)]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _look_around(self) -> None:
        """Warn of what is wrong around this node."""
        self.health.warn('clock', why_no_time(self))
        self.health.warn('outputs', '; '.join(filter(None, (
            output.trouble() for output in self.outputs))))
        if self.image_input is None:
            return
        now = time.monotonic()
        started = now - self._activated_at > self.get_parameter('stale_timeout').value
        needs = [output.needs_position() for output in self.outputs]
        needs.append('use_depth' if self.depth_input is not None else '')
        self.image_input.look_around([each for each in needs if each and started])
        lost, sent = self.health.lost_lately(now)
        self.health.warn('losses', large_images.why_lost(self.image_input.topic, lost, sent)
                         if lost else '')

    def _why_stale(self, age: float, header: Header) -> str:
        """Return what is wrong with an image's stamp, '' where nothing is; age in seconds."""
        assert self.image_input is not None
        if not seconds_of(header):
            return f"images on '{self.image_input.topic}' have no stamp"
        if abs(age) <= self.get_parameter('stale_timeout').value:
            return ''
        when = f'{age:.1f} s old' if age > 0 else f'{-age:.1f} s in the future'
        return (f"images on '{self.image_input.topic}' are {when} by their stamps: the clocks "
                'differ, or a bag is played without use_sim_time')

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
    """Run the node until it is told to stop; return the exit code."""
    return run(FaceAffectNode, argv, make_executor=make_executor)


if __name__ == '__main__':
    raise SystemExit(main())
