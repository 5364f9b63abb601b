"""What a face detector is."""

from typing import Protocol

from face_affect_ros.affect.types import Detections, ImageArray


class Detector(Protocol):
    """Finds faces in one image; keeps nothing from image to image."""

    name: str

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of a (H, W) grey or (H, W, 3) BGR uint8 image, best first."""
