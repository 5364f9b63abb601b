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

"""A subscriber of the faces of REP-155 that processes the list like libhri."""

from typing import Any

from face_affect_ros.nodes import qos
from hri_msgs.msg import (
    FacialLandmarks,
    IdsList,
    NormalizedRegionOfInterest2D,
    SoftBiometrics,
)
from sensor_msgs.msg import Image

TOPICS = {'roi': NormalizedRegionOfInterest2D, 'cropped': Image, 'aligned': Image,
          'landmarks': FacialLandmarks, 'softbiometrics': SoftBiometrics}


class HumansListener:
    """
    Processes the list: a new id is a new face, a missing one is a lost face.

    came, lost: how often, by id. heard: the numbers of messages by (id, topic). A face's topics
    are subscribed to while it is there.
    """

    def __init__(self, node: Any) -> None:
        """node: to subscribe with; spun by the caller."""
        self._node = node
        self._there: dict[str, list[Any]] = {}
        self.came: list[str] = []
        self.lost: list[str] = []
        self.heard: dict[tuple[str, str], int] = {}
        node.create_subscription(IdsList, '/humans/faces/tracked', self._take, qos.results())

    @property
    def faces(self) -> set[str]:
        """Return the ids of the faces that are there."""
        return set(self._there)

    def _take(self, message: Any) -> None:
        for name in self.faces - set(message.ids):
            self.lost.append(name)
            for subscription in self._there.pop(name):
                self._node.destroy_subscription(subscription)
        for name in set(message.ids) - self.faces:
            self.came.append(name)
            self._there[name] = [self._listen(name, topic, kind)
                                 for topic, kind in TOPICS.items()]

    def _listen(self, name: str, topic: str, kind: Any) -> Any:
        def count(message: Any) -> None:
            self.heard[name, topic] = self.heard.get((name, topic), 0) + 1

        return self._node.create_subscription(kind, f'/humans/faces/{name}/{topic}', count,
                                              qos.results())
