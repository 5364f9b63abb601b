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

"""Export of the gradients of a model, and comparison with the gradients of TensorFlow."""

from collections.abc import Iterator
import contextlib
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.shared_weights import Turned
from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_training.data.faces import evenly
from face_affect_training.quantisation import filled, ROUNDED
from face_affect_training.saliency.graph import convert_gradients, Gradients
from face_affect_training.saliency.weights import write
import keras
import numpy as np
import numpy.typing as npt

FILE = 'saliency.npz'
#: Number of validation faces for the comparison.
FACES = 200
#: Minimum correlation with TensorFlow by precision. Rounded weights change the sign of some inputs
#: of ReLUs, which affects the plain gradient most.
CORRELATION = {'float32': 0.999, 'float16': 0.98, 'dynamic': 0.95}
#: Maximum mean difference, in 8-bit steps, of a kernel from the transpose of another one.
ALIKE = 4.0


def add_saliency(folder: Path, card: dict[str, Any], network: keras.Model,
                 crops: dict[str, ImageArray], precision: str, *, mirror: bool = False) -> None:
    """
    Write the gradient graph of a model, and add its entry to the card.

    If the weights of the model are rounded, the graph contains the gradients of the rounded
    network.

    Args:
        folder: contains the model and its card.
        card: receives the entry `saliency`.
        crops: (N, S, S, C) uint8 by task, in the order of the tasks.
        precision: of the weights of the graph, a key of CORRELATION.
        mirror: see Gradients.

    Raises:
        AffectError: the gradients differ from those of TensorFlow, or cannot be converted.
    """
    widths = tuple(len(LABELS[task]) for task in crops)
    if card['precision'] in ROUNDED:
        network = filled(network, folder / 'model.tflite')
    content = convert_gradients(network, precision, widths, mirror=mirror)
    own = (folder / 'model.tflite').read_bytes()
    write(folder / FILE, content, own, transposed_kernels(content, own))
    stored = (folder / FILE).read_bytes()
    entry = {'file': FILE, 'sha256': hashlib.sha256(stored).hexdigest(), 'bytes': len(stored)}
    chosen = {task: each[evenly(len(each), FACES // len(crops))] for task, each in crops.items()}
    found = compare(Saliency(load_card(str(folder)), entry=entry), network, chosen, mirror=mirror)
    if not min(found.values()) >= CORRELATION[precision]:   # also true for NaN
        raise AffectError(f'{network.name}: the correlation of the TFLite gradients with those of '
                          f'TensorFlow is {found}, the minimum is {CORRELATION[precision]}; the '
                          'card was not changed')
    card['saliency'] = {**entry, 'weights': precision, 'faces': sum(map(len, chosen.values())),
                        'correlation': {name: round(value, 6) for name, value in found.items()}}


def compare(saliency: Saliency, network: keras.Model,
            crops: dict[str, ImageArray], *, mirror: bool = False) -> dict[str, float]:
    """
    Return the correlation with the gradients of TensorFlow over all faces, by saliency mode.

    crops are (N, S, S, C) uint8 by task. The most probable class of each one is explained.
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
    return {mode: float(np.corrcoef([np.concatenate(side) for side in zip(*each)])[0, 1])
            for mode, each in pairs.items()}


def transposed_kernels(content: bytes, source: bytes) -> list[Turned]:
    """
    Return the 8-bit kernels of a TFLite file whose transposes are in another one, `source`.

    The gradient of a convolution has the kernel of that convolution with inputs and outputs
    exchanged, quantised per input channel instead of per output channel.
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


class _Kernel(NamedTuple):
    """An 8-bit kernel: position in the file, values (O, P, I), scale of each output (O,)."""

    place: int
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def _fit(kernel: _Kernel, other: _Kernel,
         source: npt.NDArray[np.uint8]) -> tuple[float, Turned]:
    """Return the mean difference from the transpose of another kernel of source, scaled best."""
    expected = (kernel.values * kernel.scales[:, np.newaxis, np.newaxis]).transpose(2, 1, 0)
    factors = (expected * other.values).sum((1, 2)) / np.maximum(
        np.square(other.values.astype(np.float64)).sum((1, 2)), 1.0)
    outputs, places, inputs = other.values.shape
    turned = Turned(kernel.place, other.place, (outputs, places, inputs),
                    factors.astype(np.float32))
    difference = turned.expected(source).astype(np.int64) - kernel.values
    return float(np.abs(difference).mean()), turned


def _kernels(content: bytes) -> Iterator[_Kernel]:
    """Yield the 8-bit kernels with one scale per output channel."""
    interpreter = open_interpreter(Path('network'), content=content)
    for detail in interpreter.get_tensor_details():
        scales = detail['quantization_parameters']['scales']
        shape = tuple(detail['shape'])
        if detail['dtype'] == np.int8 and len(shape) == 4 and len(scales) == shape[0] > 1:
            with contextlib.suppress(ValueError):   # not a constant
                values = np.asarray(interpreter.get_tensor(detail['index']))
                if (place := content.find(values.tobytes())) >= 0:
                    yield _Kernel(place, values.reshape(shape[0], -1, shape[3]), scales)
