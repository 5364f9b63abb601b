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

"""Pictures of what the filters of a trained network look for."""

import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import load_experiment
from face_affect_training.figures import markdown, results
from face_affect_training.figures.ascent import ascend, CLIMB, Climb
from face_affect_training.figures.sheets import draw, Sheet
from face_affect_training.runs import build_network, take_weights
import numpy as np
import numpy.typing as npt

NAME = 'filters'
#: Layers to show, from the pixels to the classes.
LAYERS = {
    'mini_xception': ('stem2_relu', 'module16_add', 'module32_add', 'module64_add',
                      'module128_add', 'classes'),
    'sequential_fully_cnn': ('conv2_relu', 'conv4_relu', 'conv6_relu', 'conv7_relu', 'conv8_relu',
                             'classes'),
}
CLASSES = 'classes'


def make(run: Path, folder: Path, *, layers: list[str] | None = None, count: int = 8,
         climb: Climb = CLIMB) -> list[Path]:
    """
    Write filters_NAME.png and filters_NAME.json of a training run, and return their paths.

    run: folder with experiment.yaml and best.keras. layers: by name; None for those chosen in
    LAYERS. count: filters of each layer, spread evenly over it. Raises AffectError where the run
    or a layer is missing.
    """
    experiment = load_experiment(run / 'experiment.yaml')
    network = build_network(experiment)
    take_weights(network, run / 'best.keras')
    chosen = layers or LAYERS.get(network.name)
    if not chosen:
        raise AffectError(f'{network.name}: name the layers to show with --layers')
    wanted = experiment.input
    low, high = wanted.offset, wanted.offset + 255.0 * wanted.scale
    rows, entries = [], []
    for layer in chosen:
        shape = _depth(network, layer)
        filters = np.linspace(0, shape - 1, min(count, shape)).round().astype(int).tolist()
        images, before, after = ascend(network, layer, filters, low=low, high=high, climb=climb)
        rows.append([_shown(image) for image in images])
        entries.append({'layer': layer, 'filters': filters, 'before': before, 'after': after})
    best = json.loads((run / 'best.json').read_text(encoding='utf-8'))
    facts = {'command': f'face_affect figures filters runs/{experiment.name}',
             'experiment': experiment.name, 'network': network.name, 'task': experiment.task,
             'epoch': best['epoch'], 'val_accuracy': round(best['val_accuracy'], 4),
             'climb': vars(climb), 'layers': entries}
    table, picture = (folder / f'{NAME}_{experiment.name}.{kind}' for kind in ('json', 'png'))
    results.write(table, facts)
    return [table, draw(_sheet(rows, entries, experiment.labels), picture, colours=10)]


def section(folder: Path) -> str:
    """Return the page's section. Raises AffectError where no filters have been drawn yet."""
    files = sorted(folder.glob(f'{NAME}_*.json'))
    if not files:
        raise AffectError(f'{folder}: there is no {NAME}_*.json; make it with: '
                          'face_affect figures filters runs/NAME')
    parts = []
    for path in files:
        facts = json.loads(path.read_text(encoding='utf-8'))
        parts += [f"`{facts['experiment']}`, after epoch {facts['epoch']} (validation accuracy "
                  f"{markdown.percent(facts['val_accuracy'])}); activations in "
                  f'[{path.name}]({path.name}):',
                  f"![Filters of {facts['experiment']}]({path.stem}.png)",
                  markdown.commands(facts['command'])]
    climb = facts['climb']
    return markdown.paragraphs(
        '## What the filters look for',
        'Gradient ascent on the input (Simonyan et al. 2014, Yosinski et al. 2015): '
        f"{climb['steps']} steps from grey noise towards a higher mean activation of one filter, "
        f"with random shifts of up to {climb['shift']} pixels, decay and blur. A row is a layer, "
        'from the first to the last; the last one holds the classes. Each picture has a contrast '
        'of its own.', *parts)


def _depth(network: Any, layer: str) -> int:
    found = [entry for entry in network.layers if entry.name == layer]
    return int(found[0].output.shape[-1]) if found else 1   # ascend() says what is there


def _shown(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a picture as grey values from 0 to 1, three standard deviations either way."""
    grey = image.mean(axis=2)
    return np.asarray(0.5 + (grey - grey.mean()) / max(6.0 * float(grey.std()), 1e-6),
                      np.float32).clip(0.0, 1.0)


def _sheet(rows: list[list[npt.NDArray[Any]]], entries: list[dict[str, Any]],
           labels: tuple[str, ...]) -> Sheet:
    return Sheet(rows, [[labels[index] if entry['layer'] == CLASSES and index < len(labels)
                         else str(index) for index in entry['filters']] for entry in entries],
                 rows=[entry['layer'] for entry in entries])
