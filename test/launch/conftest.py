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

"""A ROS domain for each launch test: fixtures do not reach the items of launch_testing."""

import contextlib
import os
from unittest import mock

import pytest
from support import reserved_domain

STACK = pytest.StashKey[contextlib.ExitStack]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Reserve a domain; the environment is restored after the test."""
    if isinstance(item, pytest.Function):
        return
    stack = item.stash[STACK] = contextlib.ExitStack()
    stack.enter_context(mock.patch.dict(os.environ))
    domain = stack.enter_context(reserved_domain())
    os.environ.update(ROS_DOMAIN_ID=str(domain), ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    for name in ('ROS_LOCALHOST_ONLY', 'ROS_STATIC_PEERS'):
        os.environ.pop(name, None)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Release the domain."""
    if STACK in item.stash:
        item.stash[STACK].close()
