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

from collections.abc import Iterator
from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.shared_weights import Turned
from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_training.quantisation import filled, ROUNDED
from face_affect_training.saliency.graph import convert_gradients, Gradients
from face_affect_training.saliency.weights import write
import keras
import numpy as np
import numpy.typing as npt

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
    compared with these. Raises AffectError where the file differs from TensorFlow, or
    where it cannot be made.
    """
    widths = tuple(len(LABELS[task]) for task in crops)
    if card['precision'] in ROUNDED:
        network = filled(network, folder / 'model.tflite')
    content = convert_gradients(network, precision, widths, mirror=mirror)
    own = (folder / 'model.tflite').read_bytes()
    write(folder / FILE, content, own, turned_kernels(content, own))
    stored = (folder / FILE).read_bytes()
    entry = {'file': FILE, 'sha256': hashlib.sha256(stored).hexdigest(), 'bytes': len(stored)}
    chosen = {task: each[np.linspace(0, len(each) - 1, min(FACES // len(crops), len(each))
                                     ).astype(np.int64)] for task, each in crops.items()}
    found = compare(Saliency(load_card(str(folder)), entry=entry), network, chosen,
                    mirror=mirror)
    # written so that NaN fails as well
    if not min(found.values()) >= CORRELATION[precision]:
        raise AffectError(f'the gradients of {network.name} in TFLite correlate with those of '
                          f'TensorFlow by {found} only, {CORRELATION[precision]} is the least; '
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


#: Mean difference of two kernels of 8-bit integers up to which one is the other, turned round.
ALIKE = 4.0


def turned_kernels(content: bytes, source: bytes) -> list[Turned]:
    """
    Return the 8-bit kernels of a TFLite file that another one holds turned round.

    content, source: of the files. A transposed convolution has the kernel of its convolution with
    outputs and inputs exchanged, rounded for each input instead of for each output.
    """
    theirs = np.frombuffer(source, np.uint8)
    others = list(_kernels(source))
    found = []
    for kernel in _kernels(content):
        fits = [_fit(kernel, other, theirs) for other in others
                if other.values.shape == kernel.values.shape[::-1]]
        best = min(fits, key=lambda fit: fit[0], default=None)
        if best and best[0] < ALIKE:
            found.append(best[1])
    return sorted(found, key=lambda each: each.place)


@dataclass(frozen=True)
class _Kernel:
    """One of them: its place in the file, values (O, P, I) int8 and the scales (O,) of these."""

    place: int
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def _fit(kernel: _Kernel, other: _Kernel,
         theirs: npt.NDArray[np.uint8]) -> tuple[float, Turned]:
    """
    Return how far a kernel is from another one, turned round, at the best factors of these.

    theirs: the bytes of the other's file.
    """
    wanted = (kernel.values * kernel.scales[:, np.newaxis, np.newaxis]).transpose(2, 1, 0)
    factors = (wanted * other.values).sum((1, 2)) / np.maximum(
        np.square(other.values.astype(np.float64)).sum((1, 2)), 1.0)
    outputs, places, inputs = other.values.shape
    turned = Turned(kernel.place, other.place, (outputs, places, inputs),
                    factors.astype(np.float32))
    difference = turned.expected(theirs).astype(np.int64) - kernel.values
    return float(np.abs(difference).mean()), turned


def _kernels(content: bytes) -> Iterator[_Kernel]:
    """Yield the kernels of 8-bit integers, each rounded for each of its outputs."""
    interpreter = open_interpreter(Path('network'), content=content)
    for detail in interpreter.get_tensor_details():
        scales = detail['quantization_parameters']['scales']
        shape = tuple(detail['shape'])
        if detail['dtype'] == np.int8 and len(shape) == 4 and len(scales) == shape[0] > 1:
            values = _constant(interpreter, detail['index'])
            place = content.find(values.tobytes()) if values is not None else -1
            if values is not None and place >= 0:
                yield _Kernel(place, values.reshape(shape[0], -1, shape[3]), scales)


def _constant(interpreter: Any, index: int) -> npt.NDArray[np.int8] | None:
    """Return a tensor, None where it has no content before the network is run."""
    try:
        return np.asarray(interpreter.get_tensor(index))
    except ValueError:
        return None
