"""The card of an exported model: everything that the robot and its users need to know of it."""

import hashlib
from typing import Any

from face_affect_training.data import ORIGINS
from face_affect_training.experiment import Experiment


def make_card(name: str, content: bytes, experiment: Experiment, *, parameters: int,
              precision: str, margin: float | None, facts: dict[str, Any],
              trained: dict[str, Any]) -> dict[str, Any]:
    """Return a card as a mapping, in the order in which it is read.

    content: the TFLite file. margin: of the robot's crop; None for that of the views in training,
    whose boxes are the data set's and not the detector's. facts: threshold, temperature, metrics,
    parity and, for int8, quantisation. trained: the run's best.json.
    """
    wanted, data, settings = experiment.input, experiment.data, experiment.as_mapping()
    extra = {'quantisation': facts['quantisation']} if 'quantisation' in facts else {}
    return {
        'name': name, 'kind': 'classifier', 'file': 'model.tflite',
        'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content),
        'input': {'size': wanted.size, 'channels': wanted.channels, 'scale': wanted.scale,
                  'offset': wanted.offset},
        'crop': {'margin': wanted.margin if margin is None else margin, 'align': wanted.align},
        'heads': [{'task': experiment.task, 'output': 0, 'labels': list(experiment.labels),
                   'threshold': facts['threshold'], 'temperature': facts['temperature']}],
        'network': experiment.network.name, 'parameters': parameters,
        'precision': precision, **extra,
        'metrics': facts['metrics'], 'parity': facts['parity'],
        'training': {'experiment': experiment.name, 'seed': experiment.seed,
                     'chosen_epoch': trained.get('epoch'),
                     **{key: settings[key] for key in ('augmentation', 'targets', 'distillation',
                                                       'training')}},
        'data': {'training': f'{data.reader} {data.train}',
                 'chosen_on': f'{data.reader} {data.validation}',
                 'origin': ORIGINS.get(data.reader, data.reader)},
        'licence': 'Apache-2.0',
    }
