"""A trained network out of a run's folder."""

import zipfile
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import Experiment, load_experiment


def experiment_of(file: Path) -> Experiment:
    """Return the experiment.yaml beside a .keras file.

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
    """Return an experiment's Keras network with the weights of a file.

    Built anew, so that it does not matter how it was trained. Raises AffectError where the file
    holds the weights of another network.
    """
    from face_affect_training.runs import build_network, take_weights
    network = build_network(experiment)
    take_weights(network, file)
    return network
