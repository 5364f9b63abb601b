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

"""docs/nodes: each page has exactly the endpoints and parameters of its node."""

from importlib import import_module
from pathlib import Path
from typing import Any

import node_pages
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench  # noqa: E402, I100
from rclpy.parameter import Parameter  # noqa: E402

#: Topics of every node of rclpy.
COMMON = ('/parameter_events', '/rosout', '/clock')


@pytest.mark.parametrize('node', node_pages.NODES)
def test_the_page_shows_the_parameters_as_they_are(node: str) -> None:
    if node == 'greeter':
        pytest.importorskip('py_trees', reason='py_trees is not installed')
    specs = import_module(node_pages.NODES[node]).PARAMETERS
    text = node_pages.page(node).read_text()
    assert node_pages.with_list(text, node_pages.parameters(specs)) == text, (
        'write it anew: python tools/node_pages.py')


def test_every_page_describes_a_node_and_is_in_the_readme() -> None:
    pages = {path.stem for path in node_pages.FOLDER.glob('*.md')}
    assert pages == set(node_pages.NODES)
    readme = (Path(__file__).resolve().parents[2] / 'README.md').read_text()
    assert [name for name in pages if f'docs/nodes/{name}.md' not in readme] == []


def endpoints(node: Any) -> dict[str, tuple[str, str]]:
    """Return type and quality of service of all endpoints of a node, by topic."""
    names = [name for name, _ in node.get_topic_names_and_types() if name not in COMMON]
    found = {}
    for name in names:
        infos = [*node.get_publishers_info_by_topic(name),
                 *node.get_subscriptions_info_by_topic(name)]
        for info in infos:
            if (info.node_name == node.get_name() and '/_action/' not in name
                    and 'transition_event' not in name):
                found[name] = info.topic_type, quality(node, name)
    return found


def quality(node: Any, topic: str) -> str:
    """Return the quality of a node's endpoint in the words of the pages."""
    info = next(each for each in [*node.get_publishers_info_by_topic(topic),
                                  *node.get_subscriptions_info_by_topic(topic)]
                if each.node_name == node.get_name())
    # DDS does not tell the depth to others
    depth = next((each.qos_profile.depth for each in [*node.publishers, *node.subscriptions]
                  if each.topic_name == topic), None)
    words = [info.qos_profile.reliability.name.lower().replace('_', ' '),
             f'depth {depth}']
    if info.qos_profile.durability.name == 'TRANSIENT_LOCAL':
        words.append('transient local')
    return ', '.join(words)


def page_of(node: Any, page: str, **names: str) -> dict[str, tuple[str, str]]:
    """Return what the page says, names resolved; names: to put in."""
    said = {}
    for name, (kind, words) in node_pages.topics(node_pages.page(page).read_text()).items():
        for old, new in names.items():
            name = name.replace(old, new)
        if '/msg/' in kind:
            said[node.resolve_topic_name(name)] = kind, words
    return said


def test_the_topics_of_face_affect(bench: Bench) -> None:
    for package in ('vision_msgs', 'hri_msgs', 'tf2_msgs'):
        pytest.importorskip(package, reason=f'{package} is not installed')
    node = bench.start(use_depth=True, publish_tf=True, ros4hri=True)
    bench.answered()
    said = page_of(node, 'face_affect', ID=bench.faces[-1].faces[0].id)
    compressed = said.pop('/image/compressed')
    bench.until(lambda: len(endpoints(node)) == len(said))   # those of a face come after it
    assert endpoints(node) == said
    other = Bench(bench.ros, bench.portrait)
    other_node = other.start(image_transport='compressed')
    try:
        assert endpoints(other_node)['/image/compressed'] == compressed
    finally:
        other.close()
    actions = [name for name, _ in node.get_service_names_and_types() if '_action' in name]
    assert {name.partition('/_action')[0] for name in actions} == {'/face_affect/observe'}


def test_the_topics_of_camera_player(ros: Any) -> None:
    from face_affect_ros.nodes.camera_player import CameraPlayer
    node = ros.add(CameraPlayer(context=ros.context, parameter_overrides=[
        Parameter('compressed', value=True)]))
    try:
        assert endpoints(node) == page_of(node, 'camera_player')
    finally:
        node.close()


@pytest.mark.parametrize('kind', ['image', 'compressed'])
def test_the_topics_of_bag_player(kind: str, ros: Any, tmp_path: Path) -> None:
    bag_files = pytest.importorskip('bag_files', reason='rosbags is not installed')
    pytest.importorskip('tf2_msgs', reason='tf2_msgs is not installed')
    from face_affect_ros.nodes.bag_player import BagPlayer
    bag = bag_files.write(tmp_path / 'bag', [
        getattr(bag_files, kind)('/camera'), bag_files.camera_info(), bag_files.depth(),
        *(bag_files.Message(topic, 'tf2_msgs/msg/TFMessage', bytes(8))
          for topic in ('/tf', '/tf_static'))])
    values = {'bag': str(bag), 'depth': '/depth', 'max_in_flight': 1, 'clock': True}
    node = ros.add(BagPlayer(context=ros.context, parameter_overrides=[
        Parameter(name, value=value) for name, value in values.items()]))
    try:
        said = page_of(node, 'bag_player')
        del said['/image/compressed' if kind == 'image' else '/image'], said['/clock']
        assert endpoints(node) == said
    finally:
        node.close()


def test_the_topics_of_greeter(ros: Any) -> None:
    pytest.importorskip('py_trees', reason='py_trees is not installed')
    from face_affect_ros.behaviours.greeter import Greeter
    node = ros.add(Greeter(context=ros.context))
    assert endpoints(node) == page_of(node, 'greeter')


def test_the_topics_of_humans_merger(ros: Any) -> None:
    pytest.importorskip('hri_msgs', reason='hri_msgs is not installed')
    from face_affect_ros.nodes.humans_merger import HumansMerger
    node = ros.add(HumansMerger(context=ros.context))
    assert endpoints(node) == page_of(node, 'humans_merger')


def test_the_services_of_face_affect_container(ros: Any) -> None:
    pytest.importorskip('composition_interfaces', reason='composition_interfaces is missing')
    from face_affect_ros.nodes.container import Container
    node = ros.add(Container(context=ros.context))
    said = node_pages.topics(node_pages.page('face_affect_container').read_text())
    services = dict(node.get_service_names_and_types_by_node(node.get_name(), '/'))
    assert {node.resolve_service_name(name): [kind] for name, (kind, _) in said.items()} == {
        name: kinds for name, kinds in services.items() if '/_container/' in name}
