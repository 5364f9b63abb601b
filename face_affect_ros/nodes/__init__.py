"""Thin ROS shells around the heart."""
