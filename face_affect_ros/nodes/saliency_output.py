"""The topic ~/saliency: why the faces of an image got their labels, when somebody asks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from face_affect_ros.affect.annotate import annotate, caption
from face_affect_ros.affect.crop import extract_crop, face_matrix
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.saliency_view import grid, heat_on_image, overlay, tile, to_bgr
from face_affect_ros.affect.types import LABELS, UNKNOWN, Face, FloatArray, ImageArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.nodes.worker import Worker

#: The maps stand back behind the faces of the next image.
NICENESS = 10


@dataclass(frozen=True)
class Job:
    """One image with its faces; annotated: whether the annotated image is wanted as well."""

    image: ImageArray
    faces: list[Face]
    header: Header
    annotated: bool


class SaliencyOutput:
    """Draws and publishes heat maps in a thread of its own, so that ~/faces never waits.

    At most one map a face and image. Where a newer image waits, the youngest tracks have got
    theirs, and the others are left out and counted.
    """

    def __init__(self, node: LifecycleNode, saliency: Saliency, *, task: str,
                 annotated: Any) -> None:
        """Offer the topic. task: which decision to explain. annotated: publisher of images."""
        self._node, self._saliency, self._task = node, saliency, task
        self._annotated = annotated
        self._publisher = node.create_lifecycle_publisher(Image, '~/saliency', qos.image_output())
        self._worker: Worker[Job] | None = None
        self.counts = {'saliency maps': 0, 'saliency maps left out': 0}

    def start(self) -> None:
        """Begin to work."""
        self._worker = Worker(self._work, depth=1, name='saliency', niceness=NICENESS)

    def stop(self) -> None:
        """Finish the map in hand."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def close(self) -> None:
        """Take the topic back."""
        self.stop()
        self._node.destroy_publisher(self._publisher)

    def put(self, image: ImageArray, faces: list[Face], header: Header, *,
            annotated: bool) -> None:
        """Queue an image if somebody listens; it replaces one that waits.

        annotated: the annotated image is wanted too, with the heat in it.
        """
        worker = self._worker
        if worker is not None and (annotated or self._publisher.get_subscription_count()):
            worker.put(Job(image, faces, header, annotated))

    def _work(self, job: Job) -> None:
        try:
            self._publish(job, self._heats(job))
        except Exception as error:   # the faces are out, and they are what matters
            if self._node.context.ok():
                self._node.get_logger().error(
                    f'no saliency: {type(error).__name__}: {error}', throttle_duration_sec=5.0)

    def _heats(self, job: Job) -> dict[str, tuple[ImageArray, FloatArray]]:
        """Return crop and heat by track id, those of the youngest tracks first."""
        mode = self._node.get_parameter('saliency_mode').value
        heats: dict[str, tuple[ImageArray, FloatArray]] = {}
        for face in sorted(job.faces, key=lambda face: face.tracked_for):
            estimate = face.estimates.get(self._task)
            if estimate is None:
                continue
            if heats and self._worker is not None and self._worker.waiting:
                break
            labels = LABELS[self._task]
            label = (int(np.argmax(estimate.probabilities)) if estimate.label == UNKNOWN
                     else labels.index(estimate.label))
            crop = extract_crop(job.image, face, self._saliency.card.crop)
            heats[face.id] = crop, self._saliency.heat(crop, label, task=self._task, mode=mode)
        self.counts['saliency maps'] += len(heats)
        self.counts['saliency maps left out'] += len(job.faces) - len(heats)
        return heats

    def _publish(self, job: Job, heats: dict[str, tuple[ImageArray, FloatArray]]) -> None:
        if self._publisher.get_subscription_count():
            tiles = []
            for face in job.faces:
                if face.id in heats:
                    crop, heat = heats[face.id]
                    picture = to_bgr(crop)
                    tiles.append(tile([picture, overlay(picture, heat)],
                                      [face.id, caption(face, (self._task,))[0]]))
            self._publisher.publish(to_message(grid(tiles), 'bgr8', job.header))
        if job.annotated:
            picture = annotate(job.image, [])
            for face in job.faces:
                if face.id in heats:
                    heat_on_image(picture, heats[face.id][1],
                                  face_matrix(face, self._saliency.card.crop))
            self._annotated.publish(to_message(annotate(picture, job.faces), 'bgr8', job.header))
