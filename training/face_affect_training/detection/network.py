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
A fully convolutional face detector without anchors.

It has one prediction per cell at strides 8, 16 and 32, like FCOS (Tian et al. 2019) and YuNet (Wu
et al. 2023). All convolutions are ordinary ones: with 8-bit integers a CPU computes four times as
many products per cycle as for depth-wise ones. No convolution has the full resolution.
"""

from collections.abc import Sequence
from typing import Any

from face_affect_ros.affect.detectors.residual_fpn import CHANNELS, STRIDES
import keras
from keras import layers, ops

#: Channels of the outputs of a stride.
OUTPUTS = dict(zip(('score', 'box', 'landmarks'), CHANNELS))
#: Scale of the pixels (BGR, 0 to 255) of the input.
SCALE = 1.0 / 255.0
#: Minimum IoU of two candidates of the same face.
NMS_OVERLAP = 0.4
#: Initial bias of the scores, for a small prior probability (Lin et al. 2017, section 4.1).
PRIOR_LOGIT = -4.6


@keras.saving.register_keras_serializable('face_affect')
class Fold(layers.Layer):
    """
    Space to depth, from (N, H, W, C) to (N, H / b, W / b, b * b * C).

    A convolution of the result is equivalent to one with a kernel and stride b times larger, which
    takes twice the time on a CPU for few channels. The order is that of tf.nn.space_to_depth: rows
    of the block, then columns, then channels.
    """

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._block = block

    def call(self, inputs: Any) -> Any:
        """Return the feature maps."""
        if keras.backend.backend() == 'tensorflow':   # a single TFLite operator
            import tensorflow as tf
            return tf.nn.space_to_depth(inputs, self._block)
        parts = [inputs[:, row::self._block, column::self._block]
                 for row in range(self._block) for column in range(self._block)]
        return keras.ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape."""
        count, *sides, channels = input_shape
        return (count, *(side and side // self._block for side in sides),
                channels * self._block ** 2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), 'block': self._block}


@keras.saving.register_keras_serializable('face_affect')
class Unfold(Fold):
    """
    Depth to space, the inverse of Fold: (N, H b, W b, C / b / b) for (N, H, W, C).

    After a convolution it is an upsampling that needs no shape operators in TFLite.
    """

    def call(self, inputs: Any) -> Any:
        """Return the larger feature maps."""
        if keras.backend.backend() == 'tensorflow':   # a single TFLite operator
            import tensorflow as tf
            return tf.nn.depth_to_space(inputs, self._block)
        count, height, width, channels = ops.shape(inputs)
        block = self._block
        parts = ops.reshape(inputs, (count, height, width, block, block, -1))
        return ops.reshape(ops.transpose(parts, (0, 1, 3, 2, 4, 5)),
                           (count, height * block, width * block, channels // block ** 2))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape."""
        count, *sides, channels = input_shape
        return (count, *(side and side * self._block for side in sides),
                channels // self._block ** 2)


def residual_fpn(*, stem: int = 32, widths: Sequence[int] = (48, 64, 96),
                 blocks: Sequence[int] = (2, 2, 2),
                 neck: Sequence[int] = (48, 64, 64)) -> keras.Model:
    """
    Build the detector: a feature pyramid network (Lin et al. 2017) on residual stages.

    Args:
        stem: filters at stride 4.
        widths: filters of the stages at strides 8, 16, 32.
        blocks: residual blocks (He et al. 2015) of these stages.
        neck: filters of the heads of these strides.

    Returns:
        A model for images (N, H, W, 3) with any multiples of 32 as H and W. Its 9 outputs are
        'score', 'box' and 'landmarks' of each stride, (N, H / stride, W / stride, C), see OUTPUTS.
    """
    inputs = keras.Input((None, None, 3), name='image')
    x = Fold(2, name='fold')(inputs)
    x = _convolution(x, stem, 3, 2, 'stem')
    features = []
    for stride, width, count in zip(STRIDES, widths, blocks):
        x = _convolution(x, width, 3, 2, f'stride{stride}')
        for block in range(1, count + 1):
            x = _block(x, width, f'stride{stride}_block{block}')
        features.append(x)
    outputs: list[keras.KerasTensor] = []
    coarser = None
    for stride, width, x in reversed(list(zip(STRIDES, neck, features))):
        name = f'neck{stride}'
        if coarser is not None:
            up = _convolution(coarser, 4 * width, 1, 1, f'{name}_up', activation=False)
            up = Unfold(2, name=f'{name}_unfold')(up)
            x = _convolution(x, width, 1, 1, f'{name}_lateral', activation=False)
            x = layers.Activation('relu', name=f'{name}_joined')(layers.Add(name=f'{name}_add')(
                [x, up]))
        x = _convolution(x, width, 3, 1, name)
        coarser = x
        outputs = [layers.Conv2D(
            channels, 1, name=f'{kind}{stride}', dtype='float32',
            bias_initializer=keras.initializers.Constant(PRIOR_LOGIT if kind == 'score' else 0.0),
        )(x) for kind, channels in OUTPUTS.items()] + outputs
    return keras.Model(inputs, outputs, name='residual_fpn')


def _block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    y = _convolution(x, width, 3, 1, f'{name}_a')
    y = _convolution(y, width, 3, 1, f'{name}_b', activation=False)
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


def _convolution(x: keras.KerasTensor, width: int, size: int, stride: int, name: str, *,
                 activation: bool = True) -> keras.KerasTensor:
    x = layers.Conv2D(width, size, strides=stride, padding='same', use_bias=False, name=name)(x)
    x = layers.BatchNormalization(name=f'{name}_bn')(x)
    return layers.Activation('relu', name=f'{name}_relu')(x) if activation else x
