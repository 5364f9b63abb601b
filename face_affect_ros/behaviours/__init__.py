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
Leaves for behaviour trees (py_trees): presence, expression, head orientation and distance.

A tree has one FacesToBlackboard, which subscribes, and any number of conditions, which read the
blackboard. They work in trees of py_trees and of py_trees_ros, whose setup(node=...) passes the
node.
"""

from face_affect_ros.behaviours.conditions import (
    Condition,
    ExpressionIs,
    FacePresent,
    LookingAtRobot,
    NearestPersonWithin,
    Somebody,
)
from face_affect_ros.behaviours.listener import FacesToBlackboard
from face_affect_ros.behaviours.once import OncePerFace
from face_affect_ros.behaviours.people import People, Person

__all__ = ['Condition', 'ExpressionIs', 'FacePresent', 'FacesToBlackboard', 'LookingAtRobot',
           'NearestPersonWithin', 'OncePerFace', 'People', 'Person', 'Somebody']
