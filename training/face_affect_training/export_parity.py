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

"""Whether a TFLite file says what its Keras network says."""

from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.types import AffectError
import numpy as np
import numpy.typing as npt

#: Validation faces on which the two are compared, at most.
PARITY_FACES = 1024


@dataclass(frozen=True)
class Limit:
    """
    What may be lost.

    difference: largest of any probability. agreement: least share of the faces that get the same
    label.
    """

    difference: float
    agreement: float


#: A float32 file is the same computation in another order. float16 rounds each weight to 11 bits,
#: dynamic to 8 and the activations as well, but for those that are added or pooled. int8 leaves
#: 1/256 between two probabilities and about as much between two activations; faces whose two best
#: classes are close change their label. More than this is a fault of the export.
LIMITS = {'float32': Limit(1e-4, 0.99), 'float16': Limit(0.05, 0.98),
          'dynamic': Limit(0.3, 0.95), 'int8': Limit(0.6, 0.9)}


def check_parity(ours: npt.NDArray[np.floating[Any]], theirs: npt.NDArray[np.floating[Any]],
                 labels: npt.NDArray[np.int64], precision: str) -> dict[str, Any]:
    """
    Return how a file and its network compare on some faces, as plain values for the card.

    ours, theirs: (N, K) probabilities of the file and of Keras. labels: (N,), for both accuracies.
    Raises AffectError where the precision does not explain the difference.
    """
    difference = float(np.abs(ours - theirs).max())
    agreement = float((ours.argmax(1) == theirs.argmax(1)).mean())
    limit = LIMITS[precision]
    # written so that NaN fails as well
    if not (difference <= limit.difference and agreement >= limit.agreement):
        raise AffectError(
            f'the {precision} file differs from Keras by up to {difference:.2g} and gives '
            f'{agreement:.1%} of {len(ours)} faces the same label, allowed are '
            f'{limit.difference:g} and {limit.agreement:.0%}; it was not written. Leave out this '
            'precision, or look for layers whose values reach far out')
    return {'faces': len(ours), 'max_difference': difference, 'label_agreement': agreement,
            'accuracy': float((ours.argmax(1) == labels).mean()),
            'keras_accuracy': float((theirs.argmax(1) == labels).mean())}
