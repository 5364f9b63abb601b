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

"""Images, evaluation and pages of the benchmarks."""

import json
from pathlib import Path
import subprocess

from agreement import compare
import cv2
from face_affect_bench import __main__ as bench
from face_affect_bench import peer_program
from face_affect_bench.compare import merge_base, ratios, ROOT
from face_affect_bench.frames import compose, moving
from face_affect_bench.machine import measure
from face_affect_bench.peers import PEERS
from face_affect_bench.report import page, table
from face_affect_ros.affect.detectors import make_detector
import numpy as np
import pytest


def box(x: float) -> np.ndarray:
    """Return a face of 10 pixels."""
    return np.array([x, 0, 10, 10], np.float32)


def test_agreement_counts_missing_and_new_faces_and_swaps() -> None:
    reference = [{'a': box(0), 'b': box(50)}] * 3
    result = [{'x': box(1), 'y': box(50)}, {'x': box(50), 'y': box(0)},
              {'x': box(0), 'z': box(90)}]
    agreed = compare(result, reference)
    assert (agreed.missing, agreed.extra, agreed.swaps) == (1, 1, 2)
    assert (agreed.tracks, agreed.wanted) == (3, 2)
    assert agreed.least == pytest.approx(9 / 11)
    assert compare(result, reference, images=[1]).overlap == pytest.approx(1.0)


def test_items_are_measured_in_turn_after_the_warm_up() -> None:
    seen: list[int] = []
    timing = measure(seen.append, [1, 2, 3], times=4, warm_up=2)
    assert seen == [1, 2, 3, 1, 2, 3]
    assert 0.0 <= timing['median ms'] <= timing['p99 ms']


def test_the_median_of_the_ratios_of_all_rounds() -> None:
    rows = ratios([({'work': 1.0}, {'work': 2.0}), ({'work': 10.0}, {'work': 20.0}),
                   ({'work': 1.0}, {'work': 1.0})])
    assert [row['new : old'] for row in rows] == [2.0]


def test_the_merge_base_is_checked_out_and_removed(tmp_path: Path) -> None:
    if subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=ROOT, capture_output=True).returncode:
        pytest.skip(f'{ROOT} is no git repository')
    with merge_base('HEAD', tmp_path / 'base') as tree:
        assert (tree / 'face_affect_ros' / 'affect' / 'pipeline.py').is_file()
    assert not (tmp_path / 'base').exists()
    with pytest.raises(SystemExit, match='git merge-base'), merge_base('nowhere', tmp_path / 'x'):
        pass


def test_a_page_has_a_table_for_each_section() -> None:
    rows = [{'a': 1, 'b': 0.12345}, {'a': 'x|y', 'c': None}]
    assert table(rows) == ('| a | b | c |\n| --- | --- | --- |\n| 1 | 0.123 |  |\n| x/y |  |  |')
    assert table([]) == ''
    section = {'title': 'Title', 'about': 'About.', 'measured': 'today', 'rows': rows,
               'machine': {'cores': '1'}}
    other = {**section, 'measured': 'yesterday', 'machine': {'cores': '8', 'memory': '1 GiB'}}
    text = page({'machine': {'cores': '1'}, 'sections': {'o': other, 's': section}})
    assert '| cores | 1 |' in text
    assert '## Title\n\nAbout.\n\n| a | b | c |' in text
    assert '(yesterday; cores: 8; memory: 1 GiB)' in text
    assert text.endswith('(today)\n')


def test_sections_that_are_not_measured_keep_their_last_results(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, list] = {'stages': [{'stage': 'first'}], 'topics': [{'MiB': 1}]}
    monkeypatch.setattr(bench, 'SECTIONS', {
        name: (name, '', lambda options, name=name: answers[name])
        for name in answers})
    (tmp_path / 'media').mkdir()
    command = ['bench', '--shared', str(tmp_path), '--out', str(tmp_path / 'found.md')]
    monkeypatch.setattr('sys.argv', command)
    monkeypatch.setattr(bench.machine, 'pin', lambda cores: None)
    monkeypatch.setattr(bench.machine, 'describe', lambda cores: {'processor': 'old'})
    assert bench.main() == 0
    answers['stages'] = [{'stage': 'second'}]
    monkeypatch.setattr('sys.argv', [*command, '--only', 'stages'])
    monkeypatch.setattr(bench.machine, 'describe', lambda cores: {'processor': 'new'})
    assert bench.main() == 0
    found = json.loads((tmp_path / 'found.json').read_text())['sections']
    assert [section['machine']['processor'] for section in found.values()] == ['new', 'old']
    assert {name: section['rows'] for name, section in found.items()} == {
        'stages': [{'stage': 'second'}], 'topics': [{'MiB': 1}]}
    assert 'second' in (tmp_path / 'found.md').read_text()


@pytest.mark.parametrize('faces', [0, 1, 2, 8, 16])
def test_the_number_of_faces_in_a_composed_image(faces: int) -> None:
    assert len(make_detector(min_score=0.4)(compose((640, 480), faces))) == faces


@pytest.mark.slow
@pytest.mark.parametrize('form', ['two_processes', 'two_processes_low_power', 'one_container'])
def test_each_configuration_is_measured(form: str, ros_domain: int, tmp_path: Path) -> None:
    if form == 'two_processes_low_power':
        pytest.importorskip('rclpy.experimental', reason='this rclpy has no events executor')
    from face_affect_bench import topics
    picture = tmp_path / '1.png'
    cv2.imwrite(str(picture), compose((640, 480), 1))
    row, = topics.measure(getattr(topics, form), picture, (10.0,), 2.0)
    assert row['images'] > 2 and row['found'] == 1.0 and row['node: MiB'] > 0


def test_heads_move() -> None:
    first, second = moving((640, 480), 2, 2)
    assert first.stamp < second.stamp
    assert (first.image != second.image).any()


def test_every_peer_has_a_program() -> None:
    assert [peer.program for peer in PEERS] == list(peer_program.PEERS)
