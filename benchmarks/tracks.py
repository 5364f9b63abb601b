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
Compare tracks and labels in the shared clips with annotations.

python benchmarks/tracks.py, after `. tools/env.sh`. Positions and expressions of the people are
annotated in test/clips/truth.yaml. Occlusions are simulated by painting over people.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any

from face_affect_bench.frames import SHARED
from face_affect_bench.report import keep, parse
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import Face, ImageArray, UNKNOWN
from face_affect_ros.media import Frame, open_media
import numpy as np
import yaml

TRUTH = Path(__file__).resolve().parents[1] / 'test' / 'clips' / 'truth.yaml'
#: Durations of an occlusion in seconds, and its first frame.
HIDDEN = (0.25, 0.5, 1.0)
FROM = 10


@dataclass(frozen=True)
class Person:
    """A person in a clip; at: rows of frame, x, y; head: width in pixels."""

    name: str
    at: np.ndarray
    head: float
    expression: str = ''

    def place(self, index: int) -> np.ndarray:
        """Return the centre of the face in a frame, x, y."""
        return np.array([np.interp(index, self.at[:, 0], self.at[:, axis]) for axis in (1, 2)])


@dataclass(frozen=True)
class Clip:
    """The frames and people of a clip."""

    frames: list[Frame]
    people: list[Person]


def clips(shared: Path) -> dict[str, Clip]:
    """Return the annotated clips by name."""
    found = {}
    for name, people in yaml.safe_load(TRUTH.read_text()).items():
        with open_media(str(shared / 'media' / name)) as media:
            found[name] = Clip(list(media), [
                Person(who, np.array(person['at'], np.float64), person['head'],
                       person.get('expression', '')) for who, person in people.items()])
    return found


def follow(frames: list[Frame], **settings: Any) -> tuple[list[list[Face]], frozenset[str]]:
    """Return the faces of each frame, and the tracks left, with fields of PipelineSettings."""
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f', **settings))
    return [pipeline.process(frame.image, frame.stamp) for frame in frames], pipeline.tracks


def nearest(clip: Clip, index: int, face: Face) -> Person | None:
    """Return the nearest person, None if it is farther than the width of the head."""
    middle = face.box[:2] + face.box[2:] / 2
    apart = [float(np.linalg.norm(each.place(index) - middle)) for each in clip.people]
    best = int(np.argmin(apart))
    return clip.people[best] if apart[best] < clip.people[best].head else None


def ids_of(clip: Clip, found: list[list[Face]]) -> dict[str, list[str]]:
    """Return the successive ids of each person, and with the key '' those of false detections."""
    ids: dict[str, list[str]] = {'': [], **{each.name: [] for each in clip.people}}
    for index, faces in enumerate(found):
        for face in faces:
            person = nearest(clip, index, face)
            seen = ids[person.name if person else '']
            if not seen or seen[-1] != face.id:
                seen.append(face.id)
    return ids


def swaps(ids: dict[str, list[str]]) -> int:
    """Return the number of tracks that change from one person to another."""
    return sum(map(len, (set(seen) for seen in ids.values()))) - len(set().union(*ids.values()))


def hidden(clip: Clip, people: list[Person], seconds: float) -> list[Frame]:
    """Paint over people for some seconds, and repeat the last frame for two seconds."""
    step = clip.frames[1].stamp - clip.frames[0].stamp
    frames = []
    last = len(clip.frames) - 1
    for index in range(len(clip.frames) + round(2.0 / step)):
        image: ImageArray = clip.frames[min(index, last)].image.copy()
        stamp = clip.frames[0].stamp + index * step
        if index >= FROM and (index - FROM) * step < seconds - 1e-6:
            for each in people:
                x, y = each.place(min(index, last))
                half, height = 0.75 * each.head, image.shape[0]
                image[max(0, int(y - 1.2 * half)):min(height, int(y + 1.2 * half)),
                      max(0, int(x - half)):int(x + half)] = 110
        frames.append(Frame(index, stamp, image))
    return frames


def changes(clip: Clip, found: list[list[Face]]) -> dict[str, Any]:
    """Return the changes of the expression labels, and their agreement with the annotations."""
    seen: dict[str, list[str]] = {}
    counts = Counter(right=0, unknown=0, wrong=0)
    for index, faces in enumerate(found):
        for face in faces:
            label = face.estimates['emotion'].label
            seen.setdefault(face.id, []).append(label)
            person = nearest(clip, index, face)
            if person and person.expression:
                counts['right' if label == person.expression else
                       'unknown' if label == UNKNOWN else 'wrong'] += 1
    step = clip.frames[1].stamp - clip.frames[0].stamp
    minutes = sum(map(len, seen.values())) * step / 60.0
    count = sum(one != other for labels in seen.values()
                for one, other in zip(labels, labels[1:]))
    return {'changes': count, 'per track and minute': round(count / minutes, 1),
            'judged': sum(counts.values()), **counts}


def report(clip: Clip) -> dict[str, Any]:
    """Return the results of a clip."""
    found, _ = follow(clip.frames)
    raw, _ = follow(clip.frames, smoothing_time_constant=0.0)
    ids = ids_of(clip, found)
    result: dict[str, Any] = {
        'people': len(clip.people), 'tracks': len(set().union(*ids.values())), 'swaps': swaps(ids),
        'labels without smoothing': changes(clip, raw), 'labels': changes(clip, found),
        'occlusions': []}
    for seconds in HIDDEN:
        cases = [[each] for each in clip.people] + [clip.people]
        kept = swapped = 0
        for people in cases:
            seen = ids_of(clip, follow(hidden(clip, people, seconds))[0])
            kept += sum(len(seen[each.name]) == 1 for each in people)
            swapped += swaps(seen)
        result['occlusions'].append({'seconds': seconds, 'people hidden': 2 * len(clip.people),
                                     'kept their id': kept, 'swaps': swapped})
    result['left'] = left(clip)
    return result


def left(clip: Clip) -> dict[str, Any]:
    """Return the number of tracks that end after their person has left."""
    ended, extra = 0, 0
    for person in clip.people:
        found, tracks = follow(hidden(clip, [person], 1000.0))
        [gone] = {face.id for face in found[FROM - 1]
                  if nearest(clip, FROM - 1, face) is person}
        ended += gone not in tracks
        extra += any(face.id == gone for faces in found[FROM + 1:] for face in faces)
    return {'people': len(clip.people), 'tracks ended': ended, 'tracks that went on': extra}


def main() -> int:
    """Print the results as JSON."""
    arguments = parse(__doc__, shared=SHARED)
    keep({name: report(clip) for name, clip in clips(arguments.shared).items()}, arguments.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
