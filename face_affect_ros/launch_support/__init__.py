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
Common code of the launch files, and the cameras of their argument `camera`.

The modules need the ROS packages launch and launch_ros.
"""

from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import get_package_share_directory


@dataclass(frozen=True)
class Camera:
    """Topics of the camera's driver; a parameter file cannot hold them."""

    image: str
    camera_info: str


#: By the name of the parameter file in config/, without its ending.
CAMERAS = {
    # Relative, so that a namespace is that of the driver too.
    'default': Camera('image_raw', 'camera_info'),
    # `ros2 run usb_cam usb_cam_node_exe`
    'usb_cam': Camera('/image_raw', '/camera_info'),
    # `ros2 launch realsense2_camera rs_launch.py`, release 4.55 and later
    'realsense': Camera('/camera/camera/color/image_raw', '/camera/camera/color/camera_info'),
    # The camera of the sensor ring, turned upright by the robot's bring-up (cob_image_flip).
    'care_o_bot': Camera('/sensorring_cam3d_upright/rgb/image_raw',
                         '/sensorring_cam3d/rgb/camera_info'),
}


def share(*parts: str) -> Path:
    """Return the path of an installed file of this package from its parts below share/."""
    return Path(get_package_share_directory('face_affect_ros'), *parts)
