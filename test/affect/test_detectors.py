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

"""Detectors find the faces of images and of clips."""

from collections.abc import Callable
from pathlib import Path
import shutil

import cv2
from face_affect_ros.affect.boxes import iou, longer_side
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.detectors.blazeface import make_anchors
from face_affect_ros.affect.detectors.residual_fpn import decode, fit_image, rescored
from face_affect_ros.affect.interpreter import KEPT_SIZES
from face_affect_ros.affect.model_store import find_model, sha256_of
from face_affect_ros.affect.types import AffectError, Detections, LEFT_EYE, MOUTH, NOSE, RIGHT_EYE
from face_affect_ros.media import open_media
from face_affect_ros.media.portrait import portrait_path
import numpy as np
import pytest

OWN = 'face_residual_fpn'
SHIPPED = [OWN, 'blazeface_back']


@pytest.fixture(scope='module')
def portrait() -> np.ndarray:
    """Return scikit-image's astronaut, BGR."""
    return cv2.imread(str(portrait_path()))


def skip_without_yunet() -> None:
    """Skip the test if OpenCV is too old for YuNet."""
    if tuple(int(part) for part in cv2.__version__.split('.')[:2]) < (4, 8):
        pytest.skip(f'YuNet needs OpenCV 4.8, this is {cv2.__version__}')


def assert_is_the_astronaut(found: object, x: float = 0.0, y: float = 0.0,
                            scale: float = 1.0) -> None:
    """Check one detection against the place of the face in the portrait."""
    assert len(found) == 1
    centre = found.boxes[0, :2] + found.boxes[0, 2:] / 2
    np.testing.assert_allclose(centre, np.array([224 + x, 126 + y]) * scale, atol=18 * scale)
    assert 75 * scale < found.boxes[0, 2] < 130 * scale
    points = found.landmarks[0]
    assert points[RIGHT_EYE, 0] < points[NOSE, 0] < points[LEFT_EYE, 0]
    assert max(points[RIGHT_EYE, 1], points[LEFT_EYE, 1]) < points[NOSE, 1] < points[MOUTH, 1]


@pytest.mark.parametrize('name', SHIPPED)
def test_a_detector_finds_the_one_face(name: str, portrait: np.ndarray) -> None:
    found = make_detector(name)(portrait)
    assert_is_the_astronaut(found)
    assert found.boxes.dtype == found.scores.dtype == found.landmarks.dtype == np.float32


@pytest.mark.parametrize('name', SHIPPED)
@pytest.mark.parametrize(('left', 'top'), [(160, 0), (0, 200)])
def test_boxes_are_right_in_wide_and_in_high_images(name: str, left: int, top: int,
                                                    portrait: np.ndarray) -> None:
    image = cv2.copyMakeBorder(portrait, top, 0, left, 0, cv2.BORDER_CONSTANT)
    assert_is_the_astronaut(make_detector(name, min_score=0.6)(image), left, top)


@pytest.mark.parametrize('name', [OWN, 'blazeface_back'])
def test_faces_are_found_in_grey_images(name: str, portrait: np.ndarray) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    assert_is_the_astronaut(make_detector(name)(grey))


@pytest.mark.parametrize('degrees', [-90, 45, 90, 180])
def test_the_default_detector_finds_turned_faces(degrees: int, portrait: np.ndarray) -> None:
    centre = (224.0, 126.0)
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    matrix[:, 2] += (320 - centre[0], 240 - centre[1])
    found = make_detector(OWN)(cv2.warpAffine(portrait, matrix, (640, 480)))
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes[0, :2] + found.boxes[0, 2:] / 2, (320, 240), atol=22)


@pytest.mark.parametrize(('width', 'height'), [(480, 640), (1280, 720), (720, 1280), (3840, 2160)])
def test_the_default_detector_finds_a_face_in_images_of_any_size(width: int, height: int,
                                                                 portrait: np.ndarray) -> None:
    image = np.full((height, width, 3), 90, np.uint8)
    scale = height / 4 / 112
    face = cv2.resize(portrait[20:260, 100:340], None, fx=scale, fy=scale)[:, :width]
    image[height - len(face):, width - face.shape[1]:] = face
    [box] = make_detector(OWN)(image).boxes
    centre = (width - face.shape[1] + scale * 124, height - len(face) + scale * 106)
    np.testing.assert_allclose(box[:2] + box[2:] / 2, centre, atol=0.2 * box[3])


def test_the_interpreters_of_a_few_sizes_are_kept() -> None:
    """Else the memory would grow with each size of photos; RotatedSearch needs two for each."""
    detector = make_detector(OWN)
    for side in range(64, 300, 32):
        detector(np.zeros((side, 64), np.uint8))
        detector(np.zeros((64, side), np.uint8))
    assert len(detector._network._by_shape) == KEPT_SIZES >= 2


@pytest.mark.parametrize('cut', [
    (slice(126, 512), slice(0, 512)), (slice(0, 512), slice(224, 512)),
    (slice(0, 140), slice(0, 512))])
def test_the_default_detector_finds_a_face_at_the_edge(cut: tuple[slice, slice],
                                                       portrait: np.ndarray) -> None:
    found = make_detector(OWN, min_score=0.3)(np.ascontiguousarray(portrait[cut]))
    assert len(found) >= 1
    seen = found.boxes[0] + np.array([cut[1].start, cut[0].start, 0, 0])
    assert iou(seen[np.newaxis], np.array([[172, 74, 105, 105]], np.float32))[0, 0] > 0.25


@pytest.mark.parametrize(('shape', 'size', 'side'), [
    ((480, 640, 3), 0, 640), ((270, 480), 0, 480), ((720, 1280, 3), 0, 1024),
    ((1080, 1920, 3), 0, 1024), ((2160, 3840, 3), 0, 1024), ((800, 600), 0, 800),
    ((480, 848, 3), 0, 800), ((480, 640, 3), 320, 320), ((120, 160, 3), 320, 160),
    ((2160, 3840, 3), 1920, 1920),
])
def test_the_size_of_the_input_follows_the_image(shape: tuple[int, ...], size: int,
                                                 side: int) -> None:
    assert longer_side(shape, size) == side
    pixels, scale = fit_image(np.zeros(shape, np.uint8), side)
    assert pixels.shape[2] == 3 and not any(length % 32 for length in pixels.shape[:2])
    np.testing.assert_allclose(scale, side / max(shape[:2]), rtol=0.01)


def test_outputs_are_decoded_to_boxes_of_the_image() -> None:
    outputs = [np.zeros((480 // stride, 640 // stride, channels), np.float32)
               for stride in (8, 16, 32) for channels in (1, 4, 10)]
    for logits in outputs[::3]:
        logits[:] = -9.0
    outputs[3][10, 20] = 3.0
    outputs[4][10, 20] = (0.5, -0.25, np.log(4), np.log(5))
    outputs[5][10, 20] = (-1, -1, 1, -1, 0, 0, -1, 1, 1, 1.5)
    found = decode(outputs, np.array([0.5, 0.5], np.float32), min_score=0.5, nms_overlap=0.4)
    centre = (20.5 * 16, 10.5 * 16)
    np.testing.assert_allclose(found.boxes, [[2 * (centre[0] + 8 - 32), 2 * (centre[1] - 4 - 40),
                                              128, 160]], rtol=1e-5)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-3.0)), rtol=1e-5)
    wanted = np.array(centre) + 16 * np.array([[-1, -1], [1, -1], [0, 0], [0, 1.25]])
    np.testing.assert_allclose(found.landmarks[0], 2 * wanted, rtol=1e-5)


def test_two_neighbouring_cells_are_merged_to_one_face() -> None:
    outputs = [np.full((480 // stride, 640 // stride, channels), 0.0 if channels > 1 else -9.0,
                       np.float32) for stride in (8, 16, 32) for channels in (1, 4, 10)]
    for column, offset in ((20, 0.5), (21, -0.5)):
        outputs[3][10, column] = 2.0
        outputs[4][10, column] = (offset, 0.0, np.log(4), np.log(4))
    found = decode(outputs, np.ones(2, np.float32), min_score=0.5, nms_overlap=0.4)
    np.testing.assert_allclose(found.boxes, [[21 * 16 - 32, 10.5 * 16 - 32, 64, 64]], rtol=1e-5)


def test_small_faces_have_lower_scores_and_the_smallest_are_dropped() -> None:
    sides = np.array([[80, 70], [60, 63.9], [62, 30], [30, 31], [32, 20]], np.float32)
    found = Detections(np.concatenate([np.zeros((5, 2), np.float32), sides], axis=1),
                       np.array([0.5, 0.9, 0.46, 0.8, 0.55], np.float32),
                       np.zeros((5, 4, 2), np.float32))
    left = rescored(found, np.array([0.5, 0.5], np.float32), min_score=0.4)
    np.testing.assert_array_equal(left.boxes[:, 2:], sides[[1, 0, 4]])
    np.testing.assert_allclose(left.scores, [0.83, 0.5, 0.48], rtol=1e-6)


@pytest.mark.parametrize('name', SHIPPED)
@pytest.mark.parametrize('shape', [(480, 640, 3), (1, 1, 3), (2, 900), (700, 1, 3)])
def test_an_image_without_faces_has_no_detections(name: str, shape: tuple[int, ...]) -> None:
    found = make_detector(name)(np.zeros(shape, np.uint8))
    assert len(found) == 0
    assert found.landmarks.shape == (0, 4, 2)


def test_anchors_are_the_centres_of_the_cells() -> None:
    anchors = make_anchors(64, [(16, 2), (32, 1)])
    assert anchors.shape == (4 * 4 * 2 + 2 * 2, 2)
    np.testing.assert_array_equal(anchors[:4], [[8, 8], [8, 8], [24, 8], [24, 8]])
    np.testing.assert_array_equal(anchors[-1], [48, 48])


@pytest.mark.parametrize(('clip', 'faces', 'at_least'), [
    ('media/classroom.gif', 4, 0.95),
    ('media/face-demographics-walking-and-pause.gif', 3, 1.0),
    ('media/head-pose-face-detection-female-and-male.gif', 2, 1.0),
    ('media/robocup_team.png', 6, 1.0),
])
def test_the_default_detector_on_real_clips(clip: str, faces: int, at_least: float,
                                            shared_file: Callable[[str], Path]) -> None:
    detector = make_detector(min_score=0.4)
    with open_media(str(shared_file(clip))) as media:
        counts = [len(detector(frame.image)) for frame in media]
    assert sum(min(count, faces) for count in counts) >= at_least * faces * len(counts)
    assert max(counts) <= faces + 2   # hands and shoes of the group photo


def yunet_card(folder: Path, network: Path, sha256: str = '') -> str:
    """Write the card of a YuNet network and return the folder as a model's name."""
    (folder / 'card.yaml').write_text(
        f'name: yunet\nkind: detector\ndecoder: yunet\nfile: {network}\n'
        f"sha256: '{sha256 or sha256_of(network)}'\nnms_overlap: 0.3\n"
        'input: {size: 640, channels: 3, scale: 1.0, offset: 0.0}\n')
    return f'{folder}/'


@pytest.mark.parametrize('size', [0, 960, 1920])
def test_yunet_on_a_real_picture(size: int, tmp_path: Path,
                                 shared_file: Callable[[str], Path]) -> None:
    skip_without_yunet()
    card = yunet_card(tmp_path, shared_file('reference/yunet_n_dynamic.onnx'))
    detector = make_detector(card, size=size, min_score=0.6)
    picture = cv2.imread(str(shared_file('media/robocup_team.png')))
    found = detector(picture)
    assert len(found) == 6
    blaze = make_detector('blazeface_back')(picture)
    assert len(blaze) == 6
    for box, points in zip(blaze.boxes, blaze.landmarks):
        nearest = np.argmin(np.linalg.norm(found.boxes[:, :2] - box[:2], axis=1))
        np.testing.assert_allclose(found.landmarks[nearest], points, atol=0.25 * box[2])
    assert len(detector(np.zeros((120, 160), np.uint8))) == 0


@pytest.mark.parametrize(('name', 'complaint'), [
    ('blazeface_bak', "did you mean 'blazeface_back'"),
    ('emotion_mini_xception', "'emotion_mini_xception' is a classifier, not a detector"),
    ('/nowhere/yunet', 'there is no card.yaml in /nowhere/yunet'),
])
def test_an_unknown_detector_is_an_error(name: str, complaint: str) -> None:
    with pytest.raises(AffectError, match=complaint):
        make_detector(name)


def test_an_unknown_decoder_is_an_error(tmp_path: Path) -> None:
    network = tmp_path / 'any.onnx'
    network.write_bytes(b'any')
    card = yunet_card(tmp_path, network)
    (tmp_path / 'card.yaml').write_text(
        (tmp_path / 'card.yaml').read_text().replace('decoder: yunet', 'decoder: haar'))
    with pytest.raises(AffectError, match="decoder 'haar' of its card is not one of residual_fpn"):
        make_detector(card)


def test_an_invalid_onnx_file_is_an_error(tmp_path: Path) -> None:
    skip_without_yunet()
    path = tmp_path / 'broken.onnx'
    path.write_bytes(b'this is no network')
    with pytest.raises(AffectError, match='broken.onnx: OpenCV cannot read'):
        make_detector(yunet_card(tmp_path, path))


def test_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / 'yunet.onnx'
    path.write_bytes(b'any')
    with pytest.raises(AffectError, match=f'sha256 is {sha256_of(path)}, but its card says 0000'):
        make_detector(yunet_card(tmp_path, path, '0' * 64))


def test_a_network_that_does_not_match_its_decoder_is_an_error(tmp_path: Path) -> None:
    network = Path(__file__).parents[2] / 'models' / 'emotion_mini_xception' / 'model.tflite'
    card = yunet_card(tmp_path, network)
    (tmp_path / 'card.yaml').write_text((tmp_path / 'card.yaml').read_text().replace(
        'decoder: yunet', 'decoder: residual_fpn'))
    with pytest.raises(AffectError, match='its card names another network'):
        make_detector(card)


@pytest.mark.parametrize(('old', 'new', 'complaint'), [
    ('nms_overlap: 0.3', '', "card.yaml: the entry 'nms_overlap' is missing"),
    ('nms_overlap: 0.3', 'nms_overlap: low', "card.yaml: nms_overlap is 'low', it must be a num"),
    ('nms_overlap: 0.3', 'nms_overlap: 30', r'card.yaml: nms_overlap is 30, .* lie in \[0, 1\]'),
    ('face_score: 0.53', 'face_score: .nan', 'card.yaml: face_score is nan, it must lie in'),
    ('[[16, 2], [32, 6]]', '[16, 2]', r'card.yaml: anchors is \[16, 2\], it must list \[stride'),
    ('[[16, 2], [32, 6]]', '[[0, 2], [32, 6]]', r'card.yaml: anchors is \[\[0, 2\]'),
    ('[[16, 2], [32, 6]]', '[[16, 2]]', r'the anchors of its card need \[\(1, 512, 16\)'),
])
def test_an_invalid_entry_of_a_detector_is_an_error(tmp_path: Path, old: str, new: str,
                                                    complaint: str) -> None:
    folder = shutil.copytree(find_model('blazeface_back'), tmp_path / 'mine')
    card = folder / 'card.yaml'
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    with pytest.raises(AffectError, match=complaint):
        make_detector(str(folder))
