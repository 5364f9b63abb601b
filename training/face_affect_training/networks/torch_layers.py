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
Keras layers that call PyTorch's own operations without copying the picture.

Keras 3 brings every picture into channels-first memory for a convolution or a pooling and back,
and computes batch norm from single operations. A channels-last picture, seen through a permuted
view, is what PyTorch's CPU and GPU kernels like best: a step takes about half the time.
"""

from typing import Any

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
from keras import layers, ops
import torch
import torch.nn.functional as functional

Pair = tuple[int, int]


class _Shaped:
    """Layers whose output shape is known without running them."""

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> keras.KerasTensor:
        """Return the shape and dtype of the output."""
        layer: Any = self
        return keras.KerasTensor(layer.compute_output_shape(inputs.shape), layer.compute_dtype)


class Convolution(_Shaped, layers.Conv2D):
    """layers.Conv2D."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return (N, H', W', F) for (N, H, W, C)."""
        picture, strides = _first(inputs), self.strides
        if self.kernel_size == (1, 1):
            # the pixels it skips need not be seen, and the gradient of PyTorch 2.13's own stride
            # writes past its memory on a CPU
            picture, strides = picture[:, :, ::strides[0], ::strides[1]], (1, 1)
        picture, padding = _padded(picture, self.kernel_size, strides, self.padding)
        weights = ops.convert_to_tensor(kernel).to(picture.dtype).permute(3, 2, 0, 1)
        return _last(functional.conv2d(picture, weights, stride=strides, padding=padding))


class Depthwise(_Shaped, layers.DepthwiseConv2D):
    """layers.DepthwiseConv2D with one filter a channel."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H, W, C) for (N, H, W, C)."""
        picture, padding = _padded(_first(inputs), self.kernel_size, self.strides, self.padding)
        weights = ops.convert_to_tensor(self.kernel).to(picture.dtype).permute(2, 3, 0, 1)
        bias = ops.convert_to_tensor(self.bias).to(picture.dtype) if self.use_bias else None
        return _last(functional.conv2d(picture, weights, bias, stride=self.strides,
                                       padding=padding, groups=picture.shape[1]))


class BatchNorm(_Shaped, layers.BatchNormalization):
    """layers.BatchNormalization over the last axis."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the shape that came in."""
        learning = bool(training) and self.trainable
        mean, variance = self.moving_mean.value.data, self.moving_variance.value.data
        moved = variance.clone() if learning else variance
        result = functional.batch_norm(
            inputs.movedim(-1, 1), mean, moved, self.gamma.value, self.beta.value,
            training=learning, momentum=1.0 - self.momentum, eps=self.epsilon)
        if learning:
            # PyTorch takes the batch's unbiased variance, Keras the biased one
            count = inputs.numel() // inputs.shape[-1]
            before = self.momentum * variance
            variance.copy_(before + (moved - before) * ((count - 1) / count))
        return result.movedim(1, -1)


class MaxPooling(_Shaped, layers.MaxPooling2D):
    """layers.MaxPooling2D."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H', W', C) for (N, H, W, C)."""
        lowest = torch.finfo(inputs.dtype).min
        picture, padding = _padded(_first(inputs), self.pool_size, self.strides, self.padding,
                                   lowest)
        return _last(functional.max_pool2d(picture, self.pool_size, self.strides, padding))


class FractionalPooling(_Shaped, FractionalMaxPooling2D):
    """FractionalMaxPooling2D."""

    def largest(self, inputs: Any, length: int, axis: int) -> Any:
        """Return the largest of each `length` neighbours along axis 1 or 2 of (N, H, W, C)."""
        window = (length, 1) if axis == 1 else (1, length)
        return _last(functional.max_pool2d(_first(inputs), window, window))


SWAPS: dict[type[layers.Layer], type[layers.Layer]] = {
    layers.Conv2D: Convolution,
    layers.DepthwiseConv2D: Depthwise,
    layers.BatchNormalization: BatchNorm,
    layers.MaxPooling2D: MaxPooling,
    FractionalMaxPooling2D: FractionalPooling,
}


def _first(picture: torch.Tensor) -> torch.Tensor:
    return picture.permute(0, 3, 1, 2)


def _last(picture: torch.Tensor) -> torch.Tensor:
    return picture.permute(0, 2, 3, 1)


def _padded(picture: torch.Tensor, window: Pair, strides: Pair, padding: str,
            value: float = 0.0) -> tuple[torch.Tensor, Pair]:
    """Return the picture and the padding left to the operation, for 'same' as TensorFlow's."""
    if padding != 'same':
        return picture, (0, 0)
    (top, bottom), (left, right) = (
        _margins(*sizes) for sizes in zip(picture.shape[2:], window, strides))
    if top == bottom and left == right:
        return picture, (top, left)
    return functional.pad(picture, (left, right, top, bottom), value=value), (0, 0)


def _margins(size: int, window: int, stride: int) -> Pair:
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2
