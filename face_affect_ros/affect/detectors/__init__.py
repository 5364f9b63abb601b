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

"""Face detectors behind one small interface, made by the names of their cards."""

from collections.abc import Callable
from typing import Protocol

from face_affect_ros.affect.detectors.blazeface import BlazeFace
from face_affect_ros.affect.detectors.residual_fpn import ResidualFpn
from face_affect_ros.affect.detectors.yunet import YuNet
from face_affect_ros.affect.model_store import CARD, card_entry, entry_errors
from face_affect_ros.affect.sandbox import load_validated_card
from face_affect_ros.affect.settings import DEFAULT_DETECTOR
from face_affect_ros.affect.types import AffectError, Detections, ImageArray

__all__ = ['DEFAULT_DETECTOR', 'Detector', 'make_detector']


class Detector(Protocol):
    """
    Finds faces in one image; it has no state.

    Boxes extend from the eyebrows to the chin, as those of BlazeFace; the card of a network with
    other boxes has a box_scale.
    """

    name: str
    #: Score in [0, 1] below which a detection may not be a face: its attributes are unknown.
    face_score: float
    #: Landmark of the mouth: the centre of the 'lips', or the midpoint of the 'corners' behind it.
    mouth: str

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of an image, best first."""


#: By the entry `decoder` of a card.
DECODERS: dict[str, Callable[..., Detector]] = {
    'residual_fpn': ResidualFpn, 'blazeface': BlazeFace, 'yunet': YuNet}
#: Largest values of the entries of a card that are for detectors only.
LARGEST = {'nms_overlap': 1.0, 'face_score': 1.0, 'box_scale': 10.0}


def make_detector(name: str = DEFAULT_DETECTOR, *, size: int = 0, min_score: float = 0.5,
                  num_threads: int = 1) -> Detector:
    """
    Load a detector.

    Args:
        name: Name of a detector's card, or path of its folder.
        size: Longer side of the network's input in pixels, unless it is fixed; 0 to select it by
            the size of the image, see boxes.longer_side.
        min_score: Minimum score of a detection, in (0, 1).
        num_threads: Number of threads of the network, >= 1.

    Raises:
        AffectError: The model is missing or invalid, or its card names an unknown decoder.
    """
    card = load_validated_card(name, 'detector')
    decoder = str(card.metadata.get('decoder', ''))
    if decoder not in DECODERS:
        raise AffectError(f"detector '{name}': the decoder '{decoder}' of its card is not one of "
                          f"{', '.join(DECODERS)}")
    with entry_errors(card.path.with_name(CARD)):
        for entry_name, largest in LARGEST.items():
            value = card_entry(card.metadata, entry_name, float, 0.0)
            if not 0.0 <= value <= largest:   # false for NaN
                raise ValueError(f'{entry_name} is {value:g}, it must lie in [0, {largest:g}]')
        return DECODERS[decoder](card, size=size, min_score=min_score, num_threads=num_threads)
