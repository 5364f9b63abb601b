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

"""The faces of an experiment: read, counted, checked, printed."""

from pathlib import Path
import sys

from face_affect_ros.affect.types import AffectError
from face_affect_training.data import cache
from face_affect_training.data.protocol import check_protocol, repeats
from face_affect_training.data.types import FaceData
from face_affect_training.experiment import Data, data_path


def load_split(data: Data, split: str, *, channels: int, cache_folder: Path | None) -> FaceData:
    """Return one split of an experiment's data set, see cache.load."""
    options = {key: str(data_path(value)) if isinstance(value, str) and '${' in value else value
               for key, value in data.options.items()}
    return cache.load(data.reader, data_path(data.path), split, channels=channels,
                      cache=cache_folder, options=options)


def load_splits(data: Data, task: str, *, channels: int,
                cache_folder: Path | None) -> tuple[FaceData, FaceData]:
    """
    Return the training and the validation faces, their counts printed and checked.

    Raises AffectError where a split is a test split, where the labels are of another task, and
    where a count is not the expected one.
    """
    check_protocol(data.reader, data.train, data.validation, allow_test=data.allow_test)
    splits = []
    for entry, split in (('train', data.train), ('validation', data.validation)):
        faces = load_split(data, split, channels=channels, cache_folder=cache_folder)
        _print(faces.table())
        expected = getattr(data, f'expect_{entry}')
        if faces.task != task:
            raise AffectError(f'{faces.source} holds labels of {faces.task}, the experiment is '
                              f'about {task}')
        if expected and len(faces) != expected:
            raise AffectError(f'{faces.source}: {len(faces)} faces, but the experiment expects '
                              f'{expected}; complete the data, or set data.expect_{entry} to 0')
        splits.append(faces)
    return _without_repeats(splits[0], splits[1], drop=data.drop_duplicates), splits[1]


def _without_repeats(faces: FaceData, judged: FaceData, *, drop: bool) -> FaceData:
    """Say how many faces are trained on and judged as well; leave them out where asked to."""
    trained, tested = repeats(faces, judged)
    count = int(trained.sum())
    if not count:
        _print(f'no picture of {judged.source} is in {faces.source} as well')
        return faces
    _print(f'{int(tested.sum())} of {len(judged)} pictures of {judged.source} are in '
           f'{faces.source} as well, {count} of {len(faces)} there; '
           f"{'left out of training' if drop else 'data.drop_duplicates: true leaves them out'}")
    if drop and count == len(faces):
        raise AffectError(f'{faces.source}: every picture is in {judged.source} as well')
    return faces.select(~trained) if drop else faces


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
