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

"""Faces like those of the pipeline, for tests without images."""

from typing import Any

from face_affect_ros.affect.types import EMOTIONS, Estimate, Face, Position, UNKNOWN, UNSURE
import numpy as np


def estimate(label: str, confidence: float = 0.8, reason: str = '') -> Estimate:
    """Return an estimate of an expression; of 'unknown', happy is the most probable one."""
    best = EMOTIONS.index('happy' if label == UNKNOWN else label)
    probabilities = np.full(7, (1.0 - confidence) / 6, np.float32)
    probabilities[best] = confidence
    return Estimate(label, confidence, probabilities,
                    reason or (UNSURE if label == UNKNOWN else ''))


def face(name: str = 'f1', emotion: str = 'happy', *, z: float = 0.0, **changes: Any) -> Face:
    """Return a face; z: distance in metres, 0 for an unknown position."""
    position = (Position(np.array([0.0, 0.0, z]), np.diag([1e-4, 1e-4, 0.01 * z * z]))
                if z else None)
    values: dict[str, Any] = {
        'id': name, 'box': np.float32([100, 80, 60, 70]), 'score': 0.9,
        'landmarks': np.float32([[115, 105], [145, 105], [130, 120], [130, 135]]),
        'estimates': {'emotion': estimate(emotion)}, 'tracked_for': 1.0, 'position': position}
    return Face(**{**values, **changes})
