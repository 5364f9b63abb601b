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

"""Networks that go on with more residual blocks: they begin with the answers of the other one."""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.runs import take_start
import keras
import numpy as np
import pytest
import yaml

OPTIONS: dict[str, Any] = {'widths': [8, 12], 'blocks': [1, 1], 'dropout': 0.0}
IMAGES = np.random.default_rng(1).normal(size=(6, 32, 32, 3)).astype(np.float32)


def build(seed: int, **options: Any) -> keras.Model:
    """Return a network whose weights are all random."""
    network = networks.build('small_resnet', input_shape=(32, 32, 3), classes=2,
                             **{**OPTIONS, **options})
    random = np.random.default_rng(seed)
    for variable in network.variables:
        value = random.normal(0.0, 0.2, variable.shape).astype(np.float32)
        variable.assign(np.abs(value) + 0.5 if variable.path.endswith(('variance', 'gamma'))
                        else value)
    return network


def run_of(network: keras.Model, folder: Path, **options: Any) -> Path:
    """Return the .keras file of a run that has this network."""
    (folder / 'experiment.yaml').write_text(yaml.safe_dump({
        'name': 'small', 'task': 'gender',
        'data': {'reader': 'fairface', 'path': '', 'train': '', 'validation': ''},
        'input': {'size': 32, 'channels': 3},
        'network': {'name': 'small_resnet', 'options': {**OPTIONS, **options}}}))
    network.save(folder / 'best.keras')
    return folder / 'best.keras'


def answer(network: keras.Model) -> np.ndarray:
    return np.asarray(network.predict(IMAGES, verbose=0))


def test_a_deeper_network_begins_with_the_answers_of_the_other(tmp_path: Path) -> None:
    """In both stages, and in the branch of a task; every new filter then learns."""
    branches = [{'classes': 2, 'widths': [10], 'blocks': [1]}]
    before = build(1, branches=branches)
    branches[0]['blocks'] = [2]
    deeper = build(2, branches=branches, blocks=[3, 2])
    assert np.abs(answer(deeper) - answer(before)).max() > 0.01
    branches[0]['blocks'] = [1]
    take_start(deeper, run_of(before, tmp_path, branches=branches))
    np.testing.assert_allclose(answer(deeper), answer(before), atol=1e-6)

    deeper.compile(keras.optimizers.SGD(0.5), 'sparse_categorical_crossentropy')
    labels = np.arange(len(IMAGES)) % 2
    deeper.train_on_batch(IMAGES, labels)   # the norms of zeros first, by which filters learn
    for name in ('stage1_block2_a', 'stage1_block3_b', 'stage2_block2_a', 'stage3_block2_b'):
        first = deeper.get_layer(name).get_weights()[0]
        deeper.train_on_batch(IMAGES, labels)
        assert (deeper.get_layer(name).get_weights()[0] != first).any(), name


def test_one_that_differs_in_more_is_refused(tmp_path: Path) -> None:
    """Other widths, another stage, or fewer blocks; the file is named."""
    file = run_of(build(1), tmp_path)
    with pytest.raises(AffectError, match='best.keras: its small_resnet and this one differ in '
                                          'more than residual blocks'):
        take_start(build(2, widths=[8, 16], blocks=[1, 2]), file)
    for options in ({'widths': [8, 12, 16], 'blocks': [1, 1, 1]}, {'blocks': [1, 0]}):
        with pytest.raises(AffectError, match='best.keras: does not hold the weights of a small'):
            take_start(build(2, **options), file)
