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

"""Recordings as frames: images, clips, and the images of bags."""

from collections.abc import Generator, Iterator
import contextlib
import logging
import os
from typing import Any

from face_affect_ros.affect.position import Camera, camera_of, rectified_twice
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.bags import deserialized, ImageBag
from face_affect_ros.media import Frame, Media, open_media
from face_affect_ros.nodes.image_conversion import (
    decode_compressed,
    ImageConversionError,
    to_array,
)
from face_affect_ros.paths import is_bag, shown

_log = logging.getLogger('face_affect_ros.media')

INFO = 'sensor_msgs/msg/CameraInfo'
#: Nanoseconds after an image within which its calibration may have been recorded.
AHEAD = 100_000_000


def open_recording(source: str | os.PathLike[str], *, topic: str = '', rate: float | None = None,
                   rectified: bool = False) -> Media:
    """
    Open an image, a clip, a folder of images or a bag as frames to iterate over.

    Args:
        source: A path.
        topic: Image topic of a bag. '' for the first one, colour preferred.
        rate: Images per second of a folder that is one clip.
        rectified: Whether the images of a bag are rectified, so that P of their camera_info
            applies.

    Returns:
        The frames, with the stamps in seconds and the calibration of a bag.

    Raises:
        AffectError: The source is missing, broken, empty or of an unknown kind.
    """
    source = os.fspath(source)
    if not source:
        raise AffectError('the path of the recording is empty; give that of an image, a clip, a '
                          'folder or a bag')
    if is_bag(source):
        return BagMedia(source, topic=topic, rectified=rectified)
    return open_media(source, rate=rate)


class BagMedia(Media):
    """
    The images of one topic of a bag, with the stamps of their headers and their calibration.

    An image without a stamp has the time of its recording. Images that cannot be read are skipped
    and counted. The calibration is the newest that was recorded up to AHEAD after an image, as
    published by bag_player.

    Attributes:
        topic: Name of the topic.
    """

    def __init__(self, bag: str, *, topic: str = '', rectified: bool = False) -> None:
        """Open a bag and decode its first image; AffectError if that fails."""
        self._bag, self._rectified = ImageBag(bag, topic=topic), rectified
        self.topic, self._problem, self._unusable = self._bag.topic, '', ''
        self._to_array = (decode_compressed if self._bag.type.endswith('/CompressedImage')
                          else to_array)
        self._info = calibration_topic(self.topic, self._bag.topics())
        with contextlib.closing(self._frames()) as frames:
            first = next(frames, None)
        if first is None:
            raise AffectError(f'{bag}: no image of {self.topic} can be decoded; '
                              f'{self._problem or "all of them are truncated"}')
        height, width = first.image.shape[:2]
        moving = self._bag.count > 1 and self._bag.seconds > 0.0
        super().__init__(bag, width=width, height=height, frame_count=self._bag.count,
                         rate=(self._bag.count - 1) / self._bag.seconds if moving else None)

    def _frames(self) -> Generator[Frame, None, None]:
        cameras = self._cameras()
        upcoming = next(cameras, None)
        camera: Camera | None = None
        refused = 0
        for number, (when, (sec, nanosec), data) in enumerate(self._bag.messages()):
            while upcoming is not None and upcoming[0] <= when + AHEAD:
                camera, upcoming = upcoming[1], next(cameras, None)
            message: Any = deserialized(data, self._bag.type)
            try:
                image = self._to_array(message)
            except ImageConversionError as error:
                refused += 1
                if refused == 1:
                    self._problem = str(error)
                    _log.warning('%s: skipped: %s', shown(self.topic), shown(error))
                image = None
            self.skipped = self._bag.broken + refused
            if image is not None:
                self._check_calibration(camera, image)
                stamp = float(sec) + float(nanosec) * 1e-9   # as in the node
                exact = sec * 10**9 + nanosec
                yield Frame(number + self._bag.broken, stamp or when * 1e-9, image, camera=camera,
                            frame_id=message.header.frame_id, exact=exact or when)
        self.skipped = self._bag.broken + refused + self._bag.missing
        if self._bag.missing:
            _log.warning('%s: %s', shown(self.name), shown(self._bag.shortage()))

    def _check_calibration(self, camera: Camera | None, image: ImageArray) -> None:
        """Warn once if the calibration does not fit an image: positions are missing or wrong."""
        height, width = image.shape[:2]
        problem = ''
        if camera and camera.calibrated:
            problem = camera.problem(width, height)
            problem = problem and f'cannot be used, faces have no position: {problem}'
            if not problem and rectified_twice(self.topic, camera):
                problem = (f'its distortion is applied to the images of {self.topic}, which is '
                           'the name of rectified images: use --rectified')
        if problem and problem != self._unusable:
            _log.warning('%s: %s', shown(self._info), shown(problem))
        self._unusable = problem

    def _cameras(self) -> Iterator[tuple[int, Camera]]:
        """Yield time of recording [ns] and calibration."""
        for when, _, data in self._bag.others_of([self._info]) if self._info else ():
            info = deserialized(data, INFO)
            if info is not None:
                yield when, camera_of(info, rectified=self._rectified)


def calibration_topic(image: str, topics: dict[str, str]) -> str:
    """
    Return the topic of the calibration of an image topic, '' if it is ambiguous.

    Args:
        image: The image topic.
        topics: The types of the topics of a bag by name.

    Returns:
        The calibration beside the image topic, else the only one in the bag.
    """
    infos = [name for name, kind in topics.items() if kind == INFO]
    beside = f"{image.removesuffix('/compressed').rpartition('/')[0]}/camera_info"
    if beside in infos:
        return beside
    return infos[0] if len(infos) == 1 else ''
