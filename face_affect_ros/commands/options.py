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

"""Command line options that choose a pipeline, one for each of its settings."""

import argparse
from dataclasses import fields

from face_affect_ros.affect.detectors import DETECTORS
from face_affect_ros.affect.settings import PipelineSettings

_HELP = {
    'detector': 'face detector',
    'detector_model': "path of the ONNX file of detector 'yunet'",
    'detector_sha256': 'its checksum, without which it is not loaded',
    'min_score': 'detections with a lower score are dropped, 0.01 to 0.99',
    'detection_interval': 'seconds between two runs of the detector, faces are followed in '
                          'between; 0: every image',
    'start_score': 'score that a detection needs to start a track, 0 to 1',
    'emotion_model': "name or path of the expression model, '' for none",
    'gender_model': "name or path of the gender model, '' for none",
    'emotion_interval': 'seconds between two looks at the expression of a face; 0: every image',
    'gender_interval': 'seconds between two looks at the gender of a face; 0: every image',
    'track_timeout': 'seconds without a detection after which a track ends',
    'track_id_prefix': 'first part of all track ids',
    'smoothing_time_constant': 'seconds over which probabilities are averaged, 0 for none',
    'num_threads': 'threads of each network',
}


def add_pipeline_options(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Add an option for each field of PipelineSettings; defaults replace the field's own."""
    group = parser.add_argument_group('pipeline')
    for each in fields(PipelineSettings):
        default = defaults.get(each.name, each.default)
        group.add_argument('--' + each.name.replace('_', '-'), default=default,
                           type=type(each.default), metavar=each.name.split('_')[-1].upper(),
                           choices=DETECTORS if each.name == 'detector' else None,
                           help=f'{_HELP[each.name]} (default: {default!r})')


def settings_from(arguments: argparse.Namespace) -> PipelineSettings:
    """Return the settings that were chosen."""
    return PipelineSettings(**{each.name: getattr(arguments, each.name)
                               for each in fields(PipelineSettings)})
