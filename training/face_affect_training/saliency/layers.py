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

"""
Layers whose gradients consist of builtin operators of TFLite.

TensorFlow converts the gradient of a convolution to a transposed convolution. The gradients of
ReLU, max-pooling and depth-wise convolution cannot be converted and are implemented here.
Comparisons are replaced by arithmetic, because XNNPACK does not execute comparisons.
"""

from collections.abc import Callable
from typing import Any

from face_affect_ros.affect.types import AffectError
import keras
from keras import layers
import tensorflow as tf

#: Finite in float32; its product with any positive normal number is above 1.
HUGE = 3.0e38


class Guide:
    """The kind of gradient of all GuidedReLU layers of a model; share (1,): 1 guided, 0 plain."""

    def __init__(self) -> None:
        self.share: Any = tf.ones(1)


class GuidedReLU(layers.Layer):
    """ReLU that propagates only positive gradients back (Springenberg et al. 2015)."""

    def __init__(self, guide: Guide, *, top: float = 0.0, **kwargs: Any) -> None:
        """Set the maximum of the output; 0 for no maximum."""
        super().__init__(**kwargs)
        self._guide, self._top = guide, top

    def call(self, inputs: Any) -> Any:
        """Return the inputs, limited to 0 and the maximum."""
        return tf.custom_gradient(lambda x, guided: _relu(x, guided, top=self._top))(
            inputs, self._guide.share)


class ConvertibleDepthwise(layers.DepthwiseConv2D):
    """Depth-wise convolution with padding `same`; its gradient is one with the kernel rotated."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H', W', C) for (N, H, W, C)."""
        found = tf.custom_gradient(lambda x, kernel: _depthwise(x, kernel, step=self.strides[0]))(
            inputs, tf.convert_to_tensor(self.kernel))
        return found + self.bias if self.use_bias else found


class ConvertiblePooling(layers.MaxPooling2D):
    """Max-pooling; the first of the largest pixels of each window receives the gradient."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H', W', C) for (N, H, W, C)."""
        def pool(x: Any) -> tuple[Any, Callable[[Any], Any]]:
            y = tf.nn.max_pool2d(x, self.pool_size, self.strides, self.padding.upper())
            return y, lambda upstream: _unpooled(x, y, upstream, self.pool_size, self.strides)

        return tf.custom_gradient(pool)(inputs)


def with_gradients(network: keras.Model, guide: Guide, *, convertible: bool = True) -> keras.Model:
    """
    Return a copy of a network with guided ReLUs, from the image to the logits.

    Args:
        network: to copy.
        guide: sets the kind of gradient.
        convertible: also replace pooling and depth-wise convolutions. Otherwise they have the
            gradients of TensorFlow, as a reference.

    Raises:
        AffectError: a layer other than a ReLU has a ReLU as its activation.
    """
    def clone(layer: layers.Layer) -> layers.Layer:
        settings = layer.get_config()
        if (top := _top_of_relu(layer)) is not None:
            return GuidedReLU(guide, top=top, name=layer.name)
        if convertible and isinstance(layer, layers.DepthwiseConv2D):
            return ConvertibleDepthwise.from_config(settings)
        if convertible and isinstance(layer, layers.MaxPooling2D):
            return ConvertiblePooling.from_config(settings)
        if getattr(layer, 'activation', None) is keras.activations.relu:
            raise AffectError(f"layer '{layer.name}' has a ReLU as its activation; use a separate "
                              'layer for the ReLU, so that its gradient can be guided')
        return type(layer).from_config(settings)

    to_logits = keras.Model(network.input, network.get_layer('logits').output, name=network.name)
    copy = keras.models.clone_model(to_logits, clone_function=clone)
    copy.set_weights(to_logits.get_weights())
    return copy


def _top_of_relu(layer: layers.Layer) -> float | None:
    """Return the maximum of a ReLU, 0 for no maximum, None for other layers."""
    if isinstance(layer, layers.ReLU):
        return float(layer.max_value or 0.0)
    if isinstance(layer, layers.Activation):
        return {keras.activations.relu: 0.0, keras.activations.relu6: 6.0}.get(layer.activation)
    return None


def _relu(x: Any, guided: Any, *, top: float) -> tuple[Any, Callable[[Any], Any]]:
    y = tf.nn.relu(x)
    if top:
        y = tf.minimum(y, top)

    def gradient(upstream: Any) -> Any:
        kept = tf.maximum(upstream, upstream * (1.0 - guided)) * _positive(y)
        return kept * _positive(top - y) if top else kept, None

    return y, gradient


def _positive(y: Any) -> Any:
    """Return 1 where y is above 0, else 0; y must not be below 0."""
    return tf.minimum(y * HUGE, 1.0)


def _depthwise(x: Any, kernel: Any, *, step: int) -> tuple[Any, Callable[[Any], Any]]:
    y = tf.nn.depthwise_conv2d(x, kernel, [1, step, step, 1], 'SAME')
    lengths, outputs, sides = x.shape[1:3], y.shape[1:3], kernel.shape[:2]

    def gradient(upstream: Any) -> Any:
        margins = []
        for length, out, side in zip(lengths, outputs, sides):
            before = max((out - 1) * step + side - length, 0) // 2
            margins.append([side - 1 - before, max(length + before - out * step, 0)])
        # Dilate the gradient by the stride, with zeros.
        apart = upstream
        if step > 1:
            zeros = tf.zeros_like(upstream)
            apart = tf.nn.depth_to_space(
                tf.concat([upstream, *[zeros] * (step * step - 1)], 3), step)
        height, width = (length + side - 1 for length, side in zip(lengths, sides))
        padded = tf.pad(apart, [[0, 0], *margins, [0, 0]])[:, :height, :width]
        return tf.nn.depthwise_conv2d(padded, kernel[::-1, ::-1], [1, 1, 1, 1], 'VALID'), None

    return y, gradient


def _unpooled(x: Any, y: Any, upstream: Any, size: tuple[int, int],
              strides: tuple[int, int]) -> Any:
    """
    Return the gradient of max-pooling, (N, H, W, C).

    The input is split into its phases (rows and columns modulo the stride). Each position in the
    window is a shifted phase, which receives the gradient where it is the maximum. The gradients
    are shifted back and added by phase, and the phases are interleaved.
    """
    step, lengths, outputs = strides[0], x.shape[1:3], y.shape[1:3]
    before = [max((out - 1) * step + side - length, 0) // 2
              for length, out, side in zip(lengths, outputs, size)]
    reach = [out - 1 + -(-side // step) for out, side in zip(outputs, size)]
    after = [max(rows * step - length - lead, 0)
             for rows, length, lead in zip(reach, lengths, before)]
    padded = tf.pad(x, [[0, 0], [before[0], after[0]], [before[1], after[1]], [0, 0]],
                    constant_values=-HUGE)[:, :reach[0] * step, :reach[1] * step]
    if step > 1:
        padded = tf.nn.space_to_depth(padded, step)
    phases = tf.split(padded, step * step, axis=3)
    free = tf.ones_like(upstream)
    sums: dict[int, Any] = {}
    for i in range(size[0]):
        for j in range(size[1]):
            (down, row), (right, column) = divmod(i, step), divmod(j, step)
            phase = row * step + column
            part = phases[phase][:, down:down + outputs[0], right:right + outputs[1]]
            hit = tf.nn.relu(free - _positive(y - part))
            free = free - hit
            moved = tf.pad(hit * upstream, [[0, 0], [down, reach[0] - outputs[0] - down],
                                            [right, reach[1] - outputs[1] - right], [0, 0]])
            sums[phase] = sums[phase] + moved if phase in sums else moved
    zeros = tf.zeros_like(sums[0])
    whole = tf.concat([sums.get(phase, zeros) for phase in range(step * step)], 3)
    if step > 1:
        whole = tf.nn.depth_to_space(whole, step)
    missing = [max(lead + length - rows * step, 0)
               for lead, length, rows in zip(before, lengths, reach)]
    whole = tf.pad(whole, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
    return whole[:, before[0]:before[0] + lengths[0], before[1]:before[1] + lengths[1]]
