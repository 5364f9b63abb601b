"""Fixtures of the nodes' tests."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from face_affect_ros.media import open_media


@pytest.fixture(scope='session')
def portrait() -> np.ndarray:
    """Return the first view of the default source, BGR 640x480."""
    with open_media('') as media:
        return next(iter(media)).image


@pytest.fixture
def bench(ros: Any, portrait: np.ndarray) -> Iterator[Any]:
    """Return a bench; the worker threads of its nodes end with the test."""
    from bench import Bench
    bench = Bench(ros, portrait)
    yield bench
    bench.close()
