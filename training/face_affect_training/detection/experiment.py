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

"""What a training of the detector depends on, in one YAML file."""

from dataclasses import dataclass, field
import os
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.detection.views import ViewSettings
import yaml


@dataclass(frozen=True)
class DetectorExperiment:
    """
    All that a training of the detector depends on.

    pictures, chips_folder, teacher: folder of the training pictures, of FairFace, and YuNet's
    ONNX file; they may name ${FACE_AFFECT_SHARED}. network: options of residual_fpn. last_views:
    of the steps after the share last_from, easier ones (Ge et al. 2021, YOLOX). chips:
    faces of FairFace, 0 for none. steps, batch: of the training. rate: highest learning rate of
    the kernels (Muon, Jordan et al. 2024), rate_others: of all other parameters (Adam), after
    warmup steps, then along a half cosine to nothing. weight_decay: of the kernels.
    averaging: decay of the averaged weights, which are kept. judge_every, judge_part: steps
    between two looks at the labelled pictures, and of how many pictures one is taken.
    judge_size: longer side at which they are seen.
    """

    name: str
    pictures: str
    chips_folder: str
    teacher: str
    network: dict[str, Any] = field(default_factory=dict)
    views: ViewSettings = ViewSettings()
    last_views: ViewSettings = ViewSettings(
        grids=(0.6, 0.3, 0.1), empty=0.25, covered=0.08, disturbed=0.4)
    last_from: float = 0.75
    chips: int = 8000
    steps: int = 20000
    batch: int = 16
    rate: float = 2e-2
    rate_others: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 500
    averaging: float = 0.999
    precision: str = 'mixed_bfloat16'
    seed: int = 0
    judge_every: int = 2000
    judge_part: int = 4
    judge_size: int = 640

    def folder(self, entry: str) -> Path:
        """Return the path that an entry names, its variables expanded."""
        return Path(os.path.expandvars(getattr(self, entry))).expanduser()


def load_detector_experiment(path: Path) -> DetectorExperiment:
    """Read an experiment file; AffectError where it cannot be read or has unknown entries."""
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))
        for name in {'views', 'last_views'} & set(entries):
            values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value
                                      for key, value in entries[name].items()}
            entries[name] = ViewSettings(**values)
        return DetectorExperiment(**entries)
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise AffectError(f'{path}: no experiment of a detector: {error}') from error
