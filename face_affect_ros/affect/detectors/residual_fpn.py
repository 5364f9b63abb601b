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

"""The package's own detector: fully convolutional, any input size, three strides."""

from collections.abc import Sequence
from dataclasses import replace
import math

import cv2
from face_affect_ros.affect.boxes import longer_side, resized, shrunk, weighted_nms
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

STRIDES = (8, 16, 32)
#: Sides of the network's input are multiples of this.
MULTIPLE = STRIDES[-1]
#: Landmarks of the network: eyes, nose, corners of the mouth.
POINTS = 5
#: Channels of the outputs of a stride: the score's logit, the box, the landmarks.
CHANNELS = (1, 4, 2 * POINTS)
#: A face whose longer side has fewer pixels of the network's input is dropped.
MIN_SIDE = 16.0
#: Detections whose longer side is below this are correct less often at the same score.
SMALL_SIDE, SMALL_PENALTY = 32.0, 0.07
#: Largest number of candidates to merge; fifty faces have about five hundred.
MOST_CANDIDATES = 1000


class ResidualFpn:
    """Detects faces; AffectError if the network does not match its card."""

    mouth = 'corners'

    def __init__(self, card: ModelCard, *, size: int = 0, min_score: float,
                 num_threads: int = 1) -> None:
        self.name = card.name
        self.face_score = card_entry(card.metadata, 'face_score', float, 0.0)
        self._size = size
        self._min_score = min_score
        self._overlap = card_entry(card.metadata, 'nms_overlap', float)
        self._box_scale = card_entry(card.metadata, 'box_scale', float, 1.0)
        self._network = Network(card.path, scale=card.scale, offset=card.offset,
                                num_threads=num_threads)
        channels = sorted(shape[-1] for shape in self._network.output_shapes)
        if self._network.input_shape[-1] != 3 or channels != sorted(CHANNELS * len(STRIDES)):
            raise AffectError(f'{card.path}: input is {self._network.input_shape} and the outputs '
                              f'have {channels} channels; the decoder residual_fpn takes 3 and '
                              f'gives {CHANNELS} at each of the strides {STRIDES}; its card names '
                              'another network')

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of an image, best first."""
        pixels, scale = fit_image(image, longer_side(image.shape, self._size))
        outputs = self._network(pixels[np.newaxis])
        # The conversion to TFLite may change their order.
        ordered = sorted(outputs, key=lambda each: (-each.shape[1] * each.shape[2],
                                                    each.shape[3]))
        found = decode([each[0] for each in ordered], scale, min_score=self._min_score,
                       nms_overlap=self._overlap)
        found = rescored(found, scale, min_score=self._min_score)
        return replace(found, boxes=resized(found.boxes, self._box_scale))


def fit_image(image: ImageArray, size: int) -> tuple[ImageArray, FloatArray]:
    """
    Shrink an image until its longer side has `size` pixels; smaller images keep their size.

    Args:
        image: (H, W) grey or (H, W, 3) BGR uint8.
        size: Pixels.

    Returns:
        The pixels, (h, w, 3) BGR uint8, h and w multiples of MULTIPLE, padded with black at the
        right and below; and their scale, (2,) float32, x and y, as a factor on the image.
    """
    pixels = shrunk(image, size)
    # The size was rounded, so that the two scales differ a little.
    scale = np.divide(pixels.shape[1::-1], image.shape[1::-1]).astype(np.float32)
    below, right = (-side % MULTIPLE for side in pixels.shape[:2])
    if right or below:
        pixels = np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT),
                            np.uint8)
    return pixels, scale


def decode(outputs: Sequence[FloatArray], scale: FloatArray, *, min_score: float,
           nms_overlap: float) -> Detections:
    """
    Turn the network's nine outputs for one image into faces of the image, best first.

    Args:
        outputs: Of strides 8, 16, 32 each the score's logit (H, W, 1), the box (H, W, 4) and the
            landmarks (H, W, 10). A box is the offset of its centre from the cell's centre and the
            logarithm of its sides, a landmark its offset, all in units of the stride.
        scale: See fit_image.
        min_score: Minimum score of a detection, in (0, 1).
        nms_overlap: IoU above which candidates are merged.
    """
    min_logit = math.log(min_score / (1.0 - min_score))
    values, scores = [], []
    for index, stride in enumerate(STRIDES):
        logits, boxes, points = outputs[3 * index:3 * index + 3]
        rows, columns = np.nonzero(logits[..., 0] >= min_logit)
        cells = (np.stack([columns, rows], axis=-1) + np.float32(0.5)) * stride
        box, point = boxes[rows, columns], points[rows, columns].reshape(-1, POINTS, 2)
        sides = np.exp(np.clip(box[:, 2:], -4.0, 6.0)) * stride
        corner = cells + box[:, :2] * stride - sides / 2
        marks = cells[:, np.newaxis] + point * stride
        # types.LANDMARKS has the middle of the mouth.
        marks = np.concatenate([marks[:, :3], marks[:, 3:].mean(axis=1, keepdims=True)], axis=1)
        marks = marks.reshape(len(marks), 2 * len(LANDMARKS))
        values.append(np.concatenate([corner, sides, marks], axis=1))
        scores.append(logits[rows, columns, 0])
    likely = np.concatenate(scores)
    order = np.argsort(-likely, kind='stable')[:MOST_CANDIDATES]
    merged, best = weighted_nms(np.concatenate(values)[order].astype(np.float32),
                                1.0 / (1.0 + np.exp(-likely[order])), nms_overlap)
    merged /= np.tile(scale, merged.shape[1] // 2)
    return Detections(merged[:, :4], best, merged[:, 4:].reshape(-1, len(LANDMARKS), 2))


def rescored(found: Detections, scale: FloatArray, *, min_score: float) -> Detections:
    """
    Return the faces, best first, without those below MIN_SIDE or min_score.

    The scores of small faces are lowered by SMALL_PENALTY. scale: see fit_image.
    """
    sides = (found.boxes[:, 2:] * scale).max(axis=1, initial=0.0)
    scores = found.scores - np.where(sides < SMALL_SIDE, SMALL_PENALTY, 0.0).astype(np.float32)
    order = np.argsort(-scores, kind='stable')
    kept = order[(sides[order] >= MIN_SIDE) & (scores[order] >= min_score)]
    return replace(found, scores=scores)[kept]
