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

"""The steps for one frame: detect, track, crop, classify, smooth."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from face_affect_ros.affect.boxes import clip
from face_affect_ros.affect.classifier import Classifier, Smoother
from face_affect_ros.affect.crop import CropSpec, extract_crops
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.orientation import head_pose, MEAN_FACES, OrientationSmoother
from face_affect_ros.affect.position import Camera, locate, locate_in_depth
from face_affect_ros.affect.quality import reasons
from face_affect_ros.affect.rotated_search import RotatedSearch
from face_affect_ros.affect.sandbox import load_validated_card
from face_affect_ros.affect.scheduling import DetectOrTrack, InferenceScheduler
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.tracker import Tracker
from face_affect_ros.affect.types import (
    AffectError,
    Detections,
    Estimate,
    Face,
    FloatArray,
    ImageArray,
)
import numpy as np

#: A head's probabilities (K,) of one face, and why the face cannot be classified, '' if it can.
Classification: TypeAlias = tuple[FloatArray, str]


class AffectPipeline:
    """
    Detects, tracks and classifies the faces of each frame (Arriaga et al. 2017, section IV).

    Attributes:
        settings: Settings for the next frame; another thread may replace them. A change of the
            models, of min_score, rotated_search or track_id_prefix has no effect.
        detector: The face detector.
        classifiers: Classifiers of the faces; each task is in one of them.
        heads: Heads of the classifiers, by task.
        locate: Detects or tracks the faces.
    """

    def __init__(self, detector: Detector, classifiers: Sequence[Classifier],
                 settings: PipelineSettings) -> None:
        self.settings = settings
        self.classifiers = tuple(classifiers)
        self.heads = {head.task: head for each in self.classifiers for head in each.heads}
        self.detector = detector
        self.locate = DetectOrTrack(RotatedSearch(detector, min_score=settings.min_score,
                                                  enabled=settings.rotated_search))
        self._tracker = Tracker(prefix=settings.track_id_prefix)
        self._mean_face = MEAN_FACES[detector.mouth]
        self.reset()

    @property
    def models(self) -> list[str]:
        """The names of the networks: the detector's, then the classifiers'."""
        return [self.detector.name, *(each.card.name for each in self.classifiers)]

    @property
    def tracks(self) -> frozenset[str]:
        """The ids of the tracks that have not ended."""
        return self._tracker.ids

    def process(self, image: ImageArray, stamp: float, camera: Camera | None = None,
                depth: FloatArray | None = None) -> list[Face]:
        """
        Process one frame.

        Args:
            image: (H, W) grey or (H, W, 3) BGR uint8, not written to.
            stamp: Time of the frame, seconds; frames should come in the order of their stamps.
            camera: Calibration, for positions; without it, a field of view is assumed for the
                orientations.
            depth: (h, w) float32, metres, registered to the image and with its aspect ratio; 0,
                infinite or NaN where unknown. If a face has no depth, its distance is computed
                from that between the eyes.

        Returns:
            The faces, oldest track first.

        Raises:
            AffectError: The image or the depth has another shape or type, or the runtime cannot
                run a network.
        """
        _check(image, depth)
        settings = self.settings
        located = self.locate(image, stamp, settings.detection_interval)
        height, width = image.shape[:2]
        # in widths of the image, so that a change of its size ends no track
        relative = replace(located.faces, boxes=located.faces.boxes / width)
        joined = self._tracker.update(relative, stamp, timeout=settings.track_timeout,
                                      start_score=settings.start_score,
                                      detected=located.detected)
        tracks = [track for track in joined if track is not None]
        found = located.faces[[row for row, track in enumerate(joined) if track is not None]]
        classified = self._classify(image, found, [track.id for track in tracks], stamp, settings,
                                    defer=located.defer)
        boxes = clip(found.boxes, width, height)
        faces = []
        for row, track in enumerate(tracks):
            if track.id not in self._smoothers:
                self._smoothers[track.id] = ({task: Smoother(head) for task, head in
                                              self.heads.items()}, OrientationSmoother())
            smoothers, oriented = self._smoothers[track.id]
            for task, (probabilities, reason) in classified[row].items():
                smoothers[task](probabilities, stamp, reason,
                                time_constant=settings.smoothing_time_constant)
            landmarks = found.landmarks[row]
            pose = head_pose(landmarks, camera, width=width, height=height, face=self._mean_face)
            orientation = None if pose is None else oriented(
                pose, stamp, time_constant=settings.orientation_time_constant)
            position = None
            if camera and depth is not None:
                position = locate_in_depth(boxes[row], landmarks, depth, camera, width=width,
                                           height=height)
            if camera and position is None:
                position = locate(landmarks, camera, width=width, height=height,
                                  orientation=orientation)
            faces.append(Face(id=track.id, box=boxes[row], score=float(found.scores[row]),
                              landmarks=landmarks, estimates=_estimates(smoothers),
                              tracked_for=max(0.0, stamp - track.first), position=position,
                              orientation=orientation, whole_box=found.boxes[row]))
        alive = self.tracks
        for ended in self._smoothers.keys() - alive:
            del self._smoothers[ended]
        for scheduler in self._schedulers:
            scheduler.prune(alive)
        return sorted(faces, key=lambda face: (-face.tracked_for, face.id))

    def warm_up(self) -> None:
        """Run every network once, which takes longer the first time."""
        self.locate(np.zeros((480, 640, 3), np.uint8), 0.0, 0.0)
        self.locate.reset()
        for each in self.classifiers:
            each(np.zeros((1, each.crop.size, each.crop.size, each.crop.channels), np.uint8))

    def reset(self) -> None:
        """End all tracks, for images of another scene."""
        self.locate.reset()
        self._tracker.reset()
        self._smoothers: dict[str, tuple[dict[str, Smoother], OrientationSmoother]] = {}
        self._schedulers = [InferenceScheduler() for _ in self.classifiers]

    def restart(self) -> None:
        """End all tracks and number the next ones from 1 again, for another source."""
        self.reset()
        self._tracker.restart()

    def _classify(self, image: ImageArray, found: Detections, tracks: Sequence[str], stamp: float,
                  settings: PipelineSettings, *, defer: bool) -> list[dict[str, Classification]]:
        """Return the classifications of each face by task, of the tasks that ran on it."""
        classified: list[dict[str, Classification]] = [{} for _ in tracks]
        crops: dict[tuple[CropSpec, tuple[int, ...]], ImageArray] = {}
        intervals = {'emotion': settings.emotion_interval, 'gender': settings.gender_interval}
        for classifier, scheduler in zip(self.classifiers, self._schedulers):
            interval = min(intervals[head.task] for head in classifier.heads)
            rows = scheduler.select(tracks, stamp, interval, defer=defer)
            if not rows:
                continue
            chosen, key = found[rows], (classifier.crop, tuple(rows))
            if key not in crops:
                crops[key] = extract_crops(image, chosen.boxes, chosen.landmarks, classifier.crop)
            why = {limits: reasons(chosen, crops[key], limits, self.detector.face_score)
                   for limits in {head.limits for head in classifier.heads}}
            probabilities = classifier(crops[key])
            for head in classifier.heads:
                for row, each, reason in zip(rows, probabilities[head.task], why[head.limits]):
                    classified[row][head.task] = each, reason
        return classified


def _estimates(smoothers: dict[str, Smoother]) -> dict[str, Estimate]:
    """Return copies of the last estimates by task, because a caller may write to their arrays."""
    return {task: replace(each.estimate, probabilities=each.estimate.probabilities.copy())
            for task, each in smoothers.items() if each.estimate is not None}


def _check(image: ImageArray, depth: FloatArray | None) -> None:
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size and (
            image.ndim == 2 or image.shape[2:] == (3,))):
        raise AffectError(f'the image is {_kind(image)}; pass a numpy array of uint8, (H, W) grey '
                          'or (H, W, 3) BGR')
    if depth is not None and not (isinstance(depth, np.ndarray) and depth.ndim == 2
                                  and depth.dtype.kind == 'f'):
        raise AffectError(f'the depth is {_kind(depth)}; pass a numpy array of float32, (h, w), '
                          'in metres: divide millimetres by 1000')


def _kind(value: object) -> str:
    return (f'{value.dtype} of shape {value.shape}' if isinstance(value, np.ndarray)
            else type(value).__name__)


def make_pipeline(settings: PipelineSettings) -> AffectPipeline:
    """Load all models and return the pipeline; AffectError if one cannot be loaded."""
    detector = make_detector(settings.detector, size=settings.detector_size,
                             min_score=settings.min_score, num_threads=settings.num_threads)
    wanted = {'emotion': settings.emotion_model, 'gender': settings.gender_model}
    models = dict.fromkeys(name for name in wanted.values() if name)
    classifiers = [Classifier(load_validated_card(model, 'classifier'),
                              tasks=[task for task, name in wanted.items() if name == model],
                              num_threads=settings.num_threads) for model in models]
    return AffectPipeline(detector, classifiers, settings)
