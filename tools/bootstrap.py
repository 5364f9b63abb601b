#!/usr/bin/env python3

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
Set up everything that this repository needs, into .venv, build and install (`make setup`).

Where a ROS distribution is sourced, it is used and completed by what it lacks. Elsewhere ROS 2
comes as Python wheels: Jazzy's, or those that --ros names. What is up to date is skipped, so that
a second run takes a moment; another ROS makes everything anew.

    tools/bootstrap.py [--with test] [--with training] [--ros kilted]
"""

import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit('setup: Python 3.10 to 3.13 is needed, this is {}.{}; choose one: '
             'make setup PYTHON=python3.12'.format(*sys.version_info[:2]))

from setup_steps.main import main  # noqa: E402  (only for a Python that can read it)

sys.exit(main())
