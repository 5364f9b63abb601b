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

"""Small data sets in the formats of the real ones, and experiments on them."""

import csv
from importlib.util import find_spec
from pathlib import Path
from typing import Any
import zipfile

import cv2
from face_affect_ros.affect.crop import CropSpec
from face_affect_training.data.fer2013 import VOTES
import numpy as np
import pytest
import yaml

#: Packages of requirements/training.txt that a ROS workspace does not need.
NEEDED = ('keras', 'matplotlib', 'sklearn', 'tensorboardX', 'tensorflow')
MISSING = [name for name in NEEDED if find_spec(name) is None]
VOTE_OF = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise', 'neutral')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test of this folder with `training`, for one process."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker('training')
            item.add_marker(pytest.mark.xdist_group('training'))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Skip all modules here where the training packages are missing, as in `colcon test`."""
    if MISSING and isinstance(collector, pytest.Module):
        reason = f"{', '.join(MISSING)} not installed, see training/README.md"

        def skip() -> None:
            pytest.skip(reason, allow_module_level=True)

        collector.collect = skip


def shape_picture(kind: int, random: np.random.Generator, size: int = 48) -> np.ndarray:
    """Return a grey image of one of seven shapes with noise and a random shift, uint8."""
    picture = np.full((size, size), 90, np.uint8)
    cx, cy = (size // 2 + random.integers(-3, 4, 2)).tolist()
    r = size // 4
    if kind < 2:
        cv2.circle(picture, (cx, cy), r, 220 if kind else 10, -1)
    elif kind < 4:
        cv2.rectangle(picture, (cx - r, cy - r), (cx + r, cy + r), 220 if kind == 3 else 10, 2)
    elif kind == 4:
        cv2.line(picture, (cx - r, cy), (cx + r, cy), 250, 5)
    elif kind == 5:
        cv2.line(picture, (cx, cy - r), (cx, cy + r), 250, 5)
    return np.clip(picture + random.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope='session')
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of FER-2013 sheets: 280 training and 70 public test faces."""
    folder = tmp_path_factory.mktemp('fer')
    random = np.random.default_rng(7)
    sheet = np.zeros((48 * 6, 48 * 64), np.uint8)
    with (folder / 'labels.csv').open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['sheet', 'tile', 'row', 'usage', 'emotion', *VOTES])
        for tile in range(350):
            kind = tile % 7
            y, x = 48 * (tile // 64), 48 * (tile % 64)
            sheet[y:y + 48, x:x + 48] = shape_picture(kind, random)
            votes = [8 if column == VOTE_OF[kind] else 0 for column in VOTES]
            votes[0] += 2
            usage = 'Training' if tile < 280 else 'PublicTest'
            writer.writerow([0, tile, tile, usage, kind, *votes])
    assert cv2.imwrite(str(folder / 'sheet_00.webp'), sheet, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return folder


@pytest.fixture(scope='session')
def settings(sheets: Path) -> dict[str, Any]:
    """Return the settings of a short experiment on the small sheets."""
    return {
        'name': 'small', 'task': 'emotion', 'seed': 5,
        'data': {'reader': 'fer2013_sheets', 'path': str(sheets), 'train': 'Training',
                 'validation': 'PublicTest', 'expect_train': 280, 'expect_validation': 70},
        'input': {'size': 24}, 'network': {'name': 'baseline', 'options': {'dropout': 0.1}},
        'augmentation': {'erase': 0.2, 'roll': 3.0},
        'targets': {'smoothing': 0.02, 'ferplus_weight': 0.3},
        'training': {'epochs': 4, 'batch': 28, 'learning_rate': 0.01, 'warmup_epochs': 1,
                     'ema': 0.8, 'mixup': 0.2, 'cutmix': 1.0, 'blend_share': 0.3, 'workers': 0},
    }


@pytest.fixture
def experiment(settings: dict[str, Any], tmp_path: Path) -> Path:
    """Return the file of the experiment."""
    path = tmp_path / 'small.yaml'
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope='session')
def genders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of FairFace: 140 training and 40 validation images."""
    folder = tmp_path_factory.mktemp('fairface')
    random = np.random.default_rng(9)
    for split, count in (('train', 140), ('val', 40)):
        with (zipfile.ZipFile(folder / f'fairface_{split}.zip', 'w') as archive,
              (folder / f'fairface_{split}.csv').open('w', newline='') as file):
            writer = csv.writer(file)
            writer.writerow(('file', 'age', 'gender', 'race'))
            for index in range(count):
                name = f'{split}/{index}.webp'
                picture = cv2.cvtColor(shape_picture(4 + index % 2, random), cv2.COLOR_GRAY2BGR)
                archive.writestr(name, cv2.imencode('.webp', picture)[1].tobytes())
                writer.writerow((name, '20-29', 'Male' if index % 2 else 'Female', 'Indian'))
    return folder


@pytest.fixture(scope='session')
def chip() -> np.ndarray:
    """Return the crop of the portrait, (96, 96) uint8."""
    from face_affect_training.figures.guided import portrait_crop
    return portrait_crop(CropSpec(size=96, margin=0.25))[:, :, 0]
