"""Every network builds, counts its parameters and learns."""

import keras
import numpy as np
import pytest

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks

COUNTS = {'mini_xception': 58_423, 'sequential_fully_cnn': 591_783, 'residual_cnn': 11_177_287}
SMALL = {'residual_cnn': {'width': 8, 'blocks': 1}}


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_parameters(name: str) -> None:
    """The count is the one that the documents state."""
    network = networks.build(name, input_shape=(48, 48, 1), classes=7)
    assert network.count_params() == COUNTS[name]


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_learns(name: str) -> None:
    """A few steps on one batch lower the loss; outputs are probabilities."""
    keras.utils.set_random_seed(1)
    network = networks.build(name, input_shape=(32, 32, 3), classes=2, **SMALL.get(name, {}))
    model = networks.from_pixels(network, scale=2 / 255, offset=-1.0)
    random = np.random.default_rng(0)
    labels = np.arange(16) % 2
    images = random.integers(0, 128, (16, 32, 32, 3)) + 100 * labels[:, None, None, None]
    images = images.astype(np.uint8)
    model.compile(keras.optimizers.Adam(0.01),
                  keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    targets = np.eye(2, dtype=np.float32)[labels]
    losses = model.fit(images, targets, batch_size=16, epochs=12, verbose=0).history['loss']
    assert min(losses[-3:]) < 0.6 * losses[0]
    probabilities = network.predict(images / np.float32(127.5) - 1, verbose=0)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)


def test_shifted_depthwise_is_the_same_function() -> None:
    """Both ways to compute a depth-wise convolution agree."""
    plain, shifted = (networks.build('mini_xception', input_shape=(32, 32, 1), classes=7,
                                     shifted_depthwise=way) for way in (False, True))
    shifted.set_weights(plain.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(plain.predict(images, verbose=0),
                               shifted.predict(images, verbose=0), atol=1e-5)


def test_unknown_names() -> None:
    """An unknown network or option is named."""
    with pytest.raises(AffectError, match='nosuch'):
        networks.build('nosuch', input_shape=(48, 48, 1), classes=7)
    with pytest.raises(AffectError, match='colour'):
        networks.build('mini_xception', input_shape=(48, 48, 1), classes=7, colour=1)
