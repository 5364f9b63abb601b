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

"""Averaged weights: judged with statistics of their own, and taken out without a trace."""

from face_affect_training import networks
from face_affect_training.averaging import Averaged
import keras
import numpy as np


def test_averages_are_judged_with_their_own_statistics() -> None:
    """Inside, batch norm fits the averages; afterwards every variable is what it was."""
    keras.utils.set_random_seed(2)
    network = networks.build('mini_xception', input_shape=(32, 32, 1), classes=2, dropout=0.1)
    model = networks.from_pixels(network, scale=2 / 255, offset=-1.0)
    model.compile(keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9),
                  keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    random = np.random.default_rng(0)
    labels = np.arange(64) % 2
    views = random.integers(0, 128, (64, 32, 32, 1)) + 90 * labels[:, None, None, None]
    views = views.astype(np.uint8)
    # train_on_batch: the end of fit() would overwrite the weights with their averages
    for _ in range(20):
        model.train_on_batch(views, np.eye(2, dtype=np.float32)[labels])
    before = [np.array(variable) for variable in model.variables]
    averages = [np.array(a) for a in model.optimizer._model_variables_moving_average]
    with Averaged(model, network, views) as averaged:
        assert averaged
        for variable, average in zip(model.trainable_variables, averages):
            np.testing.assert_array_equal(np.array(variable), average)
        norm = network.get_layer('stem1_bn')
        stem = keras.Model(network.input, network.get_layer('stem1').output)
        seen = stem.predict(views / np.float32(127.5) - 1, verbose=0)
        np.testing.assert_allclose(np.array(norm.moving_mean), seen.mean((0, 1, 2)), atol=1e-4)
        np.testing.assert_allclose(np.array(norm.moving_variance), seen.var((0, 1, 2)), rtol=1e-2)
        assert norm.momentum == 0.99
        answers = model.predict(views, verbose=0).argmax(1)
        assert (answers == labels).mean() > 0.9
    for variable, value in zip(model.variables, before):
        np.testing.assert_array_equal(np.array(variable), value, err_msg=variable.path)


def test_a_network_without_batch_norm_is_not_asked() -> None:
    """There is nothing to measure, and all views at once are too much for a large network."""
    network = networks.build('efficientnet_lite', input_shape=(32, 32, 3), classes=2,
                             blocks=[1, 1], top=8)
    model = networks.from_pixels(network, scale=2 / 255, offset=-1.0)
    model.compile(keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.5),
                  keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    views = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    model.train_on_batch(views, np.eye(2, dtype=np.float32)[[0, 1, 0, 1]])
    averages = [np.array(a) for a in model.optimizer._model_variables_moving_average]
    refused = views[:, :31]   # of another size: the network would raise
    with Averaged(model, network, refused) as averaged:
        assert averaged
        for variable, average in zip(model.trainable_variables, averages):
            np.testing.assert_array_equal(np.array(variable), average)
