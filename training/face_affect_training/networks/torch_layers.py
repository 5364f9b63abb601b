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
Keras layers that call operations of PyTorch without copies of the feature maps.

Keras 3 copies feature maps to channels-first memory and back for convolutions and pooling, and
computes batch norm from elementwise operations. Permuted views of channels-last memory, which the
kernels of PyTorch support, halve the time of a training step.
"""

from typing import Any

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
from keras import layers, ops
import torch
import torch.nn.functional as functional

Pair = tuple[int, int]


class _Shaped:
    """Layers with an output shape that is computed without a call."""

    def compute_output_spec(self, inputs: Any, *_: Any, **__: Any) -> keras.KerasTensor:
        """Return the shape and dtype of the output."""
        layer: Any = self
        return keras.KerasTensor(layer.compute_output_shape(inputs.shape), layer.compute_dtype)


class Convolution(_Shaped, layers.Conv2D):
    """layers.Conv2D."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return (N, H', W', F) for (N, H, W, C)."""
        image, strides = _first(inputs), self.strides
        if self.kernel_size == (1, 1):
            # with a stride, the gradient of PyTorch 2.13 writes out of bounds on a CPU
            image, strides = image[:, :, ::strides[0], ::strides[1]], (1, 1)
        image, padding = _padded(image, self.kernel_size, strides, self.padding)
        weights = ops.convert_to_tensor(kernel).to(image.dtype).permute(3, 2, 0, 1)
        return _last(functional.conv2d(image, weights, stride=strides, padding=padding))


class Depthwise(_Shaped, layers.DepthwiseConv2D):
    """layers.DepthwiseConv2D with one filter per channel."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H, W, C) for (N, H, W, C)."""
        image, padding = _padded(_first(inputs), self.kernel_size, self.strides, self.padding)
        weights = ops.convert_to_tensor(self.kernel).to(image.dtype).permute(2, 3, 0, 1)
        bias = ops.convert_to_tensor(self.bias).to(image.dtype) if self.use_bias else None
        # PyTorch has no fast gradient of a strided depth-wise convolution in bfloat16
        strides, step = self.strides, (1, 1)
        if image.dtype == torch.bfloat16:
            strides, step = step, strides
        result = functional.conv2d(image, weights, bias, stride=strides, padding=padding,
                                   groups=image.shape[1])
        return _last(result[:, :, ::step[0], ::step[1]])


class BatchNorm(_Shaped, layers.BatchNormalization):
    """layers.BatchNormalization over the last axis."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the normalised features, of the shape of the inputs."""
        update = bool(training) and self.trainable
        mean, variance = self.moving_mean.value.data, self.moving_variance.value.data
        moved = variance.clone() if update else variance
        result = functional.batch_norm(
            inputs.movedim(-1, 1), mean, moved, self.gamma.value, self.beta.value,
            training=update, momentum=1.0 - self.momentum, eps=self.epsilon)
        if update:
            # PyTorch uses the unbiased variance of the batch, Keras the biased one
            count = inputs.numel() // inputs.shape[-1]
            before = self.momentum * variance
            variance.copy_(before + (moved - before) * ((count - 1) / count))
        return result.movedim(1, -1)


class MaxPooling(_Shaped, layers.MaxPooling2D):
    """layers.MaxPooling2D."""

    def call(self, inputs: Any) -> Any:
        """Return (N, H', W', C) for (N, H, W, C)."""
        lowest = torch.finfo(inputs.dtype).min
        image, padding = _padded(_first(inputs), self.pool_size, self.strides, self.padding,
                                 lowest)
        return _last(functional.max_pool2d(image, self.pool_size, self.strides, padding))


class FractionalPooling(_Shaped, FractionalMaxPooling2D):
    """FractionalMaxPooling2D."""

    def largest(self, inputs: Any, length: int, axis: int) -> Any:
        """Return the maximum of each `length` neighbours along axis 1 or 2 of (N, H, W, C)."""
        window = (length, 1) if axis == 1 else (1, length)
        return _last(functional.max_pool2d(_first(inputs), window, window))


SWAPS: dict[type[layers.Layer], type[layers.Layer]] = {
    layers.Conv2D: Convolution,
    layers.DepthwiseConv2D: Depthwise,
    layers.BatchNormalization: BatchNorm,
    layers.MaxPooling2D: MaxPooling,
    FractionalMaxPooling2D: FractionalPooling,
}


def _first(image: torch.Tensor) -> torch.Tensor:
    return image.permute(0, 3, 1, 2)


def _last(image: torch.Tensor) -> torch.Tensor:
    return image.permute(0, 2, 3, 1)


def _padded(image: torch.Tensor, window: Pair, strides: Pair, padding: str,
            value: float = 0.0) -> tuple[torch.Tensor, Pair]:
    """Return the image and the padding of the operation; 'same' is that of TensorFlow."""
    if padding != 'same':
        return image, (0, 0)
    (top, bottom), (left, right) = (
        _margins(*sizes) for sizes in zip(image.shape[2:], window, strides))
    if top == bottom and left == right:
        return image, (top, left)
    return functional.pad(image, (left, right, top, bottom), value=value), (0, 0)


def _margins(size: int, window: int, stride: int) -> Pair:
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2
