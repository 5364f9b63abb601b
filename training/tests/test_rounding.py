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

"""Biases that make up for rounded weights."""

from pathlib import Path
from typing import Any

from face_affect_training import networks, tflite
import numpy as np
import pytest

keras = pytest.importorskip('keras', reason='Keras is not installed')
if keras.backend.backend() != 'tensorflow':
    pytest.skip('only the TensorFlow backend converts', allow_module_level=True)

from face_affect_training.restore import filled  # noqa: E402, I100
from face_affect_training.rounding import rounded  # noqa: E402


@pytest.mark.parametrize(('name', 'ends', 'options'), [
    ('small_resnet', 'stage2_block1_b_bn', {'widths': [16, 24], 'blocks': [1, 1]}),
    ('mini_xception', 'module64_bn2', {}),
    ('efficientnet_lite', 'stage3_1_project', {'blocks': [1, 1, 1], 'top': 32})])
def test_the_means_are_those_of_before(name: str, ends: str, options: dict[str, Any],
                                       tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = networks.build(name, input_shape=(32, 32, 1), classes=7, **options)
    random = np.random.default_rng(2)
    for layer in network.layers:   # as after training: no channel is like the other
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(random.uniform(0.2, 2.0, layer.gamma.shape))
            layer.beta.assign(random.normal(size=layer.beta.shape))
    samples = random.uniform(-1.0, 1.0, (40, 32, 32, 1)).astype(np.float32)
    file = tmp_path / 'model.tflite'
    file.write_bytes(tflite.convert(network, 'int8', samples))
    plain = filled(network, file)
    mended = rounded(network, samples)

    def mean(each: keras.Model, layer: str) -> np.ndarray:
        features = keras.Model(each.input, each.get_layer(layer).output)
        return np.asarray(features.predict(samples, verbose=0)).mean((0, 1, 2))

    wanted = mean(network, ends)
    before, after = (np.abs(mean(each, ends) - wanted).max() for each in (plain, mended))
    assert after < 0.05 * before
    weighed = [layer.name for layer in network.layers if hasattr(layer, 'kernel')]
    for each in weighed:
        np.testing.assert_array_equal(mended.get_layer(each).kernel, plain.get_layer(each).kernel)
    answers = [np.log(each.predict(samples, verbose=0)).mean(0)
               for each in (network, plain, mended)]
    assert np.abs(answers[2] - answers[0]).max() < 0.5 * np.abs(answers[1] - answers[0]).max()
