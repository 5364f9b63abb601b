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

"""Thumbnails: an image of each track, read from its source; results contain no pixels."""

import base64
from collections.abc import Sequence

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.archive.reading import Part
from face_affect_ros.archive.remote import fetched
from face_affect_ros.archive.tables import Row
from face_affect_ros.archive.timeline import Track
from face_affect_ros.media import Frame, Media
from face_affect_ros.media.opening import is_camera
from face_affect_ros.recordings import open_recording

#: Stamps later than this are seconds since 1970.
EPOCH = 1e8
#: Difference of equal stamps in seconds: those of tables are rounded.
TOLERANCE = 1e-5
#: Margin on each side as a fraction of the box, and longer side of a thumbnail in pixels.
MARGIN, SIDE = 0.25, 160


def thumbnails_of(part: Part, tracks: Sequence[Track]) -> tuple[dict[str, str], str]:
    """
    Return an image of each track, from the frame with its largest face of known expression.

    Args:
        part: The source.
        tracks: The tracks.

    Returns:
        JPEG data URLs by track id, and why some are missing, '' if none is.
    """
    if is_camera(part.summary.source):
        return {}, f'{part.summary.source}: a camera, whose images are not kept'
    wanted: dict[int, list[Track]] = {}
    for track in tracks:
        wanted.setdefault(track.best['frame'], []).append(track)
    found: dict[str, str] = {}
    try:
        with fetched(part.summary.source) as path, open_recording(
                path, topic=part.summary.topic) as media:
            for frame in media:
                for track in wanted.pop(frame.index, []):
                    if _is_same(frame, track.best, media):
                        found[track.id] = _data_url(frame.image, track.best)
                if not wanted:
                    break
    except AffectError as error:
        return found, str(error)
    except Exception as error:   # of a decoder, or of the driver of a URL
        return found, f'{part.title}: {type(error).__name__}: {error}'
    missing = len(tracks) - len(found)
    return found, (f'{missing} images are not in the source, or have another number or size '
                   'there, as in the lines of the demo' if missing else '')


def _is_same(frame: Frame, row: Row, media: Media) -> bool:
    """
    Return whether an image of a source is that of a row with its number.

    The demo numbers the images that the node has processed, and their stamps are times of day. An
    image of another size is one of a source that was replaced.
    """
    if frame.image.shape[:2] != (row['image_height'], row['image_width']):
        return False
    by_stamp = bool(media.topic) or row['stamp'] > EPOCH
    return not by_stamp or abs(frame.stamp - row['stamp']) < TOLERANCE


def _data_url(image: ImageArray, row: Row) -> str:
    x, y, width, height = (row[name] for name in ('x', 'y', 'width', 'height'))
    left, top = max(0, round(x - MARGIN * width)), max(0, round(y - MARGIN * height))
    crop = image[top:round(y + (1 + MARGIN) * height), left:round(x + (1 + MARGIN) * width)]
    scale = min(1.0, SIDE / max(crop.shape[:2]))
    small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return 'data:image/jpeg;base64,' + base64.b64encode(data.tobytes()).decode()
