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

"""The memory does not depend on the length of a source."""

import itertools
import os
from pathlib import Path
import subprocess
import sys

import bag_files
import cv2
from face_affect_ros.media.portrait import PortraitMedia
import pytest
from support import SOURCE

#: Images of 640x480; the difference between the two bags is 0.7 GB of pixels.
SHORT, LONG = 200, 1000
#: Difference in bytes of the peaks of two runs of the same length.
SLACK = 25_000_000
#: Faces are tracked by template matching, so that a thousand images take seconds.
OPTIONS = ['--emotion-model', '', '--gender-model', '', '--detection-interval', '10']
CODE = ('import resource, sys\nfrom face_affect_ros.cli import main\n'
        'code = main(sys.argv[1:])\n'
        'print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)\nsys.exit(code)')


@pytest.fixture(scope='module')
def bags(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return bags with these numbers of compressed images."""
    folder = tmp_path_factory.mktemp('bags')
    with PortraitMedia(rate=30.0) as media:
        jpegs = [cv2.imencode('.jpg', frame.image)[1].reshape(-1)
                 for frame in itertools.islice(media, 30)]
    types = bag_files.TYPES

    def message(number: int) -> bag_files.Message:
        stamp = bag_files.START + number * 33_333_333
        content = types.types[bag_files.COMPRESSED](
            header=bag_files.header(stamp), format='jpeg', data=jpegs[number % len(jpegs)])
        return bag_files.Message('/image/compressed', bag_files.COMPRESSED, bytes(
            types.serialize_cdr(content, bag_files.COMPRESSED)), stamp)
    return {count: bag_files.write(folder / str(count), map(message, range(count)))
            for count in (SHORT, LONG)}


def peak(bag: Path, out: Path, form: str) -> int:
    """Return the peak memory in bytes of a process that analyses a bag."""
    done = subprocess.run(
        [sys.executable, '-c', CODE, 'analyze', str(bag), '--out', str(out), '--format', form,
         *OPTIONS], capture_output=True, text=True, check=False,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(SOURCE), *filter(None, sys.path)])})
    assert done.returncode == 0, done.stderr
    assert f'{bag.name} frames' in done.stderr
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize('form', ['csv', 'parquet'])
def test_memory_does_not_grow_with_the_length_of_a_source(
        form: str, bags: dict[int, Path], tmp_path: Path) -> None:
    if form == 'parquet':
        pytest.importorskip('pyarrow', reason='pyarrow is not installed: no Parquet here')
    short = peak(bags[SHORT], tmp_path / 'short', form)
    assert peak(bags[LONG], tmp_path / 'long', form) < short + SLACK
