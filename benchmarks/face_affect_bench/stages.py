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

"""Times of the steps from message to message, and of the whole pipeline."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
import itertools

from face_affect_bench.frames import clip, HEADS, moving, VGA
from face_affect_bench.machine import measure, Row, Work
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.annotate import annotate
from face_affect_ros.affect.classifier import Classifier, Smoother
from face_affect_ros.affect.crop import extract_crops
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.scheduling import InferenceScheduler, TemplateTracker
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.tracker import Tracker
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.nodes import messages, qos
from face_affect_ros.nodes.image_conversion import (
    decode_compressed,
    to_array,
    to_compressed,
    to_message,
)
import numpy as np
import rclpy
from std_msgs.msg import Header

FACES = (1, 2, 4, 8, 16)
#: A model for both attributes.
BLENDED = 'affect_small_resnet_fast'
#: Detectors of the curves: name and detector_size.
DETECTORS = (('blazeface_back', 0), ('face_residual_fpn', 0), ('face_residual_fpn', 480),
             ('face_residual_fpn', 320))
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))


def stages(options: Namespace) -> Iterator[Row]:
    """Yield a row for each stage, on a clip at 640x480."""
    times = 40 if options.quick else 400
    timed = partial(measure, times=times)
    images = [frame.image for frame in clip(options.shared, HEADS, VGA)]
    header = Header()
    for encoding in ('bgr8', 'rgb8'):
        sent = [to_message(image, encoding, header) for image in images]
        yield {'stage': f'convert {encoding}', **timed(to_array, sent)}
    sent = [to_compressed(image, header) for image in images]
    yield {'stage': 'decode JPEG', **timed(decode_compressed, sent)}

    pipeline = make_pipeline(PipelineSettings(detection_interval=0.0))
    found = [pipeline.detector(image) for image in images]
    yield {'stage': 'detect', **timed(pipeline.detector, images)}
    yield {'stage': 'template matching, in between', 'faces': len(found[0]),
           **timed(TemplateTracker(images[0], found[0]), images[:3])}
    cut = [(image, each.boxes, each.landmarks) for image, each in zip(images, found)]
    batches = {}
    for classifier in (*pipeline.classifiers, Classifier(load_card(BLENDED))):
        name, spec = classifier.card.name, classifier.crop
        yield {'stage': f'crop for {name}', 'faces': 2, **timed(
            lambda item, spec=spec: extract_crops(*item, spec), cut)}
        crops = np.concatenate([extract_crops(*item, spec) for item in cut[:8]])
        batches[classifier] = np.resize(crops, (max(FACES), *crops.shape[1:]))
        for faces in FACES:
            batch = batches[classifier][:faces]
            yield {'stage': f'classify {name}', 'faces': faces, **timed(classifier, [batch])}
        if 'saliency' in classifier.card.metadata:
            saliency = Saliency(classifier.card)
            yield {'stage': f'explain {name}, guided', 'faces': 1,
                   **timed(lambda crop, explain=saliency.heat: explain(crop), crops)}

    stamps = (number / 30.0 for number in itertools.count())
    for faces in FACES:
        yield {'stage': 'classify both, default settings, 30 Hz', 'faces': faces, **timed(
            _both(pipeline, batches, faces), list(itertools.islice(stamps, times)))}
    tracker = Tracker()
    yield {'stage': 'track', 'faces': 2, **timed(
        lambda each: tracker.update(each, next(stamps), timeout=1.5, start_score=0.5), found)}
    heads = tuple(pipeline.heads.values())
    smoothers = [Smoother(head) for head in heads] * 2
    uniform = [np.full(len(head.labels), 1.0 / len(head.labels), np.float32) for head in heads] * 2
    yield {'stage': 'smooth', 'faces': 2, **timed(
        lambda stamp: [smooth(probabilities, stamp, time_constant=0.5)
                       for smooth, probabilities in zip(smoothers, uniform)],
        np.arange(times + 10.0) / 30.0)}

    faces = [pipeline.process(image, next(stamps)) for image in images]
    filled = [messages.to_message(each, header=header, width=640, height=480) for each in faces]
    yield {'stage': 'fill message', 'faces': 2, **timed(
        lambda each: messages.to_message(each, header=header, width=640, height=480), faces)}
    rclpy.init(args=[])
    try:
        node = rclpy.create_node('bench_stages')
        publisher = node.create_publisher(FaceAffectArray, '~/faces', qos.results())
        node.create_subscription(FaceAffectArray, '~/faces', print, qos.results())
        yield {'stage': 'publish', 'faces': 2, **timed(publisher.publish, filled)}
    finally:
        rclpy.shutdown()
    yield {'stage': 'annotate', 'faces': 2, **timed(
        lambda item: annotate(*item), list(zip(images, faces)))}
    process = at_30_hz(pipeline, [])
    for name, interval in (('whole pipeline, detector on every image', 0.0),
                           ('whole pipeline, default settings, 30 Hz',
                            PipelineSettings().detection_interval)):
        pipeline.settings = replace(pipeline.settings, detection_interval=interval)
        yield {'stage': name, 'faces': 2, **timed(process, images)}


def at_30_hz(pipeline: AffectPipeline, counts: list[int]) -> Callable[[ImageArray], int]:
    """Return a function that processes successive images; it returns and adds to counts."""
    def process(image: ImageArray) -> int:
        counts.append(len(pipeline.process(image, len(counts) / 30.0)))
        return counts[-1]
    return process


def _both(pipeline: AffectPipeline, batches: dict[Classifier, ImageArray], count: int) -> Work:
    """Return a function that classifies both attributes of `count` faces at their intervals."""
    tracks = [str(number) for number in range(count)]
    settings = pipeline.settings
    intervals = {'emotion': settings.emotion_interval, 'gender': settings.gender_interval}
    scheduled = [(classifier, InferenceScheduler(), batches[classifier],
                  min(intervals[head.task] for head in classifier.heads))
                 for classifier in pipeline.classifiers]

    def classify(stamp: float) -> None:
        for classifier, scheduler, batch, interval in scheduled:
            rows = scheduler.select(tracks, stamp, interval)
            if rows:
                classifier(batch[rows])
    return classify


def curves(options: Namespace) -> Iterator[Row]:
    """Yield a row of the whole pipeline for each number of faces, image size and detector."""
    settings = PipelineSettings()
    points = [(VGA, faces, settings.detector, 0) for faces in (0, *FACES)]
    points += [(size, 2, settings.detector, 0) for size in SIZES]
    points += [(VGA, 2, *detector) for detector in DETECTORS]
    timed = partial(measure, times=20 if options.quick else 200)
    for size, faces, detector, detector_size in points:
        pipeline = make_pipeline(replace(settings, detector=detector, detector_size=detector_size))
        images = [frame.image for frame in moving(size, faces, 10)]
        counts: list[int] = []
        process = at_30_hz(pipeline, counts)
        default = timed(process, images)
        pipeline.settings = replace(pipeline.settings, detection_interval=0.0)
        every = timed(process, images)
        yield {'image': f'{size[0]}x{size[1]}', 'faces': faces, 'detector': detector,
               'detector size': detector_size or 'auto', 'found': round(float(np.mean(counts)), 2),
               **every, 'default settings: CPU ms': default['CPU ms']}
