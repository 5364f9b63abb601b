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

"""Equality of the layers for PyTorch with those of Keras; runs as a script with PyTorch."""

import importlib.util
import os
from pathlib import Path
import subprocess
import sys

if __name__ == '__main__':
    os.environ['KERAS_BACKEND'] = 'torch'
    sys.path.insert(0, str(Path(__file__).parent))

from face_affect_training import networks  # noqa: E402
from face_affect_training.networks.head import lowered  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402


def test_every_network_on_torch() -> None:
    if keras.backend.backend() != 'torch':
        plain = networks.build('baseline', input_shape=(16, 16, 1), classes=2)
        assert lowered(plain) is plain
    if importlib.util.find_spec('torch') is None:
        pytest.skip('PyTorch is not installed')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', __file__], capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [*networks.NETWORKS, 'mixed_bfloat16']


def twins(name: str, size: int) -> tuple[keras.Model, keras.Model]:
    """Return a network with random moving statistics, and its copy for PyTorch."""
    from test_networks import small_network
    plain = small_network(name, input_shape=(size, size, 1), classes=7)
    random = np.random.default_rng(size)
    for weight in plain.weights:
        if 'moving' in weight.path:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    copy = lowered(plain)
    for theirs, ours in zip(plain.variables, copy.variables, strict=True):   # seeds included
        ours.assign(theirs)
    return plain, copy


def check(name: str, side: int) -> None:
    """Compare the outputs of a network and its copy, and their weights after training steps."""
    from face_affect_training.networks.torch_layers import SWAPS
    plain, copy = twins(name, side)
    kinds = {type(theirs): type(ours) for theirs, ours in zip(plain.layers, copy.layers)
             if type(theirs) is not type(ours)}
    assert kinds == {kind: SWAPS[kind] for kind in map(type, plain.layers) if kind in SWAPS}
    random = np.random.default_rng(1)
    # in a small batch, the biased and the unbiased variance differ
    images, targets = random.uniform(-1.0, 1.0, (5, side, side, 1)), np.eye(7)[np.arange(5)]
    np.testing.assert_allclose(copy.predict(images, verbose=0), plain.predict(images, verbose=0),
                               atol=1e-5, err_msg=name)
    before = plain.get_weights()
    for model in (plain, copy):
        model.compile(keras.optimizers.SGD(0.01), 'categorical_crossentropy')
        for _ in range(3):
            model.train_on_batch(images, targets)
    changes = [np.concatenate([np.ravel(now - then)
                               for now, then in zip(model.get_weights(), before)])
               for model in (plain, copy)]
    size = np.linalg.norm(changes[0])
    assert size > 0.01, name
    assert np.linalg.norm(changes[1] - changes[0]) < 0.1 * size, name


def main() -> None:
    """Check all networks with an even and an odd size, and mixed precision."""
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy('float64')
    for name in networks.NETWORKS:
        for side in (32, 35):
            check(name, side)
        print(name, flush=True)
    keras.config.set_dtype_policy('mixed_bfloat16')
    plain, copy = twins('mini_xception', 48)
    images = np.random.default_rng(2).uniform(-1.0, 1.0, (5, 48, 48, 1)).astype(np.float32)
    difference = np.abs(copy.predict(images, verbose=0) - plain.predict(images, verbose=0)).max()
    assert difference < 0.05, difference
    from face_affect_training.networks.torch_layers import Depthwise
    for side in (8, 9):
        image = np.random.default_rng(side).uniform(-1.0, 1.0, (2, side, side, 3))
        outputs = []
        for kind, dtype in ((keras.layers.DepthwiseConv2D, 'float32'),
                            (Depthwise, 'mixed_bfloat16')):
            layer = kind(3, strides=2, padding='same', dtype=dtype)
            layer.build(image.shape)
            layer.set_weights([np.linspace(-0.5, 0.5, 27).reshape(3, 3, 3, 1), np.ones(3)])
            outputs.append(keras.ops.convert_to_numpy(
                keras.ops.cast(layer(image.astype(np.float32)), 'float32')))
        np.testing.assert_allclose(outputs[1], outputs[0], atol=0.02)
    print('mixed_bfloat16', flush=True)


if __name__ == '__main__':
    main()
