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

"""`face_affect explain`: the pixels of a face that a label depends on."""

import argparse
import sys
from typing import Any

from face_affect_ros.affect.crop import extract_crop
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.saliency import (
    heat_of_cam,
    heat_of_gradient,
    overlay,
    Saliency,
    tile,
    to_bgr,
)
from face_affect_ros.affect.types import AffectError, Face, ImageArray, LABELS, MODES
from face_affect_ros.commands.options import (
    add_option,
    add_pipeline_options,
    check_option,
    file_name,
    file_path,
    settings_from,
)
from face_affect_ros.commands.outputs import check_new, check_outputs, Inputs, model_files
from face_affect_ros.media import write_image
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown
from face_affect_ros.recordings import open_recording
import numpy as np

FRAME = Spec(0, 'Number of the frame in a clip or bag.', bounds=(0, 10**9))


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'explain', help='show the pixels of a face that a label depends on',
        description='Write an image with a row for each face: the crop, guided '
        'back-propagation, the plain gradient, Grad-CAM.')
    parser.add_argument('file', metavar='FILE', type=file_name, help='image, GIF, video or bag')
    parser.add_argument('--out', type=file_path, required=True, metavar='PNG',
                        help='the image to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    parser.add_argument('--task', choices=tuple(LABELS), default='emotion',
                        help='the attribute to explain (default: emotion)')
    parser.add_argument('--class', dest='label', metavar='LABEL',
                        help='the class to explain (default: the most probable one)')
    add_option(parser, '--frame', FRAME, metavar='N')
    add_pipeline_options(parser, track_id_prefix='f', detection_interval=0.0,
                         emotion_interval=0.0, gender_interval=0.0, smoothing_time_constant=0.0)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain the faces of one frame; return the exit code."""
    labels = LABELS[arguments.task]
    if arguments.label is not None and arguments.label not in labels:
        raise AffectError(f'--class {arguments.label}: the classes of {arguments.task} are '
                          f"{', '.join(labels)}")
    settings = settings_from(arguments)
    check_option('--frame', FRAME, arguments.frame)
    check_outputs([('--out', arguments.out)], Inputs([arguments.file, *model_files(settings)]))
    if not arguments.overwrite:
        check_new('--out', arguments.out)
    name = getattr(settings, f'{arguments.task}_model')
    if not name:
        raise AffectError(f'--{arguments.task}-model is empty; choose a model to explain')
    card = load_card(name)
    saliency = Saliency(card, num_threads=settings.num_threads)
    image = _frame(arguments.file, arguments.frame)
    faces = make_pipeline(settings).process(image, 0.0)
    if not faces:
        raise AffectError(f'{arguments.file}: no face in frame {arguments.frame}')
    tiles = [_tile(image, face, saliency, arguments.task, arguments.label) for face in faces]
    write_image(arguments.out, np.concatenate(tiles))
    print(f'{shown(arguments.out)}: {len(faces)} faces; crop, {", ".join(MODES)}', file=sys.stderr)
    return 0


def _frame(file: str, wanted: int) -> ImageArray:
    with open_recording(file) as media:
        for frame in media:
            if frame.index == wanted:
                return frame.image
    raise AffectError(f'{file}: has no frame {wanted}; numbers start at 0, choose another --frame')


def _tile(image: ImageArray, face: Face, saliency: Saliency, task: str,
          label: str | None) -> ImageArray:
    """Return the row of a face, and print a line about it."""
    labels, estimate = LABELS[task], face.estimates[task]
    index = int(estimate.probabilities.argmax()) if label is None else labels.index(label)
    crop = extract_crop(image, face, saliency.card.crop)
    guided, plain = (saliency(crop, index, task=task, guided=each) for each in (True, False))
    heats = (heat_of_gradient(guided.gradient), heat_of_gradient(plain.gradient),
             heat_of_cam(plain.cam, len(crop)))
    lines = [f'{face.id}: {labels[index]} {estimate.probabilities[index]:.0%} explained, '
             f'labelled {estimate.label}']
    print(lines[0])
    picture = to_bgr(crop)
    return tile([picture, *(overlay(picture, heat) for heat in heats)], lines)
