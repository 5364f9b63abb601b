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
The corpus of each target: files of corpus/TARGET.zip, or of the folder TARGET.

Many small inputs are stored in an archive. Networks are files in a folder, because other tests
open them.
"""

from pathlib import Path
import zipfile

CORPUS = Path(__file__).resolve().parent / 'corpus'


def kept(target: str) -> dict[str, bytes]:
    """Return the inputs of a target, sorted by name."""
    archive = CORPUS / f'{target}.zip'
    if archive.is_file():
        with zipfile.ZipFile(archive) as file:
            return {name: file.read(name) for name in sorted(file.namelist())}
    return {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}


def keep(target: str, inputs: dict[str, bytes]) -> None:
    """Rewrite the archive of a target with the present inputs and these, reproducibly."""
    every = {**(kept(target) if (CORPUS / f'{target}.zip').is_file() else {}), **inputs}
    with zipfile.ZipFile(CORPUS / f'{target}.zip', 'w') as file:
        for name in sorted(every):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            file.writestr(entry, every[name], zipfile.ZIP_DEFLATED)
