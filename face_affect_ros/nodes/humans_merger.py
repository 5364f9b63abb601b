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

"""The node `humans_merger`: merges the REP-155 lists of faces of several cameras."""

from collections.abc import Sequence
from functools import partial
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.declaration import declare
from face_affect_ros.nodes.main import ClosingNode, run, steady_timer
from face_affect_ros.nodes.parameters import Spec
from std_msgs.msg import Header

try:
    from face_affect_ros.nodes.outputs.humans import other_publishers, TRACKED
    from hri_msgs.msg import IdsList
except ModuleNotFoundError as error:
    if (error.name or '').split('.')[0] != 'hri_msgs':
        raise
    IdsList = None

#: Seconds between two checks of the sources.
PERIOD = 0.5
PARAMETERS = {
    'sources': Spec(('face_affect_1/tracked', 'face_affect_2/tracked'),
                    'Topics of the lists to merge.'),
    'timeout': Spec(5.0, 'Seconds without a list after which the faces of a source are removed.',
                    bounds=(0.1, 60.0)),
}


class HumansMerger(ClosingNode):
    """
    Publishes the union of several lists on /humans/faces/tracked, each time one is received.

    The topics of a face are published by the node that tracks it. The ids must be unique.
    """

    def __init__(self, node_name: str = 'humans_merger', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        if IdsList is None:
            raise AffectError('humans_merger needs the package hri_msgs, which is not installed')
        declare(self, PARAMETERS, fixed=True)
        self._ids: dict[str, list[str]] = {}
        self._received: dict[str, float] = {}
        self._publisher = self.create_publisher(IdsList, TRACKED, qos.results())
        self._sources = [self._resolved(source)
                         for source in self.get_parameter('sources').value]
        if self._publisher.topic_name in self._sources:
            raise AffectError(f"parameter 'sources': {self._publisher.topic_name} is the topic "
                              'that this node publishes')
        self._inputs = [self.create_subscription(IdsList, source, partial(self._take, source),
                                                 qos.results()) for source in self._sources]
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', qos.results())
        steady_timer(self, PERIOD, self._check)

    def close(self) -> None:
        """Unsubscribe, and publish an empty list, as the node face_affect does at its end."""
        while self._inputs:
            self.destroy_subscription(self._inputs.pop())
        if any(self._ids.values()) and self.context.ok():
            self._ids.clear()
            self._publish(self.get_clock().now().to_msg())

    def _resolved(self, source: str) -> str:
        try:
            return str(self.resolve_topic_name(source))
        except (RuntimeError, ValueError) as error:   # RCLError has no public name
            reason = str(error).partition(', at ')[0]
            raise AffectError(f"parameter 'sources': '{source}' is not a topic: {reason}"
                              ) from error

    def _take(self, source: str, message: IdsList) -> None:
        self._ids[source] = list(message.ids)
        self._received[source] = time.monotonic()
        self._publish(message.header.stamp)

    def _publish(self, stamp: Any) -> None:
        ids = dict.fromkeys(each for ids in self._ids.values() for each in ids)
        self._publisher.publish(IdsList(header=Header(stamp=stamp), ids=list(ids)))

    def _check(self) -> None:
        """Remove the faces of silent sources, and publish /diagnostics."""
        timeout = self.get_parameter('timeout').value
        now = time.monotonic()
        silent = [source for source in self._sources
                  if now - self._received.get(source, -timeout) > timeout]
        gone = [source for source in silent if self._ids.pop(source, None)]
        if gone:
            self._publish(self.get_clock().now().to_msg())
        listed = [each for ids in self._ids.values() for each in ids]
        twice = sorted({each for each in listed if listed.count(each) > 1})
        warnings = [f"no list received on '{source}'" for source in silent]
        if twice:
            warnings.append(f"more than one source has {', '.join(twice)}: give each its own "
                            'track_id_prefix')
        warnings.append(other_publishers(self, self._publisher.topic_name))
        text = '; '.join(filter(None, warnings))
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if text else DiagnosticStatus.OK, message=text or 'active',
            name=f'{self.get_fully_qualified_name()[1:]}: faces',
            values=[KeyValue(key='faces', value=str(len(set(listed))))])
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until it is stopped; return the exit code."""
    return run(HumansMerger, argv, sends_images=False)


if __name__ == '__main__':
    raise SystemExit(main())
