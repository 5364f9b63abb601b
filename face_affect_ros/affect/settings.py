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

"""The settings of a pipeline; this module imports neither OpenCV nor SciPy."""

from dataclasses import dataclass

DEFAULT_DETECTOR = 'face_residual_fpn'


@dataclass(frozen=True)
class PipelineSettings:
    """
    Settings of a pipeline, with the names of the parameters of the node.

    Attributes:
        detector: Name or path of a detector.
        detector_size: Longer side of the detector's input in pixels, unless it is fixed; 0 to
            select it by the size of the image.
        min_score: Minimum score of a detection, in (0, 1).
        detection_interval: Seconds between two runs of the detector, 0 for every image.
        rotated_search: Whether the detector also runs on the image rotated by 90 degrees.
        start_score: Minimum score of a detection that starts a track, in [0, 1].
        emotion_model: Name or path of the expression model, '' for none.
        gender_model: Name or path of the gender model, '' for none; may be the same as
            emotion_model.
        emotion_interval: Seconds between two inferences of the expression of a track, 0 for every
            image. A model for both tasks runs at the shorter interval.
        gender_interval: Likewise, of the gender.
        track_timeout: Seconds without a detection after which a track ends.
        track_id_prefix: First part of the track ids, '' for a random one.
        smoothing_time_constant: Seconds over which probabilities are averaged, 0 for no average.
        orientation_time_constant: Seconds over which orientations are averaged, 0 for no average.
        num_threads: Number of threads of each network, >= 1.
    """

    detector: str = DEFAULT_DETECTOR
    detector_size: int = 0
    min_score: float = 0.3
    detection_interval: float = 0.1
    rotated_search: bool = True
    start_score: float = 0.37
    emotion_model: str = 'emotion_small_resnet'
    gender_model: str = 'gender_mobilenet'
    emotion_interval: float = 0.05
    gender_interval: float = 0.2
    track_timeout: float = 1.5
    track_id_prefix: str = ''
    smoothing_time_constant: float = 0.5
    orientation_time_constant: float = 0.2
    num_threads: int = 1
