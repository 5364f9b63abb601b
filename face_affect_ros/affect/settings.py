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
    """Settings of a pipeline, with the names of the parameters of the node."""

    detector: str = DEFAULT_DETECTOR   #: name or path
    #: Longer side of the detector's input in pixels, unless it is fixed; 0 to select it by the
    #: size of the image.
    detector_size: int = 0
    min_score: float = 0.3   #: minimum score of a detection, in (0, 1)
    detection_interval: float = 0.1   #: seconds between two runs of the detector, 0: every image
    rotated_search: bool = True   #: whether it also runs on the image rotated by 90 degrees
    start_score: float = 0.37   #: minimum score of a detection that starts a track, in [0, 1]
    emotion_model: str = 'emotion_small_resnet'   #: name or path, '' for none
    gender_model: str = 'gender_mobilenet'   #: likewise; may be the same as emotion_model
    #: Seconds between two inferences of the expression of a track, 0 for every image. A model for
    #: both tasks runs at the shorter interval.
    emotion_interval: float = 0.05
    gender_interval: float = 0.2   #: likewise, of the gender
    track_timeout: float = 1.5   #: seconds without a detection after which a track ends
    track_id_prefix: str = ''   #: first part of the track ids, '' for a random one
    smoothing_time_constant: float = 0.5   #: seconds over which probabilities are averaged, or 0
    orientation_time_constant: float = 0.2   #: seconds over which orientations are averaged, or 0
    num_threads: int = 1   #: number of threads of each network, >= 1
