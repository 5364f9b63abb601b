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

"""How large an image is shown to a detector whose input size is free."""

from collections.abc import Sequence

#: Longer side in pixels: of small images all of it, of larger ones a share up to a most.
WHOLE, SHARE, MOST = 640, 0.75, 960


def longer_side(shape: Sequence[int], size: int = 0) -> int:
    """
    Return the longer side of a detector's input in pixels for an image of (H, W[, C]).

    size: what the user chose; 0 for all pixels of an image up to WHOLE, and SHARE of those of a
    larger one, but no less than WHOLE and no more than MOST. Never more than the image has.
    """
    longer = max(shape[:2])
    wanted = size or min(max(WHOLE, round(SHARE * longer)), MOST)
    return min(longer, wanted)
