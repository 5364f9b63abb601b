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

"""Model cards: the metadata of a model's file, read with limits of size, and validated."""

from collections.abc import Iterator, Mapping
import contextlib
from dataclasses import dataclass, field, fields
import hashlib
import math
import os
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.quality import Limits
from face_affect_ros.affect.types import AffectError, FloatArray, hint, ImageArray, LABELS
import numpy as np
import yaml

CARD = 'card.yaml'
#: Largest allowed side of a network's input, pixels, and largest margin.
MAX_SIZE = 2048
MAX_MARGIN = 10.0
#: Largest number of bytes of a card and of a network.
MAX_CARD = 2**18
MAX_NETWORK = 2**29
#: Types of a card's entries, in words.
KINDS = {int: 'a whole number', float: 'a number', bool: 'true or false', str: 'a text',
         list: 'a list', dict: 'a mapping'}


@dataclass(frozen=True)
class Head:
    """One output of a classifier."""

    task: str   #: 'emotion' or 'gender'
    output: int   #: index of the network's output of probabilities
    labels: tuple[str, ...]   #: those of types.LABELS, in that order
    threshold: float   #: probability below which the label is UNKNOWN
    temperature: float = 1.0   #: divides the logits, > 0 (Guo et al. 2017)
    limits: Limits = Limits()   #: of the faces that the head can classify


@dataclass(frozen=True)
class ModelCard:
    """A model's file, whose sha256 has been checked, and its metadata."""

    name: str
    kind: str   #: 'classifier' or 'detector'
    path: Path   #: the network's file
    sha256: str
    crop: CropSpec   #: input of the network
    scale: float   #: input of the network = pixel * scale + offset, pixels 0 to 255
    offset: float
    heads: tuple[Head, ...] = ()   #: outputs of a classifier
    metadata: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def scaled(self, crops: ImageArray) -> FloatArray:
        """Return pixel * scale + offset of uint8 crops of any shape, float32."""
        batch = crops.astype(np.float32)
        batch *= self.scale
        batch += self.offset
        return batch


class _CardLoader(yaml.SafeLoader):
    """Rejects references, a few lines of which may expand to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError('references (*name) are not allowed here')
        return super().compose_node(parent, index)


def read_card(path: Path) -> Any:
    """Return the content of a YAML file; AffectError if it cannot be read."""
    try:
        if path.exists() and not path.is_file():   # reading a pipe may not end
            raise ValueError('it is not a file')
        with path.open('rb') as file:
            data = file.read(MAX_CARD + 1)
        if len(data) > MAX_CARD:
            raise ValueError(f'it has more than {MAX_CARD} bytes')
        return yaml.load(data.decode('utf-8'), _CardLoader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise AffectError(f'{path}: cannot be read as YAML: {error}') from error
    except Exception as error:   # as from PyYAML's constructors of dates and numbers
        raise AffectError(f'{path}: cannot be read as YAML: {type(error).__name__}') from error


def sha256_of(path: Path) -> str:
    """Return the checksum of a network's file; AffectError if it cannot be read."""
    try:
        if path.exists() and not path.is_file():   # reading a pipe or a device may not end
            raise AffectError(f'{path}: the model file cannot be read: it is not a file')
        if path.stat().st_size > MAX_NETWORK:
            raise AffectError(f'{path}: larger than the limit of {MAX_NETWORK // 1_000_000} MB '
                              'for a network; choose a smaller one')
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise AffectError(f'{path}: the model file cannot be read: {error.strerror}') from error


def check_network(path: Path, sha256: str) -> None:
    """Raise AffectError if a file has another sha256 than its card."""
    digest = sha256_of(path)
    if digest != sha256:
        raise AffectError(f'{path}: sha256 is {digest}, but its card says {sha256}; the file is '
                          'corrupt or was replaced, install it again')


def installed_folders() -> Iterator[Path]:
    """
    Yield the folders of this package's models.

    The share folders of the sourced ROS workspaces, of the Python environment and of the package's
    prefix (PREFIX/lib/pythonX.Y/site-packages), then the source tree.
    """
    here = Path(__file__).resolve()
    for prefix in (*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix,
                   *map(str, here.parents[5:6])):
        if prefix:
            yield Path(prefix) / 'share' / 'face_affect_ros' / 'models'
    yield here.parents[2] / 'models'


def find_model(name: str, kind: str = '') -> Path:
    """
    Return the folder of a model in those of FACE_AFFECT_MODEL_PATH and the installed ones.

    Args:
        name: Name of the model, or the path of its folder or card, with a slash.
        kind: Kind of the models that an error lists, 'classifier' or 'detector'; '' for both.

    Raises:
        AffectError: There is no such model; the message has the folders that were searched.
    """
    name = os.fspath(name)   # PipelineSettings may have a Path
    if os.sep in name:
        direct = Path(os.path.expanduser(name))
        if direct.name == CARD:
            direct = direct.parent
        if not os.path.isfile(direct / CARD):
            raise AffectError(f"model '{name}': there is no {CARD} in {direct} that this user may "
                              'read')
        return direct
    own = filter(None, os.environ.get('FACE_AFFECT_MODEL_PATH', '').split(os.pathsep))
    searched = list(dict.fromkeys([*map(Path, own), *installed_folders()]))
    for folder in searched:
        if os.path.isfile(folder / name / CARD):
            return folder / name
    known = sorted({card.parent.name for folder in searched for card in folder.glob(f'*/{CARD}')
                    if not kind or _kind_of(card) == kind})
    raise AffectError(
        f"model '{name}' not found{hint(name, known)}; known models: "
        f"{', '.join(known) or 'none'}; searched: {', '.join(map(str, searched))}. Name one of "
        "these, the path of a model's folder, or set FACE_AFFECT_MODEL_PATH to a folder of "
        'models that this user may read')


def _kind_of(card: Path) -> str:
    """Return '' if the card cannot be read."""
    try:
        return str(read_card(card).get('kind', ''))
    except (AffectError, AttributeError):
        return ''


def is_installed(name: str) -> bool:
    """Return whether a model, named as for find_model, is one of this package."""
    folder = find_model(name).resolve().parent
    return any(folder == each.resolve() for each in installed_folders())


def load_card(name: str, kind: str = '') -> ModelCard:
    """
    Read a model's card and check the file by its sha256; name and kind: see find_model.

    Raises:
        AffectError: Card or file is missing or invalid, or the model is of another kind.
    """
    folder = find_model(name, kind)
    metadata = read_card(folder / CARD)
    with entry_errors(folder / CARD):
        card = _parse(folder, metadata)
    if kind and card.kind != kind:
        raise AffectError(f"model '{name}' is a {card.kind}, not a {kind}")
    return card


@contextlib.contextmanager
def entry_errors(card_file: Path) -> Iterator[None]:
    """Raise AffectError, with the file, for what `card_entry` raises in a with block."""
    try:
        yield
    except KeyError as error:
        raise AffectError(f'{card_file}: the entry {error} is missing') from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise AffectError(f'{card_file}: {error}') from error


def card_entry(entries: Mapping[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """
    Return an entry of a card.

    Args:
        entries: Content of the card, or of one of its sections.
        name: Name of the entry, with that of its section: 'input.size'.
        kind: One of KINDS. Numbers may be texts: YAML 1.1 has no number 1e-3.
        default: Value if the entry is missing; without it, that is an error.

    Raises:
        KeyError: The entry is missing.
        ValueError: It has another type.
    """
    key = name.split('.')[-1]
    value = entries[key] if default is None else entries.get(key, default)
    if kind in (int, float):
        with contextlib.suppress(TypeError, ValueError):
            if kind is float or float(value).is_integer():
                return kind(float(value))
    elif isinstance(value, kind) or (kind is bool and value in (0, 1)):
        return kind(value)
    raise ValueError(f'{name} is {value!r}, it must be {KINDS[kind]}')


def saliency_path(card: ModelCard, entry: Mapping[str, Any] | None = None) -> Path:
    """
    Return the checked file of a classifier's gradients, see affect.saliency.

    Its entry `saliency` is by default that of the card.

    Raises:
        AffectError: The card has no such entry, or the file has another sha256.
    """
    try:
        entry = card.metadata['saliency'] if entry is None else entry
        path, sha256 = card.path.parent / str(entry['file']), str(entry['sha256']).lower()
    except (KeyError, TypeError) as error:
        raise AffectError(f"model '{card.name}': its card names no saliency file with its sha256; "
                          'export the model with --saliency, or explain another model') from error
    check_network(path, sha256)
    return path


def _parse(folder: Path, metadata: dict[str, Any]) -> ModelCard:
    if not isinstance(metadata, dict):
        raise ValueError('it is empty or not a mapping; install the model again')
    crop = card_entry(metadata, 'crop', dict, {})
    network = card_entry(metadata, 'input', dict)
    spec = CropSpec(size=card_entry(network, 'input.size', int),
                    channels=card_entry(network, 'input.channels', int),
                    margin=card_entry(crop, 'crop.margin', float, 0.0),
                    align=card_entry(crop, 'crop.align', bool, False))
    if not (0 < spec.size <= MAX_SIZE and spec.channels in (1, 3)
            and -0.5 < spec.margin <= MAX_MARGIN):
        raise ValueError(f'input.size must be positive, at most {MAX_SIZE}, input.channels 1 or '
                         f'3, crop.margin in (-0.5, {MAX_MARGIN:g}]')
    scale, offset = (card_entry(network, f'input.{name}', float) for name in ('scale', 'offset'))
    if not (math.isfinite(scale) and math.isfinite(offset)):
        raise ValueError('input.scale and input.offset must be finite')
    kind = metadata['kind']
    if kind not in ('classifier', 'detector'):
        raise ValueError(f"kind is '{kind}', it must be classifier or detector")
    path = folder / card_entry(metadata, 'file', str)
    sha256 = str(metadata['sha256']).lower()   # Windows prints it in upper case
    check_network(path, sha256)
    entries = card_entry(metadata, 'heads', list) if kind == 'classifier' else []
    heads = tuple(_head(each, metadata.get('limits')) for each in entries)
    if kind == 'classifier' and (not heads or len({head.task for head in heads}) < len(heads)):
        raise ValueError(f'heads has the tasks {[head.task for head in heads]}, it must have one '
                         'or more, each once')
    return ModelCard(name=str(metadata['name']), kind=kind, path=path, sha256=sha256, crop=spec,
                     scale=scale, offset=offset, heads=heads, metadata=metadata)


def _head(entries: dict[str, Any], limits: Any) -> Head:
    """Return a head of a card; limits: of the card, for a head without."""
    if not isinstance(entries, dict):
        raise ValueError(f'heads has {entries!r}, it must have mappings')
    head = Head(task=str(entries['task']), output=card_entry(entries, 'heads.output', int),
                labels=tuple(card_entry(entries, 'heads.labels', list)),
                threshold=card_entry(entries, 'heads.threshold', float),
                temperature=card_entry(entries, 'heads.temperature', float, 1.0),
                limits=_limits(entries.get('limits', limits) or {}))
    if head.task not in LABELS:
        raise ValueError(f"head task '{head.task}' is not one of {', '.join(LABELS)}")
    if head.labels != LABELS[head.task]:
        raise ValueError(f"labels of '{head.task}' must be {', '.join(LABELS[head.task])}, "
                         'in this order')
    if not (0.0 <= head.threshold <= 1.0 and 0.0 < head.temperature < math.inf):
        raise ValueError(f"head '{head.task}': threshold must lie in [0, 1], temperature above 0")
    if head.output < 0:
        raise ValueError(f"head '{head.task}': output is {head.output}, it must be at least 0")
    return head


def _limits(entries: Any) -> Limits:
    if not isinstance(entries, dict):
        raise ValueError(f'limits is {entries!r}, it must be a mapping')
    known = [each.name for each in fields(Limits)]
    if unknown := sorted(str(name) for name in entries if name not in known):
        raise ValueError(f"limits has the unknown entry {', '.join(unknown)}; there are "
                         f"{', '.join(known)}")
    limits = {name: card_entry(entries, f'limits.{name}', float) for name in entries}
    for name, value in limits.items():
        if not value >= 0.0:   # NaN, too
            raise ValueError(f'limits.{name} is {value:g}, it must be a number of at least 0')
    return Limits(**limits)
