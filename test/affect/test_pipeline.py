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

"""The pipeline, on real faces with the shipped models."""

from collections import Counter
from collections.abc import Callable
import dataclasses
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
from face_affect_ros.affect.annotate import annotate, caption, colour_of, Plate
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import (
    AffectError,
    Detections,
    EMOTIONS,
    Estimate,
    Face,
    FloatArray,
    GENDERS,
    ImageArray,
    LABELS,
    UNKNOWN,
)
from face_affect_ros.media import open_media
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.records import to_record
import numpy as np
import pytest


def follow(clip: Path, **settings: object) -> list[list[Face]]:
    """Return the faces of every frame of a clip."""
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f', **settings))
    with open_media(str(clip)) as media:
        return [pipeline.process(frame.image, frame.stamp) for frame in media]


def one_face(**changes: object) -> Face:
    """Return a face with all attributes."""
    probabilities = np.array([0.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.25], np.float32)
    values = {'id': 'f0001', 'box': np.array([10.4, 20.6, 30.0, 40.0], np.float32), 'score': 0.9,
              'landmarks': np.array([[15, 30], [30, 30], [22, 40], [np.nan, np.nan]], np.float32),
              'estimates': {'emotion': Estimate('happy', 0.75, probabilities)},
              'tracked_for': 1.5}
    return Face(**{**values, **changes})


@pytest.mark.parametrize(('clip', 'tracks', 'coverage'), [
    ('media/face-demographics-walking-and-pause.gif', 3, 0.9),
    ('media/head-pose-face-detection-female-and-male.gif', 2, 0.9),
    ('media/classroom.gif', 4, 0.9),
])
def test_every_person_of_a_clip_is_one_track(clip: str, tracks: int, coverage: float,
                                             shared_file: Callable[[str], Path]) -> None:
    frames = follow(shared_file(clip))
    seen = Counter(face.id for faces in frames for face in faces)
    assert len(seen) == tracks
    assert min(seen.values()) >= coverage * len(frames)


def test_the_default_portrait_is_one_smiling_person() -> None:
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f'))
    labels: Counter[str] = Counter()
    with open_media('', rate=5.0) as media:
        for number, frame in enumerate(media):
            faces = pipeline.process(frame.image, frame.stamp)
            assert [face.id for face in faces] == ['f0001']
            labels[faces[0].estimates['emotion'].label] += 1
            if number == 60:
                break
    assert labels['happy'] > 0.95 * labels.total()


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_the_labels_do_not_depend_on_the_rotation_of_the_camera(turns: int) -> None:
    portrait = cv2.imread(str(portrait_path()))
    pipeline = make_pipeline(PipelineSettings())
    upright, = pipeline.process(portrait, 0.0)
    rotated, = pipeline.process(np.rot90(portrait, turns), 1.0)
    assert rotated.id != upright.id
    for task, estimate in upright.estimates.items():
        assert rotated.estimates[task].label == estimate.label != UNKNOWN


def test_an_attribute_that_is_switched_off_is_absent(
        shared_file: Callable[[str], Path]) -> None:
    picture = shared_file('media/robocup_team.png')
    faces = follow(picture, gender_model='', detector_size=640)[0]
    assert len(faces) == 6
    assert {tuple(face.estimates) for face in faces} == {('emotion',)}
    assert {tuple(face.estimates)
            for face in follow(picture, emotion_model='', gender_model='')[0]} == {()}


def test_the_same_frames_give_the_same_faces(shared_file: Callable[[str], Path]) -> None:
    clip = shared_file('media/head-pose-face-detection-female-and-male.gif')
    first, second = follow(clip), follow(clip)
    for one, other in zip(first, second, strict=True):
        assert [face.id for face in one] == [face.id for face in other]
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a.box, b.box)
            np.testing.assert_array_equal(a.estimates['emotion'].probabilities,
                                          b.estimates['emotion'].probabilities)


class TurningHead:
    """A detector of one face, which is frontal in the first `front` images, then turned."""

    name, mouth, face_score = 'blazeface_back', 'lips', 0.0

    def __init__(self, front: int) -> None:
        self.front = front

    def __call__(self, image: ImageArray) -> Detections:
        nose = 120.0 if self.front > 0 else 138.0
        self.front -= 1
        points = [[100.0, 100.0], [140.0, 100.0], [nose, 120.0], [(nose + 120.0) / 2, 140.0]]
        return Detections(np.float32([[80, 70, 80, 90]]), np.float32([0.9]), np.float32([points]))


def test_the_orientation_is_smoothed_within_a_track() -> None:
    def turning(time_constant: float) -> list[float]:
        pipeline = AffectPipeline(TurningHead(1), [], PipelineSettings(
            detection_interval=0.0, rotated_search=False,
            orientation_time_constant=time_constant))
        angles = []
        for stamp in (0.0, 0.2):
            [face] = pipeline.process(image, stamp)
            angles.append(face.orientation.facing_angle)
        pipeline.reset()
        [face] = pipeline.process(image, 0.3)
        return [*angles, face.orientation.facing_angle]

    image = np.zeros((240, 320, 3), np.uint8)
    front, turned, again = turning(0.0)
    assert front < np.radians(15.0) and turned > front + np.radians(15.0)
    assert again == pytest.approx(turned)
    _, smooth, anew = turning(0.2)
    assert front + 0.3 * (turned - front) < smooth < front + 0.8 * (turned - front)
    assert anew == pytest.approx(turned)


def watch(pipeline: AffectPipeline) -> dict[str, list[int]]:
    """Record the number of faces of each run, by model."""
    runs: dict[str, list[int]] = {}

    def asking(classifier: Classifier) -> Classifier:
        def ask(crops: ImageArray) -> dict[str, FloatArray]:
            runs.setdefault(classifier.card.name, []).append(len(crops))
            return classifier(crops)
        return Mock(wraps=classifier, side_effect=ask, card=classifier.card,
                    crop=classifier.crop, heads=classifier.heads)
    pipeline.classifiers = tuple(map(asking, pipeline.classifiers))
    return runs


def test_gender_is_classified_at_its_interval_and_kept_in_between(
        shared_file: Callable[[str], Path]) -> None:
    """Two faces at 12 Hz: each is classified on every third or fourth image."""
    clip = shared_file('media/head-pose-face-detection-female-and-male.gif')
    with open_media(str(clip)) as media:
        frames = list(media)
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f', emotion_interval=0.0,
                                              gender_interval=0.2))
    runs = watch(pipeline)
    at_interval = [pipeline.process(frame.image, frame.stamp) for frame in frames]
    emotion, gender = (sum(runs[name]) for name in ('emotion_small_resnet',
                                                    'gender_mobilenet'))
    assert emotion == sum(map(len, at_interval))
    assert 0.2 * emotion <= gender <= 0.45 * emotion
    every = follow(clip, emotion_interval=0.0, gender_interval=0.0)
    for faces, others in zip(at_interval, every, strict=True):
        for face, other in zip(faces, others, strict=True):
            assert face.estimates['gender'].label == other.estimates['gender'].label != UNKNOWN
    pipeline.settings = dataclasses.replace(pipeline.settings, gender_interval=0.0)
    runs.clear()
    pipeline.process(frames[-1].image, frames[-1].stamp + 0.05)
    assert runs == {'emotion_small_resnet': [2], 'gender_mobilenet': [2]}


def test_expression_is_classified_at_most_twenty_times_a_second(
        shared_file: Callable[[str], Path]) -> None:
    """That is every image at 15 Hz, and every third one at 60 Hz."""
    with open_media(str(shared_file('media/head-pose-face-detection-female-and-male.gif'))
                    ) as media:
        image = next(iter(media)).image
    for rate, share in ((15.0, 1.0), (60.0, 1.0 / 3.0)):
        pipeline = make_pipeline(PipelineSettings(gender_model=''))
        runs = watch(pipeline)
        faces = [pipeline.process(image, step / rate) for step in range(30)]
        assert all('emotion' in face.estimates for each in faces for face in each)
        assert sum(runs['emotion_small_resnet']) == share * sum(map(len, faces))


def test_gender_waits_for_images_without_the_detector(portrait: np.ndarray) -> None:
    """At 30 Hz with the default intervals, so that no image runs all networks."""
    pipeline = make_pipeline(PipelineSettings())
    runs = watch(pipeline)
    work = []
    detector = Mock(wraps=pipeline.detector, mouth=pipeline.detector.mouth,
                    face_score=pipeline.detector.face_score)
    pipeline.locate.search.detector = detector
    for step in range(31):
        detector.reset_mock()
        runs.clear()
        pipeline.process(portrait, step / 30.0)
        work.append((detector.called, sorted(runs)))
    detecting, others = ([names for detected, names in work[4:] if detected is which]
                         for which in (True, False))
    assert len(detecting) == 9
    assert not any('gender_mobilenet' in names for names in detecting)
    assert sum('gender_mobilenet' in names for names in others) >= 4
    for names in (detecting, others):
        assert sum('emotion_small_resnet' in each for each in names) >= 0.4 * len(names)


@pytest.mark.parametrize(('emotion', 'gender', 'calls'), [(0.0, 60.0, 3), (60.0, 0.15, 2)])
def test_a_model_of_both_attributes_runs_at_the_shorter_interval(
        emotion: float, gender: float, calls: int, portrait: np.ndarray) -> None:
    heads = tuple(Head(task, number, LABELS[task], 0.5)
                  for number, task in enumerate(('emotion', 'gender')))
    both = Mock(heads=heads, crop=CropSpec(48, 1, 0.1, True),
                side_effect=lambda crops: {head.task: np.full(
                    (len(crops), len(head.labels)), 1.0 / len(head.labels), np.float32)
                    for head in heads})
    pipeline = AffectPipeline(make_detector(), [both], PipelineSettings(
        emotion_interval=emotion, gender_interval=gender))
    for step in range(3):
        [face] = pipeline.process(portrait, 0.1 * step)
        assert set(face.estimates) == {'emotion', 'gender'}
    assert both.call_count == calls


def test_one_network_may_classify_both(portrait: np.ndarray) -> None:
    """A model that is named for both tasks runs once per face."""
    both = 'affect_small_resnet_fast'
    pipeline = make_pipeline(PipelineSettings(emotion_model=both, gender_model=both))
    runs = watch(pipeline)
    [face] = pipeline.process(portrait, 0.0)
    assert runs == {both: [1]}
    assert {task: int(each.probabilities.argmax()) for task, each in face.estimates.items()} == {
        'emotion': EMOTIONS.index('happy'), 'gender': GENDERS.index('woman')}


def test_boxes_are_inside_the_image_and_the_image_is_not_written_to(portrait: np.ndarray) -> None:
    pipeline = make_pipeline(PipelineSettings())
    face = pipeline.process(portrait, 0.0)[0]
    x, y, width, height = face.box
    half = np.ascontiguousarray(portrait[:, int(x + width / 2):])
    half.flags.writeable = False
    for cut in pipeline.process(half, 1.0):
        assert cut.box[0] >= 0.0
        assert cut.box[0] + cut.box[2] <= half.shape[1]


@pytest.mark.parametrize('image, what', [
    (None, 'NoneType'),   # of cv2.imread
    (np.zeros((48, 64, 3), np.float32), r'float32 of shape \(48, 64, 3\)'),
    (np.zeros((48, 64), np.uint16), r'uint16 of shape \(48, 64\)'),
    (np.zeros((48, 64, 1), np.uint8), r'uint8 of shape \(48, 64, 1\)'),
    (np.zeros((48, 64, 4), np.uint8), r'uint8 of shape \(48, 64, 4\)'),
    (np.zeros((0, 64, 3), np.uint8), r'uint8 of shape \(0, 64, 3\)')])
def test_an_image_of_another_kind_is_refused(image: Any, what: str) -> None:
    pipeline = make_pipeline(PipelineSettings(emotion_model='', gender_model=''))
    with pytest.raises(AffectError, match=f'the image is {what}; pass a numpy array of uint8'):
        pipeline.process(image, 0.0)


@pytest.mark.parametrize(('depth', 'what'), [
    (np.full((480, 640), 1500, np.uint16), r'uint16 of shape \(480, 640\)'),   # of a RealSense
    (np.ones((480, 640, 1), np.float32), r'float32 of shape \(480, 640, 1\)'),
    ([[1.5]], 'list'),
])
def test_a_depth_of_another_kind_is_refused(depth: Any, what: str) -> None:
    pipeline = make_pipeline(PipelineSettings(emotion_model='', gender_model=''))
    with pytest.raises(AffectError, match=f'the depth is {what}; pass .*divide millimetres'):
        pipeline.process(np.zeros((48, 64, 3), np.uint8), 0.0, depth=depth)


def test_the_arrays_of_faces_may_be_written_to(portrait: np.ndarray) -> None:
    """Such as to scale them; the faces of the next images do not change."""
    pipeline = make_pipeline(PipelineSettings(gender_model=''))

    def follow_and(change: float) -> list[np.ndarray]:
        pipeline.restart()
        for step in range(4):
            [face] = pipeline.process(np.roll(portrait, step, axis=1), 0.02 * step)
            found = [face.box, face.landmarks, face.estimates['emotion'].probabilities,
                     face.orientation.rotation, face.orientation.covariance]
            last = [each.copy() for each in found]
            for each in (*found, face.whole_box):
                each *= change
        return last

    for one, other in zip(follow_and(1.0), follow_and(0.5)):
        np.testing.assert_array_equal(one, other)


def test_settings_change_between_frames_without_losing_tracks(portrait: np.ndarray) -> None:
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f'))
    pipeline.process(portrait, 0.0)
    pipeline.settings = dataclasses.replace(pipeline.settings, smoothing_time_constant=0.0,
                                            track_timeout=5.0)
    assert [face.id for face in pipeline.process(portrait, 4.0)] == ['f0001']


def test_a_change_of_the_size_of_the_image_ends_no_track(portrait: np.ndarray) -> None:
    pipeline = make_pipeline(PipelineSettings(track_id_prefix='f'))
    sizes = (1.0, 0.5, 0.5, 1.5)
    seen = [pipeline.process(cv2.resize(portrait, None, fx=size, fy=size), stamp)
            for stamp, size in enumerate(sizes)]
    assert [[face.id for face in faces] for faces in seen] == [['f0001']] * len(sizes)
    for faces, size in zip(seen, sizes):
        np.testing.assert_allclose(faces[0].box / size, seen[0][0].box, atol=10.0)


def test_nothing_is_kept_of_a_track_that_has_ended(portrait: np.ndarray) -> None:
    pipeline = make_pipeline(PipelineSettings(gender_model=''))
    kept = []
    for image, stamp in ((portrait, 0.0), (np.zeros_like(portrait), 100.0)):
        pipeline.process(image, stamp)
        kept.append([len(pipeline._smoothers), len(pipeline._schedulers[0]._last)])
    assert kept == [[1, 1], [0, 0]]


def test_a_model_without_the_task_is_an_error() -> None:
    with pytest.raises(AffectError, match='classifies gender, not emotion'):
        make_pipeline(PipelineSettings(emotion_model='gender_mini_xception', gender_model=''))


def test_faces_are_compared_and_hashed_by_identity() -> None:
    """Their arrays have no truth value, so that `face in faces` would raise ValueError."""
    one, same = one_face(), one_face()
    assert one in [same, one] and one not in [same]
    assert len({one, same, one}) == 2 and len({one.estimates['emotion']}) == 1


def test_a_record_is_json_with_the_documented_keys() -> None:
    record = to_record([one_face()], source='clip.gif', frame=3, stamp=0.5, width=64, height=48)
    line = json.loads(json.dumps(record))
    assert {key: line[key] for key in ('source', 'frame', 'stamp', 'width', 'height')} == {
        'source': 'clip.gif', 'frame': 3, 'stamp': 0.5, 'width': 64, 'height': 48}
    face = line['faces'][0]
    assert face['id'] == 'f0001'
    assert face['roi'] == [10, 21, 30, 40]
    assert face['landmarks'] == {'right_eye': [15.0, 30.0], 'left_eye': [30.0, 30.0],
                                 'nose': [22.0, 40.0], 'mouth': None}
    assert (face['emotion'], face['emotion_confidence']) == ('happy', 0.75)
    assert face['emotion_probabilities'][EMOTIONS.index('happy')] == 0.75
    assert (face['gender'], face['gender_confidence'], face['gender_probabilities']) == (
        UNKNOWN, 0.0, [])


def test_the_caption_has_the_known_labels() -> None:
    unknown = Estimate(UNKNOWN, 0.52, np.array([0.52, 0.48], np.float32))
    face = one_face()
    face.estimates['gender'] = unknown
    assert caption(face) == ['happy 75%', 'gender? 52%', 'f0001']
    face.estimates['gender'] = dataclasses.replace(unknown, reason='too_small')
    assert caption(face) == ['happy 75%', 'too small', 'f0001']
    face.estimates['emotion'] = face.estimates['gender']
    assert caption(face) == ['too small', 'f0001']


def test_the_text_stays_in_the_image_and_hides_neither_faces_nor_text() -> None:
    shape = (240, 320, 3)
    boxes = [(10, 20, 40, 40), (10, 80, 40, 40), (120, 195, 40, 40), (270, 20, 45, 45)]
    taken = list(boxes)
    for number, box in enumerate(boxes):
        plate = Plate(one_face(id=f'f{number}', box=np.array(box, np.float32)), shape)
        left, top, width, height = place = plate.place(taken, shape)
        assert left >= 0 and top >= 0 and left + width <= 320 and top + height <= 240
        for other in taken:
            apart = [place[axis] >= other[axis] + other[axis + 2]
                     or other[axis] >= place[axis] + place[axis + 2] for axis in (0, 1)]
            assert any(apart), (box, place, other)
        taken.append(place)


def test_the_text_of_each_face_is_beside_it() -> None:
    image = np.full((240, 640, 3), 90, np.uint8)
    left, right = (one_face(id=name, box=np.array(box, np.float32))
                   for name, box in (('f1', (60, 40, 60, 60)), ('f2', (320, 40, 80, 80))))
    assert np.array_equal(annotate(image, [left, right]),
                          annotate(annotate(image, [left]), [right]))


@pytest.mark.parametrize('box', [(10, 20, 30, 40), (0, 0, 64, 48), (60, 44, 4, 4), (0, 0, 0, 0)])
@pytest.mark.parametrize('shape', [(48, 64, 3), (480, 640), (12, 16, 3)])
def test_annotation_draws_on_a_copy_wherever_the_face_is(box: tuple[int, ...],
                                                         shape: tuple[int, ...]) -> None:
    image = np.full(shape, 90, np.uint8)
    image.flags.writeable = False
    drawn = annotate(image, [one_face(box=np.array(box, np.float32))])
    assert drawn.shape == (*shape[:2], 3)
    assert drawn.dtype == np.uint8
    assert (drawn != 90).any()
    assert (image == 90).all()


def test_the_drawing_has_the_same_size_in_a_screenshot_of_several_pages() -> None:
    face = one_face(box=np.array((150, 100, 80, 80), np.float32))
    image = np.full((4000, 400, 3), 90, np.uint8)
    assert np.array_equal(annotate(image, [face])[:400], annotate(image[:400], [face]))


def test_successive_ids_have_clearly_different_colours() -> None:
    colours = [np.array(colour_of(f'fabc{number:04d}'), float) for number in range(1, 6)]
    for first, second in zip(colours, colours[1:]):
        assert np.abs(first - second).max() > 60
    assert colour_of('someone') == colour_of('someone')


def test_the_face_is_readable_where_it_was_drawn() -> None:
    drawn = annotate(np.zeros((240, 320, 3), np.uint8), [one_face(
        box=np.array([100, 60, 60, 60], np.float32))])
    assert cv2.countNonZero(cv2.cvtColor(drawn[120:], cv2.COLOR_BGR2GRAY)) > 200
