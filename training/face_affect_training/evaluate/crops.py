"""The robot's crop of pictures that are face chips already."""

import numpy as np

from face_affect_ros.affect.crop import CropSpec, box_of_chip, extract_crops
from face_affect_ros.affect.types import LANDMARKS, ImageArray


def whole_crops(images: ImageArray, spec: CropSpec) -> ImageArray:
    """Return the crops whose edges are the pictures' own, (N, size, size, channels) uint8.

    images: (N, H, W) grey or (N, H, W, 3) BGR. No landmarks are known, so nothing is turned; where
    a picture is not square, its edge pixels are repeated.
    """
    height, width = images.shape[1:3]
    box = box_of_chip(width, height, spec.margin)[np.newaxis]
    nowhere = np.full((1, len(LANDMARKS), 2), np.nan, np.float32)
    return np.concatenate([extract_crops(image, box, nowhere, spec) for image in images])
