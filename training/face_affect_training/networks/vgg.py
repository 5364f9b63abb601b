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
VGG-16 (Simonyan and Zisserman 2015), to be fine-tuned from weights of objects or of faces.

The topology is keras.applications' own. Nothing is ever downloaded: the user names a file.
"""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.networks.head import close
from face_affect_training.networks.plain import dense_layers
import keras
from keras import layers, ops
import numpy as np

#: Means of blue, green and red that the published weights expect to be taken off pixels of 0-255.
IMAGENET_MEANS = (103.939, 116.779, 123.68)
VGGFACE_MEANS = (93.594, 104.7624, 129.1863)
#: Standard deviation of such pixels, roughly.
SPREAD = 64.0
BLOCKS = 5
#: Five poolings need as many pixels; keras.applications asks for the same.
SMALLEST = 32


def vgg16_finetuned(*, input_shape: tuple[int, int, int], classes: int, weights: str = '',
                    frozen_blocks: int = 0, dropout: float = 0.5, regularisation: float = 0.0,
                    hidden: int = 256) -> keras.Model:
    """
    Build VGG-16 with a new end, from ImageNet's weights; 14,847,815 parameters.

    The paper's table names a fine-tuned VGG-16; its end, average pooling and two dense layers, is
    our choice. The input is in [-1, 1], grey or RGB, at least 32 pixels wide; VGG's own pixel
    format is made inside. weights: 'random', or a file that Keras wrote (.keras, .weights.h5, or
    the .h5 of keras.applications' VGG16 without top). frozen_blocks: lower blocks that are not
    trained, 0 (all are) to 5. dropout: share of features dropped before each dense layer.
    regularisation: factor of the L2 penalty on the kernels of these layers. hidden: features of
    the first of them. Without batch norm it wants small learning rates, about 1e-4. The count
    holds for seven classes. Raises AffectError for missing or unfit weights.
    """
    return _build('vgg16_finetuned', IMAGENET_MEANS, input_shape=input_shape, classes=classes,
                  weights=weights, frozen_blocks=frozen_blocks, dropout=dropout,
                  regularisation=regularisation, hidden=hidden)


def vggface_finetuned(*, input_shape: tuple[int, int, int], classes: int, weights: str = '',
                      frozen_blocks: int = 0, dropout: float = 0.5, regularisation: float = 0.0,
                      hidden: int = 256) -> keras.Model:
    """
    Build VGG-16 with a new end, from VGG-Face's weights; 14,847,815 parameters.

    VGG-Face (Parkhi et al. 2015) has the same layers. weights: 'random', or a file that Keras
    wrote with its thirteen convolutions, without top, in their order, whatever their names. The
    rest is as in vgg16_finetuned, but for the means that are taken off.
    """
    return _build('vggface_finetuned', VGGFACE_MEANS, input_shape=input_shape, classes=classes,
                  weights=weights, frozen_blocks=frozen_blocks, dropout=dropout,
                  regularisation=regularisation, hidden=hidden)


@keras.saving.register_keras_serializable(package='face_affect')
class VggPixels(layers.Layer):
    """
    From (N, H, W, 1 or 3) grey or RGB in [-1, 1] to (N, H, W, 3), BGR of 0-255 less its means.

    means: of blue, green and red.
    """

    def __init__(self, means: tuple[float, float, float], **options: Any) -> None:
        super().__init__(**options)
        self.means = tuple(float(mean) for mean in means)

    def call(self, inputs: Any) -> Any:
        """Return the pixels as VGG's published weights expect them."""
        channels = inputs.shape[-1]
        parts = [inputs[..., index:index + 1] * 127.5 + (127.5 - mean)
                 for index, mean in zip((0, 0, 0) if channels == 1 else (2, 1, 0), self.means)]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, H, W, 3)."""
        return *input_shape[:-1], 3

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), 'means': list(self.means)}


def _build(name: str, means: tuple[float, float, float], *, input_shape: tuple[int, int, int],
           classes: int, weights: str, frozen_blocks: int, dropout: float, regularisation: float,
           hidden: int) -> keras.Model:
    if min(input_shape[:2]) < SMALLEST:
        raise AffectError(f'{name} needs an input of at least {SMALLEST} pixels, not '
                          f'{min(input_shape[:2])}; raise input.size')
    if input_shape[2] not in (1, 3):
        raise AffectError(f'{name} takes 1 or 3 channels, not {input_shape[2]}; mend '
                          'input.channels')
    if not 0 <= frozen_blocks <= BLOCKS:
        raise AffectError(f'network.options.frozen_blocks is {frozen_blocks}, it must be 0 to '
                          f'{BLOCKS}')
    inputs = keras.Input(input_shape, name='image')
    blocks = keras.applications.VGG16(include_top=False, weights=None,
                                      input_tensor=VggPixels(means, name='pixels')(inputs))
    _take(blocks, weights)
    for layer in blocks.layers:
        if layer.name.startswith(tuple(f'block{n}_' for n in range(1, frozen_blocks + 1))):
            layer.trainable = False
    x = layers.GlobalAveragePooling2D(name='average')(blocks.output)
    return close(inputs, dense_layers(x, hidden, classes, dropout, regularisation), name)


def _take(blocks: keras.Model, weights: str) -> None:
    """Fill the convolutions from a file, or with random numbers that keep signals alive."""
    if weights == 'random':
        # He et al. 2015: with the library's own ones, thirteen layers without batch norm learn
        # hardly anything. The first layer takes in pixels of about SPREAD, not of 1.
        normal = keras.initializers.HeNormal(seed=keras.random.SeedGenerator())
        for index, layer in enumerate(layer for layer in blocks.layers if layer.weights):
            layer.kernel.assign(normal(layer.kernel.shape) / (1.0 if index else SPREAD))
        return
    remedy = "give network.options.weights: FILE, or 'random' to start from random weights"
    if not weights:
        raise AffectError(f'there are no weights to fine-tune: {remedy}')
    file = Path(weights).expanduser()
    if not file.is_file():
        raise AffectError(f'network.options.weights: {file} does not exist; {remedy}')
    unfit = f'network.options.weights: {file} does not hold the convolutions of VGG-16'
    # Keras only warns about some weights that it does not find
    blocks.set_weights([np.full(weight.shape, np.nan, np.float32) for weight in blocks.weights])
    try:
        blocks.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise AffectError(f'{unfit} ({str(error).splitlines()[0]}); {remedy}') from error
    if not all(np.isfinite(weight).all() for weight in blocks.get_weights()):
        raise AffectError(f'{unfit}, at least not all thirteen; {remedy}')
