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

"""The parameters of `camera_player`, with description, default and range of each."""

from face_affect_ros.nodes.spec import Spec

PARAMETERS: dict[str, Spec] = {
    'source': Spec(
        '', "Picture, GIF or video, folder of them, played as one clip, camera ('0', "
        "'/dev/video0'); '' is a portrait that moves slowly.", dynamic_typing=True),
    'rate': Spec(
        0.0, "Images per second; 0 is the source's own pace, 30 for pictures. A camera is asked "
        'for it once, at the start.', bounds=(0.0, 240.0), live=True),
    'loop': Spec(True, 'Start again at the end.', live=True),
    'exit_at_end': Spec(False, 'End the process at the end of the source.', live=True),
    'min_subscribers': Spec(
        0, 'Begin only when image_raw, compressed or not, has so many subscribers, so that none '
        'misses the start.', bounds=(0, 100)),
    'frame_id': Spec('camera_optical_frame', "Frame of the images' headers.", live=True),
    'width': Spec(
        0, "Pixels; 0 is the source's own width, or follows from the height.", bounds=(0, 8192)),
    'height': Spec(
        0, "Pixels; 0 is the source's own height, or follows from the width.", bounds=(0, 8192)),
    'encoding': Spec('bgr8', 'Encoding of image_raw.', choices=('bgr8', 'rgb8', 'mono8')),
    'compressed': Spec(False, 'Publish JPEG on image_raw/compressed as well.'),
    'jpeg_quality': Spec(
        90, 'Quality of the JPEG, 1 is small, 100 is best.', bounds=(1, 100), live=True),
    'horizontal_fov': Spec(
        60.0, 'Horizontal field of view for camera_info, degrees; 0: not calibrated.',
        bounds=(0.0, 179.0), live=True),
    'camera_info_url': Spec(
        '', 'Calibration file for camera_info, as camera_calibration writes it: file:///PATH, '
        "package://NAME/PATH or a path; '' takes horizontal_fov."),
    'reliability': Spec(
        'reliable', 'Reliability of the publishers; reliable matches every subscription.',
        choices=('reliable', 'best_effort')),
}
