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

"""Export of a training run: TFLite file and card of each precision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
import hashlib
from pathlib import Path
import shutil
import tempfile
from typing import Any

from face_affect_ros.affect.classifier import calibrate, normalize
from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.types import FloatArray, LABELS
from face_affect_training import tflite
from face_affect_training.data import load_split, ORIGINS
from face_affect_training.data.faces import evenly, FaceData
from face_affect_training.experiment import ancestry, Experiment, Input
from face_affect_training.metrics import coverage, fit_temperature, report
from face_affect_training.networks.head import with_mirror
from face_affect_training.quantisation import rounded
from face_affect_training.runs import best_metrics, hours, load_run
from face_affect_training.tflite import check_parity, convert, PARITY_FACES
from face_affect_training.views import plain_views
import keras
import numpy as np
import numpy.typing as npt

#: Number of training faces for the ranges of int8 quantisation, and seed of their selection.
SAMPLES, SAMPLE_SEED = 512, 1
#: Share of the validation faces with a confidence below the threshold.
UNKNOWN_SHARE = 0.1


def export(run: Path, models: Path, *, precisions: Sequence[str] = ('float32',),
           margin: float | None = None, saliency: str = '',
           limits: Mapping[str, dict[str, float]] | None = None, mirror: bool = False,
           cache: Path | None = None) -> list[str]:
    """
    Write the folder of a model for each precision, after its file is compared with Keras.

    Args:
        run: folder of a training run.
        models: folder of the models. The first precision is written to the folder NAME, the others
            to NAME_PRECISION.
        precisions: of tflite.PRECISIONS.
        margin: of the crop, see robot_crops.py; None for that of the training.
        saliency: precision of the gradients, which are added to the first folder; '' for none.
        limits: of the input, by task, see robot_crops.py.
        mirror: whether the output is the mean of the face and its mirror image.
        cache: folder for decoded images.

    Returns:
        A line with the metrics of each precision.

    Raises:
        AffectError: the run has no checkpoint, or a TFLite file differs from Keras.
    """
    experiment, network = load_run(run / 'best.keras')
    if margin is not None:
        experiment = replace(experiment, input=replace(experiment.input, margin=margin))
    faces = {}
    for task, each in experiment.tasks.items():
        validation = load_split(each.data, each.data.validation,
                                channels=experiment.input.channels, cache=cache)
        faces[task] = replace(validation, images=plain_views(validation.images,
                                                             experiment.input.spec()))
    trained = best_metrics(run) | {'hours': hours(run)}
    return [_export(network, experiment, precision, faces, mirror=mirror, limits=limits or {},
                    folder=models / f"{experiment.name}{f'_{precision}' if number else ''}",
                    saliency='' if number else saliency, trained=trained, cache=cache)
            for number, precision in enumerate(precisions)]


def _export(network: keras.Model, experiment: Experiment, precision: str,
            faces: dict[str, FaceData], *, mirror: bool, folder: Path, saliency: str,
            limits: Mapping[str, dict[str, float]], trained: dict[str, Any],
            cache: Path | None) -> str:
    samples, written = None, network
    extra: dict[str, Any] = {'mirror': True} if mirror else {}
    if precision == 'int8':
        samples, extra['quantisation'] = _samples(experiment, cache)
        written = rounded(network, samples)
    content = convert(with_mirror(written) if mirror else written, precision, samples)
    with tempfile.TemporaryDirectory() as unfinished:
        file = Path(unfinished, 'model.tflite')
        file.write_bytes(content)
        heads = _evaluate(with_mirror(network) if mirror else network, file, precision, faces,
                          experiment.input)
        card = _card(folder.name, content, experiment, parameters=network.count_params(),
                     precision=precision, heads=heads, limits=limits, extra=extra,
                     trained=trained)
        tflite.write_model(file.parent, content, card)
        if saliency:
            from face_affect_training.saliency.export import add_saliency
            add_saliency(file.parent, card, network,
                         {task: each.images for task, each in faces.items()}, saliency,
                         mirror=mirror)
            tflite.write_model(file.parent, content, card)
        folder.mkdir(parents=True, exist_ok=True)
        for each in file.parent.iterdir():
            shutil.copyfile(each, folder / each.name)
    return _line(folder, card)


def _line(folder: Path, card: dict[str, Any]) -> str:
    """Return the metrics of a card as a line of text."""
    graph = card.get('saliency')
    added = (f"; gradients: {graph['bytes']:,} bytes, correlation with TensorFlow's at least "
             f"{min(graph['correlation'].values()):.5f}" if graph else '')
    tasks = '; '.join(
        f"{task} against Keras on {parity['faces']} faces: largest difference "
        f"{parity['max_difference']:.2g}, same label {parity['label_agreement']:.2%}, "
        f"accuracy {parity['accuracy']:.2%} (Keras {parity['keras_accuracy']:.2%}); on all "
        f"{card['metrics'][task]['faces']} {card['metrics'][task]['accuracy']:.2%}"
        for task, parity in card['parity'].items())
    return f"{folder}: {card['precision']}, {card['bytes']:,} bytes, {tasks}{added}"


def _samples(experiment: Experiment, cache: Path | None,
             ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    """Return inputs from training faces for the quantisation, and its entry in the card."""
    parts, sources = [], []
    for each in experiment.tasks.values():
        faces = load_split(each.data, each.data.train, channels=experiment.input.channels,
                           cache=cache)
        count = min(SAMPLES // len(experiment.tasks), len(faces))
        rows = np.random.default_rng(SAMPLE_SEED).choice(len(faces), count, replace=False)
        parts.append(plain_views(faces.images[np.sort(rows)], experiment.input.spec()))
        sources.append(faces.source)
    crops = np.concatenate(parts)
    calibration = {'ranges_from': ' and '.join(sources), 'faces': len(crops), 'seed': SAMPLE_SEED}
    return experiment.input.scaled(crops), calibration


def _evaluate(network: keras.Model, file: Path, precision: str, faces: dict[str, FaceData],
              settings: Input) -> dict[str, Any]:
    """Return output, parity, temperature, threshold and metrics of a TFLite file, by task."""
    heads = {}
    for index, (task, each) in enumerate(faces.items()):
        rows = evenly(len(each), PARITY_FACES)
        inputs = settings.scaled(each.images)
        theirs = network.predict(inputs[rows], batch_size=64, verbose=0)
        theirs = np.asarray(theirs[index] if isinstance(theirs, list) else theirs)
        outputs = Network(file)(inputs)
        # the converter may change the order of the outputs
        output = min((number for number, raw in enumerate(outputs)
                      if raw.shape[1] == theirs.shape[1]),
                     key=lambda number: float(np.abs(outputs[number][rows] - theirs).max()))
        parity = check_parity(outputs[output][rows], theirs, each.labels[rows], precision)
        heads[task] = {'output': output, 'parity': parity,
                       **_metrics(outputs[output], each, LABELS[task])}
    return heads


def _metrics(raw: FloatArray, faces: FaceData, names: tuple[str, ...]) -> dict[str, Any]:
    """Return temperature, threshold and metrics of probabilities (N, K)."""
    shares = normalize(raw)   # as the classifier of the node
    temperature = round(fit_temperature(shares, faces.labels), 3)
    probabilities = calibrate(shares, temperature)
    # rounded down, so that at most this share is unknown
    quantile = float(np.quantile(probabilities.max(1), UNKNOWN_SHARE))
    threshold = float(np.floor(quantile * 100.0) / 100.0)
    metrics = report(probabilities, faces.labels, names)
    metrics |= coverage(probabilities, faces.labels, threshold)
    return {'temperature': temperature, 'threshold': threshold,
            'metrics': {'data': faces.source, 'faces': len(faces.labels),
                        **{key: _short(metrics[key]) for key in (
                            'accuracy', 'balanced_accuracy', 'nll', 'ece', 'known_share',
                            'accuracy_where_known')},
                        'recall': {label: _short(entry['recall'])
                                   for label, entry in metrics['per_class'].items()}}}


def _short(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


def _card(name: str, content: bytes, experiment: Experiment, *, parameters: int, precision: str,
          heads: dict[str, Any], limits: Mapping[str, dict[str, float]], extra: dict[str, Any],
          trained: dict[str, Any]) -> dict[str, Any]:
    """
    Return the content of a card.

    heads: see _evaluate. extra: further entries. trained: content of best.json, and `hours`.
    """
    crop, settings, single = experiment.input, experiment.as_mapping(), len(heads) == 1
    return {
        'name': name, 'kind': 'classifier', 'file': 'model.tflite',
        'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content),
        'input': {'size': crop.size, 'channels': crop.channels, 'scale': crop.scale,
                  'offset': crop.offset},
        'crop': {'margin': crop.margin, 'align': crop.align},
        'heads': [{'task': task, 'output': head['output'], 'labels': list(LABELS[task]),
                   'threshold': head['threshold'], 'temperature': head['temperature'],
                   **({'limits': limits[task]} if task in limits and not single else {})}
                  for task, head in heads.items()],
        'network': experiment.network.name, 'parameters': parameters,
        'precision': precision, **extra,
        **({'limits': next(iter(limits.values()))} if limits and single else {}),
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
