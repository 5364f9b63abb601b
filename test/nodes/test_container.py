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

"""The container: plugins by name, parameters, remappings, errors, and lifecycle nodes."""

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
import sys
import threading
from typing import Any

from PIL import Image as PillowImage
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
pytest.importorskip('composition_interfaces', reason='composition_interfaces is not installed')

from action_msgs.msg import GoalStatus  # noqa: E402, I100
from composition_interfaces.srv import ListNodes, LoadNode, UnloadNode  # noqa: E402
from face_affect_msgs.action import Observe  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from face_affect_ros.affect.types import AffectError  # noqa: E402
from face_affect_ros.nodes import container as module  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.container import Container, find_plugin, NodeThread  # noqa: E402
from face_affect_ros.nodes.main import make_executor  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from rcl_interfaces.msg import Log  # noqa: E402
import rclpy  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from support import running_node, spin_until  # noqa: E402

OWN = ('face_affect_ros::BagPlayer', 'face_affect_ros::CameraPlayer',
       'face_affect_ros::FaceAffectNode')


class Plain(Node):
    """A node that keeps its arguments."""

    closed = 0

    def __init__(self, node_name: str = 'plain', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        self.declare_parameter('answer', 0)
        self.publisher = self.create_publisher(FaceAffectArray, 'chatter', 1)

    def close(self) -> None:
        """Count."""
        Plain.closed += 1


def broken(**kwargs: Any) -> Node:
    """Fail, as a defective plugin."""
    raise RuntimeError('no camera')


def nothing(**kwargs: Any) -> str:
    """Return no node."""
    return 'none'


class Bench:
    """A container in this process, and its services."""

    def __init__(self, ros: Any) -> None:
        self.ros = ros
        self.container = ros.add(Container(context=ros.context))
        self._clients = {kind: ros.node.create_client(kind, f'/face_affect_container/_container/'
                                                      f'{name}')
                         for kind, name in ((LoadNode, 'load_node'), (UnloadNode, 'unload_node'),
                                            (ListNodes, 'list_nodes'))}

    def ask(self, request: Any, kind: Any) -> Any:
        """Return the answer of a service."""
        future = self._clients[kind].call_async(request)
        assert spin_until(self.ros.executor, future.done)
        return future.result()

    def load(self, plugin: str = 'tests::Plain', package: str = 'tests', **fields: Any) -> Any:
        """Ask for a node."""
        return self.ask(LoadNode.Request(package_name=package, plugin_name=plugin, **fields),
                        LoadNode)

    def names(self) -> dict[int, str]:
        """Return the nodes by number."""
        answer = self.ask(ListNodes.Request(), ListNodes)
        return dict(zip(answer.unique_ids, answer.full_node_names))

    def node(self, number: int) -> Any:
        """Return a loaded node."""
        return self.container.loaded[number].node


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the plugins of this file to those that are installed."""
    installed = module.entry_points
    own = [EntryPoint(f'tests::{name}', f'{__name__}:{value}', module.GROUP)
           for name, value in (('Plain', 'Plain'), ('Broken', 'broken'), ('Nothing', 'nothing'),
                               ('Missing', 'not_there'))]
    monkeypatch.setattr(module, 'entry_points',
                        lambda group: (*installed(group=group), *own))


@pytest.fixture
def bench(ros: Any, plugins: None) -> Any:
    """Return a container, which is closed after the test."""
    bench = Bench(ros)
    yield bench
    bench.container.close()


def test_the_nodes_of_the_package_are_plugins() -> None:
    for name in OWN:
        assert issubclass(find_plugin('face_affect_ros', name), Node)
    assert find_plugin('face_affect_ros', 'CameraPlayer').__name__ == 'CameraPlayer'
    with pytest.raises(AffectError, match="no plugin 'x::Y' of the package 'face_affect_ros'; "
                                          f'there are: .*{OWN[0]}, {OWN[1]}'):
        find_plugin('face_affect_ros', 'x::Y')
    with pytest.raises(AffectError, match='there is no plugin'):
        find_plugin('another', OWN[0])


def test_load_list_unload(bench: Bench) -> None:
    first = bench.load()
    second = bench.load(node_name='other', node_namespace='/deep/space')
    assert (first.success, first.full_node_name, first.unique_id) == (True, '/plain', 1)
    assert second.full_node_name == '/deep/space/other' and second.unique_id == 2
    assert bench.names() == {1: '/plain', 2: '/deep/space/other'}
    closed = Plain.closed
    assert bench.ask(UnloadNode.Request(unique_id=1), UnloadNode).success
    assert spin_until(bench.ros.executor, lambda: Plain.closed == closed + 1)
    assert bench.names() == {2: '/deep/space/other'}
    gone = bench.ask(UnloadNode.Request(unique_id=1), UnloadNode)
    assert not gone.success and gone.error_message == 'there is no node 1; there are: 2'
    assert bench.load().unique_id == 3   # numbers are not used again


def test_no_node_is_loaded_while_the_container_ends(bench: Bench) -> None:
    bench.container.close()
    answer = bench.load()
    assert not answer.success and answer.error_message == 'the container is ending'
    assert bench.names() == {}


def test_all_fields_of_a_request_are_used(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    answer = bench.load(
        node_name='mine', remap_rules=['chatter:=talk'],
        parameters=[Parameter('answer', value=42).to_parameter_msg()], log_level=10,
        extra_arguments=[Parameter('use_intra_process_comms', value=True).to_parameter_msg(),
                         Parameter('start_parameter_services', value=False).to_parameter_msg(),
                         Parameter('wheels', value=4).to_parameter_msg()])
    node = bench.node(answer.unique_id)
    assert node.get_parameter('answer').value == 42
    assert node.publisher.topic_name == '/talk'
    assert node.get_logger().get_effective_level() == rclpy.logging.LoggingSeverity.DEBUG
    assert not [name for name, _ in node.get_service_names_and_types_by_node('mine', '/')
                if name.endswith('set_parameters')]
    said = capfd.readouterr().err
    assert "extra argument 'wheels' is unknown" in said
    assert "'use_intra_process_comms' is unknown" not in said


@pytest.mark.parametrize(('plugin', 'complaint'), [
    ('tests::Broken', 'tests::Broken failed: RuntimeError: no camera'),
    ('tests::Missing', 'tests::Missing failed: AttributeError'),
    ('tests::Nothing', 'returned a str, not a node'),
    ('tests::Other', "there is no plugin 'tests::Other'")])
def test_a_plugin_that_fails_does_not_affect_other_nodes(plugin: str, complaint: str,
                                                         bench: Bench) -> None:
    assert bench.load().success
    answer = bench.load(plugin)
    assert not answer.success and complaint in answer.error_message
    assert bench.names() == {1: '/plain'}
    assert bench.load(node_name='next').unique_id == 2


def test_a_name_that_is_taken_is_refused(bench: Bench) -> None:
    assert bench.load().success
    before = Plain.closed
    for fields in ({}, {'node_name': 'plain'}, {'node_name': 'face_affect_container'},
                   {'node_name': 'x', 'remap_rules': ['__node:=plain']}):
        answer = bench.load(**fields)
        assert not answer.success and 'is taken in this container' in answer.error_message
    assert Plain.closed == before + 1   # the one with a remapped name
    assert bench.names() == {1: '/plain'}
    assert bench.load(remap_rules=['__ns:=/robot']).full_node_name == '/robot/plain'


def test_a_node_keeps_rosout_after_its_name_was_refused(bench: Bench) -> None:
    found: list[Log] = []
    bench.ros.node.create_subscription(Log, '/rosout', found.append, qos.results())
    number = bench.load().unique_id
    assert not bench.load().success
    bench.node(number).get_logger().info('still here')
    assert spin_until(bench.ros.executor, lambda: 'still here' in [each.msg for each in found])


def test_wrong_parameters_of_a_node_are_reported(bench: Bench) -> None:
    answer = bench.load(OWN[2], 'face_affect_ros',
                        parameters=[Parameter('processing', value='magic').to_parameter_msg()])
    assert not answer.success and "'magic' is not one of" in answer.error_message
    # and the incomplete node has left the graph
    assert spin_until(bench.ros.executor,
                      lambda: 'face_affect' not in bench.ros.node.get_node_names())


@pytest.fixture(params=['single_threaded', 'multi_threaded', 'events'])
def kind(request: pytest.FixtureRequest) -> str:
    """Return each executor of this rclpy."""
    if request.param == 'events':
        pytest.importorskip('rclpy.experimental', reason='this rclpy has no events executor')
    return str(request.param)


def test_player_and_lifecycle_node_share_a_process(ros: Any, kind: str) -> None:
    """With a process, as by `ros2 component load` and `ros2 lifecycle set`."""
    faces: list[FaceAffectArray] = []
    ros.node.create_subscription(FaceAffectArray, '/face_affect/faces', faces.append,
                                 qos.results())
    clients = {service: ros.node.create_client(service, name) for service, name in (
        (LoadNode, '/face_affect_container/_container/load_node'),
        (UnloadNode, '/face_affect_container/_container/unload_node'),
        (ChangeState, '/face_affect/change_state'))}
    listing = ros.node.create_client(ListNodes, '/face_affect_container/_container/list_nodes')
    action = ActionClient(ros.node, Observe, '/face_affect/observe')

    def until(condition: Callable[[], Any]) -> None:
        assert spin_until(ros.executor, lambda: bool(condition())), process.output()

    def ask(service: Any, **fields: Any) -> None:
        until(clients[service].service_is_ready)
        future = clients[service].call_async(service.Request(**fields))
        until(future.done)
        assert future.result().success, future.result()

    with running_node('face_affect_ros.nodes.container', executor=kind) as process:
        for plugin, rules in (('CameraPlayer', ['image_raw:=image']), ('FaceAffectNode', [])):
            ask(LoadNode, package_name='face_affect_ros', remap_rules=rules,
                plugin_name=f'face_affect_ros::{plugin}')
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            ask(ChangeState, transition=Transition(id=transition))
        until(lambda: faces and faces[-1].faces)
        # a goal is aborted when the node is unloaded, and its client gets the result
        until(action.server_is_ready)
        sent = action.send_goal_async(Observe.Goal(images=100_000))
        until(sent.done)
        result = sent.result().get_result_async()
        # The response shows that the request for the result has arrived, but for several threads.
        until(listing.call_async(ListNodes.Request()).done)
        spin_until(ros.executor, lambda: False, timeout=1.0)
        ask(UnloadNode, unique_id=2)
        until(result.done)
        assert result.result().status == GoalStatus.STATUS_ABORTED
        action.destroy()   # the node does not do it, and its participant would stay
        assert process.stop() == 0, process.output()
        assert 'Traceback' not in process.output()


def test_nodes_are_loaded_and_unloaded_while_others_work(kind: str, ros: Any) -> None:
    images: list[Image] = []
    ros.node.create_subscription(Image, 'image_raw', images.append, qos.newest_image())
    clients = {kind: ros.node.create_client(kind, f'/face_affect_container/_container/{name}')
               for kind, name in ((LoadNode, 'load_node'), (UnloadNode, 'unload_node'))}

    def ask(kind: Any, **fields: Any) -> Any:
        assert spin_until(ros.executor, clients[kind].service_is_ready), process.output()
        future = clients[kind].call_async(kind.Request(**fields))
        assert spin_until(ros.executor, future.done), process.output()
        assert future.result().success, future.result().error_message
        return future.result()

    def load(name: str) -> int:
        return ask(LoadNode, package_name='face_affect_ros', node_name=name,
                   plugin_name='face_affect_ros::CameraPlayer').unique_id

    with running_node('face_affect_ros.nodes.container', executor=kind) as process:
        load('stays')
        for name in ('first', 'second', 'third'):
            number = load(name)
            images.clear()
            assert spin_until(ros.executor, lambda: len(images) > 2), process.output()
            ask(UnloadNode, unique_id=number)
        number = ask(LoadNode, package_name='face_affect_ros', node_name='lifecycle',
                     plugin_name='face_affect_ros::FaceAffectNode', parameters=[
                         Parameter(name, value=value).to_parameter_msg() for name, value in (
                             ('autostart', True), ('emotion_model', ''), ('gender_model', ''))],
                     ).unique_id
        # once it has been configured, too
        assert spin_until(ros.executor, lambda: ros.node.count_subscribers('/image'))
        ask(UnloadNode, unique_id=number)
        names = ros.node.get_node_names
        assert spin_until(ros.executor, lambda: not {'third', 'lifecycle'} & {*names()})
        assert 'stays' in names(), process.output()
        assert process.stop() == 0, process.output()
        assert 'Traceback' not in process.output()


def test_an_exception_in_the_thread_of_a_node_ends_the_process(ros: Any, tmp_path: Path) -> None:
    frames = [PillowImage.new('L', (64, 48), shade) for shade in (0, 100, 200)]
    frames[0].save(tmp_path / 'clip.gif', save_all=True, append_images=frames[1:], duration=100)
    loads = ros.node.create_client(LoadNode, '/face_affect_container/_container/load_node')
    with running_node('face_affect_ros.nodes.container', executor='multi_threaded') as process:
        assert spin_until(ros.executor, loads.service_is_ready), process.output()
        loads.call_async(LoadNode.Request(
            package_name='face_affect_ros', plugin_name='face_affect_ros::CameraPlayer',
            parameters=[Parameter('source', value=f'{tmp_path}/clip.gif').to_parameter_msg(),
                        Parameter('loop', value=False).to_parameter_msg(),
                        Parameter('exit_at_end', value=True).to_parameter_msg()]))
        assert spin_until(ros.executor, lambda: not process.running()), process.output()
        assert process.wait() == 0
        assert 'Traceback' not in process.output()


def test_a_required_node_that_cannot_be_loaded_ends_the_process(kind: str, ros: Any) -> None:
    loads = ros.node.create_client(LoadNode, '/face_affect_container/_container/load_node')
    wrong = [Parameter('event_hold', value='long'), Parameter('required', value=True)]
    with running_node('face_affect_ros.nodes.container', executor=kind) as process:
        assert spin_until(ros.executor, loads.service_is_ready), process.output()
        # of a file and of the launch file, which overrides it; then of the file alone
        for parameters in ([*wrong, Parameter('required', value=False)], wrong):
            assert process.running(), process.output()
            answer = loads.call_async(LoadNode.Request(
                package_name='face_affect_ros', plugin_name='face_affect_ros::FaceAffectNode',
                parameters=[each.to_parameter_msg() for each in parameters]))
            assert spin_until(ros.executor, answer.done), process.output()
            assert "'event_hold' has a value of the wrong type" in answer.result().error_message
        assert process.wait() == 1
        assert 'Traceback' not in process.output()


def test_a_missing_events_executor_is_reported(
        make: Callable[..., Container], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'rclpy.experimental', None)
    with pytest.raises(AffectError, match="'executor': .* has no events executor"):
        make_executor(make(Parameter('executor', value='events')))


@pytest.fixture
def make(ros: Any) -> Any:
    """Return a function that creates a container with these parameters."""
    made: list[Container] = []

    def one(*overrides: Parameter) -> Container:
        made.append(Container(context=ros.context, parameter_overrides=list(overrides)))
        return made[-1]

    yield one
    for container in made:
        container.destroy_node()


def test_a_parameter_of_the_robot_does_not_prevent_the_load(bench: Bench) -> None:
    """As of SetParameter of a launch file, which launch_ros adds to each request."""
    answer = bench.load('face_affect_ros::CameraPlayer', 'face_affect_ros', parameters=[
        Parameter('robot_name', value='r1').to_parameter_msg()])
    assert answer.success, answer.error_message


def test_wrong_parameters_of_the_container_are_an_error(make: Callable[..., Container]) -> None:
    with pytest.raises(AffectError, match="parameter 'executor': 'many' is not one of"):
        make(Parameter('executor', value='many'))
    with pytest.raises(AffectError, match="unknown parameter 'executer'; did you mean"):
        make(Parameter('executer', value='events'))


def test_the_thread_of_a_node_without_callbacks_ends(ros: Any) -> None:
    node = Node('idle', context=ros.context)
    thread = NodeThread(node, failed=print)
    stopping = threading.Thread(target=thread.stop, daemon=True)
    stopping.start()
    stopping.join(20.0)
    assert not stopping.is_alive()
    node.destroy_node()


@pytest.mark.parametrize('subscribed', [True, False])
def test_a_bag_player_that_is_unloaded_does_not_end_the_container(
        kind: str, subscribed: bool, ros: Any, tmp_path: Path) -> None:
    """While it plays, and while it waits for a subscriber."""
    import bag_files
    bag = bag_files.write(tmp_path / 'bag', [
        bag_files.image(stamp=bag_files.START + number * 10**9) for number in range(100)])
    images: list[Image] = []
    if subscribed:
        ros.node.create_subscription(Image, 'image', images.append, qos.results())
    load, unload = (ros.node.create_client(kind, f'/face_affect_container/_container/{name}')
                    for kind, name in ((LoadNode, 'load_node'), (UnloadNode, 'unload_node')))
    with running_node('face_affect_ros.nodes.container', executor=kind) as process:
        def ask(client: Any, request: Any) -> Any:
            future = client.call_async(request)
            assert spin_until(ros.executor, future.done), process.output()
            return future.result()

        assert spin_until(ros.executor, lambda: load.service_is_ready()
                          and unload.service_is_ready()), process.output()
        request = LoadNode.Request(
            package_name='face_affect_ros', plugin_name='face_affect_ros::BagPlayer',
            parameters=[Parameter('bag', value=str(bag)).to_parameter_msg()])
        for _ in range(3):
            answer = ask(load, request)
            assert answer.success, answer.error_message
            if subscribed:
                images.clear()
                assert spin_until(ros.executor, lambda: images), process.output()
            assert ask(unload, UnloadNode.Request(unique_id=answer.unique_id)).success
            spin_until(ros.executor, lambda: False, timeout=0.3)
        assert process.running(), process.output()
        assert process.stop() == 0
