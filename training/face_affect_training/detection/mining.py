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

"""Hard negative mining (Sung and Poggio 1998): false detections in the training images."""

from collections.abc import Callable, Sequence
import dataclasses
import math
from pathlib import Path

import cv2
from face_affect_ros.affect.types import Detections, FloatArray, ImageArray
from face_affect_training.detection.pictures import Picture
import numpy as np

#: Minimum score of a false detection.
MIN_SCORE = 0.35
#: Minimum distance of a false detection from each label, relative to the larger of the two.
DISTANCE = 0.8
COLUMNS = 'picture,x,y,width,height'


def with_look_alikes(pictures: Sequence[Picture], detect: Callable[[ImageArray], Detections],
                     table: Path) -> list[Picture]:
    """
    Return the images with the false detections of a detector as further hard negatives.

    The CSV file `table` contains the false detections. It is written if it does not exist.
    """
    if not table.is_file():
        np.savetxt(table, _mine(pictures, detect), '%.1f', ',', header=COLUMNS, comments='')
    found = np.loadtxt(table, np.float32, delimiter=',', skiprows=1, ndmin=2).reshape(-1, 5)
    return [dataclasses.replace(picture, look_alikes=np.concatenate(
        [picture.look_alikes, found[found[:, 0] == number, 1:]]))
        for number, picture in enumerate(pictures)]


def _mine(pictures: Sequence[Picture],
          detect: Callable[[ImageArray], Detections]) -> FloatArray:
    """Search upright and rotated by 90 degrees; return (N, 5), index of the image and box."""
    found = []
    for number, picture in enumerate(pictures):
        height = len(picture.pixels)
        places = np.concatenate([picture.faces.boxes, picture.look_alikes])
        for turn in (None, cv2.ROTATE_90_CLOCKWISE):
            image = picture.pixels if turn is None else cv2.rotate(picture.pixels, turn)
            detections = detect(np.asarray(image, np.uint8))
            boxes = detections.boxes[detections.scores >= MIN_SCORE]
            if turn is not None:
                boxes = np.stack([boxes[:, 1], height - boxes[:, 0] - boxes[:, 2], boxes[:, 3],
                                  boxes[:, 2]], axis=-1)
            for box in boxes:
                away = np.abs(places[:, :2] + places[:, 2:] / 2 - box[:2] - box[2:] / 2)
                size = np.maximum(np.sqrt(places[:, 2:].prod(axis=1)), math.sqrt(box[2:].prod()))
                if (away.max(axis=1) > DISTANCE * size).all():
                    found.append((number, *box))
                    places = np.concatenate([places, box[np.newaxis]])
    return np.array(found, np.float32).reshape(-1, 5)
