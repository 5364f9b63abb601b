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

"""Filters that are mirror images of each other: they stay so, and a mirror image costs less."""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.experiment import load_experiment
from face_affect_training.networks.looks import with_looks
from face_affect_training.networks.mirroring import mirror_here, MirrorPairs, pair, settle
from face_affect_training.runs import build_network, take_start
import keras
import numpy as np
import pytest
import yaml

OPTIONS: dict[str, Any] = {'widths': [8, 12, 10], 'blocks': [1, 2, 1], 'dropout': 0.0}
IMAGES = np.random.default_rng(1).normal(size=(4, 48, 48, 3)).astype(np.float32)


def build(*mirror_pairs: int, seed: int = 2, **options: Any) -> keras.Model:
    """Return a network with random weights that keep its constraints."""
    network = networks.build('small_resnet', input_shape=(48, 48, 3), classes=2,
                             **{**OPTIONS, **options}, mirror_pairs=mirror_pairs)
    random = np.random.default_rng(seed)
    for variable in network.variables:
        value = random.normal(0.0, 0.1, variable.shape).astype(np.float32)
        value = np.abs(value) + 0.5 if 'variance' in variable.path else value + (
            'gamma' in variable.path)
        constraint = getattr(variable, 'constraint', None)
        variable.assign(constraint(value) if constraint else value)
    settle(network)
    return network


def answer(network: keras.Model, images: np.ndarray = IMAGES) -> np.ndarray:
    return np.asarray(network.predict(images, verbose=0))


def mirrored(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values[:, :, ::-1])


@pytest.mark.parametrize('stride', [1, 2])
def test_what_pairs_find_is_mirrored_with_the_image(stride: int) -> None:
    """The two of each pair change places; the others stay in theirs."""
    network = build(3, 5, first_stride=stride)
    for stage, pairs in ((1, 3), (2, 5)):
        maps = keras.Model(network.input, network.get_layer(f'stage{stage}_block1_relu').output)
        found, other = answer(maps), mirrored(answer(maps, mirrored(IMAGES)))
        assert found.std() > 0.1
        np.testing.assert_allclose(other[..., :pairs], found[..., pairs:2 * pairs], atol=1e-4)
        np.testing.assert_allclose(other[..., pairs:2 * pairs], found[..., :pairs], atol=1e-4)
        np.testing.assert_allclose(other[..., 2 * pairs:], found[..., 2 * pairs:], atol=1e-4)
    free = keras.Model(network.input, network.get_layer('stage3_relu').output)
    assert np.abs(mirrored(answer(free, mirrored(IMAGES))) - answer(free)).max() > 0.1


@pytest.mark.parametrize('zooms', [(1.0,), (1.0, 1.2)])
def test_the_mirror_image_shares_the_first_stages(zooms: tuple[float, ...]) -> None:
    """The mean is that of two looks by the whole network, and the first stages work once."""
    network = build(3, 5)
    both = with_looks(network, mirror=True, zooms=zooms)
    plain = with_looks(network, zooms=zooms)
    expected = (answer(plain) + answer(plain, mirrored(IMAGES))) / 2.0
    assert np.ptp(expected[:, 0]) > 1e-3
    np.testing.assert_allclose(answer(both), expected, atol=1e-5)
    before, after = (layer for layer in both.layers if isinstance(layer, keras.Model))
    assert {layer.name for layer in before.layers} >= {'stage1', 'stage2_block2_b'}
    assert not any(layer.name.startswith(('stage1', 'stage2')) for layer in after.layers)


def test_training_keeps_pairs() -> None:
    """After some steps the filters of a pair still mirror each other, and have changed."""
    network = build(3, 5)
    before = network.get_layer('stage1').get_weights()[0]
    network.compile(keras.optimizers.Adam(0.01), 'categorical_crossentropy')
    network.fit(IMAGES, np.eye(2, dtype=np.float32)[[0, 1, 0, 1]], epochs=3, verbose=0)
    assert np.abs(network.get_layer('stage1').get_weights()[0] - before).max() > 0.01
    constrained = [each for each in network.trainable_variables if each.constraint is not None]
    assert len(constrained) == 3 * (3 + 5)
    for variable in constrained:
        value = keras.ops.convert_to_numpy(variable.value)
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable.constraint(value)), value, atol=1e-6)


def test_batch_statistics_of_a_pair_are_shared() -> None:
    network = build(3)
    norm = network.get_layer('stage1_bn')
    norm.moving_mean.assign(np.arange(8.0))
    settle(network)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(norm.moving_mean.value),
                               [1.5, 2.5, 3.5, 1.5, 2.5, 3.5, 6.0, 7.0])


def test_pairs_are_found_in_any_order() -> None:
    """Nothing is lost of a network whose filters are pairs already, wherever they are."""
    known, plain = build(3, first_stride=1), build(first_stride=1)
    for layer in plain.layers:
        if layer.weights:
            layer.set_weights(known.get_layer(layer.name).get_weights())
    random = np.random.default_rng(5)
    stream, middle = random.permutation(8), random.permutation(8)
    for name, incoming, outgoing in (
            ('stage1', slice(None), stream), ('stage1_block1_a', stream, middle),
            ('stage1_block1_b', middle, stream), ('stage2', stream, slice(None))):
        layer, norm = plain.get_layer(name), plain.get_layer(f'{name}_bn')
        layer.set_weights([layer.get_weights()[0][:, :, incoming][..., outgoing]])
        norm.set_weights([each[outgoing] for each in norm.get_weights()])
    expected = answer(known)
    np.testing.assert_allclose(answer(plain), expected, atol=1e-5)
    network = build(3, first_stride=1, seed=7)
    assert np.abs(answer(network) - expected).max() > 0.01
    pair(network, plain)
    np.testing.assert_allclose(answer(network), expected, atol=1e-4)


def test_a_free_network_goes_on_in_pairs(tmp_path: Path) -> None:
    """Its filters become pairs, those of a stride included, and the rest stays as it is."""
    facts: dict[str, Any] = {
        'name': 'small', 'task': 'gender',
        'data': {'reader': 'fairface', 'path': '', 'train': '', 'validation': ''},
        'input': {'size': 48, 'channels': 3},
        'network': {'name': 'small_resnet', 'options': OPTIONS}}
    (tmp_path / 'experiment.yaml').write_text(yaml.safe_dump(facts))
    free = build()
    file = tmp_path / 'best.keras'
    free.save(file)
    assert mirror_here(build_network(load_experiment(tmp_path / 'experiment.yaml'))) is None
    network = build(1, 1, seed=7)
    take_start(network, file)
    for layer in network.layers:
        for variable in layer.weights:
            constraint = getattr(variable, 'constraint', None)
            if isinstance(constraint, MirrorPairs):
                value = keras.ops.convert_to_numpy(variable.value)
                np.testing.assert_allclose(keras.ops.convert_to_numpy(constraint(value)), value,
                                           atol=1e-6)
    np.testing.assert_array_equal(network.get_layer('classes').get_weights()[0],
                                  free.get_layer('classes').get_weights()[0])
    assert network.get_layer('stage1').kernel.shape == (3, 4, 3, 8)

    facts['network']['options'] = {**OPTIONS, 'widths': [8, 12, 16]}
    (tmp_path / 'experiment.yaml').write_text(yaml.safe_dump(facts))
    build_network(load_experiment(tmp_path / 'experiment.yaml')).save(file)
    with pytest.raises(AffectError, match='best.keras: its small_resnet and this one differ'):
        take_start(network, file)
    network.save(file)   # pairs to pairs
    facts['network']['options'] = {**OPTIONS, 'mirror_pairs': [1, 1]}
    (tmp_path / 'experiment.yaml').write_text(yaml.safe_dump(facts))
    again = build(1, 1, seed=8)
    take_start(again, file)
    np.testing.assert_array_equal(answer(again), answer(network))
    with pytest.raises(AffectError, match='nowhere.keras: does not exist'):
        take_start(network, tmp_path / 'nowhere.keras')


@pytest.mark.parametrize('options', [{'mirror_pairs': [5]}, {'mirror_pairs': [0]},
                                     {'mirror_pairs': [2] * 3},
                                     {'mirror_pairs': [2], 'fold': 2}])
def test_pairs_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(AffectError, match='mirror_pairs .* 1 or more of each of the first stages'):
        networks.build('small_resnet', input_shape=(48, 48, 3), classes=2,
                       **{**OPTIONS, **options})
