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
The same network out of layers that the present backend runs faster: for training only.

Layers are swapped one for one, so weights and their order stay; what is saved and exported is the
network as its builder made it.
"""

from typing import Any

import keras
from keras import layers, ops

Swaps = dict[type[layers.Layer], type[layers.Layer]]


def lowered(network: keras.Model) -> keras.Model:
    """
    Return a copy with the same weights and faster layers, or the network where none is known.

    The copy shares nothing with the network. Only layers of exactly Keras' own classes, with
    channels last and no dilation, are swapped.
    """
    swaps = _swaps()
    if not swaps:
        return network

    def clone(layer: layers.Layer) -> layers.Layer:
        kind = swaps.get(type(layer))
        if not _usual(layer) or kind is ShiftedDepthwise and not _simple(layer):
            kind = None
        return (kind or type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy


def _swaps() -> Swaps:
    if keras.backend.backend() == 'torch':
        from face_affect_training.networks.torch_layers import SWAPS
        return SWAPS
    if keras.backend.backend() == 'jax':
        import jax
        if jax.default_backend() != 'cpu':
            return {layers.DepthwiseConv2D: ShiftedDepthwise}
    return {}


def _usual(layer: layers.Layer) -> bool:
    """Return whether the faster layers know what this one asks for."""
    if isinstance(layer, layers.BatchNormalization):
        return bool(layer.scale and layer.center and layer.axis in (-1, 3)
                    and not getattr(layer, 'renorm', False))
    plain = all(getattr(layer, name, value) == value for name, value in (
        ('data_format', 'channels_last'), ('dilation_rate', (1, 1)), ('groups', 1)))
    if isinstance(layer, layers.DepthwiseConv2D):
        return (plain and layer.depth_multiplier == 1
                and layer.activation is keras.activations.linear)
    return plain


def _simple(layer: layers.DepthwiseConv2D) -> bool:
    """Return whether each output pixel is a sum over the pixels around it, and nothing else."""
    return layer.strides == (1, 1) and layer.padding == 'same' and not layer.use_bias


class ShiftedDepthwise(layers.DepthwiseConv2D):
    """
    A depth-wise convolution as the sum of its shifted products.

    XLA runs the gradient of a grouped convolution slowly on GPUs, and this one quickly.
    """

    def call(self, inputs: Any) -> Any:
        """Return (N, H, W, C) for (N, H, W, C)."""
        rows, columns = self.kernel_size
        height, width = inputs.shape[1:3]
        padded = ops.pad(inputs, [[0, 0], _margins(rows), _margins(columns), [0, 0]])
        total = 0.0
        for i in range(rows):
            for j in range(columns):
                part = padded[:, i:i + height, j:j + width, :]
                total = total + part * self.kernel[i, j, :, 0]
        return total


def _margins(size: int) -> list[int]:
    return [(size - 1) // 2, size // 2]
