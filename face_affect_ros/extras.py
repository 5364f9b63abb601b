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

"""Python packages that only some commands need, by the extra that installs them."""

import importlib
from typing import Any

#: Packages that `pip install .` installs without ROS. With ROS they are in package.xml.
RUNTIME = ('numpy', 'opencv-python-headless', 'ai-edge-litert', 'PyYAML', 'lap', 'tqdm',
           'rosbags', 'pillow', 'av', 'scikit-image')
#: The packages of each extra, as pip names them.
EXTRAS = {
    'tables': ('pyarrow',),
    'report': ('plotly',),
    'tiers': ('pympi-ling', 'webvtt-py'),
    'cluster': ('dask', 'distributed', 'fsspec'),
}


def import_extra(module: str, extra: str, what: str) -> Any:
    """
    Import a module of an extra.

    Args:
        module: Name of the module.
        extra: One of EXTRAS.
        what: What needs the module, for the error message.

    Returns:
        The module.

    Raises:
        AffectError: It is not installed; the message contains the extra.
    """
    # Not at the top: setup.py runs this file before anything is installed.
    from face_affect_ros.affect.types import AffectError
    try:
        return importlib.import_module(module)
    except ImportError as error:
        packages = ', '.join(EXTRAS[extra])
        raise AffectError(
            f'{what} needs {packages}, and {error.name or module} is not installed; install the '
            f"extra: python3 -m pip install 'face_affect_ros[{extra}]', or with a ROS "
            f"distribution: python3 -m pip install {' '.join(EXTRAS[extra])}") from error
