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
Pictures that excite a filter: gradient ascent on the input of a trained network.

Simonyan, Vedaldi and Zisserman 2014 maximise the score of a class; Yosinski et al. 2015 any
filter, with decay and blur against the noise that excites a filter as well as a form does. Random
shifts of the picture at each step make the forms independent of exact pixels.
"""

import json
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_training.figures import pictures, results
from face_affect_training.runs import load_run
import keras
import numpy as np
import numpy.typing as npt

NAME = 'ascent'
#: Layers to show, from the pixels to the classes.
LAYERS = {
    'mini_xception': ('stem2_relu', 'module16_add', 'module32_add', 'module64_add',
                      'module128_add', 'classes'),
    'sequential_fully_cnn': ('conv2_relu', 'conv4_relu', 'conv6_relu', 'conv7_relu', 'conv8_relu',
                             'classes'),
}
CLASSES = 'classes'


#: Steps of ascent; all lengths are shares of the input's range. RATE: length of a step. DECAY:
#: share of the distance to grey that is lost at each step. BLUR, BLUR_EVERY: sigma in pixels, and
#: after how many steps. SHIFT: largest random shift in pixels, either way.
STEPS, RATE, DECAY, BLUR, BLUR_EVERY, SHIFT = 120, 0.04, 0.01, 0.6, 4, 2


def ascend(network: keras.Model, layer: str, filters: list[int], *, low: float, high: float,
           steps: int = STEPS) -> tuple[npt.NDArray[np.float32], list[float], list[float]]:
    """
    Return one picture for each filter, and its mean activation before and after.

    Args:
        network: from pictures (N, S, S, C); batch norm and dropout as at inference.
        layer: one with a (N, H, W, F) output.
        filters: of 0 to F - 1.
        low, high: the input's range.
        steps: how many.

    Returns:
        The pictures (len(filters), S, S, C), and two lists of as many numbers.

    Raises:
        AffectError: a layer that is not there, or a Keras backend other than TensorFlow.
    """
    if keras.backend.backend() != 'tensorflow':
        raise AffectError('gradient ascent needs KERAS_BACKEND=tensorflow')
    import tensorflow as tf
    maps = {entry.name: entry.output for entry in network.layers if len(entry.output.shape) == 4}
    if layer not in maps:
        raise AffectError(f"{network.name} has no layer '{layer}' of feature maps; there are "
                          f"{', '.join(maps)}")
    activations, depth = keras.Model(network.input, maps[layer]), maps[layer].shape[-1]
    chosen = tf.one_hot(filters, depth)

    def slope_of(images: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(images)
            means = tf.reduce_mean(activations(images, training=False), axis=(1, 2))
            scores = tf.reduce_sum(means * chosen, axis=1)
        return scores, tape.gradient(scores, images)

    gradient = tf.function(slope_of)

    random = np.random.Generator(np.random.Philox(key=[0, 0]))
    middle, span = (low + high) / 2.0, high - low
    shape = (len(filters), *network.input_shape[1:])
    images = (middle + 0.04 * span * random.standard_normal(shape)).astype(np.float32)
    before = gradient(tf.constant(images))[0].numpy()
    for step in range(steps):
        dy, dx = random.integers(-SHIFT, SHIFT + 1, 2).tolist()
        moved = tf.constant(np.roll(images, (dy, dx), (1, 2)))
        slope = np.roll(gradient(moved)[1].numpy(), (-dy, -dx), (1, 2))
        slope /= np.maximum(slope.std(axis=(1, 2, 3), keepdims=True), 1e-12)
        images = middle + (1.0 - DECAY) * (images - middle) + RATE * span * slope
        if (step + 1) % BLUR_EVERY == 0:
            images = np.stack([cv2.GaussianBlur(image, (0, 0), BLUR).reshape(image.shape)
                               for image in images])
        images = images.clip(low, high).astype(np.float32)
    after = gradient(tf.constant(images))[0].numpy()
    return images, before.round(4).tolist(), after.round(4).tolist()


def make(run: Path, folder: Path, *, layers: list[str] | None = None, count: int = 8,
         steps: int = STEPS) -> list[Path]:
    """
    Write ascent_NAME.png and ascent_NAME.json of a training run, and return their paths.

    Args:
        run: folder with experiment.yaml and best.keras.
        folder: of results.
        layers: by name; None for those chosen in LAYERS.
        count: filters of each layer, spread evenly over it.
        steps: of ascent.

    Raises:
        AffectError: the run or a layer is missing.
    """
    experiment, network = load_run(run / 'best.keras')
    chosen = layers or LAYERS.get(network.name)
    if not chosen:
        raise AffectError(f'{network.name}: name the layers to show with --layers')
    wanted = experiment.input
    rows, captions, entries = [], [], []
    for layer in chosen:
        found = [entry for entry in network.layers if entry.name == layer]
        depth = int(found[0].output.shape[-1]) if found else 1   # ascend() names what there is
        filters = np.linspace(0, depth - 1, min(count, depth)).round().astype(int).tolist()
        images, before, after = ascend(network, layer, filters, low=wanted.offset,
                                       high=wanted.offset + 255.0 * wanted.scale, steps=steps)
        grey = images.mean(axis=3)   # three standard deviations either way are shown
        spread = np.maximum(6.0 * grey.std(axis=(1, 2), keepdims=True), 1e-6)
        rows.append([*(0.5 + (grey - grey.mean(axis=(1, 2), keepdims=True)) / spread)])
        captions.append([experiment.labels[index] if layer == CLASSES else str(index)
                         for index in filters])
        entries.append({'layer': layer, 'filters': filters, 'before': before, 'after': after})
    best = json.loads((run / 'best.json').read_text(encoding='utf-8'))
    path = folder / f'{NAME}_{experiment.name}.json'
    results.write(path, {
        'command': f'face_affect figures ascent runs/{experiment.name}',
        'experiment': experiment.name, 'network': network.name, 'task': experiment.task,
        'epoch': best['epoch'], 'val_accuracy': best['val_accuracy'], 'steps': steps,
        'layers': entries})
    return [path, pictures.sheet(rows, path.with_suffix('.png'), rows=list(chosen),
                                 captions=captions, colours=16)]


def section(folder: Path) -> str:
    """Return the part of the results page about the pictures that have been made."""
    parts: list[str] = []
    for path in sorted(folder.glob(f'{NAME}_*.json')):
        facts = results.read(folder, path.stem, '')
        parts += [f"`{facts['experiment']}`, after epoch {facts['epoch']} (validation accuracy "
                  f"{results.percent(facts['val_accuracy'])}), {facts['steps']} steps from grey "
                  f'noise with random shifts of up to {SHIFT} pixels, decay and blur. '
                  f'Activations: [{path.name}]({path.name}).',
                  f"![Filters of {facts['experiment']}]({path.stem}.png)",
                  results.commands(facts['command'])]
    return results.paragraphs(*parts)
