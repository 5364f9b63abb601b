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

"""
Whether saliency maps depend on what was learnt: cascading randomisation (Adebayo et al. 2018).

The layers are given fresh random weights one after the other, from the classes down to the image.
Maps of a method that shows what was learnt must change.
"""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.saliency import heat_of_gradient
from face_affect_training.data.loading import load_split
from face_affect_training.evaluate import whole_crops
from face_affect_training.evaluate.checkpoints import experiment_of, load_network
from face_affect_training.experiment import Experiment
from face_affect_training.figures import markdown, pictures, results
from face_affect_training.figures.guided import portrait_crop
from face_affect_training.figures.sheets import draw, Picture, Sheet
from face_affect_training.runs import build_network
from face_affect_training.saliency.graph import Gradients
import keras
import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

NAME = 'sanity'
#: Stages whose maps of the portrait are shown, at most.
SHOWN = 8
KINDS = {'guided': 'guided back-propagation', 'gradient': 'plain gradient'}
SEED = 11


def make(run: Path, folder: Path, *, faces: int = 40, cache: Path | None = None,
         command: str = '') -> list[Path]:
    """
    Write sanity_RUN.json, and as .png the curves and the maps of the portrait.

    run: folder of a training run. faces: of the validation split, evenly spread.
    """
    experiment = experiment_of(run / 'best.keras')
    network = load_network(run / 'best.keras', experiment)
    judged = load_split(experiment.only.data, experiment.only.data.validation,
                        channels=experiment.input.channels, cache_folder=cache)
    rows = np.linspace(0, len(judged) - 1, min(faces, len(judged))).astype(np.int64)
    crops = whole_crops(judged.images[rows], experiment.input.spec())
    inputs = list(experiment.input.scaled(crops))
    portrait = experiment.input.scaled(portrait_crop(experiment.input.spec()))
    gradients = Gradients(network)
    labels = [int(gradients(image)[0].argmax()) for image in (*inputs, portrait)]
    original = _maps(gradients, [*inputs, portrait], labels)
    stages = [{'layer': 'trained', **dict.fromkeys(KINDS, 1.0)}]
    shown = [{kind: maps[-1] for kind, maps in original.items()}]
    for layer in _randomised(network, experiment):
        maps = _maps(Gradients(network), [*inputs, portrait], labels)
        stages.append({'layer': layer, **{
            kind: round(float(np.mean([spearmanr(before.ravel(), after.ravel()).statistic
                                       for before, after in zip(original[kind][:-1],
                                                                maps[kind][:-1])])), 4)
            for kind in KINDS}})
        shown.append({kind: each[-1] for kind, each in maps.items()})
    name = f'{NAME}_{experiment.name}'
    results.write(folder / f'{name}.json', {
        'command': command, 'run': experiment.name, 'data': judged.source, 'faces': len(rows),
        'seed': SEED, 'stages': stages})
    return [folder / f'{name}.json', _draw_maps(stages, shown, folder / f'{name}_maps.png')]


def draw_curves(folder: Path, out: Path) -> list[Path]:
    """Draw the curves of each result."""
    return [_draw_curves(results.read(folder, path.stem, ''), out / f'{path.stem}.png')
            for path in sorted(folder.glob(f'{NAME}_*.json'))]


def _randomised(network: keras.Model, experiment: Experiment) -> Any:
    """Give one layer after the other fresh weights; yield the name of each that has a kernel."""
    keras.utils.set_random_seed(SEED)
    fresh = build_network(experiment)
    for layer, other in zip(reversed(network.layers), reversed(fresh.layers)):
        if layer.weights:
            layer.set_weights(other.get_weights())
            if not isinstance(layer, keras.layers.BatchNormalization):
                yield layer.name


def _maps(gradients: Gradients, images: list[Any],
          labels: list[int]) -> dict[str, list[npt.NDArray[Any]]]:
    return {kind: [heat_of_gradient(gradients(image, label, guided=kind == 'guided')[1])
                   for image, label in zip(images, labels)] for kind in KINDS}


def _draw_maps(stages: list[dict[str, Any]], shown: list[dict[str, Any]], path: Path) -> Path:
    chosen = np.unique(np.linspace(0, len(stages) - 1, SHOWN).round().astype(int))
    maps: list[list[Picture | None]] = [[shown[index][kind] for index in chosen]
                                        for kind in KINDS]
    captions = [[markdown.number(stages[index][kind]) for index in chosen] for kind in KINDS]
    return draw(Sheet(maps, captions, rows=list(KINDS),
                      columns=[stages[index]['layer'].replace('module', '')[:16]
                               for index in chosen]), path, colours=24)


def _draw_curves(facts: dict[str, Any], path: Path) -> Path:
    figure, axes = pictures.panels(1, 1, width=7.0, height=3.4)
    axis, stages = axes[0, 0], facts['stages']
    for kind, colour, marker in zip(KINDS, pictures.COLOURS, pictures.MARKERS):
        axis.plot(range(len(stages)), [stage[kind] for stage in stages], color=colour,
                  marker=marker, label=KINDS[kind])
    axis.axhline(0.0, color='grey', linewidth=0.8)
    axis.set_xticks(range(len(stages)), [stage['layer'] for stage in stages], rotation=60,
                    ha='right', rotation_mode='anchor', fontsize=7)
    axis.set_ylabel('rank correlation with\nthe trained network')
    axis.set_title(f"{facts['run']}: layers randomised from the classes down")
    axis.legend()
    return pictures.save(figure, path)


def section(folder: Path) -> str:
    """Return the page's section; nothing where the check has not been made."""
    parts = []
    for path in sorted(folder.glob(f'{NAME}_*.json')):
        facts = results.read(folder, path.stem, '')
        first, last = facts['stages'][1], facts['stages'][-1]
        parts += [f"`{facts['run']}`, {facts['faces']} faces of {facts['data']}: with the first "
                  f'layer from the top randomised, guided maps keep a rank correlation of '
                  f"{markdown.number(first['guided'])}, plain ones of "
                  f"{markdown.number(first['gradient'])}; with all of them, "
                  f"{markdown.number(last['guided'])} and {markdown.number(last['gradient'])} "
                  f'([{path.name}]({path.name})).',
                  f'![Rank correlation by stage]({path.stem}.png)',
                  f'![Maps of the portrait by stage]({path.stem}_maps.png)',
                  markdown.commands(facts['command'])]
    return '' if not parts else markdown.paragraphs(
        '### Do the maps show what was learnt?',
        'Cascading randomisation (Adebayo et al. 2018): layer after layer loses its weights, and '
        'the maps of the class that the trained network saw are compared with the trained '
        "network's.", *parts)
