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

"""The paper's published networks, fed as its demo feeds them (Arriaga et al. 2017)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

#: The demo grows each box by so many pixels on every side: x, y.
OFFSETS = {'emotion': (20, 40), 'gender': (30, 60)}
SIDE = 64

Networks = dict[str, Callable[[Any], Any]]


def keras_networks(reference: Path) -> Networks:
    """Return the networks as the demo runs them, through predict."""
    import keras

    networks = {}
    for task in OFFSETS:
        model = keras.models.load_model(
            reference / f'arriaga2017_{task}_mini_xception.hdf5', compile=False)
        networks[task] = lambda batch, model=model: model.predict(batch, verbose=0)
    return networks


def tflite_networks(reference: Path) -> Networks:
    """Return the same networks under LiteRT, one thread."""
    from ai_edge_litert.interpreter import Interpreter

    networks = {}
    for task in OFFSETS:
        interpreter = Interpreter(
            model_path=str(reference / f'arriaga2017_{task}_mini_xception.tflite'), num_threads=1)
        interpreter.allocate_tensors()
        networks[task] = lambda batch, interpreter=interpreter: _invoke(interpreter, batch)
    return networks


def _invoke(interpreter: Any, batch: Any) -> Any:
    interpreter.set_tensor(interpreter.get_input_details()[0]['index'], batch)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]['index'])


def classify(networks: Networks, grey: Any, boxes: Any) -> int:
    """Run both networks on each box x, y, width, height of a grey image; return their number."""
    for x, y, width, height in boxes:
        for task, network in networks.items():
            aside, above = OFFSETS[task]
            face = grey[max(0, y - above):y + height + above, max(0, x - aside):x + width + aside]
            pixels = cv2.resize(face, (SIDE, SIDE)).astype(np.float32) / 255.0
            if task == 'emotion':
                pixels = (pixels - 0.5) * 2.0
            network(pixels[np.newaxis, :, :, np.newaxis])
    return len(boxes)


def behind_haar(networks: Networks) -> Callable[[Any], int]:
    """Return the demo's pipeline, with its cascade and the cascade's settings."""
    cv2.setNumThreads(1)
    cascade = cv2.CascadeClassifier(
        cv2.data.haarcascades + 'haarcascade_frontalface_default.xml')

    def process(image: Any) -> int:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return classify(networks, grey, cascade.detectMultiScale(grey, 1.3, 5))
    return process
