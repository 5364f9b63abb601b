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

"""
Validate TFLite files in a child process.

The runtime does not validate a file's content: some damaged files crash the process or allocate
gigabytes.
"""

import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys

from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.interpreter import first_line, open_interpreter, UNREADABLE
from face_affect_ros.affect.model_store import is_installed, load_card, ModelCard, saliency_path
from face_affect_ros.affect.types import AffectError
import numpy as np

#: Ending of files that OpenCV reads, not the TFLite runtime.
ONNX = '.onnx'
#: Bytes that loading and one run may use; more than MAX_TENSORS.
MEMORY = 500_000_000
#: Seconds for the start of Python, imports and a run of the network, on a slow computer.
TIMEOUT = 60.0


def load_validated_card(name: str, kind: str = '') -> ModelCard:
    """
    Read a model's card as load_card does, and validate its networks.

    The models of this package are not validated again.

    Raises:
        AffectError: See load_card and validate_network.
    """
    card = load_card(name, kind)
    if not is_installed(name) and card.path.suffix != ONNX:
        validate_network(card.path)
        try:
            gradients = saliency_path(card)
        except AffectError:   # there are none
            return card
        validate_network(gradients, source=card.path)
    return card


def validate_network(path: Path, *, source: Path | None = None, memory: int = MEMORY,
                     timeout: float = TIMEOUT) -> None:
    """
    Load a network and run it once on zeros, in a child process.

    Args:
        path: TFLite file.
        source: File with which it shares its weights, if it does.
        memory: Limit in bytes.
        timeout: Limit in seconds.

    Raises:
        AffectError: The network does not run within these limits.
    """
    try:
        child = subprocess.run(
            [sys.executable, '-m', __name__, str(path), str(memory),
             *([str(source)] if source else [])],
            # One thread: the stacks of threads count as memory of the network.
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
                 'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
            start_new_session=True)   # Ctrl-C would look like a crash of the runtime
    except subprocess.TimeoutExpired:
        raise _unfit(path, f'it did not end within {timeout:g} s') from None
    if ended_by := signal_of(child.returncode):
        raise _unfit(path, f'the TFLite runtime was ended by {ended_by}')
    if child.returncode:
        output = child.stdout.decode('utf-8', 'replace').strip()
        raise _unfit(path, output or f'exit code {child.returncode}')


def signal_of(code: int) -> str:
    """Return the name of the signal that ended a process with this return code, '' for none."""
    return signal.Signals(-code).name if code < 0 else ''


def _unfit(path: Path, why: str) -> AffectError:
    return AffectError(f'{path}: the network failed its validation in a child process: '
                       f'{why}; export or download it again')


def _run(path: Path, memory: int, source: Path | None = None) -> str:
    """Return why a network does not run, '' if it does."""
    with contextlib.suppress(ImportError, OSError):   # on other systems than Linux
        import resource
        pages = int(Path('/proc/self/statm').read_text('ascii').split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        interpreter = open_interpreter(
            path, content=shared_weights.read(path, source) if source else None)
        for each in interpreter.get_input_details():
            interpreter.set_tensor(each['index'], np.zeros(each['shape'], each['dtype']))
        interpreter.invoke()
    except MemoryError:
        return f'it takes more than {memory / 1e6:g} MB'
    except (AffectError, *UNREADABLE) as error:
        return first_line(error)
    return ''


if __name__ == '__main__':
    reason = _run(Path(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
    print(reason)
    sys.exit(bool(reason))
