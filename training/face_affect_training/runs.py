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

import csv
import json
import os
from pathlib import Path
from typing import Any
import zipfile

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.experiment import Experiment, is_file_of_run, load_experiment
import keras
import numpy as np
from tensorboardX import SummaryWriter
import yaml

#: Columns of log.csv and how their numbers are written; between the last two are the accuracies
#: at each zoom at which the validation faces are judged, parted by spaces. accuracy is that of the
#: disturbed views, train_accuracy that of the undisturbed faces, where these are judged.
COLUMNS = {'epoch': 'd', 'seconds': '.1f', 'learning_rate': '.3g', 'loss': '.4f',
           'accuracy': '.4f', 'train_loss': '.4f', 'train_accuracy': '.4f', 'val_loss': '.4f',
           'val_accuracy': '.4f', 'best': '.4f'}
EACH = 'val_accuracy_each'
HEADER = (*list(COLUMNS)[:-1], EACH, 'best')


class Run:
    """
    Files of one run. best.keras is the network with the highest validation accuracy so far.

    Raises AffectError where the folder belongs to a different experiment.
    """

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.folder = folder
        self._state, self._log = folder / 'state.npz', folder / 'log.csv'
        self._writer: Any = None
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / 'experiment.yaml'
        if not own.is_file():
            text = yaml.safe_dump(experiment.as_mapping(), sort_keys=False)
            own.write_text(text, encoding='utf-8')
        elif _identity(load_experiment(own)) != _identity(experiment):
            raise AffectError(f'{folder}: holds a run of a different experiment; choose another '
                              'folder with --out, or remove it')

    def resume(self, model: keras.Model) -> tuple[int, float, float]:
        """
        Restore a compiled model; return the next epoch, best accuracy, seconds trained.

        (0, -1, 0) and an untouched model where there is nothing to resume.
        """
        facts = {'epoch': 0, 'best': -1.0, 'seconds': 0.0}
        if self._state.is_file():
            with np.load(self._state, allow_pickle=False) as state:
                facts = json.loads(str(state['facts']))
                for index, variable in enumerate(_variables(model)):
                    variable.assign(state[f'v{index}'])
        if self._log.is_file():   # later epochs will be trained again
            rows = [row for row in read_log(self.folder) if int(row['epoch']) <= facts['epoch']]
            self._log.unlink()
            self._append(rows)
        return int(facts['epoch']), facts['best'], facts['seconds']

    def save_state(self, model: keras.Model, *, epoch: int, best: float, seconds: float) -> None:
        """Write all that the next epochs depend on. epoch: the next one."""
        arrays = {f'v{index}': keras.ops.convert_to_numpy(variable.value)
                  for index, variable in enumerate(_variables(model))}
        facts = json.dumps({'epoch': epoch, 'best': best, 'seconds': seconds})
        unfinished = self._state.with_suffix('.unfinished.npz')
        np.savez(unfinished, facts=np.array(facts), **arrays)
        os.replace(unfinished, self._state)

    def save(self, network: keras.Model, name: str, facts: dict[str, Any] | None = None) -> None:
        """Write NAME.keras: 'best', or 'last', not averaged; with its figures as NAME.json."""
        unfinished = self.folder / 'unfinished.keras'
        network.save(unfinished)
        os.replace(unfinished, self.folder / f'{name}.keras')
        if facts:
            (self.folder / f'{name}.json').write_text(json.dumps(facts, indent=1),
                                                      encoding='utf-8')

    def log(self, row: dict[str, Any], each: list[float]) -> dict[str, str]:
        """
        Append the numbers of an epoch to log.csv and TensorBoard's event file.

        Args:
            row: a number for each key of COLUMNS, but for those that were not measured.
            each: validation accuracies at each zoom, of one task after the other.

        Returns:
            The numbers as they are written.
        """
        texts = {name: format(row[name], form) if name in row else ''
                 for name, form in COLUMNS.items()}
        texts[EACH] = ' '.join(f'{value:.4f}' for value in each)
        self._append([texts])
        if self._writer is None:   # what an interrupted run has written of later epochs is void
            self._writer = SummaryWriter(str(self.folder / 'tensorboard'),
                                         purge_step=row['epoch'])
        for name, value in row.items():
            self._writer.add_scalar(name, value, row['epoch'])
        self._writer.flush()
        return texts

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _append(self, rows: list[dict[str, str]]) -> None:
        fresh = not self._log.is_file()
        with self._log.open('a', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, HEADER, lineterminator='\n')
            if fresh:
                writer.writeheader()
            writer.writerows(rows)


def read_log(folder: Path) -> list[dict[str, str]]:
    """Return the lines of a run's log; none where there is no log."""
    path = folder / 'log.csv'
    if not path.is_file():
        return []
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def is_finished(folder: Path) -> bool:
    """Return whether a run holds a network and has no epochs left to train."""
    if not (folder / 'best.keras').is_file():
        return False
    state = folder / 'state.npz'
    if not state.is_file():   # of a run that was kept without it
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
    seconds = max((float(row['seconds']) for row in read_log(run)), default=0.0)
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
    from face_affect_training.evaluate import cpu_model
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
    """
    Return the network (sharing its weights) from uint8 pixels to logits.

    For training: a quarter of the bytes to copy, and a loss that is numerically stable.
    """
    pixels = keras.Input(network.input_shape[1:], dtype='uint8', name='pixels')
    scaled = keras.layers.Rescaling(experiment.input.scale, experiment.input.offset,
                                    name='scaled')(pixels)
    to_logits = keras.Model(network.input, network.get_layer('logits').output)
    return keras.Model(pixels, to_logits(scaled))


def load_run(file: Path) -> tuple[Experiment, keras.Model]:
    """
    Return the experiment beside a .keras file, and its network with the weights of the file.

    Built anew, so that it does not matter how it was trained. Raises AffectError where one of
    both is missing, or the file holds another network.
    """
    if not file.is_file():
        raise AffectError(f'{file.parent}: there is no {file.name}; train first')
    experiment = load_experiment(file.with_name('experiment.yaml'))
    network = build_network(experiment)
    take_weights(network, file)
    return experiment, network


def take_weights(network: keras.Model, file: Path) -> None:
    """Put a .keras file's weights in. Raises AffectError where it is missing or differs."""
    if not file.is_file():
        raise AffectError(f'{file}: does not exist; train it first')
    try:
        network.load_weights(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AffectError(f'{file}: does not hold the weights of a {network.name} of this form: '
                          f'{str(error).splitlines()[0]}') from error


def take_backbone(network: keras.Model, file: Path) -> list[str]:
    """
    Put in what fits of another run's network; return the names of the layers that took weights.

    A layer takes the weights of the one of its name if their shapes agree. Raises AffectError
    where the file is missing or nothing fits.
    """
    _, other = load_run(file)
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
