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

"""Settings of a training of the detector, in one YAML file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from face_affect_training.detection.views import ViewSettings
from face_affect_training.experiment import build_dataclass, data_path, read_yaml


@dataclass(frozen=True)
class DetectorExperiment:
    """
    Settings of a training of the detector.

    Attributes:
        name: Name of the detector.
        pictures: Folder of the training images. Environment variables are expanded here and in the
            next two entries.
        chips_folder: Folder of FairFace.
        teacher: ONNX file of YuNet, which labels the faces of FairFace.
        network: Options of residual_fpn.
        views: Augmentation.
        last_views: Weaker augmentation after the fraction `last_from` of a round (Ge et al. 2021,
            YOLOX).
        chips: Number of faces of FairFace.
        rounds: Number of steps of each round, and its initial learning rates relative to `rate`
            and `rate_others`. They decrease to zero with a cosine schedule.
        mine_every: Steps between two searches of the training images for false detections, from
            the second round (hard negative mining).
        batch: Batch size.
        rate: Learning rate of the kernels (Muon, Jordan et al. 2024).
        rate_others: Learning rate of all other parameters (Adam).
        weight_decay: Weight decay of the kernels.
        warmup: Steps of linear warm-up of each round.
        averaging: Decay of the averaged weights, which are saved.
        precision: Dtype policy of Keras.
        seed: Random seed.
        evaluation_every: Steps between two evaluations on the labelled images.
        evaluation_part: Every evaluation_part-th labelled image is used in these.
        evaluation_size: Longer side of the input in these, in pixels.
    """

    name: str
    pictures: str
    chips_folder: str
    teacher: str
    network: dict[str, Any] = field(default_factory=dict)
    views: ViewSettings = ViewSettings()
    last_views: ViewSettings = ViewSettings(
        grids=(0.6, 0.3, 0.1), empty=0.2, look_alikes=0.35, covered=0.08, disturbed=0.4)
    last_from: float = 0.75
    chips: int = 8000
    rounds: tuple[tuple[int, float], ...] = ((28000, 1.0), (28000, 0.5))
    mine_every: int = 8000
    batch: int = 16
    rate: float = 2e-2
    rate_others: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 500
    averaging: float = 0.999
    precision: str = 'mixed_bfloat16'
    seed: int = 0
    evaluation_every: int = 2000
    evaluation_part: int = 4
    evaluation_size: int = 640

    @property
    def steps(self) -> int:
        """Return the number of steps of all rounds."""
        return sum(steps for steps, _ in self.rounds)

    def round_of(self, step: int) -> tuple[int, int, float]:
        """Return the first step, the number of steps and the relative rate of a step's round."""
        first = 0
        for steps, rate in self.rounds[:-1]:
            if step < first + steps:
                return first, steps, rate
            first += steps
        return first, *self.rounds[-1]

    def mined_at(self, step: int) -> int | None:
        """Return the step at which the false detections used in a step are mined, or None."""
        first, _, _ = self.round_of(step)
        return first + (step - first) // self.mine_every * self.mine_every if first else None

    def folder(self, entry: str) -> Path:
        """Return the path of an entry, with environment variables expanded."""
        return data_path(getattr(self, entry))


def load_detector_experiment(path: Path) -> DetectorExperiment:
    """Read an experiment file; AffectError if it cannot be read or has invalid entries."""
    experiment = build_dataclass(DetectorExperiment, read_yaml(path), str(path))
    assert isinstance(experiment, DetectorExperiment)
    return experiment
