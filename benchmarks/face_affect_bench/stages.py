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

"""Times of the steps from message to message, on a clip at 640x480."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
import itertools
import time
from typing import Any

from face_affect_bench.frames import clip, HEADS, VGA
from face_affect_bench.timing import Context, measure, Row, Work
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.annotate import annotate
from face_affect_ros.affect.classifier import Classifier, Smoother
from face_affect_ros.affect.crop import CropSpec, extract_crops
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


def run(context: Context) -> Iterator[Row]:
    """Yield a row for each stage."""
    times = context.times(400)
    timed = partial(measure, times=times)
    images = [frame.image for frame in clip(context.shared, HEADS, VGA)]
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
        yield {'stage': f'crop for {name}', 'faces': 2, **timed(partial(_crop, spec), cut)}
        crops = np.concatenate([_crop(spec, item) for item in cut[:8]])
        batches[classifier] = np.resize(crops, (max(FACES), *crops.shape[1:]))
        for faces in FACES:
            batch = batches[classifier][:faces]
            yield {'stage': f'classify {name}', 'faces': faces, **timed(classifier, [batch])}
        if 'saliency' in classifier.card.metadata:
            saliency = Saliency(classifier.card)
            yield {'stage': f'explain {name}, guided', 'faces': 1,
                   **timed(lambda crop, explain=saliency.heat: explain(crop), crops)}

    stamps = iter(np.arange(0.0, 1e6, 1.0 / 30.0))
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

    faces = [pipeline.process(image, time.monotonic()) for image in images]
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
    for name, interval in (('whole pipeline, detector on every image', 0.0),
                           ('whole pipeline, default settings, 30 Hz',
                            PipelineSettings().detection_interval)):
        pipeline.settings = replace(pipeline.settings, detection_interval=interval)
        yield {'stage': name, 'faces': 2, **timed(
            lambda image: pipeline.process(image, next(stamps)), images)}


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


def _crop(spec: CropSpec, item: Any) -> ImageArray:
    image, boxes, landmarks = item
    return extract_crops(image, boxes, landmarks, spec)
