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

"""The file of a model's gradients, compared with TensorFlow's own before it is kept."""

import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_training.restore import filled, ROUNDED
from face_affect_training.saliency.graph import convert_gradients, Gradients
from face_affect_training.saliency.turned import turned_kernels
import keras
import numpy as np

FILE = 'saliency.npz'
#: Validation faces on which the two are compared.
FACES = 200
#: The least correlation of their pixels, by the precision of the weights: rounded ones move some
#: activations over the edge of a ReLU, which the plain gradient notices most.
CORRELATION = {'float32': 0.999, 'float16': 0.98, 'dynamic': 0.95}


def add_saliency(folder: Path, card: dict[str, Any], network: keras.Model,
                 crops: dict[str, ImageArray], precision: str, *, mirror: bool = False) -> None:
    """
    Write the gradients' file into a model's folder and its entry into the card.

    folder: holds the model and its card already. crops: (N, S, S, C) uint8 by task, in the order
    of the tasks. precision: of the weights, a key of CORRELATION. mirror: see Gradients.
    Where the model's own weights are rounded, the gradients are those of the rounded network, and
    compared with these. Raises AffectError where the file says something else than TensorFlow, or
    where it cannot be made.
    """
    widths = tuple(len(LABELS[task]) for task in crops)
    if card['precision'] in ROUNDED:
        network = filled(network, folder / 'model.tflite')
    content = convert_gradients(network, precision, widths, mirror=mirror)
    own = (folder / 'model.tflite').read_bytes()
    shared_weights.write(folder / FILE, content, own, turned_kernels(content, own))
    stored = (folder / FILE).read_bytes()
    entry = {'file': FILE, 'sha256': hashlib.sha256(stored).hexdigest(), 'bytes': len(stored)}
    chosen = {task: each[np.linspace(0, len(each) - 1, min(FACES // len(crops), len(each))
                                     ).astype(np.int64)] for task, each in crops.items()}
    found = compare(Saliency(load_card(str(folder)), entry=entry), network, chosen,
                    mirror=mirror)
    # written so that NaN fails as well
    if not min(found.values()) >= CORRELATION[precision]:
        raise AffectError(f'the gradients of {network.name} in TFLite correlate with those of '
                          f'TensorFlow by {found} only, {CORRELATION[precision]} is asked for; '
                          'they were not written')
    card['saliency'] = {**entry, 'weights': precision, 'faces': sum(map(len, chosen.values())),
                        'correlation': {name: round(value, 6) for name, value in found.items()}}


def compare(saliency: Saliency, network: keras.Model,
            crops: dict[str, ImageArray], *, mirror: bool = False) -> dict[str, float]:
    """
    Return the correlation with TensorFlow's own gradients over all pixels of all faces.

    crops: (N, S, S, C) uint8 by task; of each the most probable class is explained. The keys are
    the modes of the robot's saliency. TensorFlow's gradients of all layers but the ReLUs are its
    own.
    """
    reference = Gradients(network, widths=[len(LABELS[task]) for task in crops], mirror=mirror,
                          convertible=False)
    pairs: dict[str, list[Any]] = {'guided': [], 'gradient': [], 'gradcam': []}
    start = 0
    for task, each in crops.items():
        for crop in each:
            image = saliency.card.scaled(crop)
            for mode in ('guided', 'gradient'):
                ours = saliency(crop, task=task, guided=mode == 'guided')
                _, gradient, heat = reference(image, start + ours.label, guided=mode == 'guided')
                pairs[mode].append((ours.gradient.ravel(), gradient.ravel()))
            pairs['gradcam'].append((ours.cam.ravel(), heat.ravel()))
        start += len(LABELS[task])
    return {mode: _correlation(*(np.concatenate(side) for side in zip(*each)))
            for mode, each in pairs.items()}


def _correlation(ours: Any, theirs: Any) -> float:
    return float(np.corrcoef(ours, theirs)[0, 1])
