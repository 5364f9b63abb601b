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

"""The card of an exported model: everything that the robot and its users need to know of it."""

from collections.abc import Mapping
import hashlib
from typing import Any

from face_affect_ros.affect.types import LABELS
from face_affect_training.data import ORIGINS
from face_affect_training.experiment import ancestry, Experiment


def make_card(name: str, content: bytes, experiment: Experiment, *, parameters: int,
              precision: str, margin: float | None, heads: dict[str, Any],
              limits: Mapping[str, dict[str, float]], extra: dict[str, Any],
              trained: dict[str, Any]) -> dict[str, Any]:
    """
    Return a card as a mapping, in the order in which it is read.

    content: the TFLite file. margin: of the robot's crop; None for that of the views in training,
    whose boxes are the data set's and not the detector's. heads: output, threshold, temperature,
    metrics and parity by task. limits: of the faces that it can judge, by task. extra: further
    entries, such as quantisation. trained: the run's best.json, and `hours` of
    training by run.
    """
    wanted, settings, alone = experiment.input, experiment.as_mapping(), len(heads) == 1
    return {
        'name': name, 'kind': 'classifier', 'file': 'model.tflite',
        'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content),
        'input': {'size': wanted.size, 'channels': wanted.channels, 'scale': wanted.scale,
                  'offset': wanted.offset},
        'crop': {'margin': wanted.margin if margin is None else margin, 'align': wanted.align},
        'heads': [{'task': task, 'output': head['output'], 'labels': list(LABELS[task]),
                   'threshold': head['threshold'], 'temperature': head['temperature'],
                   **({'limits': limits[task]} if task in limits and not alone else {})}
                  for task, head in heads.items()],
        'network': experiment.network.name, 'parameters': parameters,
        'precision': precision, **extra,
        **({'limits': next(iter(limits.values()))} if limits and alone else {}),
        **{key: {task: head[key] for task, head in heads.items()}
           for key in ('metrics', 'parity')},
        'training': {'experiment': experiment.name, 'seed': experiment.seed,
                     'chosen_epoch': trained.get('epoch'),
                     **{key: trained[key] for key in ('hours', 'device') if trained.get(key)},
                     'learned_from': ancestry(experiment),
                     **{key: settings[key] for key in (
                         'augmentation', 'targets', 'distillation', 'tasks', 'training')
                        if key in settings}},
        'data': {task: {'training': f'{each.data.reader} {each.data.train}',
                        'chosen_on': f'{each.data.reader} {each.data.validation}',
                        'origin': ORIGINS.get(each.data.reader, each.data.reader)}
                 for task, each in experiment.tasks.items()},
        'licence': 'Apache-2.0',
    }
