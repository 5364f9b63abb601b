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

"""The counts, warnings and errors of the node on /diagnostics."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
import numpy as np
from rclpy.node import Node

#: Results over which rates and latencies are reported.
WINDOW = 100
#: Largest number of characters of a text.
MAX_TEXT = 500
#: Seconds and number of images over which losses are computed; fraction that causes a warning.
LOSS_WINDOW, LOSS_IMAGES, LOSS_SHARE = 10.0, 20, 0.03
COUNTS = ('received', 'published', 'dropped', 'refused', 'lost')


class Health:
    """
    Counts images and keeps warnings; every method may be called from any thread.

    Attributes:
        counts: Numbers of images by the names in COUNTS.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts = Counter(dict.fromkeys(COUNTS, 0))
        self._refused: Counter[str] = Counter()
        self._results: deque[tuple[float, float, float]] = deque(maxlen=WINDOW)
        self._errors: dict[str, str] = {}
        self._warnings: dict[str, str] = {}
        self._last_image = -np.inf
        self._history: deque[tuple[float, int, int]] = deque([(-np.inf, 0, 0)])

    def received(self, now: float) -> None:
        """Count an image; now: steady time, seconds."""
        with self._lock:
            self.counts['received'] += 1
            self._last_image = now

    def count(self, name: str, number: int) -> None:
        """Count images that were 'dropped' for newer ones, or 'lost' by the middleware."""
        with self._lock:
            self.counts[name] += number

    def refused(self, reason: str, *, kind: str) -> int:
        """Count an image that could not be processed; return the count of this kind of error."""
        with self._lock:
            self.counts['refused'] += 1
            self._errors['image'] = f'image refused: {reason[:MAX_TEXT]}'
            self._refused[kind] += 1
            return self._refused[kind]

    def published(self, now: float, *, latency: float, working: float) -> None:
        """
        Count a result; now: steady time.

        latency: since the image's stamp, NaN without one. working: time of processing. All in
        seconds.
        """
        with self._lock:
            self.counts['published'] += 1
            self._results.append((now, latency, working))
            self._errors['image'] = ''

    def stopped(self) -> None:
        """Drop the figures and the last refused image, when no image is processed any more."""
        with self._lock:
            self._results.clear()
            self._errors['image'] = ''

    def set_error(self, key: str, error: str) -> None:
        """Set the error of a key, '' for none."""
        with self._lock:
            self._errors[key] = error

    def warn(self, key: str, warning: str) -> None:
        """Set the warning of a key, '' for none."""
        with self._lock:
            self._warnings[key] = warning[:MAX_TEXT]

    def status(self, more: Mapping[str, int | str], *, now: float, name: str,
               state: str) -> DiagnosticStatus:
        """
        Return the diagnostic status of a node in a lifecycle state.

        more: further values. now: steady time, seconds.
        """
        with self._lock:
            errors = list(filter(None, self._errors.values()))
            warnings = list(filter(None, self._warnings.values()))
            level = (DiagnosticStatus.ERROR if errors
                     else DiagnosticStatus.WARN if warnings else DiagnosticStatus.OK)
            reasons = [(f'refused: {kind}', number)
                       for kind, number in self._refused.most_common()]
            values = [('state', state), *self.counts.items(), *self._figures(now), *reasons,
                      *more.items()]
            return DiagnosticStatus(
                level=level, name=name, message='; '.join([*errors, *warnings]) or state,
                values=[KeyValue(key=key, value=str(value)) for key, value in values])

    def lost_lately(self, now: float) -> tuple[int, int]:
        """
        Return the numbers of images lost and sent in the last seconds; (0, 0) if that is normal.

        To be called periodically; now: steady time, seconds.
        """
        with self._lock:
            self._history.append((now, self.counts['received'], self.counts['lost']))
            while len(self._history) > 2 and self._history[1][0] < now - LOSS_WINDOW:
                self._history.popleft()
            _, received, lost = self._history[0]
            lost = self.counts['lost'] - lost
            sent = self.counts['received'] - received + lost
            return (lost, sent) if sent >= LOSS_IMAGES and lost > LOSS_SHARE * sent else (0, 0)

    def silent_for(self, now: float) -> float:
        """Return the seconds since the last image, infinite before the first."""
        with self._lock:
            return now - self._last_image

    def _figures(self, now: float) -> list[tuple[str, str]]:
        if len(self._results) < 2:
            return []
        times, latencies, working = np.array(self._results).T
        latencies = latencies[np.isfinite(latencies)]
        # The second value is smaller, and falls, if the next result is late.
        rate = min((len(times) - 1) / max(times[-1] - times[0], 1e-9),
                   len(times) / max(now - times[0], 1e-9))
        figures = [('rate [Hz]', f'{rate:.1f}')]
        if len(latencies):
            figures += [('latency median [ms]', f'{np.median(latencies) * 1e3:.1f}'),
                        ('latency p99 [ms]', f'{np.percentile(latencies, 99) * 1e3:.1f}')]
        return [*figures, ('work median [ms]', f'{np.median(working) * 1e3:.1f}')]


def why_no_time(node: Node) -> str:
    """Return why a node's simulated time stands still, '' if it does not."""
    if not node.get_parameter('use_sim_time').value:
        return ''
    topic = node.resolve_topic_name('/clock')
    if not node.count_publishers(topic):
        return (f'use_sim_time is set, and {topic} has no publisher: start the simulation, or '
                '`ros2 bag play --clock`, or set use_sim_time to false')
    if not node.get_clock().now().nanoseconds:
        return f'use_sim_time is set, and no message has been received on {topic} yet'
    return ''


def full_names(publishers: Iterable[Any]) -> list[str]:
    """Return the full names of the nodes of publishers, each a TopicEndpointInfo, sorted."""
    return sorted(f'{info.node_namespace.rstrip("/")}/{info.node_name}' for info in publishers)


def other_nodes(node: Node, topic: str) -> list[str]:
    """Return the full names of the nodes of a topic's other publishers; there may be twins."""
    names = full_names(node.get_publishers_info_by_topic(topic))
    own = node.get_fully_qualified_name()
    if own in names:
        names.remove(own)
    return names
