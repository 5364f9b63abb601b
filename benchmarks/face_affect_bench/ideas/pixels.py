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

"""From the image to the networks' inputs."""

from typing import Any

import cv2
from face_affect_bench.frames import HD
from face_affect_bench.ideas.base import Ideas
from face_affect_bench.timing import measure, ratio
from face_affect_ros.affect.boxes import letterbox
from face_affect_ros.affect.crop import extract_crops
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import FloatArray, ImageArray
import numpy as np

FULL_HD = (1920, 1080)


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try other ways to scale, to convert and to hand over."""
    settings = PipelineSettings()
    card, detector = load_card(settings.detector), make_detector(settings.detector)
    size = card.crop.size
    large = [np.asarray(cv2.resize(image, FULL_HD), np.uint8) for image in images[:10]]
    for name, some in (('640x480', images), ('1920x1080', large)):
        yield f'{name} halved, then sampled to the size of the detector', ratio(
            lambda image: _averaged(image, size), lambda image: letterbox(image, size), some,
            rounds=rounds), 'yes', 'old: averaged to that size'

    squares = [np.asarray(cv2.cvtColor(letterbox(image, size)[0], cv2.COLOR_BGR2RGB), np.uint8)
               for image in images]
    table = (np.arange(256) * card.scale + card.offset).astype(np.float32)
    share = (measure(card.scaled, squares, times=50).cpu
             / measure(detector, images, times=50).cpu)
    yield 'pixels scaled by a table, not multiplied and added to', ratio(
        card.scaled, lambda square: cv2.LUT(square, table), squares, rounds=rounds), (
        'no: nothing to gain'), (f'scaling is {share:.1%} of the detector')
    interpreter = open_interpreter(card.path)
    index = interpreter.get_input_details()[0]['index']

    def copied(values: FloatArray) -> None:
        interpreter.set_tensor(index, values)

    def in_place(values: FloatArray) -> None:
        interpreter.tensor(index)()[:] = values
    yield 'tensor written in place, not by set_tensor', ratio(
        copied, in_place, [card.scaled(square)[np.newaxis] for square in squares],
        rounds=rounds), 'no: a view of the tensor must not outlive a call, for nothing', ''

    spec = load_card(settings.emotion_model).crop
    cut = [(image, detector(image)) for image in images]

    def from_colour(item: Any) -> ImageArray:
        return extract_crops(item[0], item[1].boxes, item[1].landmarks, spec)

    def from_grey(item: Any) -> ImageArray:
        grey = np.asarray(cv2.cvtColor(item[0], cv2.COLOR_BGR2GRAY), np.uint8)
        return extract_crops(grey, item[1].boxes, item[1].landmarks, spec)
    yield 'two grey crops out of an image converted once', ratio(
        from_colour, from_grey, cut, rounds=rounds), (
        'no: converting the image costs as much whoever is there'), 'old: each crop converted'
    for width, height in (HD, FULL_HD):
        data = [cv2.imencode('.jpg', cv2.resize(image, (width, height)))[1]
                for image in images[:10]]
        yield f'JPEG of {width}x{height} decoded at half its size', ratio(
            lambda each: cv2.imdecode(each, cv2.IMREAD_COLOR),
            lambda each: cv2.imdecode(each, cv2.IMREAD_REDUCED_COLOR_2), data, rounds=rounds), (
            'no: small faces lose their pixels, positions have to be scaled back'), ''


def _averaged(image: ImageArray, size: int) -> Any:
    scale = size / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
