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

"""Write the initial inputs of the fuzzer: small, valid, one per format. Run it after a change."""

import hashlib
from pathlib import Path
import sys
import tempfile

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from face_affect_ros.affect.model_store import find_model  # noqa: E402, I100
from face_affect_ros.bags import write_bag  # noqa: E402
from face_affect_ros.media import Frame  # noqa: E402
from kept import keep  # noqa: E402
from targets import FORMATS, IMAGE_ENCODINGS, IMAGE_HEAD  # noqa: E402

PICTURE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def images() -> list[bytes]:
    """Return a small image of every encoding."""
    return [IMAGE_HEAD.pack(kind, 4, 4, 16, 0) + bytes(range(96))
            for kind in range(len(IMAGE_ENCODINGS))]


def pictures() -> list[bytes]:
    """Return a small file of every format, and one that claims to be a depth image."""
    files = [cv2.imencode(suffix, PICTURE)[1].tobytes()
             for suffix in ('.jpg', '.png', '.webp', '.bmp', '.tiff')]
    return [b'\0' + data for data in files] + [
        bytes([FORMATS.index(kind)]) + files[1] for kind in FORMATS[1:]]


def cards() -> list[bytes]:
    """Return the shipped cards."""
    return [(find_model(name) / 'card.yaml').read_bytes()
            for name in ('emotion_mini_xception', 'gender_mini_xception', 'blazeface_back')]


def parameter_files() -> list[bytes]:
    """Return the shipped parameter files."""
    return [path.read_bytes() for path in sorted((HERE.parents[1] / 'config').glob('*.yaml'))]


def bags() -> list[bytes]:
    """Return a bag of three images in each storage."""
    frames = [Frame(number, number / 10, PICTURE) for number in range(3)]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for storage, letter, suffix in (('mcap', b'm', 'mcap'), ('sqlite3', b'd', 'db3')):
            write_bag(Path(folder, storage), frames, start=10**18, storage=storage)
            [file] = Path(folder, storage).glob(f'*.{suffix}')
            found.append(letter + file.read_bytes())
    return found


def main() -> int:
    """Write the inputs."""
    for target, seeds in (('image', images()), ('compressed', pictures()), ('card', cards()),
                          ('parameters', parameter_files()), ('bag', bags())):
        keep(target, {f'seed_{hashlib.sha256(seed).hexdigest()[:12]}': seed for seed in seeds})
    return 0


if __name__ == '__main__':
    sys.exit(main())
