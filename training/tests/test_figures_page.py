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

"""The results page: made of result files alone, complete, and true to them."""

import csv
import json
from pathlib import Path
import re
from typing import Any

from face_affect_ros.affect.types import EMOTIONS, GENDERS
from face_affect_training.__main__ import main
from face_affect_training.figures import model_page, page, plans, results, shipped
from face_affect_training.metrics import coverage_curve, report
import numpy as np
from PIL import Image
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RESULTS, MODELS = ROOT / 'docs' / 'results', ROOT / 'models'
#: Bytes: of a picture, and of the whole folder.
PICTURE, FOLDER = 60_000, 700_000


def cells_of(name: str, epochs: int, skip: int = 0) -> dict[str, Any]:
    """Return what running a plan would write, with made-up figures. skip: cells not yet run."""
    plan, random = plans.load_plan(name), np.random.default_rng(5)
    cells = []
    for cell in plan.cells[:len(plan.cells) - skip]:
        curves = {f'{split}_{figure}': random.uniform(0.2, 0.8, epochs).round(4).tolist()
                  for split in ('train', 'val') for figure in ('accuracy', 'loss')}
        last = {key: values[-1] for key, values in curves.items()}
        cells.append({
            'name': cell.name, 'changes': cell.changes, 'backend': 'tensorflow',
            'network': plan.experiment(cell).network.name, 'parameters': 12_345,
            'train': 'FER-2013 Training, 6000 of 28709', 'train_faces': 6000,
            'validation': 'FER-2013 PublicTest', 'validation_faces': 3589, 'epochs': epochs,
            'final': last, 'best': {'epoch': epochs, **last}, 'curves': curves})
    return {'plan': name, 'command': f'face_affect figures run {name}',
            'experiment': plan.base_experiment().as_mapping(),
            'missing': [cell.name for cell in plan.cells[len(plan.cells) - skip:]],
            'cells': cells}


def evaluation(model: str, task: str, data: str, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return what an evaluation would write, with made-up figures."""
    random = np.random.default_rng(6)
    probabilities = random.dirichlet(np.ones(len(labels)), 200)
    speed = {'alone': 0.4321, 'in_batch': 0.3456, 'batch': 16, 'cpu': 'a processor'}
    labelled = random.integers(0, len(labels), 200)
    groups = {'race': np.array(['north', 'south'])[random.integers(0, 2, 200)]}
    return {'model': model, 'task': task, 'data': data, 'bytes': 240_999,
            'milliseconds_per_face': speed,
            'coverage_curve': coverage_curve(probabilities, labelled),
            **report(probabilities, labelled, labels, groups)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return result files as the commands would write them, with made-up figures."""
    own = tmp_path / 'results'
    for name, epochs, skip in (('networks', 4, 2), ('dropout', 6, 0), ('rate_maps', 3, 5)):
        results.write(own / f'{name}.json', cells_of(name, epochs, skip))
    results.write(own / 'network_sizes.json', {'networks': {
        cell.name: {'parameters': 60_001, 'macs': 10 ** (6 + index % 3), 'tflite_bytes': 250_001}
        for index, cell in enumerate(plans.load_plan('networks').cells)}})
    results.write(own / 'published_weights.json', {'networks': [
        {'file': f'{task}.tflite', 'bytes': 241_288, 'task': task, 'data': data, 'faces': 100,
         'views': [{'context': share, 'accuracy': 0.5 + share, 'balanced_accuracy': 0.4}
                   for share in (0.0, 0.2)]}
        for task, data in (('emotion', 'FER-2013 PublicTest'), ('gender', 'FairFace val'))]})
    results.write(own / 'errors_some.json', {
        'command': 'face_affect figures errors', 'model': 'some', 'data': 'FER-2013 PublicTest',
        'faces': 100, 'errors': 31, 'mean_probability_right': 0.871,
        'mean_probability_wrong': 0.519, 'confusions': [
            {'true': 'fear', 'taken': 'sad', 'faces': 31, 'share_of_true': 0.234,
             'mean_probability': 0.519, 'highest_probability': 0.987}]})
    results.write(own / 'filters_some.json', {
        'command': 'face_affect figures filters runs/some', 'experiment': 'some', 'epoch': 7,
        'val_accuracy': 0.654, 'climb': {'steps': 120, 'shift': 2}})
    for name in ('filters_some', 'mean_faces_some'):
        Image.new('L', (8, 8)).save(own / f'{name}.png')
    for name, task, data, labels in (
            ('emotion_mini_xception', 'emotion', 'FER-2013 PublicTest', EMOTIONS),
            ('gender_mini_xception', 'gender', 'FairFace val', GENDERS)):
        judged = evaluation(name, task, data, labels)
        elsewhere = evaluation(name, task, 'others', labels)
        elsewhere['groups']['age'] = {age: {'faces': faces, 'accuracy': accuracy} for
                                      age, faces, accuracy in (
                                          ('3-9', 50, 0.1), ('20-29', 100, 0.9),
                                          ('30-39', 50, 0.6))}
        results.write(own / f'{name}.json', {
            'model': name, 'sha256': 'abc', 'experiment': name, 'tasks': {task: {
                'validation': judged, 'train': {'accuracy': 0.877},
                'elsewhere': [elsewhere] if task == 'gender' else [],
                'framing': {'faces': 200, 'found': 199, 'accuracy': {'0': 0.611, '0.05': 0.622}},
                'limits': {'by_side': {'48': 0.701}, 'by_blur': {'0.01': 0.702}},
                'precisions': {'float32': {'bytes': 1, 'accuracy': 0.5, 'ece': 0.01},
                               'int8': {'bytes': 240_998, 'accuracy': 0.4321, 'ece': 0.02}}}}})
        card = {'kind': 'classifier', 'name': name, 'bytes': 240_999, 'network': 'mini_xception',
                'sha256': 'abc', 'precision': 'float32', 'parameters': 58_423,
                'input': {'size': 48, 'channels': 1},
                'heads': [{'task': task, 'threshold': 0.35, 'temperature': 1.1}],
                'limits': {'min_side': 24.0, 'max_turn': 0.8},
                'data': {task: {'training': 'some faces', 'chosen_on': 'others',
                                'origin': 'somewhere'}},
                'crop': {'margin': 0.05}, 'mirror': task == 'emotion',
                'training': {'experiment': name, **({
                    'tag': 'lab', 'learned_from': ['emotion_teacher_residual', 'gone', 'dlib'],
                    'hours': {'emotion_teacher_residual': 1.25, name: 3.5}, 'device': 'a chip'}
                    if task == 'emotion' else {})},
                'licence': 'Apache-2.0'}
        (tmp_path / 'models' / name).mkdir(parents=True)
        (tmp_path / 'models' / name / 'card.yaml').write_text(yaml.safe_dump(card))
    (own / 'training').mkdir()
    with (own / 'training' / 'emotion_mini_xception.csv').open('w', newline='') as file:
        csv.writer(file).writerows([('epoch', 'best'), (1, '0.4000'), (2, '0.6123')])
    return own


def pictures_of(text: str) -> list[str]:
    """Return the files of the pictures that a page shows."""
    return re.findall(r'!\[[^\]]*\]\(([^)]+)\)', text)


def links_of(text: str) -> list[str]:
    """Return the files that a page points to."""
    return [link for link in re.findall(r'\]\(([^)]+)\)', text) if '://' not in link]


def check_links(folder: Path, text: str) -> None:
    """Every file that the page names is there, every picture opens and is small."""
    for link in links_of(text):
        assert (folder / link).is_file(), link
    for name in pictures_of(text):
        assert (folder / name).stat().st_size < PICTURE, name
        with Image.open(folder / name) as picture:
            picture.load()


def draw_page(folder: Path) -> int:
    """Write the page of these result files; return the exit code."""
    return main(['figures', 'page', '--results', str(folder), '--models',
                 str(folder.parent / 'models')])


def test_page_of_result_files(folder: Path) -> None:
    """One command draws and writes all; each figure of the files is on the page."""
    assert draw_page(folder) == 0
    text = (folder / 'README.md').read_text()
    assert {'networks.png', 'confusion_emotion_mini_xception.png', 'dropout_accuracy.png',
            'dropout_loss.png', 'rate_maps.png', 'filters_some.png',
            'mean_faces_some.png'} == set(pictures_of(text))
    check_links(folder, text.replace('../../models', str(folder.parent / 'models')))
    judged = results.read(folder, 'emotion_mini_xception', '')['tasks']['emotion']['validation']
    women = results.read(folder, 'gender_mini_xception', '')['tasks']['gender']['elsewhere'][0][
        'per_class']['woman']['recall']
    for part in ('Not run yet:** mini_xception, sequential_fully_cnn', 'fractional-', '12,345',
                 'fear taken for sad | 31 | 23.4 % | 0.52 | 0.99', '31 of 100', '65.4 %',
                 '1,000,000', '250,001', '0.43 ms alone', '87.7 %', '240,999',
                 'chip and 20 % on each side', '50.0 % to 70.0 %', '241 KB', '60,001',
                 f"| 87.7 % | {100 * judged['accuracy']:.1f} % |",
                 '| [2](training/emotion_mini_xception.csv) |',
                 '| emotion | 199 of 200 | 61.1 % | **62.2 %** |',
                 '| emotion | int8 | 240,998 | 43.21 % | 2.0 % |', '| **float32** |',
                 f'| 150 | 80.0 % | woman {100 * women:.1f} %'):
        assert part in text, part
    for cell in json.loads((folder / 'dropout.json').read_text())['cells']:
        rate = cell['changes']['network.options.dropout']
        row = next(line for line in text.splitlines() if line.startswith(f'| {rate:g} |'))
        for figure in ('train_accuracy', 'val_accuracy'):
            assert f'{100 * cell["final"][figure]:.1f} %' in row


@pytest.mark.parametrize(('missing', 'command'), [
    ('dropout', 'face_affect figures run dropout'),
    ('network_sizes', 'face_affect figures sizes'),
    ('published_weights', 'face_affect figures published'),
    ('errors_some', 'face_affect figures errors'),
    ('filters_some', 'face_affect figures filters'),
    ('gender_mini_xception', 'face_affect ship training/experiments/gender_mini_xception.yaml'),
])
def test_a_missing_file_is_named(folder: Path, missing: str, command: str,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    """One line says which command makes it, and no page is written."""
    (folder / f'{missing}.json').unlink()
    assert draw_page(folder) == 1
    assert command in capsys.readouterr().err
    assert not (folder / 'README.md').exists()


def test_figures_of_another_file_are_refused(folder: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / 'gender_mini_xception.json'
    path.write_text(path.read_text().replace('"abc"', '"abd"'))
    assert draw_page(folder) == 1
    assert 'xception.json: is of another file than the card' in capsys.readouterr().err


def test_the_pages_of_the_repository(tmp_path: Path) -> None:
    """They are what the command writes of the files; their pictures are there and small."""
    text = (RESULTS / page.PAGE).read_text()
    assert page.text(RESULTS, MODELS) == text
    check_links(RESULTS, text)
    drawn = page.draw(RESULTS, MODELS, tmp_path)
    # no picture that the page does not show: sheets of faces are no part of the repository
    assert {path.name for path in RESULTS.rglob('*.png')} == set(pictures_of(text))
    for path in drawn:
        with Image.open(path) as ours, Image.open(RESULTS / path.name) as theirs:
            # fonts differ a little between versions of matplotlib
            assert np.abs(np.subtract(ours.size, theirs.size)).max() <= 8, path.name
    assert sum(path.stat().st_size for path in RESULTS.rglob('*') if path.is_file()) < FOLDER
    lines = (ROOT / 'README.md').read_text().splitlines()
    for card in shipped.trained(MODELS):
        own = MODELS / card['name'] / model_page.PAGE
        assert model_page.text(RESULTS, card) == own.read_text()
        check_links(own.parent, own.read_text())
        row = next(line for line in lines if line.startswith(f"| `{card['name']}`"))
        figures = ', '.join(f"{100 * metrics['accuracy']:.1f} % of {metrics['data']}"
                            for metrics in card['metrics'].values())
        assert row.endswith(f'| {figures} |')


def test_the_page_of_a_model_says_what_was_measured(folder: Path) -> None:
    """Classes, coverage, limits and failures, with the numbers of the files."""
    written = model_page.write_all(folder, folder.parent / 'models')
    assert [path.parent.name for path in written] == ['emotion_mini_xception',
                                                      'gender_mini_xception']
    text = written[0].read_text()
    for piece in ('Apparent expression of a face: `mini_xception`, 58,423 parameters',
                  'pixels and their mirror image', 'trained on `some faces`', 'by race',
                  '`too_small`: ', 'is below 24', '70.1 %', '70.2 %', 'is taken for',
                  'Below 0.35 the answer is `unknown`', 'Regulation 2024/1689',
                  'emotion_teacher_residual 1.25', 'emotion_mini_xception 3.5', ', on a chip.',
                  '(../../training/experiments/emotion_teacher_residual.yaml), gone',
                  'at the tag `lab`', "The weights of dlib's network"):
        assert piece in text, piece
    other = written[1].read_text()
    assert not any(piece in other for piece in ('learned', 'dlib', 'mirror', 'Hours'))


def test_result_files_are_short(tmp_path: Path) -> None:
    """Lists of numbers stand on one line, and nothing is lost."""
    facts = {'a': [[1, 2.5], [3, None]], 'b': {'c': ['x, y', ']'], 'd': []}, 'e': True}
    results.write(tmp_path / 'some.json', facts)
    text = (tmp_path / 'some.json').read_text()
    assert json.loads(text) == facts
    assert '[1, 2.5]' in text
    with pytest.raises(ValueError, match='not JSON compliant'):
        results.write(tmp_path / 'some.json', {'a': float('nan')})
