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

"""What each network of a plan costs: parameters, multiply-accumulates, bytes as TFLite."""

from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.describe import describe, tflite_size
from face_affect_training.figures import results
from face_affect_training.figures.plans import Plan
from face_affect_training.runs import build_network

NAME = 'network_sizes'


def make(plan: Plan, folder: Path) -> Path:
    """
    Write network_sizes.json and return its path.

    Raises AffectError where a network cannot be converted, as without TensorFlow.
    """
    networks = {}
    for cell in plan.cells:
        network = build_network(plan.experiment(cell))
        costs = describe(network)
        size, reason = tflite_size(network)
        if size is None:
            raise AffectError(f'{cell.name}: its TFLite size cannot be measured: {reason}')
        networks[cell.name] = {'network': network.name, 'input': list(network.input_shape[1:]),
                               'parameters': costs.parameters, 'macs': costs.macs,
                               'tflite_bytes': size}
    path = folder / f'{NAME}.json'
    results.write(path, {'command': 'face_affect figures sizes', 'networks': networks})
    return path
