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

"""The node `camera_player`: publishes an image, a clip or a camera like a camera driver."""

from collections.abc import Sequence
import math
import time
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media import Frame, open_media
from face_affect_ros.media.opening import is_camera
from face_affect_ros.media.playback import Playback
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.calibration_file import read_calibration, scaled
from face_affect_ros.nodes.declaration import declare
from face_affect_ros.nodes.image_conversion import to_compressed, to_message
from face_affect_ros.nodes.main import ClosingNode, end_process, run, steady_timer
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown
import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

PARAMETERS: dict[str, Spec] = {
    'source': Spec(
        '', "Image, GIF, video, folder of these (played as one clip) or camera ('0', "
        "'/dev/video0'); '' is a slowly moving portrait.", dynamic_typing=True),
    'rate': Spec(
        0.0, "Images per second; 0 is the source's own rate, 30 for still images. The rate of a "
        'camera is set once, at the start.', bounds=(0.0, 240.0), live=True),
    'loop': Spec(True, 'Start again at the end.', live=True),
    'exit_at_end': Spec(False, 'End the process at the end of the source.', live=True),
    'min_subscribers': Spec(
        0, 'Start only when image_raw, compressed or not, has this many subscribers, so that none '
        'misses the first images.', bounds=(0, 100)),
    'frame_id': Spec('camera_optical_frame', "Frame of the images' headers.", live=True),
    'width': Spec(
        0, "Pixels; 0 is the source's own width, or computed from the height.", bounds=(0, 8192)),
    'height': Spec(
        0, "Pixels; 0 is the source's own height, or computed from the width.", bounds=(0, 8192)),
    'encoding': Spec('bgr8', 'Encoding of image_raw.', choices=('bgr8', 'rgb8', 'mono8')),
    'compressed': Spec(False, 'Publish JPEG on image_raw/compressed as well.'),
    'jpeg_quality': Spec(
        90, 'JPEG quality, from 1 (smallest data) to 100 (best).', bounds=(1, 100), live=True),
    'horizontal_fov': Spec(
        60.0, 'Horizontal field of view for camera_info, degrees; 0: uncalibrated.',
        bounds=(0.0, 179.0), live=True),
    'camera_info_url': Spec(
        '', 'Calibration file for camera_info in the format of camera_calibration: file:///PATH, '
        "package://NAME/PATH or a path; with '', horizontal_fov is used."),
    'reliability': Spec(
        'reliable', 'Reliability of the publishers; reliable matches every subscription.',
        choices=('reliable', 'best_effort')),
}
#: Rate of a source that has no rate of its own, Hz.
DEFAULT_RATE = 30.0
#: Largest delay that a clip makes up for, and interval between two polls for a frame that is not
#: decoded yet, seconds.
LATE, SOON = 0.1, 0.005
#: Images queued for a slow subscriber.
DEPTH = 2


def camera_info(width: int, height: int, horizontal_fov: float, header: Header) -> CameraInfo:
    """
    Return the calibration of a pinhole camera without distortion.

    width and height: pixels. horizontal_fov: degrees; 0 for a camera that is not calibrated, whose
    matrices are zero.
    """
    info = CameraInfo(header=header, width=width, height=height, distortion_model='plumb_bob')
    if horizontal_fov > 0.0:
        focal = width / 2.0 / math.tan(math.radians(horizontal_fov) / 2.0)
        x, y = (width - 1) / 2.0, (height - 1) / 2.0
        info.d = [0.0] * 5
        info.k = [focal, 0.0, x, 0.0, focal, y, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [focal, 0.0, x, 0.0, 0.0, focal, y, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


class CameraPlayer(ClosingNode):
    """
    Publishes `image_raw` and `camera_info`, and `image_raw/compressed` if enabled.

    Images are stamped with the node's clock. Nothing is computed for topics without subscribers.
    AffectError if the source cannot be opened. kwargs: of rclpy's Node.
    """

    def __init__(self, node_name: str = 'camera_player', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        declare(self, PARAMETERS, fixed=True)
        url = self._value('camera_info_url')
        self._calibration = read_calibration(url) if url else None
        self._size = self._value('width'), self._value('height')
        source = str(self._value('source'))
        # Files keep their own stamps, so that the rate can change while they play.
        rate = self._value('rate') if not source or is_camera(source) else 0.0
        self._media = open_media(
            source, rate=rate or None, size=self._size if any(self._size) else None)
        problem = self._misfit(*self._target(self._media.width, self._media.height))
        if problem:
            self._media.close()
            raise AffectError(f'{problem}; set width and height to that size, or '
                              "camera_info_url to ''")
        self._grey = self._value('encoding') == 'mono8'
        profile = qos.image_input(self._value('reliability'), DEPTH)
        self._images = self.create_publisher(Image, 'image_raw', profile)
        self._infos = self.create_publisher(CameraInfo, 'camera_info', profile)
        # as in image_transport, also where image_raw is remapped
        self._compressed = self.create_publisher(
            CompressedImage, f'{self.resolve_topic_name("image_raw")}/compressed',
            profile) if self._value('compressed') else None
        self.published = 0
        self._waiting: Frame | None = None
        self._began: float | None = None
        self.timer = None
        # A camera's images are published as they arrive; others are timed by the steady clock,
        # also in a simulation, at a rate or at the recorded speed of the clip.
        if not self._media.live:
            self.timer = steady_timer(self, 1.0 / self._rate(self._value('rate')), self.tick)
        self.playback = self._play()
        self.add_on_set_parameters_callback(self._take_parameters)
        media = self._media
        rate = ('as they arrive' if media.live else f'at {self._rate(self._value("rate")):.4g} Hz'
                if self._value('rate') or media.rate else 'at their own times')
        self.get_logger().info(
            f'{shown(media.name)}: {media.width}x{media.height} pixels, '
            f'{media.frame_count or "?"} frames, published on {self._images.topic_name} {rate}')

    def close(self) -> None:
        """Stop decoding."""
        self.playback.close()

    def _play(self) -> Playback:
        return Playback(self._media, prepare=self._prepare,
                        ready=self._tick_soon if self._media.live else None,
                        loop=lambda: bool(self._value('loop')))

    def _tick_soon(self) -> None:
        """Publish in the executor; from any thread. Events executors have no guard conditions."""
        if self.executor is not None:
            self.executor.create_task(self.tick)

    def tick(self) -> None:
        """Publish the next image; errors of the middleware at shutdown are ignored."""
        try:
            self._publish_next()
        except Exception:  # rcl's errors have no public type
            if self.context.ok():  # else the process is ending
                raise

    def _publish_next(self) -> None:
        publishers = filter(None, (self._images, self._compressed))
        if not self.published and sum(each.get_subscription_count() for each in publishers) < (
                self._value('min_subscribers')):
            return
        frame = self._waiting or self.playback.take()
        self._waiting = None
        if frame is None:
            if self.playback.ended and self.timer is not None:
                if self._value('loop'):   # set after the end was decoded
                    self.playback = self._play()
                    return
                self.timer.cancel()
                self._end()
        elif self._media.live or self._value('rate'):
            self._publish(frame.image)
        else:
            self._publish_in_time(frame)

    def _publish_in_time(self, frame: Frame) -> None:
        """Publish a frame if its time has come, and set the timer to that of the next one."""
        now = time.monotonic()
        if self._began is None or now - self._began - frame.stamp > LATE:
            self._began = now - frame.stamp
        if frame.stamp <= now - self._began:
            self._publish(frame.image)
            self._waiting = self.playback.take()
        else:
            self._waiting = frame
        due = SOON if self._waiting is None else (
            self._waiting.stamp + self._began - time.monotonic())
        self._set_period(max(due, 0.0001))

    def _set_period(self, seconds: float) -> None:
        if self.timer is not None:
            self.timer.timer_period_ns = int(1e9 * seconds)
            self.timer.reset()

    def _publish(self, image: ImageArray) -> None:
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._value('frame_id'))
        if self._infos.get_subscription_count():
            height, width = image.shape[:2]
            self._infos.publish(self._info(width, height, header))
        if self._images.get_subscription_count():
            encoding = self._value('encoding')
            pixels = cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if encoding == 'rgb8' else image
            self._images.publish(to_message(np.asarray(pixels, np.uint8), encoding, header))
        if self._compressed is not None and self._compressed.get_subscription_count():
            quality = self._value('jpeg_quality')
            self._compressed.publish(to_compressed(image, header, quality=quality))
        self.published += 1

    def _info(self, width: int, height: int, header: Header) -> CameraInfo:
        """Return the calibration of an image, uncalibrated if that of the file does not fit."""
        if self._calibration is None:
            return camera_info(width, height, self._value('horizontal_fov'), header)
        problem = self._misfit(width, height)
        if problem:
            self.get_logger().warning(f'{problem}: images are published as uncalibrated',
                                      once=True)
            return camera_info(width, height, 0.0, header)
        info = scaled(self._calibration, width, height)
        info.header = header
        return info

    def _misfit(self, width: int, height: int) -> str:
        """Return why camera_info_url does not fit images of this size, '' if it does."""
        known = self._calibration
        # A scaled height may be rounded to a pixel.
        if known is None or abs(height - known.height * width / known.width) <= 1.0:
            return ''
        return (f"camera_info_url '{self._value('camera_info_url')}' is for images of "
                f'{known.width}x{known.height}; images of {width}x{height} have another aspect '
                'ratio')

    def _end(self) -> None:
        name = shown(self._media.name)
        self.get_logger().info(f'{name} has ended after {self.published} images')
        if self._media.skipped:
            self.get_logger().warning(
                f'{self._media.skipped} frames of {name} are corrupt or missing')
        if self._value('exit_at_end'):
            self._images.wait_for_all_acked(Duration(seconds=2.0))
            end_process(self, 0)

    def _prepare(self, image: ImageArray) -> ImageArray:
        """Scale an image and convert it to grey, as the parameters say."""
        height, width = image.shape[:2]
        target = self._target(width, height)
        if target != (width, height):
            smaller = target[0] < width
            image = np.asarray(cv2.resize(image, target, interpolation=(
                cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)), np.uint8)
        if self._grey:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        return image

    def _target(self, width: int, height: int) -> tuple[int, int]:
        """Return the size in which an image of the source is published."""
        if not any(self._size):
            return width, height
        return (self._size[0] or max(1, round(width * self._size[1] / height)),
                self._size[1] or max(1, round(height * self._size[0] / width)))

    def _take_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            if change.name == 'rate':
                self._began = None
                self._set_period(1.0 / self._rate(change.value))
            elif change.name in ('loop', 'exit_at_end') and self.playback.ended and self.timer:
                self.timer.reset()
        return SetParametersResult(successful=True)

    def _rate(self, wanted: float) -> float:
        return wanted or self._media.rate or DEFAULT_RATE

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value


def main(argv: Sequence[str] | None = None) -> int:
    """Play a source until it ends or the process is stopped; return the exit code."""
    return run(CameraPlayer, argv)


if __name__ == '__main__':
    raise SystemExit(main())
