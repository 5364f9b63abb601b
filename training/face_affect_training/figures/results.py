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

"""Result files: JSON, short enough to be read, and the commands that write them."""

import json
from pathlib import Path
import re
from typing import Any, NoReturn

from face_affect_ros.affect.types import AffectError


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write a JSON file, lists of plain values on one line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts, indent=1, allow_nan=False)
    text = re.sub(r'\[[^\[\]{}]*\]', lambda found: re.sub(r'\s*\n\s*', ' ', found.group()), text)
    unfinished = path.with_suffix('.unfinished')
    unfinished.write_text(text.replace('[ ', '[').replace(' ]', ']') + '\n', encoding='utf-8')
    unfinished.replace(path)


def read(folder: Path, name: str, command: str) -> dict[str, Any]:
    """Return the content of folder/NAME.json. Raises AffectError that names its command."""
    path = folder / f'{name}.json'
    try:
        facts = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise AffectError(f'{path} does not exist; make it with: {command}') from None
    except (OSError, ValueError) as error:
        raise AffectError(f'{path}: cannot be read: {error}') from error
    return dict(facts)


def refuse(path: Path, why: str, command: str) -> NoReturn:
    """Raise the AffectError of a result file that is out of date. command: makes it again."""
    raise AffectError(f'{path}: {why}; make it again with: {command}')
