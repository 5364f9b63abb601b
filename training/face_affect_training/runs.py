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

"""Folder of a training run: experiment, log, checkpoints and the state for resuming."""

from collections.abc import Iterator
import contextlib
import csv
import fcntl
import json
from pathlib import Path
from typing import Any, IO
import zipfile

from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import expanded, replaced
from face_affect_training import networks
from face_affect_training.data.files import UNREADABLE
from face_affect_training.experiment import Experiment, is_file_of_run, load_experiment
import keras
import numpy as np
from tensorboardX import SummaryWriter
import yaml

#: Columns of log.csv with their formats. accuracy is that of the augmented samples; train_loss and
#: train_accuracy are those of the training faces without augmentation, if they are evaluated; EACH
#: contains the validation accuracies of all tasks and zooms.
EACH = 'val_accuracy_each'
COLUMNS = {'epoch': 'd', 'seconds': '.1f', 'learning_rate': '.3g', 'loss': '.4f',
           'accuracy': '.4f', 'train_loss': '.4f', 'train_accuracy': '.4f', 'val_loss': '.4f',
           'val_accuracy': '.4f', EACH: 's', 'best': '.4f'}


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise AffectError if a run cannot be written in a with block."""
    try:
        yield
    except OSError as error:
        raise AffectError(f'{folder}: the run cannot be written: {error.strerror or error}; free '
                          'space, or choose another folder with --out; the same command resumes '
                          'a run') from error


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Raise AffectError if a file of a run cannot be read in a with block."""
    try:
        yield
    except (*UNREADABLE, TypeError) as error:
        raise AffectError(f'{file}: cannot be read: {error}; restore it, or remove its folder to '
                          'train again') from error


class Run:
    """
    Files of one run; best.keras is the checkpoint with the highest validation accuracy.

    Raises:
        AffectError: the folder contains a run of a different experiment, or another process is
            training a first epoch in it.
    """

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.folder = folder
        self._state, self._log = folder / 'state.npz', folder / 'log.csv'
        self._writer: Any = None
        self._locked: IO[bytes] | None = None
        file = folder / 'experiment.yaml'
        trained = any((folder / name).is_file() for name in ('best.keras', 'log.csv'))
        if not (trained and file.is_file()):   # another experiment may have failed here
            text = yaml.safe_dump(experiment.as_mapping(), sort_keys=False)
            with _writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                self.lock()   # else another experiment would be entered for a run in progress
                file.write_text(text, encoding='utf-8')
        elif _identity(load_experiment(file)) != _identity(experiment):
            raise AffectError(f'{folder}: holds a run of a different experiment; choose another '
                              'folder with --out, or remove it')

    def lock(self) -> None:
        """Raise AffectError if another process trains this run, for example as a teacher."""
        if self._locked is not None:
            return
        with _writing(self.folder):   # for writing, because NFS refuses the lock otherwise
            self._locked = (self.folder / 'experiment.yaml').open('ab')
        try:
            fcntl.flock(self._locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AffectError(f'{self.folder}: another process is training this run; wait for its '
                              'end, or choose another folder with --out') from None
        except OSError:
            pass   # a file system without locks

    def resume(self, model: keras.Model) -> tuple[int, float, float]:
        """
        Restore the state of a compiled model, if there is one.

        Returns:
            Index of the next epoch, best validation accuracy and seconds of training; (0, -1, 0)
            for a new run.
        """
        progress = {'epoch': 0, 'best': -1.0, 'seconds': 0.0}
        if self._state.is_file():
            with _reading(self._state), np.load(self._state, allow_pickle=False) as state:
                progress = json.loads(str(state['facts']))
                for index, variable in enumerate(_variables(model)):
                    variable.assign(state[f'v{index}'])
        if self._log.is_file():   # epochs after the state are trained again
            with _reading(self._log):
                rows = [row for row in read_log(self.folder)
                        if int(row['epoch']) <= progress['epoch']]
            with _writing(self.folder), replaced(self._log) as new:
                _write_rows(new, 'w', rows)
        return int(progress['epoch']), progress['best'], progress['seconds']

    def save_state(self, model: keras.Model, *, epoch: int, best: float, seconds: float) -> None:
        """Save the state for resuming. epoch: index of the next epoch."""
        arrays = {f'v{index}': keras.ops.convert_to_numpy(variable.value)
                  for index, variable in enumerate(_variables(model))}
        progress = json.dumps({'epoch': epoch, 'best': best, 'seconds': seconds})
        with _writing(self.folder), replaced(self._state) as new:
            np.savez(new, facts=np.array(progress), **arrays)

    def save_best(self, network: keras.Model, metrics: dict[str, Any]) -> None:
        """Save a network as best.keras and its metrics as best.json."""
        with _writing(self.folder):
            with replaced(self.folder / 'best.keras') as new:
                network.save(new)
            (self.folder / 'best.json').write_text(json.dumps(metrics, indent=1),
                                                   encoding='utf-8')

    def log(self, row: dict[str, Any], each: list[float]) -> dict[str, str]:
        """
        Append the metrics of an epoch to log.csv and the event file of TensorBoard.

        Args:
            row: values of COLUMNS; missing ones are left empty.
            each: validation accuracies of all tasks and zooms.

        Returns:
            The formatted values.
        """
        values = {**row, EACH: ' '.join(f'{value:.4f}' for value in each)}
        texts = {name: format(values[name], form) if name in values else ''
                 for name, form in COLUMNS.items()}
        with _writing(self.folder):
            _write_rows(self._log, 'a', [texts])
        if self._writer is None:   # hides epochs that an interrupted run has written
            self._writer = SummaryWriter(str(self.folder / 'tensorboard'),
                                         purge_step=row['epoch'])
        for name, value in row.items():
            self._writer.add_scalar(name, value, row['epoch'])
        self._writer.flush()
        return texts

    def close(self) -> None:
        """Close the event file, and let other processes train this run."""
        if self._locked is not None:
            self._locked.close()
        if self._writer is not None:
            self._writer.close()


def _write_rows(log: Path, mode: str, rows: list[dict[str, str]]) -> None:
    """Write or append rows to a log, with the header if it is empty."""
    with log.open(mode, newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)


def read_log(folder: Path) -> list[dict[str, str]]:
    """Return the rows of the log of a run, [] without a log."""
    path = folder / 'log.csv'
    if not path.is_file():
        return []
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def is_finished(folder: Path) -> bool:
    """Return whether a run has a checkpoint and all its epochs are trained."""
    if not (folder / 'best.keras').is_file():
        return False
    state, log = folder / 'state.npz', folder / 'log.csv'
    if state.is_file():
        with _reading(state), np.load(state, allow_pickle=False) as arrays:
            epoch = json.loads(str(arrays['facts']))['epoch']
    elif log.is_file():   # not yet saved, or removed after the training
        with _reading(log):
            epoch = max((int(row['epoch']) for row in read_log(folder)), default=0)
    else:   # a copy without them
        return True
    return bool(epoch >= load_experiment(folder / 'experiment.yaml').training.epochs)


def best_metrics(folder: Path) -> dict[str, Any]:
    """Return the metrics of the checkpoint of a run. Raises AffectError without best.json."""
    file = folder / 'best.json'
    with _reading(file):
        return dict(json.loads(file.read_text(encoding='utf-8')))


def hours(run: Path) -> dict[str, float]:
    """Return the training time in hours of a run and of the runs it depends on, by name."""
    experiment = load_experiment(run / 'experiment.yaml')
    times: dict[str, float] = {}
    for source in experiment.sources:
        file = expanded(source)
        if is_file_of_run(source) and file.with_name('experiment.yaml').is_file():
            times |= hours(file.parent)
    seconds = max((float(row['seconds']) for row in read_log(run)), default=0.0)
    return {**times, experiment.name: round(seconds / 3600.0, 2)} if seconds else times


def device() -> str:
    """Return the name of the GPU or processor that Keras uses."""
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
        for gpu in tf.config.list_physical_devices('GPU'):
            return str(tf.config.experimental.get_device_details(gpu)['device_name'])
    from face_affect_training.evaluate import cpu_model
    return cpu_model()


def build_network(experiment: Experiment, *, precision: str = 'float32') -> keras.Model:
    """Return the initialised network of an experiment. precision: dtype policy of Keras."""
    shape = (experiment.input.size, experiment.input.size, experiment.input.channels)
    keras.config.set_dtype_policy(precision)
    try:
        return networks.build(experiment.network.name, input_shape=shape,
                              classes=experiment.widths, **experiment.network.options)
    finally:
        keras.config.set_dtype_policy('float32')


def from_pixels(network: keras.Model, experiment: Experiment) -> keras.Model:
    """
    Return a model from uint8 pixels to logits, with the weights of the network.

    uint8 input needs less memory, and the loss of logits is numerically stable.
    """
    pixels = keras.Input(network.input_shape[1:], dtype='uint8', name='pixels')
    scaled = keras.layers.Rescaling(experiment.input.scale, experiment.input.offset,
                                    name='scaled')(pixels)
    to_logits = keras.Model(network.input, network.get_layer('logits').output)
    return keras.Model(pixels, to_logits(scaled))


def load_run(file: Path) -> tuple[Experiment, keras.Model]:
    """
    Return the experiment beside a checkpoint, and its float32 network with the weights.

    Raises:
        AffectError: the checkpoint or the experiment is missing, or they do not match.
    """
    if not file.is_file():
        raise AffectError(f'{file.parent}: there is no {file.name}; train first')
    experiment = load_experiment(file.with_name('experiment.yaml'))
    network = build_network(experiment)
    take_weights(network, file)
    return experiment, network


def take_weights(network: keras.Model, file: Path) -> None:
    """Load the weights of a .keras file. Raises AffectError if it is missing or differs."""
    if not file.is_file():
        raise AffectError(f'{file}: does not exist; train it first')
    try:
        network.load_weights(file)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AffectError(f'{file}: does not hold the weights of this {network.name}: '
                          f'{str(error).splitlines()[0]}') from error


def take_backbone(network: keras.Model, file: Path) -> list[str]:
    """
    Copy the weights of another run to the layers with the same name and shapes.

    Returns:
        The names of these layers.

    Raises:
        AffectError: the checkpoint is missing, or there is no such layer.
    """
    _, other = load_run(file)
    theirs = {layer.name: layer.get_weights() for layer in other.layers}
    copied: list[str] = []
    for layer in network.layers:
        ours, weights = layer.get_weights(), theirs.get(layer.name, [])
        if ours and [each.shape for each in ours] == [each.shape for each in weights]:
            layer.set_weights(weights)
            copied.append(layer.name)
    if not copied:
        raise AffectError(f'{file}: no layer of {other.name} fits a layer of {network.name}')
    return copied


def _identity(experiment: Experiment) -> dict[str, Any]:
    """Return the entries that must be equal for a run to be resumed."""
    mapping = experiment.as_mapping()
    mapping['training'].pop('workers')
    mapping.pop('export')
    return mapping


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
