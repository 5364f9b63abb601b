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

"""The robot's crop of pictures that are face chips already."""

from face_affect_ros.affect.crop import box_of_chip, CropSpec, extract_crops
from face_affect_ros.affect.types import ImageArray, LANDMARKS
import numpy as np


def whole_crops(images: ImageArray, spec: CropSpec) -> ImageArray:
    """
    Return the crops whose edges are the pictures' own, (N, size, size, channels) uint8.

    images: (N, H, W) grey or (N, H, W, 3) BGR. No landmarks are known, so nothing is turned; where
    a picture is not square, its edge pixels are repeated.
    """
    height, width = images.shape[1:3]
    box = box_of_chip(width, height, spec.margin)[np.newaxis]
    nowhere = np.full((1, len(LANDMARKS), 2), np.nan, np.float32)
    return np.concatenate([extract_crops(image, box, nowhere, spec) for image in images])
