"""Keep OpenCV from printing on the terminal what our own messages say better."""

import contextlib
from collections.abc import Iterator
from typing import Any

import cv2

# OpenCV 4.6 has the functions in cv2 itself, later ones in cv2.utils.logging
_logging: Any = getattr(cv2.utils, 'logging', cv2)


@contextlib.contextmanager
def opencv_silenced() -> Iterator[None]:
    """Switch OpenCV's log off for the length of a with block."""
    level = _logging.getLogLevel()
    _logging.setLogLevel(0)
    try:
        yield
    finally:
        _logging.setLogLevel(level)
