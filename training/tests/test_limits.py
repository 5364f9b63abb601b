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

"""Limits of a model: curves of accuracy on faces that get smaller and more blurred."""

import json
from pathlib import Path

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.quality import Limits
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training import limits
from face_affect_training.commands.export import _limits
from face_affect_training.data.types import FaceData
from face_affect_training.figures.guided import portrait_crop
import numpy as np
import pytest


@pytest.fixture(scope='module')
def faces() -> FaceData:
    """Return 12 chips of the portrait, one of them called sad, and one of nobody."""
    chip = portrait_crop(CropSpec(size=96, margin=0.25))[:, :, 0]
    images = np.stack([*(np.clip(light * chip, 0, 255).astype(np.uint8)
                         for light in np.linspace(0.6, 1.3, 12)), np.full_like(chip, 120)])
    labels = np.full(13, EMOTIONS.index('happy'))
    labels[3] = EMOTIONS.index('sad')
    return FaceData(source='portraits', task='emotion', images=images, labels=labels,
                    names=np.arange(13).astype(str))


def test_curves_and_limits(faces: FaceData, tmp_path: Path) -> None:
    found = limits.measure('emotion_mini_xception', faces)
    assert found['faces'] == 12
    assert found['accuracy'] == pytest.approx(11 / 12, abs=1e-4)
    assert found['by_side']['48'] >= found['by_side']['8']
    assert found['by_blur']['0.01'] >= found['by_blur']['0.08']
    assert sum(each['faces'] for each in found['by_turn']) == 12
    assert sum(each['faces'] for each in found['by_sharpness']) == 12 * (1 + len(limits.BLURS))
    own = Limits.from_card(found['limits'])
    # the portrait as it is may be judged
    assert own.min_side <= 48 and own.max_turn < 1.0 and 0.0 <= own.min_sharpness < 5.0
    assert limits.measure('emotion_mini_xception', faces, limit=5)['faces'] <= 5
    file = tmp_path / 'limits.json'
    file.write_text(json.dumps(found))
    assert _limits([file]) == {'emotion': found['limits']}
    assert _limits([]) == {}
    file.write_text('{}')
    with pytest.raises(AffectError, match='is not what `face_affect limits` prints'):
        _limits([file])


def test_a_limit_of_sharpness_takes_what_costs_accuracy() -> None:
    every = np.linspace(0.0, 1.0, 100)
    right = every > 0.3
    # of the faces below 0.37 a fifth is right: half of the 0.7 that are lost by then
    assert limits._sharpness_limit(every + 0.5, every, right, 1.0) == pytest.approx(0.5, abs=0.02)
    assert limits._sharpness_limit(every, every, right, 1.0) == pytest.approx(0.01, abs=1e-3)
    assert limits._sharpness_limit(every, every, right | True, 1.0) == 0.0


def test_nobody_has_no_limits(faces: FaceData) -> None:
    with pytest.raises(AffectError, match='portraits: blazeface_back finds no face'):
        limits.measure('emotion_mini_xception', faces.select(np.array([12])))
