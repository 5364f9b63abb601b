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

"""Steps that are skipped if their inputs are unchanged, one line each on the terminal."""

from collections.abc import Callable, Iterator, Mapping
import hashlib
from pathlib import Path
import subprocess
import time

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / '.venv'
LOG = VENV / 'setup.log'
#: Lines of the log that are shown when a command fails.
TAIL = 25


class SetupError(Exception):
    """An error that ends the set-up; the message contains the remedy."""


def digest(*parts: str | Path) -> str:
    """Return a hash of texts and of the contents of files; a missing file counts as empty."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            data = part.read_bytes() if part.is_file() else b''
        else:
            data = part.encode()
        total.update(b'%d:' % len(data) + data)
    return total.hexdigest()


def files_below(*folders: Path) -> Iterator[Path]:
    """Yield the files below some folders in sorted order, without byte code."""
    for folder in folders:
        for path in sorted(folder.rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                yield path


def step(name: str, title: str, key: str, action: Callable[[], None], *,
         product: Path = ROOT, stamps: Path = VENV / 'stamps') -> bool:
    """
    Run an action unless its key is unchanged and its product exists.

    A failed action is run again the next time.

    Args:
        name: Name of the stamp file.
        title: Text on the terminal.
        key: Digest of the inputs.
        action: The action.
        product: File or folder that must exist.
        stamps: Folder of the stamp files.

    Returns:
        Whether the action was run.
    """
    stamp = stamps / name
    if stamp.is_file() and stamp.read_text() == key and product.exists():
        return False
    print(f'setup: {title} ...', end='', flush=True)
    stamp.unlink(missing_ok=True)
    start = time.monotonic()
    try:
        action()
    except BaseException:
        print(' failed', flush=True)
        raise
    print(f' {time.monotonic() - start:.0f} s', flush=True)
    stamps.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)
    return True


def run(command: list[str | Path], *, what: str, env: Mapping[str, str] | None = None,
        cwd: Path = ROOT, log: Path = LOG) -> None:
    """
    Run a command with its output in the log.

    Args:
        command: Program and arguments.
        what: Name of the command in messages.
        env: Environment variables, None for the present ones.
        cwd: Working directory.
        log: File to which command and output are appended.

    Raises:
        SetupError: The command fails; the message contains the end of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('a+b') as file:
        file.write(f'$ {" ".join(map(str, command))}\n'.encode())
        begin = file.tell()
        file.flush()
        done = subprocess.run([str(part) for part in command], cwd=cwd, stdin=subprocess.DEVNULL,
                              stdout=file, stderr=subprocess.STDOUT, check=False,
                              env=None if env is None else dict(env))
        if done.returncode == 0:
            return
        file.seek(begin)   # the same file, because the command may have removed its name
        output = file.read().decode(errors='replace').splitlines()
    tail = ''.join(f'  {line}\n' for line in output[-TAIL:])
    raise SetupError(f'{what} failed; the end of {log}:\n{tail}'
                     f'setup: {what} failed, see above')
