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

"""A trained network out of a run's folder."""

from pathlib import Path
from typing import Any
import zipfile

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import Experiment, load_experiment


def experiment_of(file: Path) -> Experiment:
    """
    Return the experiment.yaml beside a .keras file.

    Raises AffectError where one of both is missing, or the .keras file is none.
    """
    if not file.is_file():
        raise AffectError(f'{file.parent}: there is no {file.name}; train first')
    if not zipfile.is_zipfile(file):
        raise AffectError(f'{file}: is no .keras file, or only a part of one; train again')
    beside = file.parent / 'experiment.yaml'
    if not beside.is_file():
        raise AffectError(f'{file}: there is no experiment.yaml beside it, which says what the '
                          'network wants to see')
    return load_experiment(beside)


def load_network(file: Path, experiment: Experiment) -> Any:
    """
    Return an experiment's Keras network with the weights of a file.

    Built anew, so that it does not matter how it was trained. Raises AffectError where the file
    holds the weights of another network.
    """
    from face_affect_training.runs import build_network, take_weights
    network = build_network(experiment)
    take_weights(network, file)
    return network
