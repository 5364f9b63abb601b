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

"""The topic ~/saliency: why the faces of an image got their labels, when somebody asks."""

from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.annotate import annotate, caption
from face_affect_ros.affect.blur import hide
from face_affect_ros.affect.crop import extract_crop, face_matrix
from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.saliency_view import grid, heat_on_image, overlay, tile, to_bgr
from face_affect_ros.affect.types import FloatArray, ImageArray, LABELS, UNKNOWN
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.nodes.outputs.annotated import AnnotatedOutput
from face_affect_ros.nodes.outputs.base import Output, Result
from face_affect_ros.nodes.worker import Worker
import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image

#: The maps stand back behind the faces of the next image.
NICENESS = 10


@dataclass(frozen=True)
class Job:
    """
    One image with its faces.

    annotated: whether the annotated image is wanted as well. boxes: where faces are in it, for
    who may not be seen; a later image has them elsewhere.
    """

    result: Result
    annotated: bool
    boxes: list[FloatArray]


class SaliencyOutput(Output):
    """
    Draws and publishes heat maps in a thread of its own, so that ~/faces never waits.

    At most one map a face and image. Where a newer image waits, the youngest tracks have got
    theirs, and the others are left out and counted.
    """

    def __init__(self, node: LifecycleNode, saliency: Saliency, *, task: str,
                 annotated: AnnotatedOutput) -> None:
        """Offer the topic. task: which decision to explain. annotated: gets the heat, if asked."""
        super().__init__(node)
        self._saliency, self._task = saliency, task
        self._annotated = annotated
        annotated.with_heat = True
        self._publisher = self.publisher(Image, '~/saliency', qos.image_output(),
                                         qos_overriding_options=qos.overridable())
        self.worker: Worker[Job] | None = None
        self._counts = {'saliency maps': 0, 'saliency maps left out': 0}

    def start(self) -> None:
        """Begin to work."""
        self.worker = Worker(self._work, depth=1, name='saliency', niceness=NICENESS)

    def stop(self) -> None:
        """Finish the map in hand."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def counts(self) -> dict[str, int]:
        """Return the numbers of maps drawn and left out."""
        return dict(self._counts)

    def put(self, result: Result) -> None:
        """Queue an image if somebody looks; it replaces one that waits."""
        annotated = self._annotated.wants_heat()
        if self.worker is not None and (annotated or self._publisher.get_subscription_count()):
            self.worker.put(Job(result, annotated, self._annotated.boxes))

    def _work(self, job: Job) -> None:
        try:
            self.publish_maps(job, self.maps(job))
        except Exception as error:   # the faces are out, and they are what matters
            if self.node.context.ok():
                self.node.get_logger().error(
                    f'no saliency: {type(error).__name__}: {error}', throttle_duration_sec=5.0)

    def maps(self, job: Job) -> dict[str, tuple[ImageArray, FloatArray]]:
        """Return crop and heat by track id, those of the youngest tracks first."""
        mode = self.node.get_parameter('saliency_mode').value
        heats: dict[str, tuple[ImageArray, FloatArray]] = {}
        for face in sorted(job.result.faces, key=lambda face: face.tracked_for):
            estimate = face.estimates.get(self._task)
            if estimate is None:
                continue
            if heats and self.worker is not None and self.worker.waiting:
                break
            labels = LABELS[self._task]
            label = (int(np.argmax(estimate.probabilities)) if estimate.label == UNKNOWN
                     else labels.index(estimate.label))
            crop = extract_crop(job.result.image, face, self._saliency.card.crop)
            heats[face.id] = crop, self._saliency.heat(crop, label, task=self._task, mode=mode)
        self._counts['saliency maps'] += len(heats)
        self._counts['saliency maps left out'] += len(job.result.faces) - len(heats)
        return heats

    def publish_maps(self, job: Job, heats: dict[str, tuple[ImageArray, FloatArray]]) -> None:
        """Publish the maps of an image, and the annotated image with them if it is wanted."""
        if self._publisher.get_subscription_count():
            tiles = []
            for face in job.result.faces:
                if face.id in heats:
                    crop, heat = heats[face.id]
                    picture = to_bgr(crop)
                    if self.node.get_parameter('blur_faces').value:
                        whole = np.array([0, 0, *picture.shape[1::-1]], np.float32)
                        picture = hide(picture, [whole])
                    tiles.append(tile([picture, overlay(picture, heat)],
                                      [face.id, caption(face, (self._task,))[0]]))
            self._publisher.publish(to_message(grid(tiles), 'bgr8', job.result.header))
        if job.annotated:
            picture = annotate(self._annotated.shown(job.result.image, job.boxes), [])
            for face in job.result.faces:
                if face.id in heats:
                    heat_on_image(picture, heats[face.id][1],
                                  face_matrix(face, self._saliency.card.crop))
            self._annotated.publish(annotate(picture, job.result.faces), job.result.header)


def make_saliency(node: LifecycleNode, pipeline: AffectPipeline, values: dict[str, Any],
                  annotated: AnnotatedOutput) -> SaliencyOutput | None:
    """Return the topic ~/saliency, None where the model has no gradients."""
    task = values['saliency_task']
    for classifier in reversed(pipeline.classifiers):
        if task in (head.task for head in classifier.heads):
            if 'saliency' not in classifier.card.metadata:
                node.get_logger().info(f"no ~/saliency: model '{classifier.card.name}' was "
                                       'exported without --saliency')
                return None
            saliency = Saliency(classifier.card, num_threads=values['num_threads'])
            return SaliencyOutput(node, saliency, task=task, annotated=annotated)
    return None
