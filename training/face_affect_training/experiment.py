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

"""Experiments: one YAML file has all that a training run depends on."""

import dataclasses
from dataclasses import dataclass, field
import os
from pathlib import Path
import shlex
import types
import typing
from typing import Any

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray, LABELS
from face_affect_training.views import Augmentation
import numpy as np
import yaml

#: Sources that are neither runs nor models, but weights that others have trained.
WEIGHTS = ('imagenet', 'vggface2')


@dataclass(frozen=True)
class Data:
    """
    Where the faces come from.

    path may name ${FACE_AFFECT_SHARED}. expect_train, expect_validation: number of faces each
    split must have, 0 for any. zooms: zooms of the chip at which the validation faces are judged;
    the mean accuracy chooses the checkpoint. subset: train on this many faces only, the classes in
    the same proportions, chosen by the experiment's seed; 0 for all.
    """

    reader: str
    path: str
    train: str
    validation: str
    expect_train: int = 0
    expect_validation: int = 0
    zooms: tuple[float, ...] = (1.0,)
    subset: int = 0


@dataclass(frozen=True)
class Input:
    """What the network sees: network input = pixel * scale + offset."""

    size: int
    channels: int = 1
    scale: float = 2.0 / 255.0
    offset: float = -1.0
    margin: float = 0.1
    align: bool = True

    def spec(self) -> CropSpec:
        """Return the crop."""
        return CropSpec(self.size, self.channels, self.margin, self.align)

    def scaled(self, crops: ImageArray) -> FloatArray:
        """Return uint8 crops of any shape as the network wants them, float32."""
        return crops.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)


@dataclass(frozen=True)
class Network:
    """A network of the registry and its builder's options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Targets:
    """See data.faces.make_targets."""

    smoothing: float = 0.0
    ferplus_weight: float = 0.0


@dataclass(frozen=True)
class Distillation:
    """
    Learn from the soft targets of other networks (Hinton et al. 2015), computed for each view.

    teachers: .keras files of runs, or exported models, by name or folder; the mean of their
    probabilities counts. Views are resized, and made grey or coloured, to each one's input.
    weight: share of the soft targets; the rest is the label. mirror: of the mean over the view and
    its mirror image (test-time flip), without the price of a flip at inference. once: of the
    undisturbed chip at each of data.zooms, in the teacher's own size, instead of each view: for
    teachers that are too slow to run in every epoch. These are kept beside the teacher. rounds:
    after this many epochs the same views are used again, in another order and mixed otherwise,
    with the soft targets of before; 0 for new views in every epoch.
    """

    teachers: tuple[str, ...] = ()
    weight: float = 0.5
    mirror: bool = False
    once: bool = False
    rounds: int = 0


@dataclass(frozen=True)
class Training:
    """
    How to train.

    optimizer: 'adam' or 'adamw'. learning_rate: its peak, reached after warmup_epochs, followed by
    a cosine. clip: highest global gradient norm, 0 for none. ema: momentum of the averaged weights
    (per step), 0 for none; the averaged ones are judged and kept. mixup: alpha of its beta
    distribution, 0 for none (Zhang et al. 2018). cutmix likewise (Yun et al. 2019). blend_share:
    share of the batches that are mixed. plain_epochs: the last epochs, without erasing and mixing.
    start_from: initial weights, a .keras file of the same network, 'imagenet' for
    efficientnet_lite, 'vggface2' for mobilenet, or '' for random ones. backbone_from: a .keras
    file of another network, whose layers of the same name and shape give the initial weights.
    precision: Keras' dtype policy, float32 or mixed_bfloat16. workers: threads that render views,
    0 for none.
    """

    epochs: int = 150
    batch: int = 128
    optimizer: str = 'adamw'
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warmup_epochs: float = 3.0
    clip: float = 0.0
    ema: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    blend_share: float = 0.5
    plain_epochs: int = 0
    start_from: str = ''
    backbone_from: str = ''
    precision: str = 'float32'
    workers: int = 1


@dataclass(frozen=True)
class Export:
    """
    What `ship` makes of the run.

    precision: of the model, one of tflite.PRECISIONS. mirror: test-time flip, the mean over each
    face and its mirror image, at twice the time. saliency: precision of the gradients that explain
    it, '' for a model without.
    """

    precision: str = 'float32'
    mirror: bool = False
    saliency: str = ''


@dataclass(frozen=True)
class Task:
    """
    One decision to learn: from which faces, towards what, through which views.

    The entries are described by their types.
    """

    data: Data
    augmentation: Augmentation = field(default_factory=Augmentation)
    targets: Targets = field(default_factory=Targets)
    distillation: Distillation = field(default_factory=Distillation)


@dataclass(frozen=True)
class Experiment:
    """
    One training run, see the fields' types.

    tasks: by name, 'emotion' or 'gender', in the order of the network's outputs. In a file of one
    task, `task` holds its name and its entries stand beside it.
    """

    name: str
    input: Input  # noqa: A003
    network: Network
    tasks: dict[str, Task]
    seed: int = 1
    training: Training = field(default_factory=Training)
    export: Export = field(default_factory=Export)

    @property
    def task(self) -> str:
        """The name of the only task. Raises AffectError where there are several."""
        if len(self.tasks) != 1:
            raise AffectError(f"experiment '{self.name}' has the tasks {', '.join(self.tasks)}; "
                              'this works with one task only')
        return next(iter(self.tasks))

    @property
    def only(self) -> Task:
        """The only task. Raises AffectError where there are several."""
        return self.tasks[self.task]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, those of all tasks one after the other."""
        return tuple(label for task in self.tasks for label in LABELS[task])

    @property
    def widths(self) -> tuple[int, ...]:
        """The number of classes of each task."""
        return tuple(len(LABELS[task]) for task in self.tasks)

    @property
    def sources(self) -> tuple[str, ...]:
        """What it starts from and learns from: files of runs, models or one of WEIGHTS."""
        teachers = [file for task in self.tasks.values() for file in task.distillation.teachers]
        return tuple(dict.fromkeys(file for file in (self.training.start_from,
                                               self.training.backbone_from, *teachers) if file))

    def as_mapping(self) -> dict[str, Any]:
        """Return the whole experiment as plain lists and mappings, as YAML writes them."""
        facts = dict(_plain(dataclasses.asdict(self)))
        if len(self.tasks) == 1:
            [(task, entries)] = facts.pop('tasks').items()
            facts |= {'task': task, **entries}
        return facts


def shared_folder() -> Path:
    """Return the folder of shared data: FACE_AFFECT_SHARED, else ../shared of the repository."""
    default = Path(__file__).resolve().parents[2].parent / 'shared'
    return Path(os.environ.get('FACE_AFFECT_SHARED', default))


def data_path(text: str) -> Path:
    """Return a data path of an experiment with ${FACE_AFFECT_SHARED} and ~ filled in."""
    filled = text.replace('${FACE_AFFECT_SHARED}', str(shared_folder()))
    return Path(filled).expanduser()


def portable_path(text: str) -> str:
    """Return a data path as another person types it in a shell: the shared folder by its name."""
    shared = str(shared_folder())
    if text.startswith(shared):
        return '$FACE_AFFECT_SHARED' + text[len(shared):]
    return shlex.quote(text)


def load_experiment(path: Path, changes: list[str] | None = None) -> Experiment:
    """
    Read an experiment. changes: 'section.key=value' with a YAML value, applied on top.

    Raises AffectError for a file that cannot be read, and for any entry that does not exist or
    has the wrong type.
    """
    facts = read_yaml(path)
    for change in changes or []:
        key, sign, value = change.partition('=')
        if not sign:
            raise AffectError(f'--set {change}: write it as section.key=value')
        _set(facts, key.strip().split('.'), _number(yaml.safe_load(value)))
    return make_experiment(facts, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping of a YAML file. Raises AffectError where it is none."""
    try:
        facts = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AffectError(f'{path}: cannot be read as YAML: {error}') from error
    if not isinstance(facts, dict):
        raise AffectError(f'{path}: must be a mapping, see training/experiments/')
    return facts


def is_file_of_run(source: str) -> bool:
    """Return whether a source of an experiment is a network of a run, not a model by its name."""
    return source.endswith('.keras')


def ancestry(experiment: Experiment) -> list[str]:
    """
    Return the names of all that it has learned from, the nearest first: runs, models, WEIGHTS.

    A file of a run counts with what that run has learned from, as the experiment.yaml beside it
    says; where there is none, the folder's name is its own. A model counts with what its card
    says. Raises AffectError where a model is not there.
    """
    found: dict[str, None] = {}
    waiting = list(experiment.sources)
    while waiting:
        source = waiting.pop(0)
        names: list[str] = [source]
        further: tuple[str, ...] = ()
        if is_file_of_run(source):
            beside = Path(source).expanduser().with_name('experiment.yaml')
            names = [beside.parent.name]
            if beside.is_file():
                other = load_experiment(beside)
                names, further = [other.name], other.sources
        elif source not in WEIGHTS:
            card = load_card(source)
            names = [card.name, *card.metadata.get('training', {}).get('learned_from', [])]
        if names[0] not in found:
            waiting += further
        found.update(dict.fromkeys(names))
    return list(found)


def make_experiment(facts: dict[str, Any], where: str) -> Experiment:
    """Return the experiment of a mapping, see load_experiment. where: its origin, for errors."""
    entries = {each.name for each in dataclasses.fields(Task)}
    if 'tasks' in facts:
        common, tasks = {key: facts[key] for key in facts if key != 'tasks'}, facts['tasks']
        if not isinstance(tasks, dict) or not tasks:
            raise AffectError(f'{where}: tasks maps emotion or gender, or both, to their entries')
    else:
        common = {key: facts[key] for key in facts if key not in entries | {'task'}}
        if 'task' not in facts:
            raise AffectError(f'{where}: the entry task is missing')
        tasks = {facts['task']: {key: facts[key] for key in facts if key in entries}}
    for task in tasks:
        if task not in LABELS:
            raise AffectError(f"{where}: task '{task}' is not one of {', '.join(LABELS)}")
    built = {task: build_dataclass(
        Task, part, where if len(tasks) == 1 else f'{where}: tasks.{task}')
        for task, part in tasks.items()}
    experiment = build_dataclass(Experiment, common, where, tasks=built,
                        known=('task', *sorted(entries)))
    assert isinstance(experiment, Experiment)
    return experiment


def _set(facts: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        facts = facts.setdefault(key, {})
        if not isinstance(facts, dict):
            raise AffectError(f"--set {'.'.join(keys)}: '{key}' is no section")
    facts[keys[-1]] = value


def _number(value: Any) -> Any:
    """YAML 1.1 takes 1e-3 for a word; a person means a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def build_dataclass(kind: Any, facts: Any, where: str, *, known: tuple[str, ...] = (),
                    **ready: Any) -> Any:
    """
    Return a dataclass made of a mapping, as YAML has it.

    where: its origin, for errors. ready: fields that are made already. known: what else may be
    written beside these fields. Raises AffectError for an unknown, missing or wrong entry.
    """
    if not isinstance(facts, dict):
        raise AffectError(f'{where}: expected a mapping, got {facts!r}')
    hints = {key: hint for key, hint in typing.get_type_hints(kind).items() if key not in ready}
    unknown = sorted(str(key) for key in set(facts) - set(hints))
    if unknown:
        raise AffectError(f"{where}: unknown entry {', '.join(unknown)}; there are "
                          f"{', '.join((*hints, *known))}")
    values = {key: _convert(hints[key], value, f'{where}: {key}') for key, value in facts.items()}
    values |= ready
    missing = [entry.name for entry in dataclasses.fields(kind)
               if entry.name not in values and entry.default is dataclasses.MISSING
               and entry.default_factory is dataclasses.MISSING]
    if missing:
        raise AffectError(f"{where}: the entry {', '.join(missing)} is missing")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
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
    if origin is dict and isinstance(value, dict):
        item = typing.get_args(hint)[1]
        return {key: _convert(item, entry, f'{where}.{key}') for key, entry in value.items()}
    if origin is tuple and isinstance(value, list):
        items = typing.get_args(hint)
        if items[-1] is Ellipsis:
            items = items[:1] * len(value)
        if len(items) == len(value):
            return tuple(_convert(item, entry, where) for item, entry in zip(items, value))
    name = hint.__name__ if isinstance(hint, (type, types.GenericAlias)) else hint
    raise AffectError(f'{where}: {value!r} is not of type {name}')


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
