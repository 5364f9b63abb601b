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
A fully convolutional face detector without anchors, for a robot's CPU.

One prediction a cell at strides 8, 16 and 32, as in FCOS (Tian et al. 2019) and YuNet (Wu et al.
2023). All convolutions are ordinary ones: in 8-bit integers a CPU multiplies four times as many
numbers a cycle there as in depth-wise convolutions. No convolution sees the full resolution.
"""

from collections.abc import Sequence
from typing import Any

from face_affect_ros.affect.detectors.residual_fpn import CHANNELS, STRIDES
from face_affect_training.networks.small_resnet import Fold
import keras
from keras import layers, ops

#: Channels of the outputs of a stride, as the robot decodes them.
OUTPUTS = dict(zip(('score', 'box', 'landmarks'), CHANNELS))
#: Network input = pixel * SCALE, pixels 0 to 255, blue, green, red.
SCALE = 1.0 / 255.0
#: IoU from which two candidates are one face.
NMS_OVERLAP = 0.4
#: Share of faces among the cells that a new network assumes (Lin et al. 2017, section 4.1).
PRIOR_LOGIT = -4.6


@keras.saving.register_keras_serializable('face_affect')
class Unfold(Fold):
    """
    Channels as blocks of pixels, (N, H b, W b, C / b / b) for (N, H, W, C).

    The inverse of Fold. With a convolution before it, it is an upsampling whose output size needs
    no shape operators in TFLite.
    """

    def call(self, inputs: Any) -> Any:
        """Return the larger feature maps."""
        if keras.backend.backend() == 'tensorflow':   # one operator of TFLite
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


def residual_fpn(*, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
                  stem: int = 32, widths: Sequence[int] = (48, 64, 96),
                  blocks: Sequence[int] = (2, 2, 2), neck: Sequence[int] = (48, 64, 64),
                  stem_kernel: int = 3) -> keras.Model:
    """
    Build the detector.

    input_shape: height and width are free, multiples of 32. stem: filters at stride 4. widths,
    blocks: filters and residual blocks (He et al. 2015) of the stages at strides 8, 16, 32.
    neck: filters of the head of each stride; features of the next coarser stride are added to
    those of a finer one (Lin et al. 2017, feature pyramid networks). stem_kernel: size of the
    first convolution, in blocks of 2x2 pixels, of stride 2.

    Returns a model of 9 outputs: of strides 8, 16, 32 each 'score', 'box' and 'landmarks',
    (N, H / stride, W / stride, C), see OUTPUTS.
    """
    inputs = keras.Input(input_shape, name='image')
    if stem_kernel == 1:
        x = Fold(4, name='fold')(inputs)
        x = _convolution(x, stem, 1, 1, 'stem')
    else:
        x = Fold(2, name='fold')(inputs)
        x = _convolution(x, stem, stem_kernel, 2, 'stem')
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
