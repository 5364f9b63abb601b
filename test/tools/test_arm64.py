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

"""Wheels for arm64 in the locks, and the comparison of results with another processor."""

import copy
from pathlib import Path
import re
from typing import Any

import arm64
import lock
import pytest

REQUIREMENTS = Path(__file__).resolve().parents[2] / 'requirements'
#: Locks without files for x86-64 only.
LOCKS = sorted(path for path in REQUIREMENTS.glob('*.txt') if not path.name.startswith('ros-'))
#: Output of `face_affect analyze` for an image.
PICTURE = {'source': 'a.png', 'faces': [{
    'roi': [10, 20, 50, 50], 'landmarks': {'nose': [35.0, 45.0]},
    'emotion': 'happy', 'emotion_confidence': 0.7, 'emotion_probabilities': [0.3, 0.7],
    'gender': '', 'gender_confidence': 0.0, 'gender_probabilities': []}]}


def wheels(*tags: str) -> dict[str, Any]:
    """Return a package of a pylock.toml with wheels of these tags."""
    return {'wheels': [{'url': f'https://index/av-1.0-{tag}.whl'} for tag in tags]}


@pytest.mark.parametrize(('tags', 'lacking'), [
    (['py3-none-any'], set()),
    (['cp311-cp311-manylinux_2_28_x86_64', 'cp311-cp311-manylinux_2_28_aarch64'], set()),
    (['cp311-cp311-manylinux_2_28_x86_64', 'cp311-cp311-manylinux_2_17_armv7l'], {'cp311'}),
    (['cp310-cp310-manylinux_2_28_x86_64', 'cp311-cp311-manylinux_2_28_x86_64',
      'cp310-cp310-manylinux2014_aarch64'], {'cp311'}),
    (['cp311-cp311-manylinux_2_28_x86_64', 'cp311-cp311-musllinux_1_2_aarch64'], {'cp311'}),
    (['py3-none-manylinux_2_28_x86_64', 'py3-none-any'], set()),
])
def test_missing_arm64_wheels_are_detected(tags: list[str], lacking: set[str]) -> None:
    assert lock.lacking_on_arm64(wheels(*tags)) == lacking


def test_a_pin_has_the_same_files_in_every_lock() -> None:
    """Hashes do not name a processor, but a lock without arm64 differs from one with it."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for path in LOCKS:
        for pin in re.split(r'\n(?=[a-z])', path.read_text())[1:]:
            name = re.match(r'[\w.-]+==[\w.]+', pin)
            assert name is not None, pin
            hashes = frozenset(re.findall('sha256:[0-9a-f]{64}', pin))
            found.setdefault(name[0], {})[path.name] = hashes
    shared = {name: files for name, files in found.items() if len(files) > 1}
    assert any(name.startswith('ai-edge-litert==') for name in shared)
    assert {name: files for name, files in shared.items() if len(set(files.values())) > 1} == {}


def test_equal_results_have_no_differences() -> None:
    assert arm64.compare([PICTURE], [copy.deepcopy(PICTURE)]) == (1, 0.0, 0.0, [])


def test_differences_are_measured_and_named() -> None:
    other: Any = copy.deepcopy(PICTURE)
    face = other['faces'][0]
    face['emotion_probabilities'], face['emotion'] = [0.55, 0.45], 'sad'
    face['landmarks'] = {'nose': [35.0, 48.0]}
    faces, chance, pixels, lines = arm64.compare([PICTURE], [other])
    assert (faces, round(chance, 6), pixels) == (1, 0.25, 3.0)
    assert len(lines) == 1 and 'happy (0.700) and sad (0.700)' in lines[0]


def test_the_order_of_the_faces_is_ignored() -> None:
    second: Any = copy.deepcopy(PICTURE['faces'][0])
    second.update(roi=[100, 20, 50, 50], emotion='sad', landmarks={'nose': [125.0, 45.0]})
    faces = [PICTURE['faces'][0], second]
    one, other = ({**PICTURE, 'faces': each} for each in (faces, faces[::-1]))
    assert arm64.compare([one], [other]) == (2, 0.0, 0.0, [])


@pytest.mark.parametrize(('there', 'complaint'), [
    ([], 'the images differ'),
    ([{**PICTURE, 'faces': []}], 'a.png: 1 and 0 faces'),
])
def test_missing_images_and_faces_are_named(there: list[Any], complaint: str) -> None:
    assert arm64.compare([PICTURE], there) == (0, 0.0, 0.0, [complaint])
