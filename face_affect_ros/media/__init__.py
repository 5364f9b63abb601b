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
Images, clips and cameras as frames; sinks that write annotated images and clips.

Nothing here imports rclpy.
"""

from face_affect_ros.media.base import Frame, MAX_PIXELS, Media
from face_affect_ros.media.folder import folder_files, left_out, MEDIA_SUFFIXES
from face_affect_ros.media.opening import open_media
from face_affect_ros.media.sinks import (
    check_suffix,
    ImageOrVideoSink,
    VideoSink,
    write_image,
)

__all__ = ['MAX_PIXELS', 'MEDIA_SUFFIXES', 'Frame', 'ImageOrVideoSink', 'Media', 'VideoSink',
           'check_suffix', 'folder_files', 'left_out', 'open_media', 'write_image']
