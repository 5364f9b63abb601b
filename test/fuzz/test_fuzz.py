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
Invalid inputs for the targets: variations of valid inputs, and inconsistent sizes.

FACE_AFFECT_FUZZ_EXAMPLES is the number of variations per target. The coverage-guided fuzzer is run
by hand, see README.md; its findings are part of the corpus.
"""

import os
from typing import Any

from hypothesis import given, HealthCheck, settings
from hypothesis import strategies as st
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.settings import PipelineSettings  # noqa: E402, I100
from face_affect_ros.nodes import parameters  # noqa: E402
from fuzz.kept import kept  # noqa: E402
from fuzz.targets import IMAGE_ENCODINGS, IMAGE_HEAD, TARGETS  # noqa: E402

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get('FACE_AFFECT_FUZZ_EXAMPLES', '200'))
#: The same variations in each run, so that a failure is caused by a change of the code.
BOUNDED = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                   suppress_health_check=list(HealthCheck))
#: Targets with a longer time per input.
SLOW = {'network', 'parameters'}


def seeds(target: str) -> list[bytes]:
    """Return the corpus of a target."""
    return list(kept(target).values())


@st.composite
def varied(draw: Any, target: str) -> bytes:
    """Return an input of the corpus with bytes changed, inserted or removed, or truncated."""
    data = bytearray(draw(st.sampled_from(seeds(target))))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 0, 1, 1, 1, 2, 4, 64))))
        data[start:end] = draw(st.one_of(
            st.binary(max_size=4), st.sampled_from((b'\xff' * 4, b'\x00' * 8, b'\x7f\xff\xff'))))
    return bytes(data[:draw(st.one_of(st.none(), st.integers(0, len(data))))])


@pytest.mark.parametrize('target', TARGETS)
def test_every_input_of_the_corpus_is_accepted_or_an_error(target: str) -> None:
    assert seeds(target)
    for data in seeds(target):
        TARGETS[target](data)


@pytest.mark.parametrize('target', TARGETS)
def test_variations_of_the_corpus_are_accepted_or_an_error(target: str) -> None:
    examples = max(1, EXAMPLES // 4) if target in SLOW else EXAMPLES

    @settings(BOUNDED, max_examples=examples)
    @given(varied(target))
    def answered(data: bytes) -> None:
        TARGETS[target](data)

    answered()


SIZES = st.one_of(st.integers(0, 12), st.sampled_from((60_000, 2**16, 2**31, 2**32 - 1)))


@BOUNDED
@given(st.integers(0, len(IMAGE_ENCODINGS) - 1), SIZES, SIZES, SIZES, st.integers(0, 1),
       st.binary(max_size=300))
def test_images_with_inconsistent_sizes_are_an_error(kind: int, height: int, width: int, step: int,
                                                     big: int, data: bytes) -> None:
    TARGETS['image'](IMAGE_HEAD.pack(kind, height, width, step, big) + data)


@pytest.mark.parametrize('shape', [(1, 1), (1, 1, 3), (1, 60_000, 3), (60_000, 1), (2, 3, 3),
                                   (33_000, 8, 3), (1, 7), (5000, 2, 3)])
def test_images_of_unusual_shapes_contain_no_faces(shape: tuple[int, ...]) -> None:
    pipeline = make_pipeline(PipelineSettings())
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert pipeline.process(noise, 0.0) == []


@BOUNDED
@given(st.dictionaries(
    st.sampled_from([*parameters.PARAMETERS, 'unknown', '']),
    st.one_of(st.booleans(), st.integers(-2**63, 2**63 - 1), st.floats(), st.text(max_size=20))))
def test_values_of_parameters_are_accepted_or_an_error(values: dict[str, Any]) -> None:
    typed = {name: value for name, value in values.items() if name not in parameters.PARAMETERS
             or type(value) is type(parameters.PARAMETERS[name].default)}
    problem = parameters.problem_with(typed)
    assert problem == '' or problem.startswith("parameter '")
