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

"""The choices a user has, and the pipeline made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR, make_detector
from face_affect_ros.affect.sandbox import load_validated_card

if TYPE_CHECKING:
    from face_affect_ros.affect.pipeline import AffectPipeline


@dataclass(frozen=True)
class PipelineSettings:
    """
    What the node's parameters and the command line's options choose.

    detector, detector_size [px], min_score: see make_detector. detection_interval [s]: between
    two runs of the detector, 0 for every image. start_score, track_timeout [s], track_id_prefix:
    see Tracker. emotion_model, gender_model: name or path of a model, '' to switch the attribute
    off; the same name twice loads one network with two heads. emotion_interval, gender_interval
    [s]: between two inferences on a track, 0 for every image; a network for both runs at the
    shorter one. smoothing_time_constant [s]: see Smoother. orientation_time_constant [s]: see
    OrientationSmoother. num_threads: of each network, >= 1.
    """

    detector: str = DEFAULT_DETECTOR
    detector_size: int = 0
    min_score: float = 0.4
    detection_interval: float = 0.1
    start_score: float = 0.5
    emotion_model: str = 'emotion_small_resnet'
    gender_model: str = 'gender_efficientnet_lite'
    emotion_interval: float = 0.05
    gender_interval: float = 0.2
    track_timeout: float = 1.5
    track_id_prefix: str = ''
    smoothing_time_constant: float = 0.5
    orientation_time_constant: float = 0.2
    num_threads: int = 1

    def interval_of(self, task: str) -> float:
        """Return the interval of a task, 'emotion' or 'gender', in seconds."""
        return {'emotion': self.emotion_interval, 'gender': self.gender_interval}[task]


def make_pipeline(settings: PipelineSettings) -> AffectPipeline:
    """Load all models and return the pipeline; AffectError names what is wrong."""
    # Not at the top: it imports SciPy, which would delay the launch files, which read the
    # defaults above.
    from face_affect_ros.affect.pipeline import AffectPipeline
    detector = make_detector(settings.detector, size=settings.detector_size,
                             min_score=settings.min_score, num_threads=settings.num_threads)
    return AffectPipeline(detector, _make_classifiers(settings), settings)


def _make_classifiers(settings: PipelineSettings) -> list[Classifier]:
    wanted = {'emotion': settings.emotion_model, 'gender': settings.gender_model}
    models = dict.fromkeys(name for name in wanted.values() if name)
    return [Classifier(load_validated_card(model, 'classifier'), num_threads=settings.num_threads,
                       tasks=[task for task, name in wanted.items() if name == model])
            for model in models]
