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
Compare every lowered network with the plain one, on PyTorch: run by test_lowering.py.

In double precision, but for Keras' own batch norm. Prints the name of each network that passed.
"""

import os

os.environ['KERAS_BACKEND'] = 'torch'

from face_affect_training import networks  # noqa: E402
from face_affect_training.networks.lowering import lowered  # noqa: E402
from face_affect_training.networks.torch_layers import SWAPS  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from test_networks import small_network  # noqa: E402
import torch  # noqa: E402


def twins(name: str, size: int) -> tuple[keras.Model, keras.Model]:
    """Return a network with moving statistics that are not the initial ones, and its copy."""
    plain = small_network(name, input_shape=(size, size, 1), classes=7)
    random = np.random.default_rng(size)
    for weight in plain.weights:
        if 'moving' in weight.path:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    copy = lowered(plain)
    copy_variables(plain, copy)
    return plain, copy


def copy_variables(plain: keras.Model, copy: keras.Model) -> None:
    """Make the copy equal, seeds included: layers that draw then draw the same numbers."""
    for theirs, ours in zip(plain.variables, copy.variables, strict=True):
        assert theirs.shape == ours.shape
        ours.assign(theirs)


def check_network(name: str, size: int) -> None:
    """Compare a network with its copy: answers, each layer by itself, three steps of training."""
    plain, copy = twins(name, size)
    random = np.random.default_rng(1)
    # five rows: the statistics of so few show which variance is meant
    images = random.uniform(-1.0, 1.0, (5, size, size, 1))
    same(name, copy.predict(images, verbose=0), plain.predict(images, verbose=0))
    swapped = [(theirs, ours) for theirs, ours in zip(plain.layers, copy.layers, strict=True)
               if type(theirs) is not type(ours)]
    kinds = {type(theirs): type(ours) for theirs, ours in swapped}
    assert kinds == {kind: SWAPS[kind] for kind in map(type, plain.layers) if kind in SWAPS}
    seen = keras.Model(plain.input, [theirs.input for theirs, _ in swapped])
    inputs_of = seen(images, training=True)
    # that has moved the statistics of the plain network, and its seeds
    copy_variables(plain, copy)
    for (theirs, ours), inputs in zip(swapped, inputs_of, strict=True):
        check_layer(f'{name} {size} {theirs.name}', theirs, ours, inputs.detach())
    check_steps(name, plain, copy, images)


def check_layer(what: str, theirs: keras.Layer, ours: keras.Layer, inputs: torch.Tensor) -> None:
    """Compare two layers in training: output, all gradients, moving statistics."""
    # of equal inputs, as ReLU's zeros are, one pooling takes the first and another all of them
    unequal = torch.from_numpy(np.random.default_rng(3).uniform(0.0, 1e-3, inputs.shape)).float()
    results = []
    for layer in (theirs, ours):
        given = (inputs + unequal).requires_grad_()
        learning = isinstance(layer, keras.layers.BatchNormalization)
        output = layer(given, training=True) if learning else layer(given)
        pull = torch.from_numpy(np.random.default_rng(2).normal(size=output.shape))
        values = [weight.value for weight in layer.weights if weight.value.requires_grad]
        gradients = torch.autograd.grad((output * pull).sum(), [given, *values])
        results.append([output.detach(), *gradients,
                        *(weight.value.detach() for weight in layer.non_trainable_weights)])
    for index, (expected, found) in enumerate(zip(*results, strict=True)):
        same(f'{what} {index}', found.numpy(), expected.numpy())


def check_steps(name: str, plain: keras.Model, copy: keras.Model, images: np.ndarray) -> None:
    """Train both for three steps, which keep together but for a ReLU that flips by rounding."""
    targets = np.eye(7)[np.arange(5)]
    for model in (plain, copy):
        model.compile(keras.optimizers.SGD(0.01), 'categorical_crossentropy')
    copy_variables(plain, copy)
    before = plain.get_weights()
    for _ in range(3):
        losses = [model.train_on_batch(images, targets) for model in (plain, copy)]
        assert abs(losses[0] - losses[1]) < 0.02 * losses[0], (name, losses)
    ways = [np.concatenate([np.ravel(now - then)
                            for now, then in zip(model.get_weights(), before)])
            for model in (plain, copy)]
    assert np.linalg.norm(ways[0]) > 0.01, name
    assert np.linalg.norm(ways[1] - ways[0]) < 0.1 * np.linalg.norm(ways[0]), name


def same(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raise AssertionError where they differ by more than single precision explains."""
    scale = max(float(np.abs(theirs).max()), 1e-6)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale, err_msg=what)


def check_half_precision() -> None:
    """Run a copy in the short format of training; it is near the plain network."""
    keras.config.set_dtype_policy('mixed_bfloat16')
    plain, copy = twins('mini_xception', 48)
    images = np.random.default_rng(2).uniform(-1.0, 1.0, (5, 48, 48, 1)).astype(np.float32)
    difference = np.abs(copy.predict(images, verbose=0) - plain.predict(images, verbose=0)).max()
    assert difference < 0.05, difference


def main() -> None:
    """Check all networks at an even and an odd size."""
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy('float64')
    for name in networks.NETWORKS:
        for size in (32, 35):
            check_network(name, size)
        print(name, flush=True)
    check_half_precision()
    print('mixed_bfloat16', flush=True)


if __name__ == '__main__':
    main()
