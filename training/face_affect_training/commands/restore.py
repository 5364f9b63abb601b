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

"""Make a training run of a shipped model."""

import argparse
import os
from pathlib import Path
from typing import Any

#: Training views on which the batch norms are measured.
FACES = 1024


def register(subparsers: Any) -> None:
    """Add the verb restore."""
    parser = subparsers.add_parser(
        'restore', help='make a training run of a shipped model, to explain it, export it anew, '
        'or train on from it (training.start_from)')
    parser.add_argument('model', help='name or folder of a model, not of float16')
    parser.add_argument('experiment', type=Path, help='the YAML file that it was trained by')
    parser.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME)')
    parser.add_argument('--cache', type=Path, help='folder for decoded pictures')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Restore; return the exit code."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.experiment import load_experiment
    from face_affect_training.restore import restore
    from face_affect_training.train import load_data, sample_views
    experiment = load_experiment(args.experiment)
    faces = {task: trained for task, (trained, _) in load_data(experiment, args.cache).items()}
    inputs = experiment.input.scaled(sample_views(experiment, faces, FACES))
    out = args.out or Path('runs') / experiment.name
    difference = restore(args.model, experiment, inputs, out)
    print(f'{out}: {args.model}, probabilities within {difference:.2g} of the file')
    return 0
