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

"""The gradient of a decision with respect to its pixels, as one TFLite graph without Flex."""

from collections.abc import Sequence
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.networks.looks import cut_at
from face_affect_training.saliency.layers import Guide, with_gradients
from face_affect_training.tflite import convert_function
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Floats = npt.NDArray[np.float32]
#: What the names of the convolutions begin with that give the classes.
LAST = 'classes'
#: Constants of so many numbers stay in float32 in every precision, where these are no weights.
FLOATS = 1000


class Gradients:
    """
    A network's logits, their gradient with respect to the image, and its Grad-CAM map.

    The gradient is guided (Springenberg et al. 2015, as in section V of the paper) or plain
    (Simonyan et al. 2014). The map is that of Selvaraju et al. 2017 on the last convolution.
    """

    def __init__(self, network: keras.Model, *, widths: Sequence[int] = (), mirror: bool = False,
                 zooms: Sequence[float] = (1.0,), convertible: bool = True) -> None:
        """
        Copy a network of the registry.

        widths: classes of each task, for a network of several. mirror, zooms: of the mean of the
        answers about several views of the image, as networks.looks has it; of logits here.
        convertible: see layers.with_gradients.
        """
        self._guide = Guide()
        copy = with_gradients(network, self._guide, convertible=convertible)
        convolutions = [layer for layer in copy.layers if type(layer) is keras.layers.Conv2D]
        if not convolutions:
            raise AffectError(f"network '{network.name}' has no convolution for Grad-CAM")
        # where each task has a last stage of its own, that of the other one has no gradient
        last = ([layer for layer in convolutions if layer.name.startswith(LAST)]
                or convolutions[-1:])
        self._model = keras.Model(copy.input, [[layer.output for layer in last], copy.output])
        self._classes = int(copy.output.shape[-1])
        self._widths = tuple(widths) or (self._classes,)
        cuts = cut_at(zooms, network.input_shape[1])
        self._looks = [(cut, mirrored) for mirrored in ((False, True) if mirror else (False,))
                       for cut in cuts]
        #: What is converted. Always compiled: run eagerly, TensorFlow 2.21's oneDNN gradients of
        #: some convolutions corrupt the memory.
        self.function = tf.function(self._compute, input_signature=[
            tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name='image'),
            tf.TensorSpec((1,), tf.int32, name='label'),
            tf.TensorSpec((1,), tf.float32, name='guided')])

    def __call__(self, image: Floats, label: int = -1, *,
                 guided: bool = True) -> tuple[Floats, Floats, Floats]:
        """
        Return probabilities (K,), the gradient (S, S, C) and the map (h, w) of one face.

        image: (S, S, C) float32, scaled as the network wants it. label: the class to explain,
        those of all tasks numbered one after the other; -1 for the most probable one of the first
        task. The probabilities of each task add up to 1.
        """
        results = self.function(tf.constant(image[np.newaxis]), tf.constant([label], tf.int32),
                                tf.constant([float(guided)]))
        probabilities, gradient, heat = (result.numpy()[0] for result in results)
        return probabilities, gradient, heat

    def _compute(self, image: Any, label: Any, guided: Any) -> tuple[Any, Any, Any]:
        self._guide.share = guided
        with tf.GradientTape() as tape:
            tape.watch(image)
            seen = tf.concat([_view(image, *look) for look in self._looks], 0)
            features, logits = self._model(seen, training=False)
            probabilities = tf.reduce_mean(tf.concat([
                tf.nn.softmax(part) for part in tf.split(logits, self._widths, axis=1)], 1), 0,
                keepdims=True)
            first = tf.argmax(probabilities[:, :self._widths[0]], 1, tf.int32)
            chosen = tf.where(label < 0, first, label)
            score = tf.reduce_sum(tf.reduce_mean(logits, 0) * tf.one_hot(chosen, self._classes))
        to_features, to_image = tape.gradient(score, [features, image])
        heats = tf.nn.relu(tf.add_n([
            tf.reduce_sum(tf.reduce_mean(gradient, [1, 2], keepdims=True) * maps, 3)
            for gradient, maps in zip(to_features, features)]))
        size = image.shape[1]
        heat = tf.add_n([_view_back(each, *look, size) for each, look in zip(
            tf.split(heats, len(self._looks)), self._looks)])
        return probabilities, to_image, heat


def _view(image: Any, cut: int, mirrored: bool) -> Any:
    """Return a view of (1, S, S, C), as looks.Views makes it, with gradients that TFLite has."""
    if cut:
        image = _warped(image, _bilinear(image.shape[1], 1.0 - 2.0 * cut / image.shape[1]))
    return tf.reverse(image, [2]) if mirrored else image


def _view_back(heat: Any, cut: int, mirrored: bool, size: int) -> Any:
    """Return the map (1, h, w) of a view as one of the whole image (S, S), 0 outside of it."""
    if mirrored:
        heat = tf.reverse(heat, [2])
    if not cut:
        return heat
    back = _bilinear(heat.shape[1], 1.0 / (1.0 - 2.0 * cut / size), outside=False)
    return _warped(heat[..., tf.newaxis], back)[..., 0]


def _warped(image: Any, matrix: Floats) -> Any:
    """Return (1, S, S, C) with a matrix (S, S) applied to rows and columns."""
    parts = np.array_split(matrix, -(-matrix.size // FLOATS))
    for _ in range(2):   # then the rows are the columns
        rows = tf.concat([tf.tensordot(part, image, [[1], [1]]) for part in parts], 0)
        image = tf.transpose(rows, [1, 2, 0, 3])
    return image


def _bilinear(size: int, share: float, *, outside: bool = True) -> Floats:
    """
    Return the matrix (S, S) that spreads the middle of S pixels, a share of them, over all S.

    Beyond the middles of the outermost pixels these go on. outside: so they do beyond all of the
    pixels, which a share over 1 asks for; otherwise there is 0.
    """
    places = (np.arange(size) + 0.5) / size   # 0 to 1
    seen = (places - 0.5) * share + 0.5
    low, high = (0.5 - share / 2.0, 0.5 + share / 2.0) if share < 1.0 else (0.0, 1.0)
    first, last = low * size, high * size - 1.0
    matrix = np.zeros((size, size), np.float32)
    for row, place in enumerate(seen):
        if outside or 0.0 <= place <= 1.0:
            at = min(max(place * size - 0.5, first), last)
            left = min(int(at), size - 2)
            matrix[row, left] = 1.0 - (at - left)
            matrix[row, left + 1] = at - left
    return matrix


def convert_gradients(network: keras.Model, precision: str = 'float32',
                      widths: Sequence[int] = (), *, mirror: bool = False,
                      zooms: Sequence[float] = (1.0,)) -> bytes:
    """
    Return the TFLite file of a network's Gradients, widths, mirror and zooms as there.

    precision: float32, float16 or dynamic, see tflite.PRECISIONS. The weights are in the file
    twice, for the way there and the way back. Raises AffectError where a
    gradient has no builtin operators.
    """
    gradients = Gradients(network, widths=widths, mirror=mirror, zooms=zooms)
    return convert_function(gradients.function, f'the gradient of {network.name}', precision)
