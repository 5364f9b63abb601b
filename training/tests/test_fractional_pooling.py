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

"""Fractional max-pooling: its regions, its values, its gradient, in training and in the model."""

from pathlib import Path
from typing import Any

from face_affect_training import tflite
from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
import numpy as np
import pytest

Regions = list[tuple[int, int]]
WAYS = [(overlapping, regions) for overlapping in (False, True)
        for regions in ('pseudo_random', 'random')]


def pooled(images: np.ndarray, training: bool, **options: Any) -> np.ndarray:
    """Return what a new layer makes of images."""
    layer = FractionalMaxPooling2D(**options)
    return keras.ops.convert_to_numpy(layer(images, training=training))


def regions_of(size: tuple[int, int], training: bool, **options: Any) -> tuple[Regions, Regions]:
    """
    Return first and last row of each region, and the same of columns, as a layer takes them.

    The largest value of a ramp is found at a region's end, of a falling one at its start.
    """
    rows, columns = np.mgrid[:size[0], :size[1]].astype(np.float32)
    ramps = np.stack([-rows, rows, -columns, columns], axis=-1)[None]
    result = np.abs(pooled(ramps, training, **options))[0]
    return ([(int(a), int(b)) for a, b in result[:, 0, :2]],
            [(int(a), int(b)) for a, b in result[0, :, 2:]])


def naive(images: np.ndarray, regions: tuple[Regions, Regions]) -> np.ndarray:
    """Return the maximum over each pair of a row region and a column region."""
    return np.stack([np.stack([images[:, a:b + 1, c:d + 1].max((1, 2)) for c, d in regions[1]],
                              axis=1) for a, b in regions[0]], axis=1)


@pytest.mark.parametrize(('overlapping', 'kind'), WAYS)
@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(('ratio', 'size'), [(1.6, (48, 30)), (1.41, (17, 24)), (1.9, (13, 3))])
def test_regions_cover_the_input(ratio: float, size: tuple[int, int], training: bool,
                                 overlapping: bool, kind: str) -> None:
    """They follow each other from the first pixel to the last and differ in size by one."""
    options = {'ratio': ratio, 'overlapping': overlapping, 'regions': kind, 'seed': 4}
    for regions, pixels in zip(regions_of(size, training, **options), size):
        assert len(regions) == int(pixels / ratio)
        assert regions[0][0] == 0 and regions[-1][1] == pixels - 1
        for (_, end), (start, _) in zip(regions, regions[1:]):
            assert start == (end if overlapping else end + 1)
        smallest = pixels // len(regions)
        sizes = [b - a + 1 for a, b in regions[:-1]]
        assert set(sizes) <= {smallest + overlapping, smallest + 1 + overlapping}


@pytest.mark.parametrize(('overlapping', 'kind'), WAYS)
@pytest.mark.parametrize('training', [False, True])
def test_values(training: bool, overlapping: bool, kind: str) -> None:
    """Each output is the maximum of its region, as plain loops find it."""
    options = {'ratio': 1.45, 'overlapping': overlapping, 'regions': kind, 'seed': 11}
    images = np.random.default_rng(0).normal(size=(3, 21, 14, 5)).astype(np.float32)
    result = pooled(images, training, **options)
    np.testing.assert_array_equal(result, naive(images, regions_of((21, 14), training, **options)))


@pytest.mark.parametrize('overlapping', [False, True])
def test_gradient(overlapping: bool) -> None:
    """
    Each region hands its gradient to its largest pixel.

    The picture is the kernel of a dense layer, so that a step of descent shows its gradient.
    """
    size, options = (9, 11), {'ratio': 1.6, 'overlapping': overlapping, 'seed': 2}
    picture = np.random.default_rng(0).permutation(99).astype(np.float32)
    rows, columns = regions_of(size, True, **options)
    wanted = np.random.default_rng(1).normal(size=(1, len(rows), len(columns), 1))
    model = keras.Sequential([
        keras.Input((1,)), keras.layers.Dense(99, use_bias=False),
        keras.layers.Reshape((*size, 1)), FractionalMaxPooling2D(**options)])
    model.set_weights([picture[None]])
    model.compile(keras.optimizers.SGD(1.0),
                  lambda target, result: keras.ops.sum(target * result))
    model.train_on_batch(np.ones((1, 1), np.float32), wanted.astype(np.float32))
    expected = np.zeros(size)
    for i, (a, b) in enumerate(rows):
        for j, (c, d) in enumerate(columns):
            part = picture.reshape(size)[a:b + 1, c:d + 1]
            y, x = np.unravel_index(part.argmax(), part.shape)
            expected[a + y, c + x] += wanted[0, i, j, 0]
    found = picture.reshape(size) - model.get_weights()[0].reshape(size)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_two_is_usual_pooling() -> None:
    """Without overlap a ratio of 2 leaves nothing to chance."""
    images = np.random.default_rng(0).normal(size=(2, 10, 12, 3)).astype(np.float32)
    usual = keras.ops.convert_to_numpy(keras.layers.MaxPooling2D(2)(images))
    for training in (False, True):
        result = pooled(images, training, ratio=2.0, overlapping=False)
        np.testing.assert_array_equal(result, usual)


def compiled(seed: int, regions: str, jit: bool) -> keras.Model:
    """Return a model whose loss is the mean of the pooled picture and that never learns."""
    model = keras.Sequential([
        keras.Input((16, 16, 1)), FractionalMaxPooling2D(1.5, regions=regions, seed=seed)])
    model.compile(keras.optimizers.SGD(0.0), lambda target, result: keras.ops.mean(result),
                  jit_compile=jit)
    return model


@pytest.mark.parametrize('regions', ['pseudo_random', 'random'])
@pytest.mark.parametrize('jit', [False, True])
def test_compiled_training(jit: bool, regions: str) -> None:
    """Each step draws anew, inference never does; a stopped training goes on as it would have."""
    if jit and keras.backend.backend() == 'torch':
        pytest.skip('torch.compile needs a C++ compiler')
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    model = compiled(5, regions, jit)
    losses = [model.train_on_batch(image, image[:, :10, :10]) for _ in range(6)]
    assert len({float(loss) for loss in losses}) >= 3
    np.testing.assert_array_equal(model.predict(image, verbose=0), model.predict(image, verbose=0))
    broken = compiled(5, regions, jit)
    first = [broken.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    resumed = compiled(7, regions, jit)
    for variable, kept in zip(resumed.variables, broken.variables, strict=True):
        variable.assign(kept)
    rest = [resumed.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    assert first + rest == losses


@pytest.mark.parametrize('overlapping', [False, True])
def test_tflite(overlapping: bool, tmp_path: Path) -> None:
    """The exported layer needs built-in operations only and gives the very same numbers."""
    if keras.backend.backend() != 'tensorflow':
        pytest.skip('only TensorFlow writes TFLite')
    from face_affect_training.export import convert
    image = keras.Input((15, 22, 3))
    model = keras.Model(image, FractionalMaxPooling2D(1.5, overlapping=overlapping)(image))
    (tmp_path / 'model.tflite').write_bytes(convert(model))
    images = np.random.default_rng(0).normal(size=(5, 15, 22, 3)).astype(np.float32)
    np.testing.assert_array_equal(tflite.predict(tmp_path / 'model.tflite', images),
                                  model.predict(images, verbose=0))


@pytest.mark.parametrize('options', [{'ratio': 1.0}, {'ratio': 2.5}, {'regions': 'wild'}])
def test_bad_options(options: dict[str, Any]) -> None:
    """They are named."""
    with pytest.raises(ValueError, match=next(iter(options))):
        FractionalMaxPooling2D(**options)
