"""Face detectors behind one small interface."""

from face_affect_ros.affect.detectors.base import Detector
from face_affect_ros.affect.detectors.factory import DETECTORS, make_detector

__all__ = ['DETECTORS', 'Detector', 'make_detector']
