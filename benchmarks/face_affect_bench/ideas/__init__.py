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
Ideas to be faster, each tried beside what it would replace, interleaved in one run.

The number is the new time by the old one; below 1 is faster. Times are of the processor, all
threads, unless the idea says wall time.
"""

from face_affect_bench.context import Context
from face_affect_bench.frames import clip, HEADS, VGA
from face_affect_bench.ideas import asking, networks, pixels, runtime, searching
from face_affect_bench.timing import Row


def run(context: Context) -> list[Row]:
    """Return a row an idea."""
    rounds = 3 if context.quick else 15
    images = [frame.image for frame in clip(context.shared, HEADS, VGA)]
    return [{'idea': idea, 'new : old': None if value is None else round(value, 3),
             'kept': kept, 'note': note}
            for part in (searching, asking, networks, pixels, runtime)
            for idea, value, kept, note in part.ideas(images, rounds)]
