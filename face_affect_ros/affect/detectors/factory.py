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

"""Make a detector by its name."""

from pathlib import Path

from face_affect_ros.affect.detectors.base import Detector
from face_affect_ros.affect.detectors.blazeface import BlazeFace
from face_affect_ros.affect.detectors.yunet import YuNet
from face_affect_ros.affect.trial import load_tried_card
from face_affect_ros.affect.types import AffectError

DETECTORS = ('blazeface_back', 'blazeface_full_range', 'blazeface_short_range', 'yunet')


def make_detector(name: str, *, model: str = '', sha256: str = '', min_score: float = 0.5,
                  num_threads: int = 1) -> Detector:
    """
    Return a loaded detector.

    name: one of DETECTORS. model: path of YuNet's ONNX file, sha256: its checksum; the other
    detectors have a card with theirs.
    min_score: detections below it are dropped, in [0, 1]. Raises AffectError.
    """
    if name not in DETECTORS:
        raise AffectError(f"detector '{name}' is not one of {', '.join(DETECTORS)}")
    if name == 'yunet':
        if not model:
            raise AffectError("detector 'yunet' needs the path of its ONNX file in the parameter "
                              "'detector_model'")
        return YuNet(Path(model).expanduser(), sha256=sha256, min_score=min_score)
    return BlazeFace(load_tried_card(name), min_score=min_score, num_threads=num_threads)
