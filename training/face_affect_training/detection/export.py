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

"""Export of a trained detector as a model: TFLite file and card."""

from collections.abc import Sequence
import dataclasses
import hashlib
from pathlib import Path
import tempfile
from typing import Any

import cv2
from face_affect_ros.affect.boxes import iou, resized
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.detectors.residual_fpn import decode, fit_image, rescored
from face_affect_ros.affect.model_store import read_card
from face_affect_ros.affect.types import AffectError, Detections, ImageArray
from face_affect_training import tflite
from face_affect_training.detection.evaluation import LabelledPicture, read_labelled
from face_affect_training.detection.experiment import DetectorExperiment
from face_affect_training.detection.network import NMS_OVERLAP, residual_fpn, SCALE
from face_affect_training.detection.pictures import read_pictures
from face_affect_training.detection.report import by_group, report
from face_affect_training.detection.views import Views
import numpy as np

#: Size of the input in the file; the detector resizes the input tensor.
HEIGHT, WIDTH = 480, 640
#: Number of samples for the quantisation to int8, and their seed.
SAMPLES, SAMPLE_SEED = 200, 1
#: Number of images for the comparison with Keras.
PARITY_PICTURES = 100
#: Score of the compared faces, and minimum score of their counterparts: scores differ a little.
SURE, LIKELY = 0.5, 0.3


def export(experiment: DetectorExperiment, run: Path, models: Path, *, precision: str = 'int8',
           box_scale: float = 1.0, face_score: float = 0.0, hours: float = 0.0) -> dict[str, Any]:
    """
    Write the folder of a model. The Keras backend must be TensorFlow.

    Args:
        experiment: of the training.
        run: folder of the training.
        models: folder of models.
        precision: one of tflite.PRECISIONS.
        box_scale, face_score: entries of the card, see Detector.
        hours: duration of the training, for the card.

    Returns:
        The card.

    Raises:
        AffectError: the run has no network, or the detections differ from those of Keras.
    """
    try:
        network = residual_fpn(**experiment.network)
        network.load_weights(run / 'network.keras')
    except (OSError, ValueError) as error:
        raise AffectError(f'{run}: no trained detector: {error}; train it first') from error
    name = experiment.name
    labelled = read_labelled(experiment.folder('pictures'))
    content = _convert(network, precision, _samples(experiment))
    card: dict[str, Any] = {
        'name': name, 'kind': 'detector', 'decoder': 'residual_fpn', 'file': 'model.tflite',
        'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content),
        'input': {'size': WIDTH, 'channels': 3, 'scale': SCALE, 'offset': 0.0},
        'nms_overlap': NMS_OVERLAP, 'box_scale': box_scale, 'face_score': face_score,
        'network': 'residual_fpn',
        'parameters': int(network.count_params()), 'precision': precision}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        tflite.write_model(folder, content, card)
        card['parity'] = _parity(network, folder, labelled[:PARITY_PICTURES])
        card['metrics'] = {'data': 'detection/dev', **report(str(folder), labelled)}
        del card['metrics']['detector']
        card['recall_by_group'] = {'data': 'FairFace val, faces 32 pixels high', **by_group(
            make_detector(str(folder), min_score=card['metrics']['min_score']),
            experiment.folder('chips_folder'))}
    card['training'] = {'hours': hours, **dataclasses.asdict(experiment)}
    card['data'] = {
        'pictures': 'about 40 public repositories, some without a licence of the pictures',
        'faces': 'FairFace train (CC BY 4.0), pasted into pictures',
        'teachers': 'labels by YuNet and SCRFD-2.5G beside those of people'}
    card['excluded_uses'] = ('identification, surveillance, and any decision about a person; it '
                             'says where a face is, not whose')
    card['licence'] = 'Apache-2.0'
    tflite.write_model(models / name, content, card)
    return card


def _convert(network: Any, precision: str, views: Sequence[ImageArray]) -> bytes:
    import tensorflow as tf
    signature = tf.TensorSpec((1, HEIGHT, WIDTH, 3), tf.float32, name='image')
    function = tf.function(lambda image: network(image, training=False),
                           input_signature=[signature])
    inputs = np.stack([view.astype(np.float32) * np.float32(SCALE) for view in views])
    return tflite.convert_function(function, f"network '{network.name}'", precision, inputs,
                                   int8_input=precision == 'int8')


def _samples(experiment: DetectorExperiment) -> list[ImageArray]:
    """Return augmented samples of the size of the input, made of two training samples each."""
    settings = dataclasses.replace(experiment.views, size=WIDTH // 2, chips=0.0)
    views = Views(read_pictures(experiment.folder('pictures')), [], settings, SAMPLE_SEED)
    out = []
    for number in range(SAMPLES):
        left, right = (views(2 * number + side)[0] for side in (0, 1))
        both = np.concatenate([left, right], axis=1)
        out.append(np.asarray(np.concatenate([both, both[::-1]])[:HEIGHT], np.uint8))
    return out


def _parity(network: Any, folder: Path, labelled: Sequence[LabelledPicture]) -> dict[str, Any]:
    """Return the agreement with Keras on the detected faces; AffectError if it is below 90 %."""
    detector = make_detector(f'{folder}/', size=WIDTH, min_score=LIKELY)
    box_scale = read_card(folder / 'card.yaml')['box_scale']
    both, alone = 0, 0
    overlaps: list[float] = []
    for picture in labelled:
        image = np.asarray(cv2.imread(str(picture.path)), np.uint8)
        found, expected = detector(image), _by_keras(network, image)
        overlap = iou(resized(expected.boxes, box_scale), found.boxes)
        for best, scores in ((overlap.max(axis=1, initial=0.0), expected.scores),
                             (overlap.max(axis=0, initial=0.0), found.scores)):
            best = best[scores >= SURE]
            overlaps += best[best > 0.5].tolist()
            both += int((best > 0.5).sum())
            alone += int((best <= 0.5).sum())
    agreement = both / (both + alone) if both + alone else 1.0
    if agreement < 0.9:
        raise AffectError(f'{folder}: only {agreement:.1%} of the detections of TFLite and Keras '
                          'agree, 90 % are required')
    return {'pictures': len(labelled), 'faces': both + alone, 'agreement': round(agreement, 4),
            'mean_iou': round(float(np.mean(overlaps)), 4) if overlaps else None}


def _by_keras(network: Any, image: ImageArray) -> Detections:
    pixels, scale = fit_image(image, WIDTH)
    outputs = network(pixels[np.newaxis].astype(np.float32) * np.float32(SCALE),
                      training=False)
    found = decode([np.asarray(each)[0] for each in outputs], scale, min_score=LIKELY,
                   nms_overlap=NMS_OVERLAP)
    return rescored(found, scale, min_score=LIKELY)
