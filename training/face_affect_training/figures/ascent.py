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
Gradient ascent: images that maximise the mean activation of a filter of a trained network.

Simonyan, Vedaldi and Zisserman (2014) maximise the score of a class, Yosinski et al. (2015) any
filter, with decay and blur against high-frequency noise. Random shifts of the image at each step
make the result independent of exact pixel positions.
"""

from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_training.figures import pictures, results
from face_affect_training.runs import best_metrics, load_run
import keras
import numpy as np
import numpy.typing as npt

NAME = 'ascent'
#: Layers of the figures, from the first to the output classes, and number of filters per layer.
LAYERS = {
    'mini_xception': ('stem2_relu', 'module16_add', 'module32_add', 'module64_add',
                      'module128_add', 'classes'),
    'sequential_fully_cnn': ('conv2_relu', 'conv4_relu', 'conv6_relu', 'conv7_relu', 'conv8_relu',
                             'classes'),
}
COUNT, CLASSES = 8, 'classes'
#: RATE: step size relative to the range of the input. DECAY: of the difference from mid-grey per
#: step. BLUR: sigma in pixels, every BLUR_EVERY steps. SHIFT: maximum random shift in pixels.
STEPS, RATE, DECAY, BLUR, BLUR_EVERY, SHIFT = 120, 0.04, 0.01, 0.6, 4, 2


def ascend(network: keras.Model, layer: str, filters: list[int], *, low: float,
           high: float) -> tuple[npt.NDArray[np.float32], list[float], list[float]]:
    """
    Compute one image per filter.

    Args:
        network: with inputs (N, S, S, C) from `low` to `high`.
        layer: name of a layer with outputs (N, H, W, F).
        filters: indices from 0 to F - 1.

    Returns:
        The images (len(filters), S, S, C), and the mean activations before and after.

    Raises:
        AffectError: the Keras backend is not TensorFlow.
    """
    if keras.backend.backend() != 'tensorflow':
        raise AffectError('gradient ascent needs KERAS_BACKEND=tensorflow')
    import tensorflow as tf
    activations = keras.Model(network.input, network.get_layer(layer).output)
    chosen = tf.one_hot(filters, activations.output_shape[-1])

    def compute(images: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch(images)
            means = tf.reduce_mean(activations(images, training=False), axis=(1, 2))
            scores = tf.reduce_sum(means * chosen, axis=1)
        return scores, tape.gradient(scores, images)

    gradient = tf.function(compute)
    random = np.random.Generator(np.random.Philox(key=[0, 0]))
    middle, span = (low + high) / 2.0, high - low
    shape = (len(filters), *network.input_shape[1:])
    images = (middle + 0.04 * span * random.standard_normal(shape)).astype(np.float32)
    before = gradient(tf.constant(images))[0].numpy()
    for step in range(STEPS):
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


def make(run: Path, folder: Path) -> list[Path]:
    """
    Write ascent_NAME.png and ascent_NAME.json of a training run; return their paths.

    Raises:
        AffectError: the run is missing, or its network is not in LAYERS.
    """
    experiment, network = load_run(run / 'best.keras')
    best = best_metrics(run)
    if network.name not in LAYERS:
        raise AffectError(f"{run}: the figure shows layers of {' and '.join(LAYERS)}, not of "
                          f'{network.name}')
    pixels = experiment.input
    rows, captions, entries = [], [], []
    for layer in LAYERS[network.name]:
        depth = int(network.get_layer(layer).output.shape[-1])
        filters = np.linspace(0, depth - 1, min(COUNT, depth)).round().astype(int).tolist()
        images, before, after = ascend(network, layer, filters, low=pixels.offset,
                                       high=pixels.offset + 255.0 * pixels.scale)
        grey = images.mean(axis=3)   # black and white are 3 standard deviations from the mean
        spread = np.maximum(6.0 * grey.std(axis=(1, 2), keepdims=True), 1e-6)
        rows.append([*(0.5 + (grey - grey.mean(axis=(1, 2), keepdims=True)) / spread)])
        captions.append([experiment.labels[index] if layer == CLASSES else str(index)
                         for index in filters])
        entries.append({'layer': layer, 'filters': filters, 'before': before, 'after': after})
    path = folder / f'{NAME}_{experiment.name}.json'
    results.write(path, {
        'command': f'face_affect figures ascent runs/{experiment.name}',
        'experiment': experiment.name, 'network': network.name, 'epoch': best['epoch'],
        'val_accuracy': best['val_accuracy'], 'steps': STEPS, 'layers': entries})
    return [path, pictures.sheet(rows, path.with_suffix('.png'),
                                 rows=LAYERS[network.name], captions=captions, colours=16)]


def section(folder: Path) -> str:
    """Return the section of the results page, with all ascent_*.json of the folder."""
    parts: list[str] = []
    for path in sorted(folder.glob(f'{NAME}_*.json')):
        record = results.read(folder, path.stem, '')
        parts += [f"`{record['experiment']}`, after epoch {record['epoch']} (validation accuracy "
                  f"{results.percent(record['val_accuracy'])}), {record['steps']} steps from grey "
                  f'noise with random shifts of up to {SHIFT} pixels, decay and blur. '
                  f'Activations: [{path.name}]({path.name}).',
                  f"![Filters of {record['experiment']}]({path.stem}.png)",
                  results.command(record['command'])]
    return '\n\n'.join(parts)
