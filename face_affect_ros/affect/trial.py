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
Try a TFLite file in a process of its own.

The runtime checks a file's form, not its sense: over some damaged files it ends the process or
takes gigabytes, and nothing in Python can hinder it. A child process can be lost.
"""

import contextlib
from pathlib import Path
import subprocess
import sys

from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.apart import run_apart, signal_of, TIMEOUT
from face_affect_ros.affect.interpreter import first_line, open_interpreter, UNREADABLE
from face_affect_ros.affect.model_store import is_installed, load_card, ModelCard, saliency_path
from face_affect_ros.affect.types import AffectError
import numpy as np

#: OpenCV's parser reads such files, not the TFLite runtime.
ONNX = '.onnx'
#: Bytes that loading and one run may take, more than the tensors that a file may declare.
MEMORY = 500_000_000


def load_tried_card(name: str, kind: str = '') -> ModelCard:
    """
    Read a model's card as load_card does, and try its networks.

    Those of the installed folders are the ones that were tested with this package, and not tried
    again. Raises AffectError as load_card and try_network do.
    """
    card = load_card(name, kind)
    if not is_installed(name) and card.path.suffix != ONNX:
        try_network(card.path)
        try:
            gradients = saliency_path(card)
        except AffectError:   # there are none, which those are told who ask for maps
            return card
        try_network(gradients, source=card.path)
    return card


def try_network(path: Path, *, source: Path | None = None, memory: int = MEMORY,
                timeout: float = TIMEOUT) -> None:
    """
    Load a network and run it once on zeros, in a process of its own.

    source: the file that it shares its weights with, if it does. memory: bytes. timeout: seconds.
    Raises AffectError where the network does not run, or not within these limits.
    """
    try:
        # One thread: the stacks of many would count as memory of the network.
        child = run_apart('-m', __name__, str(path), str(memory),
                          *([str(source)] if source else []), timeout=timeout,
                          OPENBLAS_NUM_THREADS='1', OMP_NUM_THREADS='1')
    except subprocess.TimeoutExpired:
        raise _unfit(path, f'it did not end within {timeout:g} s') from None
    if ended_by := signal_of(child.returncode):
        raise _unfit(path, f'the TFLite runtime was ended by {ended_by}')
    if child.returncode:
        said = child.stdout.decode('utf-8', 'replace').strip()
        raise _unfit(path, said or f'exit code {child.returncode}')


def _unfit(path: Path, why: str) -> AffectError:
    return AffectError(f'{path}: tried in a process of its own, this network is not fit to run: '
                       f'{why}; export or download it again')


def _run(path: Path, memory: int, source: Path | None = None) -> str:
    """Return why a network does not run, '' where it does."""
    with contextlib.suppress(ImportError, OSError):   # elsewhere than on Linux
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
