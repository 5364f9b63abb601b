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

"""The topics ~/image_annotated and ~/saliency: the faces drawn in, and saliency maps of them."""

from typing import Any, NamedTuple

from face_affect_ros.affect.annotate import annotate, caption, hide, RecentBoxes
from face_affect_ros.affect.crop import extract_crop, face_matrix
from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.affect.saliency import grid, heat_on_image, overlay, Saliency, tile, to_bgr
from face_affect_ros.affect.types import FloatArray, ImageArray, LABELS, UNKNOWN
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_compressed, to_message
from face_affect_ros.nodes.outputs import Output, Result
from face_affect_ros.nodes.threads import Worker
import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

#: The maps have a lower priority than the faces of the next image.
NICENESS = 10


class AnnotatedOutput(Output):
    """Draws the faces while the topics have subscribers."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self._raw = self.publisher(Image, '~/image_annotated', qos.image_output())
        self._compressed = self.publisher(CompressedImage, '~/image_annotated/compressed',
                                          qos.image_output())
        self._boxes = RecentBoxes()

    def wanted(self) -> bool:
        """Return whether the image is enabled and has a subscriber."""
        return bool(self.node.get_parameter('annotate').value
                    and (self._raw.get_subscription_count()
                         or self._compressed.get_subscription_count()))

    def visible(self, image: ImageArray, boxes: list[FloatArray]) -> ImageArray:
        """Return the image with these boxes, (4,) each, hidden if blur_faces is set."""
        return hide(image, boxes) if self.node.get_parameter('blur_faces').value else image

    def publish(self, picture: ImageArray, header: Header) -> None:
        """Publish a (H, W, 3) BGR uint8 image on the topics that have subscribers."""
        if self._raw.get_subscription_count():
            self._raw.publish(to_message(picture, 'bgr8', header))
        if self._compressed.get_subscription_count():
            self._compressed.publish(to_compressed(
                picture, header, quality=self.node.get_parameter('jpeg_quality').value))

    def put(self, result: Result) -> None:
        """Draw the faces; those of the last images are hidden too if blur_faces is set."""
        self.draw(result, self._boxes.update(
            result.faces, result.stamp, hold=self.node.get_parameter('track_timeout').value))

    def draw(self, result: Result, boxes: list[FloatArray]) -> None:
        """Publish the image with the faces; boxes: those to hide if enabled, (4,) each."""
        if self.wanted():
            picture = annotate(self.visible(result.image, boxes), result.faces)
            self.publish(picture, result.header)


class Job(NamedTuple):
    """An image, whether it is to be published annotated, and the boxes to hide, (4,) each."""

    result: Result
    annotated: bool
    boxes: list[FloatArray]


class SaliencyOutput(AnnotatedOutput):
    """
    Draws saliency maps as well, in a thread of its own, so that ~/faces is not delayed.

    At most one map per face and image, that of the youngest track first. If a newer image
    waits, the other maps are skipped and counted.
    """

    def __init__(self, node: LifecycleNode, saliency: Saliency, *, task: str) -> None:
        super().__init__(node)
        self._saliency, self._task = saliency, task
        self._publisher = self.publisher(Image, '~/saliency', qos.image_output())
        self.worker: Worker[Job] | None = None
        self._counts = {'saliency maps': 0, 'saliency maps left out': 0}
        self._queued = self._replaced = 0   # faces of the last queued image; of images not drawn

    def start(self) -> None:
        """Start the thread."""
        self.worker = Worker(self._work, depth=1, name='saliency', niceness=NICENESS)

    def stop(self) -> None:
        """Finish the current map and end the thread."""
        if self.worker is not None:
            self._replaced += self._queued * self.worker.stop()
            self.worker = None

    def counts(self) -> dict[str, int]:
        """Return the numbers of maps drawn and left out."""
        left_out = self._counts['saliency maps left out'] + self._replaced
        return {**self._counts, 'saliency maps left out': left_out}

    def draw(self, result: Result, boxes: list[FloatArray]) -> None:
        """
        Queue an image if a topic has subscribers; it replaces one that waits.

        Without maps, the annotated image is published at once.
        """
        annotated = self.wanted() and bool(self.node.get_parameter('annotate_saliency').value)
        if self.worker is not None and (annotated or self._publisher.get_subscription_count()):
            self._replaced += self._queued * self.worker.put(Job(result, annotated, boxes))
            self._queued = len(result.faces)
        if not annotated:
            super().draw(result, boxes)

    def _work(self, job: Job) -> None:
        try:
            self.publish_maps(job, self.maps(job))
        except Exception as error:   # the faces are published already
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
        """Publish the maps of an image, and the annotated image with them if enabled."""
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
            picture = annotate(self.visible(job.result.image, job.boxes), [])
            for face in job.result.faces:
                if face.id in heats:
                    heat_on_image(picture, heats[face.id][1],
                                  face_matrix(face, self._saliency.card.crop))
            self.publish(annotate(picture, job.result.faces), job.result.header)


def load_saliency(node: LifecycleNode, pipeline: AffectPipeline,
                  values: dict[str, Any]) -> Saliency | None:
    """
    Return the gradients of the model of the parameter saliency_task.

    None, and a line in the log, if the task is switched off or the model was exported without
    them; AffectError if their file is missing or damaged.
    """
    for classifier in pipeline.classifiers:
        if values['saliency_task'] in (head.task for head in classifier.heads):
            if 'saliency' not in classifier.card.metadata:
                node.get_logger().info(f"no ~/saliency: model '{classifier.card.name}' was "
                                       'exported without --saliency')
                return None
            return Saliency(classifier.card, num_threads=values['num_threads'])
    return None
