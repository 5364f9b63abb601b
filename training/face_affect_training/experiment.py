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

"""Experiments: YAML files with all settings of a training run."""

import dataclasses
from dataclasses import dataclass, field
import json
import math
import os
from pathlib import Path
import shlex
import typing
from typing import Any, Literal

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import load_card, MAX_MARGIN, MAX_SIZE
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray, LABELS
from face_affect_ros.paths import expanded
from face_affect_training.tflite import GradientPrecision, Precision
from face_affect_training.views import Augmentation
import numpy as np
import yaml

#: Published weights that training.start_from accepts by name.
VGGFACE2 = 'vggface2'
#: Errors of files and of PyYAML, also those of its constructors of dates and numbers.
UNREADABLE = (OSError, ValueError, RecursionError, yaml.YAMLError)
#: Smallest and largest values of entries.
RANGES = {'seed': (0, 2**32 - 1), 'size': (1, MAX_SIZE), 'channels': (1, 3),
          'margin': (-0.49, MAX_MARGIN), 'zooms': (0.01, 100), 'zoom': (0.01, 100),
          'subset': (0, math.inf), 'epochs': (1, math.inf), 'batch': (1, math.inf),
          'learning_rate': (0, math.inf), 'smoothing': (0, 1), 'ferplus_weight': (0, 1),
          'weight': (0, 1), 'blend_share': (0, 1), 'ema': (0, 1)}


@dataclass(frozen=True)
class Data:
    """Data set of a task and its splits."""

    reader: str   # name in data.READERS
    path: str   # file or folder; ${FACE_AFFECT_SHARED} and ~ are replaced
    train: str   # split for training
    validation: str   # split for the selection of the checkpoint
    expect_train: int = 0   # required number of training faces, 0 for any
    expect_validation: int = 0   # required number of validation faces, 0 for any
    zooms: tuple[float, ...] = (1.0,)   # zooms of the validation crops; their accuracy is averaged
    subset: int = 0   # size of a stratified random subset of the training faces, 0 for all


@dataclass(frozen=True)
class Input:
    """Crop and input of the network: input = pixel * scale + offset."""

    size: int   # pixels
    channels: int = 1
    scale: float = 2.0 / 255.0
    offset: float = -1.0
    margin: float = 0.1   # share of the face box, on each side
    align: bool = True   # whether the node rotates the crop by the landmarks

    def spec(self) -> CropSpec:
        """Return the crop."""
        return CropSpec(self.size, self.channels, self.margin, self.align)

    def scaled(self, crops: ImageArray) -> FloatArray:
        """Return the network input, float32, of uint8 crops of any shape."""
        return crops.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)


@dataclass(frozen=True)
class Network:
    """Network in networks.NETWORKS and the options of its builder function."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Targets:
    """Target probabilities, see data.faces.make_targets."""

    smoothing: float = 0.0
    ferplus_weight: float = 0.0


@dataclass(frozen=True)
class Distillation:
    """
    Knowledge distillation (Hinton et al. 2015) from the mean probabilities of the teachers.

    Augmented samples are resized and converted between grey and colour for each teacher.
    """

    teachers: tuple[str, ...] = ()   # best.keras files of runs, or names or folders of models
    weight: float = 0.5   # share of the soft targets in the target; the rest is the label
    mirror: bool = False   # whether soft targets are means for the sample and its mirror image
    # compute the soft targets once, on the crops without augmentation at each of data.zooms, and
    # store them in the folder of the teacher; suits slow teachers
    once: bool = False
    # number of epochs after which the augmented samples and their soft targets are reused,
    # shuffled and mixed differently; 0 for new samples in each epoch
    rounds: int = 0


@dataclass(frozen=True)
class Training:
    """Optimizer, schedule, mixing of samples and initial weights."""

    epochs: int = 150
    batch: int = 128
    optimizer: Literal['adam', 'adamw'] = 'adamw'
    learning_rate: float = 2e-3   # peak, after warm-up and before cosine decay
    weight_decay: float = 1e-4
    warmup_epochs: float = 3.0
    clip: float = 0.0   # global gradient norm, 0 for no clipping
    ema: float = 0.0   # momentum of the averaged weights per step, 0 for no averaging
    mixup: float = 0.0   # alpha of the beta distribution, 0 for no mixup (Zhang et al. 2018)
    cutmix: float = 0.0   # alpha of the beta distribution, 0 for no cutmix (Yun et al. 2019)
    blend_share: float = 0.5   # probability of mixup or cutmix of a batch
    plain_epochs: int = 0   # number of last epochs without erasing, mixup and cutmix
    start_from: str = ''   # .keras file of the same network, or VGGFACE2
    backbone_from: str = ''   # .keras file; layers of equal name and shape are initialised from it
    precision: Literal['float32', 'mixed_bfloat16'] = 'float32'   # dtype policy of Keras
    workers: int = 1   # threads for augmentation, 0 for none


@dataclass(frozen=True)
class Export:
    """Settings of the model that `ship` exports."""

    precision: Precision = 'float32'
    mirror: bool = False   # test-time flip, at twice the inference time
    # precision of the gradients for saliency, '' for none
    saliency: Literal['', GradientPrecision] = ''


@dataclass(frozen=True)
class Task:
    """Settings of one task: data, augmentation, targets and distillation."""

    data: Data
    augmentation: Augmentation = field(default_factory=Augmentation)
    targets: Targets = field(default_factory=Targets)
    distillation: Distillation = field(default_factory=Distillation)


@dataclass(frozen=True)
class Experiment:
    """Settings of a training run."""

    name: str
    input: Input  # noqa: A003
    network: Network
    # by name, 'emotion' or 'gender', in the order of the outputs of the network; the file of an
    # experiment with one task has its name as the entry `task`, and its settings at the top level
    tasks: dict[str, Task]
    seed: int = 1
    training: Training = field(default_factory=Training)
    export: Export = field(default_factory=Export)

    @property
    def task(self) -> str:
        """The name of the only task. Raises AffectError if there are several."""
        if len(self.tasks) != 1:
            raise AffectError(f"experiment '{self.name}' has the tasks {', '.join(self.tasks)}; "
                              'this command supports experiments with one task only')
        return next(iter(self.tasks))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes of all tasks."""
        return tuple(label for task in self.tasks for label in LABELS[task])

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of classes of each task."""
        return tuple(len(LABELS[task]) for task in self.tasks)

    @property
    def sources(self) -> tuple[str, ...]:
        """Initial weights and teachers: files of runs, models or VGGFACE2, without duplicates."""
        teachers = [file for task in self.tasks.values() for file in task.distillation.teachers]
        return tuple(dict.fromkeys(file for file in (self.training.start_from,
                                               self.training.backbone_from, *teachers) if file))

    def as_mapping(self) -> dict[str, Any]:
        """Return the content of the YAML file, with lists for tuples."""
        mapping: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        if len(self.tasks) == 1:
            [(task, entries)] = mapping.pop('tasks').items()
            mapping |= {'task': task, **entries}
        return mapping


def shared_folder() -> Path:
    """Return FACE_AFFECT_SHARED, or the folder `shared` beside the repository if it is empty."""
    default = Path(__file__).resolve().parents[2].parent / 'shared'
    return Path(os.environ.get('FACE_AFFECT_SHARED') or default)


def data_path(text: str) -> Path:
    """Return a path with ${FACE_AFFECT_SHARED} and ~ replaced."""
    filled = text.replace('${FACE_AFFECT_SHARED}', str(shared_folder()))
    return expanded(filled)


def portable_path(text: str) -> str:
    """Return a path for a shell, with $FACE_AFFECT_SHARED for the shared folder."""
    shared = str(shared_folder())
    if text == shared or text.startswith(f'{shared}/'):
        rest = text[len(shared):]
        return f'$FACE_AFFECT_SHARED{shlex.quote(rest) if rest else rest}'
    return shlex.quote(text)


def load_experiment(path: Path, changes: list[str] | None = None) -> Experiment:
    """
    Read an experiment.

    Args:
        path: YAML file.
        changes: 'section.key=value' with a YAML value, each replaces an entry of the file.

    Raises:
        AffectError: the file cannot be read, or an entry is unknown, missing or of a wrong type.
    """
    mapping = read_yaml(path)
    for change in changes or []:
        key, sign, value = change.partition('=')
        if not sign:
            raise AffectError(f'--set {change}: must have the form section.key=value')
        try:
            content = yaml.safe_load(value)
        except UNREADABLE as error:
            raise AffectError(f'--set {change}: the value cannot be read as YAML; put it in '
                              f'quotes if it is a text: {error}') from error
        _set(mapping, key.strip().split('.'), _number(content))
    return make_experiment(mapping, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping of a YAML file. Raises AffectError if it contains none."""
    try:
        mapping = yaml.safe_load(path.read_text(encoding='utf-8'))
    except UNREADABLE as error:
        raise AffectError(f'{path}: cannot be read as YAML: {error}') from error
    if not isinstance(mapping, dict):
        raise AffectError(f'{path}: must be a mapping, see training/experiments/')
    return mapping


def is_file_of_run(source: str) -> bool:
    """Return whether an entry of Experiment.sources is a checkpoint of a run."""
    return source.endswith('.keras')


def ancestry(experiment: Experiment) -> list[str]:
    """
    Return the names of all runs, models and weights that a network depends on, nearest first.

    The sources of a run are those of the experiment.yaml beside its checkpoint; without this file,
    the run is named by its folder. The sources of a model are listed in its card.

    Raises:
        AffectError: a model does not exist.
    """
    names: dict[str, None] = {}
    queue = list(experiment.sources)
    while queue:
        source = queue.pop(0)
        if is_file_of_run(source):
            file = expanded(source).with_name('experiment.yaml')
            run = load_experiment(file) if file.is_file() else None
            name = run.name if run else file.parent.name
            if run and name not in names:
                queue += run.sources
            names[name] = None
        elif source == VGGFACE2:
            names[source] = None
        else:
            card = load_card(source)
            training = card.metadata.get('training')   # of another author: anything
            learned = training.get('learned_from') if isinstance(training, dict) else None
            names |= dict.fromkeys((card.name, *(learned or [])))
    return list(names)


def make_experiment(mapping: dict[str, Any], where: str) -> Experiment:
    """Return an experiment from a mapping, see load_experiment. where: source, for errors."""
    entries = [entry.name for entry in dataclasses.fields(Task)]
    if 'tasks' not in mapping:
        if 'task' not in mapping:
            raise AffectError(f'{where}: the entry task is missing')
        if not isinstance(mapping['task'], str):
            raise AffectError(f"{where}: task is {mapping['task']!r}, not one of "
                              f"{', '.join(LABELS)}")
        task = {key: mapping[key] for key in mapping if key in entries}
        mapping = {key: mapping[key] for key in mapping if key not in (*entries, 'task')} | {
            'tasks': {mapping['task']: task}}
    tasks = mapping['tasks']
    if not isinstance(tasks, dict) or not tasks:
        raise AffectError(f'{where}: tasks must map emotion, gender or both to their settings')
    for task in tasks:
        if task not in LABELS:
            raise AffectError(f"{where}: task '{task}' is not one of {', '.join(LABELS)}")
    experiment: Experiment = build_dataclass(Experiment, mapping, where, known=('task', *entries))
    if experiment.input.channels == 2:
        raise AffectError(f'{where}: input: channels: 2 is neither 1 nor 3')
    for name, settings in experiment.tasks.items():
        if not settings.data.zooms:
            raise AffectError(f'{where}: tasks.{name}: data: zooms: is empty, it needs a zoom')
    return experiment


def _set(mapping: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        mapping = mapping.setdefault(key, {})
        if not isinstance(mapping, dict):
            raise AffectError(f"--set {'.'.join(keys)}: '{key}' is not a section")
    mapping[keys[-1]] = value


def _number(value: Any) -> Any:
    """Return text such as 1e-3, which YAML 1.1 reads as a string, as a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def build_dataclass(kind: Any, mapping: Any, where: str, *, known: tuple[str, ...] = (),
                    **ready: Any) -> Any:
    """
    Return a dataclass with the entries of a mapping from YAML.

    Args:
        kind: type of the dataclass.
        mapping: entries by name.
        where: source of the mapping, for errors.
        known: further entries that the message about an unknown entry lists.
        ready: values of fields that are not in the mapping.

    Raises:
        AffectError: an entry is unknown, missing or of a wrong type.
    """
    if not isinstance(mapping, dict):
        raise AffectError(f'{where}: expected a mapping, got {mapping!r}')
    hints = {key: hint for key, hint in typing.get_type_hints(kind).items() if key not in ready}
    unknown = sorted(str(key) for key in set(mapping) - set(hints))
    if unknown:
        raise AffectError(f"{where}: unknown entry {', '.join(unknown)}; there are "
                          f"{', '.join((*hints, *known))}")
    values = {key: _convert(hints[key], value, f'{where}: {key}')
              for key, value in mapping.items()}
    for key, value in values.items():
        low, high = RANGES.get(key, (-math.inf, math.inf))
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, (int, float)) and not low <= each <= high:   # true for NaN
                raise AffectError(f'{where}: {key}: {each} is not in [{low}, {high}]')
    values |= ready
    missing = [entry.name for entry in dataclasses.fields(kind)
               if entry.name not in values and entry.default is dataclasses.MISSING
               and entry.default_factory is dataclasses.MISSING]
    if missing:
        raise AffectError(f"{where}: the entry {', '.join(missing)} is missing")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Return a value of the type of a hint. Raises AffectError for another type."""
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return build_dataclass(hint, value, where)
    value = _number(value) if hint is float else value
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    origin = typing.get_origin(hint)
    if origin is Literal:
        if value in typing.get_args(hint):
            return value
        known = ', '.join(map(repr, typing.get_args(hint)))
        raise AffectError(f'{where}: {value!r} is not one of {known}')
    if origin is dict and isinstance(value, dict):
        item = typing.get_args(hint)[1]
        for key in value:
            if not isinstance(key, str):
                raise AffectError(f'{where}: the name {key!r} is not a text; put it in quotes')
        return {key: _convert(item, entry, f'{where}.{key}') for key, entry in value.items()}
    if origin is tuple and isinstance(value, list):
        items = typing.get_args(hint)
        if items[-1] is Ellipsis:
            items = items[:1] * len(value)
        if len(items) == len(value):
            return tuple(_convert(item, entry, where) for item, entry in zip(items, value))
    name = str(hint).replace('tuple', 'list') if origin else hint.__name__   # as in YAML
    raise AffectError(f'{where}: {value!r} is not of type {name}')
