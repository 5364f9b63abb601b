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

"""The configurations of rviz2 and Foxglove contain topics of the node, with their types."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any

import node_pages
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[1] / 'rviz'
#: Message types of the panels of Foxglove; None for any.
PANELS = {'Image': 'sensor_msgs/msg/Image', '3D': 'visualization_msgs/msg/MarkerArray',
          'RawMessages': None, 'Plot': None,
          'DiagnosticSummary': 'diagnostic_msgs/msg/DiagnosticArray'}
DISPLAYS = {'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
            'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray'}


def published() -> dict[str, str]:
    """Return the types of the topics on the page of the node, by full name."""
    topics = node_pages.topics(node_pages.page('face_affect').read_text())
    return {name.replace('~', '/face_affect'): kind for name, (kind, _) in topics.items()}


def topics_in(value: Any) -> Iterator[str]:
    """Return all strings that look like a topic or the path of a field, including keys."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from topics_in(key)
            yield from topics_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from topics_in(each)
    elif isinstance(value, str) and value.startswith('/'):
        yield value


def leaves(layout: Any) -> Iterator[str]:
    """Return the panels of a split layout."""
    if isinstance(layout, str):
        yield layout
    else:
        assert layout['direction'] in ('row', 'column')
        assert 0 < layout.get('splitPercentage', 50) < 100
        yield from leaves(layout['first'])
        yield from leaves(layout['second'])


def test_the_layout_of_foxglove_shows_what_the_node_publishes() -> None:
    layout = json.loads((FOLDER / 'face_affect.foxglove.json').read_text())
    panels = layout['configById']
    assert sorted(leaves(layout['layout'])) == sorted(panels)
    types = published()
    for name, config in panels.items():
        wanted = PANELS[name.partition('!')[0]]
        topics = [each.partition('.')[0] for each in topics_in(config)]
        assert topics, name
        for topic in topics:
            assert topic in types, (name, topic)
            assert wanted in (None, types[topic]), (name, topic)


def test_the_paths_of_the_plots_are_fields() -> None:
    pytest.importorskip('face_affect_msgs', reason='face_affect_msgs is not built: no ROS 2 here')
    from face_affect_msgs.msg import FaceAffect
    layout = json.loads((FOLDER / 'face_affect.foxglove.json').read_text())
    for path in layout['configById']['Plot!confidence']['paths']:
        assert path['value'].startswith('/face_affect/faces.faces[0].')
        assert path['value'].rpartition('.')[2] in FaceAffect.get_fields_and_field_types()


def test_rviz_shows_what_the_node_publishes() -> None:
    manager = yaml.safe_load((FOLDER / 'face_affect.rviz').read_text())['Visualization Manager']
    types = published()
    shown = {}
    for display in manager['Displays']:
        assert display['Enabled'] is True and display['Name']
        if 'Topic' in display:
            shown[display['Topic']['Value']] = DISPLAYS[display['Class']]
            assert display['Topic']['Reliability Policy'] == 'Reliable'
    assert set(shown) == {'/face_affect/image_annotated', '/face_affect/markers'}
    assert all(types[topic] == kind for topic, kind in shown.items())
