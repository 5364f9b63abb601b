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

"""Fixtures of the tests of the nodes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def bench(ros: Any, portrait: np.ndarray) -> Iterator[Any]:
    """Return a bench; the worker threads of its nodes end with the test."""
    from bench import Bench
    bench = Bench(ros, portrait)
    yield bench
    bench.close()
