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

"""The layers of training compute what the plain ones do."""

import importlib.util
import os
from pathlib import Path
import subprocess
import sys

from face_affect_training import networks
from face_affect_training.networks.lowering import _usual, lowered
import keras
import numpy as np
import pytest


def test_what_cannot_be_swapped_stays() -> None:
    """A dilated layer is not the business of the faster ones."""
    kinds = keras.layers
    assert _usual(kinds.DepthwiseConv2D(3, strides=2, padding='same'))
    assert _usual(kinds.Conv2D(4, 3, strides=2)) and _usual(kinds.BatchNormalization())
    for layer in (kinds.DepthwiseConv2D(3, depth_multiplier=2, padding='same'),
                  kinds.Conv2D(4, 3, dilation_rate=2), kinds.Conv2D(4, 3, groups=2),
                  kinds.BatchNormalization(axis=1), kinds.BatchNormalization(scale=False)):
        assert not _usual(layer)


def test_copy_or_the_network_itself() -> None:
    """The lowered network has the same weights, in the same order, and answers alike."""
    plain = networks.build('mini_xception', input_shape=(32, 32, 1), classes=7)
    copy = lowered(plain)
    assert (copy is plain) == (keras.backend.backend() != 'torch')
    for theirs, ours in zip(plain.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, ours)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(copy.predict(images, verbose=0), plain.predict(images, verbose=0),
                               atol=1e-5)


def test_every_network_on_torch() -> None:
    """Outputs, steps of training and moving statistics agree; see lowering_on_torch.py."""
    if importlib.util.find_spec('torch') is None:
        pytest.skip('PyTorch is not installed: its faster layers are not looked at')
    script = Path(__file__).with_name('lowering_on_torch.py')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', str(script)], capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)})
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [*networks.NETWORKS, 'mixed_bfloat16']
