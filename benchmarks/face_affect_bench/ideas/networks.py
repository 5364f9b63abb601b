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

"""How the networks are run."""

from collections.abc import Callable
import time
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from face_affect_bench.ideas.base import Ideas
from face_affect_bench.timing import ratio
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import extract_crops
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try threads, XNNPACK and batches."""
    settings = PipelineSettings()
    one, two = (make_detector(settings.detector, num_threads=threads) for threads in (1, 2))
    yield ('detector in 2 threads, wall time',
           ratio(one, two, images[:20], rounds=rounds, clock=time.perf_counter),
           'as a choice, `num_threads`: a robot has other work for its cores', '')
    yield ('detector in 2 threads, processor time',
           ratio(one, two, images[:20], rounds=rounds), 'likewise', '')
    card = load_card(settings.detector)
    batch = np.zeros((1, card.crop.size, card.crop.size, card.crop.channels), np.float32)
    yield 'detector without XNNPACK', ratio(
        _invoke(str(card.path), batch, OpResolverType.AUTO),
        _invoke(str(card.path), batch, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES),
        range(10), rounds=rounds), 'no', 'Python cannot set its other options'
    found = [one(image) for image in images[:20]]
    for model in (settings.emotion_model, settings.gender_model):
        first, second = (Classifier(load_card(model), num_threads=threads) for threads in (1, 2))
        crops = [np.tile(extract_crops(image, each.boxes, each.landmarks, first.crop),
                         (4, 1, 1, 1)) for image, each in zip(images, found)]
        for old, together in (('one by one', 1), ('in one batch', len(crops[0]))):
            asked = Classifier(load_card(model), together=together)
            yield (f'{model}: {len(crops[0])} faces two at a time',
                   ratio(asked, first, crops, rounds=rounds), 'yes', f'old: {old}')
        yield f'{model}: 8 faces in 2 threads, wall time', ratio(
            first, second, crops, rounds=rounds, clock=time.perf_counter), 'as a choice', ''
        facts = load_card(model).facts
        twin = 'dynamic' if facts['precision'] == 'int8' else 'int8'
        share, missing = _beside(model, f'{model}_{twin}', crops, rounds)
        yield f'{model}: as {twin}', share, 'as a choice', missing
        if facts.get('pair_columns'):
            share, missing = _beside(f'{model}_plain_columns', model, crops, rounds)
            yield (f'{model}: two columns as one in the first stage', share, 'yes',
                   missing or 'the same answers; how it goes depends on the processor')
    yield ('detector as int8', None, 'no', 'none is published, and to calibrate one the project '
           'has no images with boxes')


def _beside(old: str, new: str, crops: list[ImageArray],
            rounds: int) -> tuple[float | None, str]:
    """Return the time of one model by that of another, and what is missing where one is."""
    try:
        sides = [Classifier(load_card(model)) for model in (old, new)]
    except AffectError:
        return None, (f'not at hand: export {max(old, new, key=len)}, and name its folder in '
                      'FACE_AFFECT_MODEL_PATH')
    return ratio(*sides, crops, rounds=rounds), ''


def _invoke(path: str, batch: FloatArray, kind: Any) -> Callable[[Any], None]:
    runtime = Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=kind)
    runtime.allocate_tensors()
    runtime.set_tensor(runtime.get_input_details()[0]['index'], batch)
    return lambda _: runtime.invoke()
