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

"""What the publishers of the data sets say that each split holds."""

from collections.abc import Sequence

from face_affect_ros.affect.types import EMOTIONS
from face_affect_training.data.types import FaceData

#: Faces of each class, in FER-2013 order (Goodfellow et al. 2013; counted in fer2013.csv).
FER2013 = {
    'Training': (3995, 436, 4097, 7215, 4830, 3171, 4965),
    'PublicTest': (467, 56, 496, 895, 653, 415, 607),
    'PrivateTest': (491, 55, 528, 879, 594, 416, 626),
}
#: Faces, by FaceData.source (Karkkainen and Joo 2021).
FACES = {
    **{f'FER-2013 {split}': sum(counts) for split, counts in FER2013.items()},
    'FER-2013 test': 7178,   # of the folder form: PublicTest and PrivateTest together
    'FairFace train': 86744,
    'FairFace val': 10954,
}


def differences(data: FaceData) -> tuple[str, ...]:
    """Return what is not as its publisher has it, as lines of text; none for unknown splits."""
    official = FACES.get(data.source)
    if official is None:
        return ()
    if len(data) != official:
        return (f'note: officially {data.source} has {official} faces, these are {len(data)}',)
    split = data.source.removeprefix('FER-2013 ')
    if split in FER2013 and tuple(data.counts().values()) != FER2013[split]:
        return (f'note: officially the classes have {_named(FER2013[split])}',)
    return ()


def _named(counts: Sequence[int]) -> str:
    return ', '.join(f'{count} {label}' for label, count in zip(EMOTIONS, counts))
