"""Faces with their apparent expression and gender, on ROS 2."""

__version__ = '0.1.0'
