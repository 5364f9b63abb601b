"""From a training run to a model of the robot: model.tflite and card.yaml."""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import yaml

from face_affect_ros.affect.types import AffectError
from face_affect_training import tflite
from face_affect_training.data import read
from face_affect_training.data.types import FaceData
from face_affect_training.evaluate import whole_crops
from face_affect_training.experiment import Experiment, data_path, load_experiment
from face_affect_training.metrics import calibrate, fit_temperature, report
from face_affect_training.runs import build_network, take_weights

PARITY = 1e-4
DATA_LICENCES = {'fer2013_sheets': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
                 'fairface': 'FairFace (CC BY 4.0)'}


def export(run: Path, models: Path, *, name: str | None = None, unknown_share: float = 0.1,
           cache_folder: Path | None = None) -> Path:
    """Write a model's folder and return it.

    run: folder of a training run. models: where the model's folder goes. unknown_share: share of
    the validation faces, the least certain ones, that the threshold leaves UNKNOWN. Raises
    AffectError where the run has no network, or where the TFLite model disagrees with Keras.
    """
    weights = run / 'best.keras'
    if not weights.is_file():
        raise AffectError(f'{run}: there is no best.keras; train first')
    experiment = load_experiment(run / 'experiment.yaml')
    network = build_network(experiment)
    take_weights(network, weights)
    folder = models / (name or experiment.name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'model.tflite').write_bytes(convert(network))
    judged = read(experiment.data.reader, data_path(experiment.data.path),
                  experiment.data.validation)
    facts = _judge(network, folder / 'model.tflite', experiment, judged, unknown_share)
    best = run / 'best.json'
    trained = json.loads(best.read_text(encoding='utf-8')) if best.is_file() else {}
    card = _card(folder, experiment, network, facts, trained)
    text = yaml.safe_dump(card, sort_keys=False, width=99, allow_unicode=True)
    (folder / 'card.yaml').write_text(text, encoding='utf-8')
    return folder


def convert(network: keras.Model) -> bytes:
    """Return the float32 TFLite file of a network, batch size free, batch norm folded.

    Needs Keras' TensorFlow backend.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )
    signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name='image')
    function = tf.function(lambda image: network(image, training=False),
                           input_signature=[signature]).get_concrete_function()
    # without this the weights of a Keras 3 network stay variables, which the robot cannot read
    frozen = convert_variables_to_constants_v2(function)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return bytes(converter.convert())


def _judge(network: keras.Model, path: Path, experiment: Experiment, judged: FaceData,
           unknown_share: float) -> dict[str, Any]:
    """Return parity, temperature, threshold and metrics on the validation faces."""
    wanted = experiment.input
    crops = whole_crops(judged.images, wanted.spec()).astype(np.float32)
    inputs = crops * np.float32(wanted.scale) + np.float32(wanted.offset)
    ours = tflite.predict(path, inputs)
    some = inputs[:512]
    theirs = np.asarray(network.predict(some, batch_size=64, verbose=0))
    difference = float(np.abs(ours[:len(some)] - theirs).max())
    agreement = float((ours[:len(some)].argmax(1) == theirs.argmax(1)).mean())
    if not difference <= PARITY:   # catches NaN as well
        raise AffectError(f'{path}: differs from Keras by {difference:.2e}; this must not happen')
    temperature = round(fit_temperature(ours, judged.labels), 3)
    probabilities = calibrate(ours, temperature)
    confidence = probabilities.max(1)
    # rounded down: never more unknown faces than asked for
    threshold = float(np.floor(np.quantile(confidence, unknown_share) * 100.0) / 100.0)
    known = confidence >= threshold
    right = probabilities.argmax(1) == judged.labels
    metrics = report(probabilities, judged.labels, experiment.labels)
    return {'parity': {'faces': len(some), 'max_difference': difference,
                       'label_agreement': agreement},
            'temperature': temperature, 'threshold': threshold,
            'metrics': {'data': judged.source, 'faces': len(judged),
                        'accuracy': _short(metrics['accuracy']),
                        'balanced_accuracy': _short(metrics['balanced_accuracy']),
                        'nll': _short(metrics['nll']), 'ece': _short(metrics['ece']),
                        'known_share': _short(known.mean()),
                        'accuracy_where_known': _short(right[known].mean()),
                        'recall': {label: _short(entry['recall'])
                                   for label, entry in metrics['per_class'].items()}}}


def _card(folder: Path, experiment: Experiment, network: keras.Model, facts: dict[str, Any],
          trained: dict[str, Any]) -> dict[str, Any]:
    wanted = experiment.input
    content = (folder / 'model.tflite').read_bytes()
    settings = experiment.as_mapping()
    return {
        'name': folder.name, 'kind': 'classifier', 'file': 'model.tflite',
        'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content),
        'input': {'size': wanted.size, 'channels': wanted.channels, 'scale': wanted.scale,
                  'offset': wanted.offset},
        'crop': {'margin': wanted.margin, 'align': wanted.align},
        'heads': [{'task': experiment.task, 'output': 0, 'labels': list(experiment.labels),
                   'threshold': facts['threshold'], 'temperature': facts['temperature']}],
        'network': experiment.network.name, 'parameters': network.count_params(),
        'metrics': facts['metrics'], 'parity': facts['parity'],
        'training': {'experiment': experiment.name, 'seed': experiment.seed,
                     'chosen_epoch': trained.get('epoch'),
                     **{key: settings[key] for key in ('augmentation', 'targets', 'distillation',
                                                       'training')}},
        'data': {'training': f'{experiment.data.reader} {experiment.data.train}',
                 'chosen_on': f'{experiment.data.reader} {experiment.data.validation}',
                 'origin': DATA_LICENCES.get(experiment.data.reader, experiment.data.reader)},
        'licence': 'Apache-2.0',
    }


def _short(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
