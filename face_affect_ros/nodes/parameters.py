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
Specifications of parameters, and the table of those of the node face_affect.

Without rclpy: the options of the command line have the same ranges as the parameters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
import re
from typing import Any

from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import hint, LABELS, MODES


@dataclass(frozen=True)
class Spec:
    """One parameter."""

    default: bool | int | float | str | tuple[str, ...]   #: its type is that of the parameter
    description: str   #: for `ros2 param describe`, the configuration file and the pages
    bounds: tuple[float, float] | None = None   #: smallest and largest value
    choices: tuple[str, ...] = ()   #: allowed values
    form: tuple[str, str] | None = None   #: regular expression of allowed texts, its description
    live: bool = False   #: whether a change takes effect while the node runs
    once: bool = False   #: whether it is read only when the process starts
    dynamic_typing: bool = False   #: whether a whole number is converted to text, as of a camera

    @property
    def value(self) -> Any:
        """The default as a value of rclpy, with lists for tuples."""
        return list(self.default) if isinstance(self.default, tuple) else self.default

    def problem_with(self, value: Any) -> str:
        """Return why a value of the right type is refused, '' if it is not."""
        if self.dynamic_typing and type(value) not in (str, int):
            return (f'{value} is a {type(value).__name__}, because ROS reads parameters as YAML; '
                    "begin the name of a file with './', as in ./on or ./08")
        if self.choices and value not in self.choices:
            return (f"'{value}' is not one of {', '.join(self.choices)}"
                    f'{hint(str(value), self.choices)}')
        if self.form and not re.fullmatch(self.form[0], value):
            return f"'{value}' is not {self.form[1]}"
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f'{value} is outside of {self.bounds[0]} to {self.bounds[1]}'
        return ''


_DEFAULTS = PipelineSettings()
#: Form of track_id_prefix, which begins names of topics: no consecutive underscores; may be empty.
PREFIX = (r'([A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*_?)?', 'a letter followed by letters, digits and '
          'single underscores: ids become parts of topics')

PARAMETERS: dict[str, Spec] = {
    'autostart': Spec(
        False, 'Configure and activate the node as soon as it runs, without a lifecycle manager.',
        once=True),
    'required': Spec(
        False, 'End the process with exit code 1 if autostart fails; otherwise the node keeps '
        'running, with the error in the log and on /diagnostics.', once=True),
    'paused': Spec(
        False, 'Unsubscribe from the images, as if deactivated, but stay active and keep the '
        'tracks for track_timeout.', live=True),
    'executor': Spec(
        'single_threaded', 'Executor of a node that has its own process. events: the events '
        'executor of rclpy, if available, which takes less processor time. In a container, '
        'the executor of the container is used.', choices=('single_threaded', 'events'),
        once=True),
    'image_transport': Spec(
        'raw', "Subscribe to sensor_msgs/Image on 'image', or to sensor_msgs/CompressedImage on "
        "'image/compressed'.", choices=('raw', 'compressed')),
    'image_reliability': Spec(
        'best_effort', 'Reliability of the image subscription; best_effort matches every camera. '
        "Always reliable when processing is 'every'.", choices=('best_effort', 'reliable')),
    'image_rectified': Spec(
        False, 'The images are rectified, as those of image_proc: positions are computed from P '
        'of camera_info, not from K and D.'),
    'processing': Spec(
        'newest', 'newest: a newer image replaces a waiting one. every: images are queued and all '
        'are processed, for bags.', choices=('newest', 'every')),
    'queue_depth': Spec(
        100, "Maximum number of waiting images if processing is 'every'. If there are more, the "
        'oldest ones are dropped and counted.', bounds=(1, 10000)),
    'detector': Spec(
        _DEFAULTS.detector, 'Name or path of the face detector: face_residual_fpn, '
        'blazeface_back, or one with your own card.'),
    'detector_size': Spec(
        _DEFAULTS.detector_size, "Longer side in pixels of the detector's input. 0: that of the "
        'image up to 800 pixels, and 80 % of that of a larger image, but 800 to 1024 pixels. The '
        'input of BlazeFace has a fixed size.', bounds=(0, 4096)),
    'min_score': Spec(
        _DEFAULTS.min_score, 'Detections with a lower score are dropped.', bounds=(0.01, 0.99)),
    'detection_interval': Spec(
        _DEFAULTS.detection_interval, 'Seconds between two runs of the detector. On the images in '
        'between, faces are tracked by template matching and no new face is found. 0: on every '
        'image.', bounds=(0.0, 10.0), live=True),
    'rotated_search': Spec(
        _DEFAULTS.rotated_search, 'Also run the detector on the image rotated by 90 degrees, '
        'which finds more faces of people lying down: to both sides on the first image, then to '
        'alternate sides every 2 s, and at each run of the detector while that finds a face.'),
    'start_score': Spec(
        _DEFAULTS.start_score, 'Score that a detection needs to start a track. For BlazeFace, 0.5 '
        'is better.',
        bounds=(0.0, 1.0), live=True),
    'emotion_model': Spec(
        _DEFAULTS.emotion_model, "Name or path of the expression model; '' switches it off."),
    'gender_model': Spec(
        _DEFAULTS.gender_model, "Name or path of the gender model; '' switches it off."),
    'emotion_interval': Spec(
        _DEFAULTS.emotion_interval, 'Seconds between two inferences of the expression of a track; '
        'the last estimate is kept in between. 0: on every image.', bounds=(0.0, 60.0), live=True),
    'gender_interval': Spec(
        _DEFAULTS.gender_interval, 'Seconds between two inferences of the gender of a track; the '
        'last estimate is kept in between. 0: on every image. A model for both attributes runs at '
        'the shorter interval.', bounds=(0.0, 60.0), live=True),
    'track_timeout': Spec(
        _DEFAULTS.track_timeout, 'Seconds without a detection after which a track ends. It must '
        'be longer than the time between two images, or each image has new ids.',
        bounds=(0.0, 60.0), live=True),
    'track_id_prefix': Spec(
        _DEFAULTS.track_id_prefix, 'First part of all track ids: a letter, then letters, digits '
        "and single underscores. '': a random one, so that ids are not used again after a "
        'restart.', form=PREFIX),
    'smoothing_time_constant': Spec(
        _DEFAULTS.smoothing_time_constant, 'Seconds over which the probabilities of a track are '
        'averaged; 0 switches smoothing off.', bounds=(0.0, 60.0), live=True),
    'orientation_time_constant': Spec(
        _DEFAULTS.orientation_time_constant, 'Seconds over which the orientation of a head is '
        'averaged; 0 switches this off.', bounds=(0.0, 60.0), live=True),
    'event_hold': Spec(
        0.5, 'Seconds that a face or an expression must last before ~/events reports it.',
        bounds=(0.0, 60.0), live=True),
    'num_threads': Spec(
        _DEFAULTS.num_threads, 'Number of threads of each network.', bounds=(1, 64)),
    'annotate': Spec(
        True, 'Publish ~/image_annotated and ~/image_annotated/compressed while they have '
        'subscribers.', live=True),
    'jpeg_quality': Spec(
        80, 'JPEG quality of ~/image_annotated/compressed, from 1 (smallest data) to 100 (best).',
        bounds=(1, 100), live=True),
    'blur_faces': Spec(
        False, 'Make the faces in ~/image_annotated and ~/saliency unrecognisable; the cropped '
        'and aligned faces of ros4hri are not changed.', live=True),
    'annotate_saliency': Spec(
        False, 'Draw the saliency map of ~/saliency into ~/image_annotated.', live=True),
    'saliency_task': Spec(
        'emotion', 'The attribute that ~/saliency explains; its model must have been exported '
        'with --saliency.', choices=tuple(LABELS)),
    'saliency_mode': Spec(
        'guided', 'guided: guided back-propagation. gradient: the plain gradient. gradcam: '
        'Grad-CAM on the last convolution.', choices=MODES, live=True),
    'use_depth': Spec(
        False, "Take the faces' distances from the depth images on the topic 'depth', registered "
        'to the image. If a face has no depth, its distance is computed from that between the '
        'eyes.'),
    'depth_tolerance': Spec(
        0.1, 'Maximum difference in seconds between the stamps of an image and its depth image.',
        bounds=(0.0, 10.0), live=True),
    'publish_tf': Spec(
        False, 'Publish on /tf the frames face_ID and gaze_ID of REP-155 of each face whose '
        'position is known.'),
    'ros4hri': Spec(
        False, 'Publish the faces on /humans/faces as specified by REP-155 (ROS4HRI).'),
    'ros4hri_face_size': Spec(
        128, 'Width and height in pixels of the cropped and aligned faces of REP-155.',
        bounds=(16, 1024)),
    'diagnostics_period': Spec(
        1.0, 'Seconds between two messages on /diagnostics.', bounds=(0.1, 60.0), live=True),
    'stale_timeout': Spec(
        2.0, 'Seconds without an image after which the camera is reported as silent.',
        bounds=(0.1, 3600.0), live=True),
}


def settings_of(values: dict[str, Any],
                settings: PipelineSettings = _DEFAULTS) -> PipelineSettings:
    """Return settings with the values, by the names of parameters, that are among them."""
    return replace(settings, **{each.name: values[each.name] for each in fields(settings)
                                if each.name in values})


def problem_with(values: dict[str, Any]) -> str:
    """Return why values, by name, are invalid, '' if they are valid."""
    for name, value in values.items():
        spec = PARAMETERS.get(name)
        problem = spec.problem_with(value) if spec else ''
        if problem:
            return f"parameter '{name}': {problem}"
    return ''


def refused(names: Iterable[str], *, configured: bool) -> str:
    """Return why one of the parameters cannot change now, '' if all can."""
    for name in names:
        spec = PARAMETERS.get(name)
        if spec and spec.once:
            return (f"parameter '{name}' is read once, when the node starts; set it "
                    'in a parameter file or on the command line')
        if spec and not spec.live and configured:
            return (f"parameter '{name}' takes effect when the node is configured; "
                    'deactivate and clean it up first')
    return ''
