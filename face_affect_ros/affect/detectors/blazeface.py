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

"""BlazeFace (Bazarevsky et al. 2019): the MediaPipe networks, decoded here."""

import math

from face_affect_ros.affect.boxes import letterbox, weighted_nms
from face_affect_ros.affect.crop import to_channels
from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.model_store import card_entry, ModelCard
from face_affect_ros.affect.types import (
    AffectError,
    Detections,
    FloatArray,
    ImageArray,
    LANDMARKS,
)
import numpy as np


def make_anchors(size: int, layers: list[tuple[int, int]]) -> FloatArray:
    """
    Return the anchor centres of an SSD head in pixels, (N, 2) float32.

    Args:
        size: Side of the network's square input, pixels.
        layers: (stride, anchors per cell), in the order of the network's outputs.
    """
    centres = []
    for stride, per_cell in layers:
        cells = (np.arange(size // stride, dtype=np.float32) + 0.5) * stride
        grid = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)
        centres.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(centres).astype(np.float32)


class BlazeFace:
    """
    Detects faces with one of the BlazeFace networks.

    The size of the input is fixed, and `size` has no effect. The card's `anchors` lists [stride,
    anchors per cell]. A network that does not match its card is an AffectError.
    """

    mouth = 'lips'

    def __init__(self, card: ModelCard, *, size: int = 0, min_score: float,
                 num_threads: int = 1) -> None:
        self.name = card.name
        self.face_score = card_entry(card.metadata, 'face_score', float, 0.0)
        self._min_logit = math.log(min_score / (1.0 - min_score))
        self._overlap = card_entry(card.metadata, 'nms_overlap', float)
        self._network = Network(card.path, scale=card.scale, offset=card.offset,
                                num_threads=num_threads)
        self._side = side = card.crop.size
        layers = card_entry(card.metadata, 'anchors', list)
        try:
            self._anchors = make_anchors(side, [(int(s), int(n)) for s, n in layers])
        except (TypeError, ValueError, ZeroDivisionError):
            raise ValueError(f'anchors is {layers!r}, it must list [stride, anchors per cell] for '
                             'each output grid') from None
        if self._network.input_shape != (1, side, side, 3):
            raise AffectError(f'{card.path}: input is {self._network.input_shape}, its card says '
                              f'{(1, side, side, 3)}')
        shapes, count = self._network.output_shapes, len(self._anchors)
        if shapes != [(1, count, 16), (1, count, 1)]:
            raise AffectError(f'{card.path}: the outputs are {shapes}, but the anchors of its '
                              f'card need {[(1, count, 16), (1, count, 1)]}')

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of an image, best first."""
        square, scale, shift = letterbox(image, self._side)
        regressors, logits = self._network(to_channels(square, 3)[np.newaxis])
        keep = np.flatnonzero(logits[0, :, 0] >= self._min_logit)
        # Each row: centre x, y, width, height, then x, y of eyes, nose, mouth and two ears.
        points = regressors[0, keep].reshape(len(keep), regressors.shape[2] // 2, 2)
        points[:, 0] += self._anchors[keep]
        points[:, 0] -= points[:, 1] / 2.0
        points[:, 2:] += self._anchors[keep, np.newaxis]
        count = 2 + len(LANDMARKS)   # corner, sides, landmarks
        values, scores = weighted_nms(
            points[:, :count].reshape(len(keep), 2 * count),
            1.0 / (1.0 + np.exp(-logits[0, keep, 0])), self._overlap)
        points = values.reshape(-1, count, 2)
        points[:, 0] -= shift
        points[:, 2:] -= shift
        points /= scale
        return Detections(points[:, :2].reshape(-1, 4), scores, points[:, 2:])
