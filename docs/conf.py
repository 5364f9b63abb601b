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

"""Settings of Sphinx, for `make docs` and rosdoc2."""

from face_affect_ros import __version__

project = 'face_affect_ros'
copyright = '2026 face_affect_ros maintainers'  # noqa: A001 - the name is Sphinx's
version = release = __version__
extensions = ['sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'myst_parser']
myst_heading_anchors = 3
# The pages also link to files of the repository, which are not part of the web pages.
suppress_warnings = ['myst.xref_missing']
# ROS is not needed to build the pages.
autodoc_mock_imports = ['builtin_interfaces', 'diagnostic_msgs', 'face_affect_msgs',
                        'lifecycle_msgs', 'rcl_interfaces', 'rclpy', 'sensor_msgs', 'std_msgs']
autodoc_default_options = {'members': True}
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autoclass_content = 'both'
napoleon_use_ivar = True
