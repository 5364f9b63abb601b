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

"""Age groups, the nine of FairFace (Karkkainen and Joo 2021), for all data sets alike."""

#: First year of each group and its name; the last one is FairFace's own wording for 70 and above.
GROUPS = ((0, '0-2'), (3, '3-9'), (10, '10-19'), (20, '20-29'), (30, '30-39'), (40, '40-49'),
          (50, '50-59'), (60, '60-69'), (70, 'more than 70'))


def age_group(years: int) -> str:
    """Return the group of an age in years, 'unknown' where it is negative or above 120."""
    if not 0 <= years <= 120:
        return 'unknown'
    return next(name for first, name in reversed(GROUPS) if years >= first)
