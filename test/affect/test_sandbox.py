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

"""Networks are validated in a child process."""

import os
from pathlib import Path
import shutil
import sys

from face_affect_ros.affect import sandbox
from face_affect_ros.affect.model_store import find_model, is_installed, load_card, sha256_of
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.sandbox import load_validated_card, validate_network
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
import pytest

MODEL = 'gender_mini_xception'
FATAL = Path(__file__).parents[1] / 'fuzz' / 'fatal'


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Return the folder of a model that is not of the package."""
    return Path(shutil.copytree(find_model(MODEL), tmp_path / 'foreign'))


def exchange(folder: Path, network: Path) -> None:
    """Replace the network of a model, with its checksum in the card."""
    old = load_card(str(folder)).sha256
    shutil.copy(network, folder / 'model.tflite')
    card = folder / 'card.yaml'
    card.write_text(card.read_text('utf-8').replace(old, sha256_of(network)), 'utf-8')


def test_models_of_the_package_are_not_validated(monkeypatch: pytest.MonkeyPatch,
                                                 foreign: Path) -> None:
    tried: list[Path] = []
    monkeypatch.setattr(sandbox, 'validate_network', lambda path, **_: tried.append(path))
    assert is_installed(MODEL) and is_installed(str(find_model(MODEL)))
    assert not is_installed(str(foreign))
    load_validated_card(MODEL)
    assert tried == []
    load_validated_card(str(foreign))
    assert tried == [foreign / 'model.tflite']
    with_gradients = Path(shutil.copytree(find_model('emotion_small_resnet'),
                                          foreign.parent / 'another'))
    load_validated_card(str(with_gradients))
    assert tried[1:] == [with_gradients / 'model.tflite', with_gradients / 'saliency.npz']


def test_a_valid_network_passes() -> None:
    model = find_model('emotion_small_resnet')
    validate_network(model / 'model.tflite')
    validate_network(model / 'saliency.npz', source=model / 'model.tflite')
    with pytest.raises(AffectError, match='cannot be combined with card.yaml'):
        validate_network(model / 'saliency.npz', source=model / 'card.yaml')


@pytest.mark.parametrize('name', ['found_segfault', 'found_memory'])
def test_a_network_that_would_crash_the_process_is_an_error(name: str, foreign: Path) -> None:
    """LiteRT 2.3 crashes on one of these files and allocates 2 GB for the other."""
    exchange(foreign, FATAL / name)
    with pytest.raises(AffectError, match='model.tflite: the network failed its validation in '
                                          'a child process: .*; export or download'):
        make_pipeline(PipelineSettings(gender_model=str(foreign)))


def test_the_memory_is_limited() -> None:
    with pytest.raises(AffectError, match='failed its validation'):
        validate_network(find_model('emotion_sequential_fully_cnn') / 'model.tflite',
                         memory=100_000)


@pytest.mark.parametrize(('script', 'complaint'), [
    ('kill -SEGV $$', 'the TFLite runtime was ended by SIGSEGV'),
    ('exec sleep 100', 'it did not end within 0.5 s'),
    ('exit 3', 'exit code 3'),
    ('echo why; exit 1', 'child process: why; export')])
def test_signals_and_timeouts_are_reported(script: str, complaint: str, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\n{script}\n', 'ascii')
    python.chmod(0o755)
    monkeypatch.setattr(sys, 'executable', str(python))
    with pytest.raises(AffectError, match=complaint):
        validate_network(tmp_path / 'model.tflite', timeout=0.5)


def test_ctrl_c_does_not_reach_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / 'python'
    python.write_text('#!/bin/sh\ncut -d" " -f5 /proc/$$/stat; exit 1\n', 'ascii')   # its group
    python.chmod(0o755)
    monkeypatch.setattr(sys, 'executable', str(python))
    with pytest.raises(AffectError, match=r'child process: \d+; export') as caught:
        validate_network(tmp_path / 'model.tflite')
    assert f'child process: {os.getpgrp()};' not in str(caught.value)
