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

"""The blended step of the paper: search, track, crop, classify, smooth."""

from collections.abc import Sequence
from typing import TypeAlias

from face_affect_ros.affect.boxes import clip
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec, extract_crops
from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.orientation import look, MEAN_FACES, OrientationSmoother
from face_affect_ros.affect.position import Camera, locate, locate_in_depth
from face_affect_ros.affect.quality import reasons
from face_affect_ros.affect.searching import Search
from face_affect_ros.affect.smoother import Smoother
from face_affect_ros.affect.tracker import Tracker
from face_affect_ros.affect.turns import Turns
from face_affect_ros.affect.types import (
    Detections,
    Estimate,
    Face,
    FloatArray,
    ImageArray,
    Orientation,
)
import numpy as np

#: Probabilities (K,) of one task for one face, and why the face cannot be judged, '' if it can.
Answer: TypeAlias = tuple[FloatArray, str]


class AffectPipeline:
    """A frame in, faces out (Arriaga et al. 2017, section IV, as one call)."""

    def __init__(self, *, search: Search, classifiers: Sequence[Classifier],
                 tracker: Tracker, smoothing_time_constant: float,
                 emotion_interval: float = 0.0, gender_interval: float = 0.0,
                 orientation_time_constant: float = 0.0) -> None:
        """
        Put the parts together.

        classifiers: any number; of two that answer the same task the later one is heard.
        smoothing_time_constant: seconds, see Smoother. emotion_interval, gender_interval: seconds
        between two looks at a face by the classifier of that attribute, the shorter ones where it
        answers both; in the images between, its last estimate stays. 0 for a look in every image.
        orientation_time_constant: seconds, see OrientationSmoother.
        """
        self.search = search
        self.classifiers = tuple(classifiers)
        self.tracker = tracker
        self.smoothing_time_constant = smoothing_time_constant
        self.orientation_time_constant = orientation_time_constant
        self.heads = {head.task: head for each in self.classifiers for head in each.heads}
        self._smoothers: dict[str, dict[str, Smoother]] = {}
        self._mean_face = MEAN_FACES[search.detector.mouth]
        self._orientations: dict[str, OrientationSmoother] = {}
        self._turns = [Turns(0.0) for _ in self.classifiers]
        self._intervals = {'emotion': emotion_interval, 'gender': gender_interval}
        self._share_out_intervals()

    @property
    def intervals(self) -> dict[Classifier, float]:
        """Return how many seconds lie between two looks at a face, by classifier."""
        return {classifier: turns.interval
                for classifier, turns in zip(self.classifiers, self._turns)}

    @property
    def detector(self) -> Detector:
        """Return what finds the faces."""
        return self.search.detector

    def process(self, image: ImageArray, stamp: float, camera: Camera | None = None,
                depth: FloatArray | None = None) -> list[Face]:
        """
        Return the faces of one frame, oldest track first.

        image: (H, W) grey or (H, W, 3) BGR uint8, not written to. stamp: time of the frame in
        seconds; frames should come in the order of their stamps. camera: its calibration, for
        the faces' positions; without it, their orientations are by an assumed one. depth:
        registered to the image, as of locate_in_depth; where it does not know a face, the
        distance of the eyes does.
        """
        found = self.search(image, stamp)
        tracks = self.tracker.update(found, stamp)
        kept = [index for index, track in enumerate(tracks) if track is not None]
        found = found[kept]
        ids = [track.id for track in tracks if track is not None]
        answers = self._classify(image, found, ids, stamp)
        height, width = image.shape[:2]
        boxes = clip(found.boxes, width, height)
        faces = []
        for row, index in enumerate(kept):
            track = tracks[index]
            assert track is not None
            estimates = self._smooth(track.id, answers[row], stamp)
            orientation = self._orient(track.id, found.landmarks[row], stamp, camera,
                                       width=width, height=height)
            position = None
            if camera and depth is not None:
                position = locate_in_depth(boxes[row], found.landmarks[row], depth, camera,
                                           width=width, height=height)
            if camera and position is None:
                position = locate(found.landmarks[row], camera, width=width, height=height,
                                  orientation=orientation)
            faces.append(Face(id=track.id, box=boxes[row], score=float(found.scores[row]),
                              landmarks=found.landmarks[row], estimates=estimates,
                              tracked_for=max(0.0, stamp - track.first), position=position,
                              orientation=orientation,
                              whole_box=found.boxes[row]))
        self._forget()
        return sorted(faces, key=lambda face: (-face.tracked_for, face.id))

    def warm_up(self) -> None:
        """Run every network once, so that the first frame need not wait for them."""
        self.detector(np.zeros((480, 640, 3), np.uint8))
        for each in self.classifiers:
            each(np.zeros((1, each.crop.size, each.crop.size, each.crop.channels), np.uint8))

    def forget(self) -> None:
        """Begin anew, with an image that has nothing to do with those before."""
        self.search = Search(self.detector, interval=self.search.interval)
        self.tracker.forget()
        self._smoothers.clear()
        self._orientations.clear()
        self._turns = [Turns(each.interval) for each in self._turns]

    def adjust(self, name: str, value: float) -> None:
        """
        Change one of the settings that may change between two frames, by its name.

        Tracks stay alive. Names of other settings are ignored.
        """
        if name == 'smoothing_time_constant':
            self.smoothing_time_constant = value
        elif name == 'orientation_time_constant':
            self.orientation_time_constant = value
        elif name == 'track_timeout':
            self.tracker.timeout = value
        elif name == 'start_score':
            self.tracker.start_score = value
        elif name == 'detection_interval':
            self.search.interval = value
        elif name in ('emotion_interval', 'gender_interval'):
            self._intervals[name.removesuffix('_interval')] = value
            self._share_out_intervals()

    def _share_out_intervals(self) -> None:
        for classifier, turns in zip(self.classifiers, self._turns):
            turns.interval = min(self._intervals[head.task] for head in classifier.heads)

    def _classify(self, image: ImageArray, found: Detections, tracks: Sequence[str],
                  stamp: float) -> list[dict[str, Answer]]:
        """Return the answers about each face, by task; only of the tasks that had their turn."""
        answers: list[dict[str, Answer]] = [{} for _ in tracks]
        crops: dict[tuple[CropSpec, tuple[int, ...]], ImageArray] = {}
        for classifier, turns in zip(self.classifiers, self._turns):
            rows = turns(tracks, stamp, busy=self.search.busy)
            if not rows:
                continue
            asked, key = found[rows], (classifier.crop, tuple(rows))
            if key not in crops:
                crops[key] = extract_crops(image, asked.boxes, asked.landmarks, classifier.crop)
            why = {limits: reasons(asked, crops[key], limits, self.detector.face_score)
                   for limits in {head.limits for head in classifier.heads}}
            probabilities = classifier(crops[key])
            for head in classifier.heads:
                for row, shares, reason in zip(rows, probabilities[head.task], why[head.limits]):
                    answers[row][head.task] = shares, reason
        return answers

    def _smooth(self, track: str, answers: dict[str, Answer], stamp: float) -> dict[str, Estimate]:
        """Return the estimates of a track by task, with those of earlier images among them."""
        smoothers = self._smoothers.setdefault(track, {
            task: Smoother(head, time_constant=self.smoothing_time_constant)
            for task, head in self.heads.items()})
        for task, (probabilities, reason) in answers.items():
            smoothers[task].time_constant = self.smoothing_time_constant
            smoothers[task](probabilities, stamp, reason)
        return {task: each.estimate for task, each in smoothers.items()
                if each.estimate is not None}

    def _orient(self, track: str, landmarks: FloatArray, stamp: float, camera: Camera | None, *,
                width: int, height: int) -> Orientation | None:
        """Return how the head of a track is turned, with earlier looks among it."""
        sight = look(landmarks, camera, width=width, height=height, face=self._mean_face)
        if sight is None:
            return None
        smoother = self._orientations.setdefault(track, OrientationSmoother(time_constant=0.0))
        smoother.time_constant = self.orientation_time_constant
        return smoother(sight, stamp)

    def _forget(self) -> None:
        for kept in (self._smoothers, self._orientations):
            for track in kept.keys() - self.tracker.ids:
                del kept[track]
        for turns in self._turns:
            turns.forget(self.tracker.ids)
