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
Faces, expressions and genders in images, without ROS.

    from face_affect_ros.affect import make_pipeline, PipelineSettings
    pipeline = make_pipeline(PipelineSettings())
    faces = pipeline.process(image, stamp)   # (H, W, 3) BGR uint8, seconds

docs/library.md has more.
"""

from importlib import import_module
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
    from face_affect_ros.affect.position import Camera
    from face_affect_ros.affect.settings import PipelineSettings
    from face_affect_ros.affect.types import AffectError, Estimate, Face

#: Modules of the public names, imported at first use: the launch files need only the defaults, not
#: SciPy and OpenCV.
_MODULES = {'AffectError': 'types', 'AffectPipeline': 'pipeline', 'Camera': 'position',
           'Estimate': 'types', 'Face': 'types', 'PipelineSettings': 'settings',
           'make_pipeline': 'pipeline'}

__all__ = ['AffectError', 'AffectPipeline', 'Camera', 'Estimate', 'Face', 'PipelineSettings',
           'make_pipeline']


def __getattr__(name: str) -> Any:
    """Return a public name of the library."""
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_MODULES[name]}'), name)
