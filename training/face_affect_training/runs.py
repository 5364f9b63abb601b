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

"""The folder of a training run: experiment, log, best network, state to resume from."""

import json
import os
from pathlib import Path
from typing import Any
import zipfile

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.experiment import Experiment, is_file_of_run, load_experiment
from face_affect_training.logs import last_seconds, Log
import keras
import numpy as np
import yaml


class Run:
    """
    Files of one run. best.keras is the network with the highest validation accuracy so far.

    Raises AffectError where the folder belongs to a different experiment.
    """

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.folder = folder
        self.best = folder / 'best.keras'
        self._state = folder / 'state.npz'
        folder.mkdir(parents=True, exist_ok=True)
        self.log = Log(folder)
        own = folder / 'experiment.yaml'
        if own.is_file():
            if _identity(load_experiment(own)) != _identity(experiment):
                raise AffectError(f'{folder}: holds a run of a different experiment; choose '
                                  'another folder with --out, or remove it')
        else:
            text = yaml.safe_dump(experiment.as_mapping(), sort_keys=False)
            own.write_text(text, encoding='utf-8')

    def resume(self, model: keras.Model) -> tuple[int, float, float]:
        """
        Restore a compiled model; return the next epoch, best accuracy, seconds trained.

        (0, -1, 0) and an untouched model where there is nothing to resume.
        """
        if not self._state.is_file():
            self.log.trim(0)
            return 0, -1.0, 0.0
        with np.load(self._state, allow_pickle=False) as state:
            facts = json.loads(str(state['facts']))
            for index, variable in enumerate(_variables(model)):
                variable.assign(state[f'v{index}'])
        self.log.trim(facts['epoch'])
        return facts['epoch'], facts['best'], facts['seconds']

    def save_state(self, model: keras.Model, *, epoch: int, best: float, seconds: float) -> None:
        """Write all that the next epochs depend on. epoch: the one to go on with."""
        arrays = {f'v{index}': keras.ops.convert_to_numpy(variable.value)
                  for index, variable in enumerate(_variables(model))}
        facts = json.dumps({'epoch': epoch, 'best': best, 'seconds': seconds})
        unfinished = self._state.with_suffix('.unfinished.npz')
        np.savez(unfinished, facts=np.array(facts), **arrays)
        os.replace(unfinished, self._state)

    def save_last(self, network: keras.Model) -> None:
        """Write the weights of the moment, not averaged, for another run to start from."""
        self._save(network, self.folder / 'last.keras')

    def save_best(self, network: keras.Model, facts: dict[str, Any]) -> None:
        """Write the network to use, and its figures as best.json."""
        self._save(network, self.best)
        (self.folder / 'best.json').write_text(json.dumps(facts, indent=1), encoding='utf-8')

    def _save(self, network: keras.Model, path: Path) -> None:
        unfinished = path.with_name('unfinished.keras')
        network.save(unfinished)
        os.replace(unfinished, path)


def is_finished(folder: Path) -> bool:
    """Return whether a run holds a network and has no epochs left to train."""
    if not (folder / 'best.keras').is_file():
        return False
    state = folder / 'state.npz'
    if not state.is_file():   # of a shipped model, or of a run that was kept without it
        return True
    with np.load(state, allow_pickle=False) as arrays:
        epoch = json.loads(str(arrays['facts']))['epoch']
    return bool(epoch >= load_experiment(folder / 'experiment.yaml').training.epochs)


def hours(run: Path) -> dict[str, float]:
    """Return the hours of training of a run and of all runs that it learned from, by name."""
    experiment = load_experiment(run / 'experiment.yaml')
    found: dict[str, float] = {}
    for source in experiment.sources:
        file = Path(source).expanduser()
        if is_file_of_run(source) and file.with_name('experiment.yaml').is_file():
            found |= hours(file.parent)
    seconds = last_seconds(run)
    return {**found, experiment.name: round(seconds / 3600.0, 2)} if seconds else found


def device() -> str:
    """Return the name of what Keras computes on: a GPU, or the processor."""
    backend = keras.backend.backend()
    if backend == 'torch':
        import torch
        if torch.cuda.is_available():
            return str(torch.cuda.get_device_name())
    elif backend == 'jax':
        import jax
        if jax.default_backend() != 'cpu':
            return str(jax.devices()[0].device_kind)
    elif backend == 'tensorflow':
        import tensorflow as tf
        for each in tf.config.list_physical_devices('GPU'):
            return str(tf.config.experimental.get_device_details(each)['device_name'])
    from face_affect_training.evaluate.speed import cpu_model
    return cpu_model()


def build_network(experiment: Experiment, *, precision: str = 'float32') -> keras.Model:
    """Return the experiment's network, freshly initialised. precision: Keras' dtype policy."""
    shape = (experiment.input.size, experiment.input.size, experiment.input.channels)
    keras.config.set_dtype_policy(precision)
    try:
        return networks.build(experiment.network.name, input_shape=shape,
                              classes=experiment.widths, **experiment.network.options)
    finally:
        keras.config.set_dtype_policy('float32')


def from_pixels(network: keras.Model, experiment: Experiment) -> keras.Model:
    """Return networks.from_pixels of a network that sees what the experiment's does."""
    return networks.from_pixels(network, scale=experiment.input.scale,
                                offset=experiment.input.offset)


def take_weights(network: keras.Model, file: Path) -> None:
    """Put a .keras file's weights in. Raises AffectError where it is missing or differs."""
    if not file.is_file():
        raise AffectError(f'{file}: does not exist; train it first')
    try:
        network.load_weights(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AffectError(f'{file}: does not hold the weights of a {network.name} of this form: '
                          f'{str(error).splitlines()[0]}') from error


def take_trunk(network: keras.Model, file: Path) -> list[str]:
    """
    Put in what fits of another run's network; return the names of the layers that took weights.

    A layer takes the weights of the one of its name if their shapes agree. Raises AffectError
    where the file is missing or nothing fits.
    """
    if not file.is_file():
        raise AffectError(f'{file}: does not exist; train it first')
    other = build_network(load_experiment(file.with_name('experiment.yaml')))
    take_weights(other, file)
    theirs = {layer.name: layer.get_weights() for layer in other.layers}
    taken: list[str] = []
    for layer in network.layers:
        own, given = layer.get_weights(), theirs.get(layer.name, [])
        if own and [each.shape for each in own] == [each.shape for each in given]:
            layer.set_weights(given)
            taken.append(layer.name)
    if not taken:
        raise AffectError(f'{file}: no layer of {other.name} fits a layer of {network.name}')
    return taken


def _identity(experiment: Experiment) -> dict[str, Any]:
    """Return what must agree for a run to be resumed: all that its network depends on."""
    facts = experiment.as_mapping()
    facts['training'].pop('workers')
    facts.pop('export')
    return facts


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
