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

"""Fractional max-pooling: regions, values and compiled training."""

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
import numpy as np
import pytest

Regions = list[tuple[int, int]]


def pooled(images: np.ndarray, training: bool, ratio: float) -> np.ndarray:
    """Return the output of a new layer, with the same random numbers each time."""
    keras.utils.set_random_seed(4)
    layer = FractionalMaxPooling2D(ratio)
    return keras.ops.convert_to_numpy(layer(images, training=training))


def regions_of(size: tuple[int, int], training: bool, ratio: float) -> tuple[Regions, Regions]:
    """Return the first and last rows and columns of the regions, from the maxima of ramps."""
    rows, columns = np.mgrid[:size[0], :size[1]].astype(np.float32)
    ramps = np.stack([-rows, rows, -columns, columns], axis=-1)[None]
    result = np.abs(pooled(ramps, training, ratio))[0]
    return ([(int(a), int(b)) for a, b in result[:, 0, :2]],
            [(int(a), int(b)) for a, b in result[0, :, 2:]])


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(('ratio', 'size'), [(1.6, (48, 30)), (1.41, (17, 24)), (1.9, (13, 3))])
def test_outputs_are_the_maxima_of_regions_that_cover_the_input(
        ratio: float, size: tuple[int, int], training: bool) -> None:
    rows, columns = regions_of(size, training, ratio)
    for regions, pixels in zip((rows, columns), size):
        assert len(regions) == int(pixels / ratio)
        assert regions[0][0] == 0 and regions[-1][1] == pixels - 1
        for (_, end), (start, _) in zip(regions, regions[1:]):
            assert start == end
        smallest = pixels // len(regions)
        sizes = [b - a + 1 for a, b in regions[:-1]]
        assert set(sizes) <= {smallest + 1, smallest + 2}
    images = np.random.default_rng(0).normal(size=(3, *size, 5)).astype(np.float32)
    maxima = [[images[:, a:b + 1, c:d + 1].max((1, 2)) for c, d in columns] for a, b in rows]
    np.testing.assert_array_equal(pooled(images, training, ratio),
                                  np.transpose(maxima, (2, 0, 1, 3)))


def compiled(seed: int, jit: bool) -> keras.Model:
    """Return a model with the loss mean(output) and learning rate 0."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((16, 16, 1)), FractionalMaxPooling2D(1.5)])
    model.compile(keras.optimizers.SGD(0.0), lambda target, result: keras.ops.mean(result),
                  jit_compile=jit)
    return model


@pytest.mark.parametrize('jit', [False, True])
def test_regions_are_random_in_training_and_resume_exactly(jit: bool) -> None:
    if jit and keras.backend.backend() == 'torch':
        pytest.skip('torch.compile needs a C++ compiler')
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    model = compiled(5, jit)
    losses = [model.train_on_batch(image, image[:, :10, :10]) for _ in range(6)]
    assert len({float(loss) for loss in losses}) >= 3
    np.testing.assert_array_equal(model.predict(image, verbose=0), model.predict(image, verbose=0))
    broken = compiled(5, jit)
    first = [broken.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    resumed = compiled(7, jit)
    for variable, kept in zip(resumed.variables, broken.variables, strict=True):
        variable.assign(kept)
    rest = [resumed.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    assert first + rest == losses
