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

"""The gradient of a logit with respect to the pixels, as a TFLite graph of builtin operators."""

from collections.abc import Sequence
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.saliency.layers import Guide, with_gradients
from face_affect_training.tflite import convert_function
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Floats = npt.NDArray[np.float32]
#: Prefix of the names of the convolutions whose feature maps are the classes.
LAST = 'classes'


class Gradients:
    """
    Probabilities of a network, gradient of a logit with respect to the image, and Grad-CAM map.

    The gradient is guided (Springenberg et al. 2015, as in section V of the paper) or plain
    (Simonyan et al. 2014). Grad-CAM (Selvaraju et al. 2017) is computed for the last convolution.
    """

    def __init__(self, network: keras.Model, *, widths: Sequence[int] = (), mirror: bool = False,
                 convertible: bool = True) -> None:
        """
        Copy a network of this package.

        Args:
            widths: number of classes of each task, for a network of several tasks.
            mirror: use the mean of the logits of the image and its mirror image.
            convertible: see layers.with_gradients.
        """
        self._guide = Guide()
        copy = with_gradients(network, self._guide, convertible=convertible)
        convolutions = [layer for layer in copy.layers if type(layer) is keras.layers.Conv2D]
        if not convolutions:
            raise AffectError(f"network '{network.name}' has no convolution for Grad-CAM")
        # With a last stage per task, those of the other tasks have no gradient.
        last = ([layer for layer in convolutions if layer.name.startswith(LAST)]
                or convolutions[-1:])
        self._model = keras.Model(copy.input, [[layer.output for layer in last], copy.output])
        self._classes = int(copy.output.shape[-1])
        self._widths = tuple(widths) or (self._classes,)
        self._mirror = mirror
        #: Compiled, because in eager mode the oneDNN gradients of some convolutions in TensorFlow
        #: 2.21 corrupt the memory.
        self.function = tf.function(self._compute, input_signature=[
            tf.TensorSpec((1, *network.input_shape[1:]), tf.float32, name='image'),
            tf.TensorSpec((1,), tf.int32, name='label'),
            tf.TensorSpec((1,), tf.float32, name='guided')])

    def __call__(self, image: Floats, label: int = -1, *,
                 guided: bool = True) -> tuple[Floats, Floats, Floats]:
        """
        Compute the gradient and the map of one face.

        Args:
            image: (S, S, C) float32, scaled like the input of the network.
            label: index of the class among those of all tasks; -1 for the most probable class of
                the first task.
            guided: whether the gradient is guided.

        Returns:
            Probabilities (K,), whose sum is 1 for each task; gradient (S, S, C); Grad-CAM (h, w).
        """
        results = self.function(tf.constant(image[np.newaxis]), tf.constant([label], tf.int32),
                                tf.constant([float(guided)]))
        probabilities, gradient, heat = (result.numpy()[0] for result in results)
        return probabilities, gradient, heat

    def _compute(self, image: Any, label: Any, guided: Any) -> tuple[Any, Any, Any]:
        self._guide.share = guided
        with tf.GradientTape() as tape:
            tape.watch(image)
            seen = tf.concat([image, tf.reverse(image, [2])], 0) if self._mirror else image
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
        if self._mirror:
            heats = heats[:1] + tf.reverse(heats[1:], [2])
        return probabilities, to_image, heats


def convert_gradients(network: keras.Model, precision: str = 'float32',
                      widths: Sequence[int] = (), *, mirror: bool = False) -> bytes:
    """
    Return the TFLite file of Gradients(network, widths=widths, mirror=mirror).

    Args:
        precision: float32, float16 or dynamic, see tflite.PRECISIONS.

    Raises:
        AffectError: a gradient needs other operators than the builtin ones.
    """
    gradients = Gradients(network, widths=widths, mirror=mirror)
    return convert_function(gradients.function, f'the gradient of {network.name}', precision)
