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

"""The people in the shared clips keep their labels, and also after an occlusion their ids."""

from collections.abc import Callable
from pathlib import Path

import pytest
import tracks

pytestmark = pytest.mark.slow

CLIPS = ('classroom.gif', 'face-demographics-walking-and-pause.gif',
         'head-pose-face-detection-female-and-male.gif')


@pytest.fixture(scope='module')
def clip_of(shared_file: Callable[[str], Path]) -> Callable[[str], tracks.Clip]:
    """Return a function that returns a clip by its name."""
    for name in CLIPS:
        shared_file(f'media/{name}')
    return tracks.clips(shared_file('media').parent).__getitem__


@pytest.mark.parametrize('name', CLIPS)
def test_one_person_is_one_track(name: str, clip_of: Callable[[str], tracks.Clip]) -> None:
    clip = clip_of(name)
    found, _ = tracks.follow(clip.frames)
    raw, _ = tracks.follow(clip.frames, smoothing_time_constant=0.0)
    ids = tracks.ids_of(clip, found)
    assert ids.pop('') == []
    assert [len(seen) for seen in ids.values()] == [1] * len(clip.people)
    assert tracks.swaps(ids) == 0
    changes, without = (tracks.changes(clip, each)['changes'] for each in (found, raw))
    assert changes <= max(1, without // 4)


@pytest.mark.parametrize('name', CLIPS)
def test_people_who_were_hidden_for_a_second_keep_their_ids(
        name: str, clip_of: Callable[[str], tracks.Clip]) -> None:
    clip = clip_of(name)
    found, _ = tracks.follow(tracks.hidden(clip, clip.people, 1.0))
    ids = tracks.ids_of(clip, found)
    ids.pop('')
    assert {person: len(seen) for person, seen in ids.items()} == dict.fromkeys(ids, 1)
    assert not any(face.id in seen for face in found[tracks.FROM + 2]
                   for seen in ids.values()), 'nobody was hidden'


def test_the_tracks_of_people_who_left_end(clip_of: Callable[[str], tracks.Clip]) -> None:
    clip = clip_of('head-pose-face-detection-female-and-male.gif')
    assert tracks.left(clip) == {'people': 2, 'tracks ended': 2, 'tracks that went on': 0}
