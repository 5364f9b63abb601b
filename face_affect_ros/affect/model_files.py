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

"""Read the files of a model with limits of their size, and check them."""

import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
import yaml

#: Largest number of bytes of a card and of a network.
MAX_CARD = 2**18
MAX_NETWORK = 2**29
CHUNK = 2**20


class _CardLoader(yaml.SafeLoader):
    """Rejects references, a few lines of which may expand to gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError('references (*name) are not allowed here')
        return super().compose_node(parent, index)


def read_card(path: Path) -> Any:
    """Return the content of a YAML file; AffectError where it cannot be read."""
    try:
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
    """Return the checksum of a network's file; AffectError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        if path.exists() and not path.is_file():   # reading a pipe or a device may not end
            raise AffectError(f'{path}: the model file cannot be read: it is not a file')
        with path.open('rb') as file:
            for _ in range(MAX_NETWORK // CHUNK):
                if not (chunk := file.read(CHUNK)):
                    return digest.hexdigest()
                digest.update(chunk)
    except OSError as error:
        raise AffectError(f'{path}: the model file cannot be read: {error.strerror}') from error
    raise AffectError(f'{path}: has more than {MAX_NETWORK} bytes; it is no model of this package')


def check_network(path: Path, sha256: str) -> None:
    """Raise AffectError if a file has another sha256 than its card."""
    digest = sha256_of(path)
    if digest != sha256:
        raise AffectError(f'{path}: sha256 is {digest}, but its card says {sha256}; the file is '
                          'corrupt or was replaced, install it again')
