"""Leaves for behaviour trees (py_trees): who is there, how they look, how near they are.

A tree has one FacesToBlackboard, which listens, and any number of conditions, which read. They
work in trees of py_trees and of py_trees_ros, whose setup(node=...) hands over the node.
"""

from face_affect_ros.behaviours.conditions import ExpressionIs, FacePresent, NearestPersonWithin
from face_affect_ros.behaviours.listener import FacesToBlackboard
from face_affect_ros.behaviours.once import OncePerFace
from face_affect_ros.behaviours.people import People, Person

__all__ = ['ExpressionIs', 'FacePresent', 'FacesToBlackboard', 'NearestPersonWithin',
           'OncePerFace', 'People', 'Person']
