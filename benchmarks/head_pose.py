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
How far the orientation of a head is from the truth, on pictures with known turns.

python benchmarks/head_pose.py --out docs/results/head_pose.json, inside tools/env.sh. The
pictures are made here: portraits of FairFace's validation faces that look ahead become surfaces in
space, by MediaPipe's network of 468 points, and are seen under random turns, places and distances
by a camera of 640x480. The detector finds their landmarks, as on the robot.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
import inspect
import os
from pathlib import Path
import sys
from typing import Any
import zipfile

import cv2
from face_affect_bench.report import keep, table
from face_affect_bench.turned_faces import render, Sculptor, Surface, turned
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR, Detector, make_detector
from face_affect_ros.affect.orientation import EYE_DISTANCE, look, MEAN_FACES, Sight
from face_affect_ros.affect.position import Array64, Camera, locate
from face_affect_ros.affect.types import FloatArray, ImageArray
import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

ROOT = Path(__file__).resolve().parents[1]
SIZE = 640, 480
FOCAL = 554.0
CAMERA = Camera(matrix=np.array([[FOCAL, 0, 319.5], [0, FOCAL, 239.5], [0, 0, 1]]),
                distortion=np.zeros(0), model='plumb_bob', width=SIZE[0], height=SIZE[1])
#: Portraits that are turned away by more, degrees, are left out: half of their face is not seen.
MAX_TURN = 12.0
#: Largest turns, degrees, and distances, metres.
YAW, PITCH, ROLL, NEAR, FAR = 60.0, 30.0, 20.0, 0.6, 1.6
#: A face found further from where it is than this, metres, is another one.
APART = 0.06
#: By how far the face is turned away from the camera, degrees.
BINS = (0, 15, 30, 45, 60, 75)


@dataclass(frozen=True)
class Seen:
    """A head with a known rotation (3, 3) and place (3,), and its landmarks, None if not found."""

    rotation: Array64
    place: Array64
    landmarks: FloatArray | None

    @property
    def turn(self) -> float:
        """Return by how many degrees the face is turned away from the camera."""
        cosine = -self.rotation[:, 0] @ self.place / np.linalg.norm(self.place)
        return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def portraits(archive: Path, detect: Detector, number: int, skip: int) -> Iterator[Surface]:
    """Yield the surfaces of so many faces that look ahead, after the first few of the archive."""
    sculpt = Sculptor()
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if name.endswith('.webp')][skip:]
        for name in names:
            data = np.frombuffer(opened.read(name), np.uint8)
            image = cv2.resize(cv2.imdecode(data, cv2.IMREAD_COLOR), None, fx=3, fy=3,
                               interpolation=cv2.INTER_CUBIC)
            found = detect(np.asarray(image, np.uint8))
            if not len(found) or found.scores[0] < 0.8:
                continue
            surface = sculpt(image, found)
            if np.degrees(surface.turn) <= MAX_TURN:
                yield surface
                number -= 1
            if not number:
                return


def views(surface: Surface, number: int, rng: np.random.Generator
          ) -> Iterator[tuple[Array64, Array64, ImageArray]]:
    """Yield rotation, place and image of a face, turned at random."""
    for _ in range(number):
        distance = rng.uniform(NEAR, FAR)
        place = distance * np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2), 1.0])
        rotation = turned(rng.uniform(-YAW, YAW), rng.uniform(-PITCH, PITCH),
                          rng.uniform(-ROLL, ROLL), place)
        yield rotation, place, render(surface, rotation, place, CAMERA.matrix, SIZE)


def find(image: ImageArray, place: Array64, detect: Detector) -> FloatArray | None:
    """Return the landmarks of the face at a place, None where it is not found."""
    where = (CAMERA.matrix @ place)[:2] / place[2]
    for points in detect(image).landmarks:
        if np.linalg.norm(points[:2].mean(axis=0) - where) < APART * FOCAL / place[2]:
            return points
    return None


def sqpnp(landmarks: FloatArray, face: Array64) -> Array64:
    """Return the rotation by OpenCV's SQPNP and Levenberg-Marquardt, for comparison."""
    points = landmarks.astype(np.float64)
    _, turn, place = cv2.solvePnP(face, points, CAMERA.matrix, None, flags=cv2.SOLVEPNP_SQPNP)
    turn, _ = cv2.solvePnPRefineLM(face, points, CAMERA.matrix, None, turn, place)
    return np.asarray(cv2.Rodrigues(turn)[0])


def angles(rotation: Array64, line: Array64) -> Array64:
    """Return yaw, pitch and roll against a face that faces the camera, degrees, as in `turned`."""
    yaw, pitch, roll = Rotation.from_matrix(
        turned(0.0, 0.0, 0.0, line).T @ rotation).as_euler('ZYX', degrees=True)
    return np.array([yaw, pitch, roll])


def between(one: Array64, other: Array64) -> Array64:
    """Return the rotation vector from the other to the one, degrees."""
    return np.degrees(Rotation.from_matrix(one @ other.T).as_rotvec())


def summary(seen: list[Seen], face: Array64) -> dict[str, Any]:
    """Return the errors of the heads that were found."""
    found = [each for each in seen if each.landmarks is not None]
    if not found:
        return {'heads': len(seen), 'found': 0}
    sights: list[Sight] = []
    for each in found:
        sight = look(each.landmarks, CAMERA, width=SIZE[0], height=SIZE[1], face=face)
        assert sight is not None
        sights.append(sight)
    errors = np.array([between(sight.rotation, each.rotation)
                       for sight, each in zip(sights, found)])
    apart = np.linalg.norm(errors, axis=1)
    away = np.array([sight.orientation.facing_angle for sight in sights])
    away = np.abs(np.degrees(away) - [each.turn for each in found])
    parts = np.abs([angles(sight.rotation, each.place) - angles(each.rotation, each.place)
                    for sight, each in zip(sights, found)])
    within = np.mean([error @ np.linalg.solve(np.degrees(1) ** 2 * sight.covariance, error) < 7.81
                      for sight, error in zip(sights, errors)])
    other = np.array([np.linalg.norm(between(sqpnp(each.landmarks, face), each.rotation))
                      for each in found if each.landmarks is not None])
    return {
        'heads': len(seen), 'found': len(found), 'rotation': float(apart.mean()),
        'rotation p95': float(np.percentile(apart, 95)), 'yaw': float(parts[:, 0].mean()),
        'pitch': float(parts[:, 1].mean()), 'roll': float(parts[:, 2].mean()),
        'facing_angle': float(away.mean()), 'facing_angle p95': float(np.percentile(away, 95)),
        'within 95 % of the covariance': float(within), 'SQPNP rotation': float(other.mean()),
        'SQPNP rotation p95': float(np.percentile(other, 95)),
        'distance error': distance(found, sights),
        'distance error, turn ignored': distance(found, None)}


def distance(found: list[Seen], sights: list[Sight] | None) -> float:
    """Return the mean error of the distance as a share of it."""
    errors = []
    for index, each in enumerate(found):
        assert each.landmarks is not None
        orientation = sights[index].orientation if sights else None
        position = locate(each.landmarks, CAMERA, width=SIZE[0], height=SIZE[1],
                          orientation=orientation)
        assert position is not None
        errors.append(abs(position.point[2] / each.place[2] - 1.0))
    return float(np.mean(errors))


def mean_face(seen: list[Seen]) -> Array64:
    """Return the face in space, (4, 3) as in MEAN_FACES, that explains the landmarks best."""
    found = [each for each in seen if each.landmarks is not None]
    rotations = np.array([each.rotation for each in found])
    places = np.array([each.place for each in found])
    pixels = np.array([each.landmarks for each in found])

    def errors(point: Array64, row: int) -> Array64:
        shown = (rotations @ point + places) @ CAMERA.matrix.T
        apart = shown[:, :2] / shown[:, 2:] - pixels[:, row]
        return np.asarray(apart * places[:, 2:] / FOCAL).ravel()

    points = np.array([least_squares(errors, np.zeros(3), loss='soft_l1', f_scale=0.005,
                                     args=(row,)).x for row in range(pixels.shape[1])])
    points -= points[:2].mean(axis=0)
    return points * EYE_DISTANCE / np.linalg.norm(points[1] - points[0])


def draw(image: ImageArray, sight: Sight, landmarks: FloatArray) -> None:
    """Draw the axes into an image: x, out of the face, red; y, its left, green; z, up, blue."""
    middle = landmarks[:2].mean(axis=0)
    length = 2.0 * np.linalg.norm(landmarks[1] - landmarks[0]) + 10.0
    for axis, colour in zip(sight.rotation.T, ((0, 0, 255), (0, 255, 0), (255, 0, 0))):
        end = middle + length * axis[:2]
        cv2.line(image, tuple(map(int, middle)), tuple(map(int, end)), colour, 2, cv2.LINE_AA)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--shared', type=Path, default=Path(os.environ.get(
        'FACE_AFFECT_SHARED', ROOT.parent / 'shared')))
    parser.add_argument('--detector', default=DEFAULT_DETECTOR)
    parser.add_argument('--people', type=int, default=60)
    parser.add_argument('--skip', type=int, default=0, help='faces of the archive left out')
    parser.add_argument('--views', type=int, default=10, help='of each face')
    parser.add_argument('--out', type=Path, help='write the figures into this file, as JSON')
    parser.add_argument('--draw', type=Path, help='write some of the pictures into this folder')
    parser.add_argument('--keep', type=Path, help='write rotations, places, landmarks as .npz')
    arguments = parser.parse_args()
    detect = make_detector(arguments.detector, min_score=0.4)
    face = MEAN_FACES[detect.mouth]
    rng = np.random.default_rng(arguments.skip)
    seen: list[Seen] = []
    faces = portraits(arguments.shared / 'data' / 'faces_gender' / 'fairface_val.zip',
                      make_detector('blazeface_back', min_score=0.4), arguments.people,
                      arguments.skip)
    for surface in faces:
        for rotation, place, image in views(surface, arguments.views, rng):
            seen.append(Seen(rotation, place, find(image, place, detect)))
            if arguments.draw and len(seen) % arguments.views == 1:
                _save(arguments.draw / f'{len(seen):04d}.png', image, seen[-1].landmarks, face)
    if arguments.keep:
        unknown = np.full((4, 2), np.nan)
        np.savez(arguments.keep, rotation=[each.rotation for each in seen],
                 place=[each.place for each in seen], landmarks=[
                     unknown if each.landmarks is None else each.landmarks for each in seen])
    turns = np.array([each.turn for each in seen])
    told = {f'{low} to {high}': summary([each for each, turn in zip(seen, turns)
                                         if low <= turn < high], face)
            for low, high in zip(BINS, BINS[1:])}
    told['all'] = summary(seen, face)
    fitted = mean_face(seen).round(4).tolist()
    keep({'detector': arguments.detector, 'people': arguments.people, 'skip': arguments.skip,
          'mean face of these pictures [m]': fitted,
          'turned away [degrees]': told}, arguments.out)
    print(table([{'turned away': name, **facts} for name, facts in told.items()]))
    print('The mean face of these pictures, see orientation.MEAN_FACES:', fitted)
    return 0


def _save(path: Path, image: ImageArray, landmarks: FloatArray | None, face: Array64) -> None:
    sight = None if landmarks is None else look(landmarks, CAMERA, width=SIZE[0], height=SIZE[1],
                                                face=face)
    if sight is not None and landmarks is not None:
        draw(image, sight, landmarks)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


if __name__ == '__main__':
    sys.exit(main())
