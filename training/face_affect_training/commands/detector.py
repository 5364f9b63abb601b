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

"""The command that trains, exports and evaluates the face detector."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from face_affect_ros.paths import expanded
from face_affect_training.commands.models import add_command, add_minutes, EXPERIMENT, MODELS, RUN
from face_affect_training.tflite import PRECISIONS


def register(subparsers: Any) -> None:
    """Add the command `detector` and its subcommands."""
    parser = subparsers.add_parser('detector', help='train, export and evaluate the face detector')
    verbs = parser.add_subparsers(required=True, metavar='VERB')
    train = add_command(verbs, 'train', _train,
                        'train the detector of an experiment file, or resume')
    train.add_argument('experiment', type=expanded, help=EXPERIMENT)
    train.add_argument('--out', type=expanded, help=RUN)
    add_minutes(train)
    train.add_argument('--threads', type=int, default=1, help='threads of PyTorch (default: 1)')
    train.add_argument('--workers', type=int, default=1,
                       help='processes that compute the training samples (default: 1)')
    export = add_command(verbs, 'export', _export, 'write the TFLite file and its card')
    export.add_argument('experiment', type=expanded, help=EXPERIMENT)
    export.add_argument('--run', dest='folder', type=expanded, help=RUN)
    export.add_argument('--models', type=expanded, default=Path('models'), help=MODELS)
    export.add_argument('--precision', default='int8', choices=PRECISIONS,
                        help='precision of the weights (default: int8)')
    export.add_argument('--box-scale', type=float, default=1.0, help='factor for the sides of the '
                        'boxes, so that the crop margins of the classifiers fit: '
                        '(1 + 2 m) / (1 + 2 margin) with m from `face_affect tune-margin` '
                        '(default: 1)')
    export.add_argument('--face-score', type=float, default=0.0, help='detections with a lower '
                        'score may not be faces, see `face_affect input-limits` (default: 0)')
    export.add_argument('--hours', type=float, default=0.0,
                        help='duration of the training, for the card')
    evaluate = add_command(verbs, 'evaluate', _evaluate, 'measure recall and false detections on '
                           'labelled images')
    evaluate.add_argument('folder', type=expanded, help='folder with images.csv and boxes.csv')
    evaluate.add_argument('--detector', required=True, help='name or folder of a detector')
    evaluate.add_argument('--detector-size', type=int, default=0, help='longer side of the input '
                          'in pixels; 0 = chosen by the size of the image (default: 0)')
    evaluate.add_argument('--min-score', type=float, help='score threshold (default: the lowest '
                          'one with at most --false-alarms)')
    evaluate.add_argument('--false-alarms', type=int, default=6, help='maximum number of false '
                          'detections in the images without a face (default: 6)')
    evaluate.add_argument('--rotated-search', action='store_true', help='also run it on the image '
                          'rotated by 90 degrees to both sides')
    evaluate.add_argument('--landmarks-of', default='', metavar='DETECTOR',
                          help='also compare the landmarks with those of this detector')


def _train(args: argparse.Namespace) -> int:
    os.environ['KERAS_BACKEND'] = 'torch'
    import cv2
    from face_affect_training.detection.experiment import load_detector_experiment
    from face_affect_training.detection.train import train
    import torch
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    experiment = load_detector_experiment(args.experiment)
    out = args.out or Path('runs') / experiment.name
    finished = train(experiment, out, max_minutes=args.max_minutes, workers=args.workers)
    print(f"{out}: {'finished' if finished else 'stopped; the same command resumes'}")
    return 0


def _export(args: argparse.Namespace) -> int:
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    from face_affect_training.detection.experiment import load_detector_experiment
    from face_affect_training.detection.export import export
    experiment = load_detector_experiment(args.experiment)
    card = export(experiment, args.folder or Path('runs') / experiment.name, args.models,
                  precision=args.precision, box_scale=args.box_scale,
                  face_score=args.face_score, hours=args.hours)
    print(json.dumps({key: card[key] for key in ('bytes', 'parity', 'metrics',
                                                 'recall_by_group')}, indent=2))
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    from face_affect_training.detection.evaluation import read_labelled
    from face_affect_training.detection.report import landmark_error, report
    pictures = read_labelled(args.folder)
    result = report(args.detector, pictures, size=args.detector_size, min_score=args.min_score,
                    false_alarms=args.false_alarms, rotated_search=args.rotated_search)
    if args.landmarks_of:
        result['landmarks'] = landmark_error(args.detector, args.landmarks_of, pictures,
                                             size=args.detector_size)
    print(json.dumps(result, indent=2))
    return 0
