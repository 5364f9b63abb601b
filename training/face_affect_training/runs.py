"""The folder of a training run: experiment, log, best network, state to resume from."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import Experiment, load_experiment

COLUMNS = ('epoch', 'seconds', 'learning_rate', 'loss', 'accuracy', 'val_loss', 'val_accuracy',
           'val_accuracy_each', 'best')


class Run:
    """Files of one run. best.keras is the network with the highest validation accuracy so far.

    Raises AffectError where the folder belongs to a different experiment.
    """

    def __init__(self, folder: Path, experiment: Experiment) -> None:
        self.folder = folder
        self.best = folder / 'best.keras'
        self._state, self._log = folder / 'state.npz', folder / 'log.csv'
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / 'experiment.yaml'
        if own.is_file():
            if _identity(load_experiment(own)) != _identity(experiment):
                raise AffectError(f'{folder}: holds a run of a different experiment; choose '
                                  'another folder with --out, or remove it')
        else:
            text = yaml.safe_dump(experiment.as_mapping(), sort_keys=False)
            own.write_text(text, encoding='utf-8')

    def resume(self, model: keras.Model) -> tuple[int, float, float]:
        """Restore a compiled model; return the next epoch, best accuracy, seconds trained.

        (0, -1, 0) and an untouched model where there is nothing to resume.
        """
        if not self._state.is_file():
            return 0, -1.0, 0.0
        with np.load(self._state, allow_pickle=False) as state:
            facts = json.loads(str(state['facts']))
            for index, variable in enumerate(_variables(model)):
                variable.assign(state[f'v{index}'])
        self._trim(facts['epoch'])
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

    def write_log(self, row: dict[str, Any]) -> None:
        """Append one line to log.csv."""
        fresh = not self._log.is_file()
        with self._log.open('a', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def _trim(self, epoch: int) -> None:
        """Drop the log's lines of epochs that will be trained again."""
        if not self._log.is_file():
            return
        with self._log.open(newline='', encoding='utf-8') as file:
            rows = [row for row in csv.DictReader(file) if int(row['epoch']) <= epoch]
        self._log.unlink()
        for row in rows:
            self.write_log(row)


def _identity(experiment: Experiment) -> dict[str, Any]:
    """Return what must agree for a run to be resumed: all but how fast it is computed."""
    facts = experiment.as_mapping()
    facts['training'].pop('workers')
    facts['network']['options'].pop('shifted_depthwise', None)
    return facts


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
