"""Qualities of service, named by what they are for."""

from rclpy.qos import QoSDurabilityPolicy, QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy


def _profile(reliability: QoSReliabilityPolicy, depth: int) -> QoSProfile:
    return QoSProfile(history=QoSHistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability,
                      durability=QoSDurabilityPolicy.VOLATILE)


def newest_image() -> QoSProfile:
    """Only the newest image matters; matches every camera driver."""
    return _profile(QoSReliabilityPolicy.BEST_EFFORT, 1)


def image_input(reliability: str, depth: int) -> QoSProfile:
    """Return what to subscribe images with: 'best_effort' or 'reliable', depth >= 1."""
    policies = {'best_effort': QoSReliabilityPolicy.BEST_EFFORT,
                'reliable': QoSReliabilityPolicy.RELIABLE}
    return _profile(policies[reliability], depth)


def results() -> QoSProfile:
    """Small messages of which none should be lost."""
    return _profile(QoSReliabilityPolicy.RELIABLE, 10)


def image_output() -> QoSProfile:
    """Images for people: reliable, so that rviz2's default matches; an old one is worthless."""
    return _profile(QoSReliabilityPolicy.RELIABLE, 1)
