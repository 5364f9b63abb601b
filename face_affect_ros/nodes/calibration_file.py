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
"""Calibration files of camera_calibration and camera_info_manager, as CameraInfo."""

from collections.abc import Mapping
import contextlib
import os
from pathlib import Path
import re
from typing import Any
from urllib.parse import unquote

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from face_affect_ros.affect.model_store import read_card
from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import expanded
import numpy as np
from sensor_msgs.msg import CameraInfo

#: Fields of CameraInfo and number of values, by entry of the file.
MATRICES = {'camera_matrix': ('k', 9), 'rectification_matrix': ('r', 9),
            'projection_matrix': ('p', 12)}
#: The distortion model of a file without one, as for camera_info_manager.
PLUMB_BOB = 'plumb_bob'


def read_calibration(url: str) -> CameraInfo:
    """
    Return the calibration in a file, with an empty header.

    Args:
        url: file:///PATH, package://NAME/PATH or a path, with ${VARIABLE} of the environment, as
            for camera_info_manager.

    Raises:
        AffectError: The file is missing or invalid; the message names the entry.
    """
    path = path_of(url)
    try:
        content = read_card(path)
    except AffectError as error:
        raise AffectError(f"camera_info_url '{url}': {error}; it must name a YAML file in the "
                          'format of camera_calibration') from error
    try:
        return _to_info(content)
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        what = f'it has no {error}' if isinstance(error, KeyError) else str(error)
        raise AffectError(f"camera_info_url '{url}': {path} is not a calibration file "
                          f'in the format of camera_calibration: {what}') from error


def path_of(url: str) -> Path:
    """Return the file of a URL; AffectError if the URL is invalid."""
    text = os.path.expandvars(url)
    if missing := re.search(r'\$\{\w*\}?', text):
        raise AffectError(f"camera_info_url '{url}': {missing[0]} is not set in the environment")
    scheme, colon, rest = text.partition('://')
    if not colon:
        return expanded(text)
    if scheme == 'file' and rest.startswith('/'):
        return Path(unquote(rest))
    if scheme == 'package':
        package, _, inner = rest.partition('/')
        try:
            return Path(get_package_share_directory(package)) / inner
        except (PackageNotFoundError, OSError, ValueError) as error:
            raise AffectError(f"camera_info_url '{url}': the package '{package}' is not "
                              'installed, or its workspace is not sourced') from error
    raise AffectError(f"camera_info_url '{url}': use file:///PATH, package://NAME/PATH or a path")


def scaled(info: CameraInfo, width: int, height: int) -> CameraInfo:
    """Return the calibration of the same images, scaled; pixel centres lie at whole numbers."""
    x, y = width / info.width, height / info.height
    scale = np.array([[x, 0.0, (x - 1.0) / 2.0], [0.0, y, (y - 1.0) / 2.0], [0.0, 0.0, 1.0]])
    return CameraInfo(width=width, height=height, distortion_model=info.distortion_model, d=info.d,
                      k=(scale @ np.reshape(info.k, (3, 3))).ravel(), r=info.r,
                      p=(scale @ np.reshape(info.p, (3, 4))).ravel())


def _to_info(content: Any) -> CameraInfo:
    if not isinstance(content, Mapping):
        raise ValueError('it is not a mapping')
    info = CameraInfo(width=_size(content, 'image_width'), height=_size(content, 'image_height'),
                      distortion_model=str(content.get('distortion_model') or PLUMB_BOB))
    info.d = _numbers(content, 'distortion_coefficients', None)
    for entry, (field, count) in MATRICES.items():
        setattr(info, field, _numbers(content, entry, count))
    if not (info.k[0] > 0.0 and info.k[4] > 0.0):
        raise ValueError('the focal lengths in camera_matrix are not positive')
    return info


def _size(content: Mapping[str, Any], entry: str) -> int:
    value = content[entry]
    if not isinstance(value, int) or not 0 < value < 2**16:
        raise ValueError(f'{entry} is {value!r}, not a number of pixels')
    return value


def _numbers(content: Mapping[str, Any], entry: str, count: int | None) -> list[float]:
    if not isinstance(content[entry], Mapping) or not isinstance(content[entry].get('data'), list):
        raise ValueError(f'the data of {entry} are not a list')
    values = []
    with contextlib.suppress(ValueError, TypeError):   # of a text, or of the list of a row
        values = [float(value) for value in content[entry]['data']]
    if (not np.isfinite(values).all() or count not in (None, len(values))
            or len(values) != len(content[entry]['data'])):
        raise ValueError(f'the data of {entry} are not {count or "only"} finite numbers')
    return values
