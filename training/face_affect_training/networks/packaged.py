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

"""Files of weights that lie in Python packages, which need not be imported."""

import importlib.util
from pathlib import Path

from face_affect_ros.affect.types import AffectError


def packaged_file(package: str, file: str, what: str) -> Path:
    """
    Return the path of a file in the folder `models` of an installed package.

    what: the file holds, for the AffectError that is raised where the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise AffectError(f'{what} are in the package {package}, which is not installed: '
                          f'pip install {package}')
    return Path(found.origin).with_name('models') / file
