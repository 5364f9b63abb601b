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

"""The topics of a camera, as the launch arguments say them."""

from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support.arguments import text
from face_affect_ros.launch_support.cameras import CAMERAS
from launch import LaunchContext

#: What image_transport appends to an image topic for compressed images.
COMPRESSED = '/compressed'


def image_topics(context: LaunchContext) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """
    Return the remappings of the node's inputs, and the parameter image_transport where given.

    An image topic may end with /compressed. Where `image` is given and `camera_info` is not, the
    node itself takes camera_info beside the image. Raises AffectError where the arguments image
    and transport contradict each other.
    """
    camera = CAMERAS[text(context, 'camera')]
    image, info = text(context, 'image'), text(context, 'camera_info')
    transport = text(context, 'transport')
    if image.endswith(COMPRESSED):
        if transport == 'raw':
            raise AffectError(f"launch argument 'image': {image} is a topic of compressed images; "
                              'leave out transport:=raw, or /compressed')
        image, transport = image.removesuffix(COMPRESSED), 'compressed'
    elif not image:
        image, info = camera.image, info or camera.camera_info
    remappings = [('image', image), ('camera_info', info), ('depth', text(context, 'depth')),
                  ('/humans/faces/tracked', text(context, 'tracked'))]
    return ([(name, topic) for name, topic in remappings if topic],
            {'image_transport': transport} if transport else {})
