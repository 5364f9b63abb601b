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

"""What a face detector is."""

from typing import Protocol

from face_affect_ros.affect.types import Detections, ImageArray


class Detector(Protocol):
    """
    Finds faces in one image, without a state.

    Boxes reach from the eyebrows to the chin, as those of BlazeFace; the card of a network with
    other boxes has a box_scale.

    Attributes:
        name: Of its card.
        face_score: In [0, 1]; a detection with less is possibly no face, and its attributes are
            unknown.
        mouth: The landmark of the mouth: the middle of the 'lips', or the middle between its
            'corners', which lie further back.
    """

    name: str
    face_score: float
    mouth: str

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of a (H, W) grey or (H, W, 3) BGR uint8 image, best first."""
