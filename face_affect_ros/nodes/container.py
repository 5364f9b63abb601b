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

"""
`face_affect_container`: several Python nodes in one process, loaded and unloaded at run time.

It has the services of a component container of rclcpp_components, for `ros2 component` and
launch_ros. Plugins are entry points of the setuptools group rclpy_components, named
PACKAGE::PLUGIN, as ros2/rclpy#599 proposes. A plugin is a class or function that takes the keyword
arguments of rclpy's Node, all of them optional, and returns a node.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
import gc
from importlib.metadata import entry_points
import inspect
import threading
from typing import Any

from composition_interfaces.srv import ListNodes, LoadNode, UnloadNode
from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes.declaration import declare
from face_affect_ros.nodes.main import close, drain, end_process, later, run, throw
from face_affect_ros.nodes.parameters import Spec
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import LoggingSeverity, set_logger_level
from rclpy.node import Node
from rclpy.parameter import Parameter

GROUP = 'rclpy_components'
PARAMETERS = {
    'executor': Spec('single_threaded', 'Executor of the callbacks. single_threaded: one thread '
                     'for all nodes. multi_threaded: one thread for each node. events: the events '
                     'executor of rclpy for all nodes, if available.',
                     choices=('single_threaded', 'multi_threaded', 'events')),
}
#: Extra arguments of a request that are keyword arguments of rclpy's Node.
NODE_ARGUMENTS = ('use_global_arguments', 'start_parameter_services', 'enable_rosout',
                  'allow_undeclared_parameters',
                  'automatically_declare_parameters_from_overrides')
#: Names of extra arguments in rclcpp_components, by which launch files give them.
ALIASES = {'forward_global_arguments': 'use_global_arguments'}
#: Extra arguments without effect: rclpy serializes every message.
WITHOUT_EFFECT = ('use_intra_process_comms',)


class NodeThread:
    """
    Spins one node, so that callbacks of other nodes do not delay it.

    The node may be destroyed after `stop`. failed: called in this thread with what a callback of
    the node raises.
    """

    def __init__(self, node: Node, *, failed: Callable[[BaseException], object]) -> None:
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._node = node
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=node.get_name(), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, close the node and run the callbacks that follow."""
        self._executor.create_task(self._stopping.set)
        self._thread.join()
        close(self._node)
        drain(self._executor, self._node.context)
        self._executor.remove_node(self._node)
        self._executor.shutdown()

    def _run(self) -> None:
        try:
            while self._node.context.ok() and not self._stopping.is_set():
                self._executor.spin_once()
        except ExternalShutdownException:
            pass
        except BaseException as error:   # SystemExit too: a node may end the process
            self._failed(error)


@dataclass(frozen=True)
class Loaded:
    """A node in the container; thread: its own, or None."""

    name: str
    node: Node
    thread: NodeThread | None


class Container(Node):
    """
    Loads, unloads and lists nodes.

    The nodes share its executor, or have a thread each. rclpy's MultiThreadedExecutor is not used:
    it ends with InvalidHandle if a node is destroyed while it waits.
    """

    def __init__(self, node_name: str = 'face_affect_container', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        declare(self, PARAMETERS, fixed=True)
        self.loaded: dict[int, Loaded] = {}
        self._last_id = 0
        self._closed = False
        for kind, name, answer in ((LoadNode, 'load_node', self._load),
                                   (UnloadNode, 'unload_node', self._unload),
                                   (ListNodes, 'list_nodes', self._list)):
            self.create_service(kind, f'~/_container/{name}', answer)

    def close(self) -> None:
        """End all nodes; those without a thread after the callbacks that follow."""
        self._closed = True
        for number in list(self.loaded):
            self._end(self.loaded.pop(number))

    def _load(self, request: Any, response: Any) -> Any:
        if self._closed:   # nothing would end the node
            response.error_message = 'the container is ending'
            return response
        node = None
        try:
            node = self._make(request)
        except Exception as error:   # what a plugin raises must not end the other nodes
            reason = str(error) if isinstance(error, AffectError) else (
                f'{request.plugin_name} failed: {type(error).__name__}: {error}')
            response.error_message = reason
            self.get_logger().error(f'not loaded: {reason}')
            # launch_ros lists a parameter each time that it is given; the last one is valid
            values = {each.name: each.value.bool_value for each in request.parameters}
            if values.get('required'):
                end_process(self, 1)   # after the response
        if node is None:
            # A node whose constructor failed is in reference cycles, and still in the graph.
            gc.collect()
            return response
        self._last_id += 1
        name = node.get_fully_qualified_name()
        self.loaded[self._last_id] = Loaded(name, node, self._spin(node))
        response.success, response.full_node_name = True, name
        response.unique_id = self._last_id
        self.get_logger().info(f'loaded {request.plugin_name} as {name}, number {self._last_id}')
        return response

    def _unload(self, request: Any, response: Any) -> Any:
        loaded = self.loaded.pop(request.unique_id, None)
        if loaded is None:
            known = ', '.join(map(str, self.loaded)) or 'none'
            response.error_message = f'there is no node {request.unique_id}; there are: {known}'
            return response
        self._end(loaded)
        response.success = True
        self.get_logger().info(f'unloaded {loaded.name}')
        return response

    def _list(self, request: Any, response: Any) -> Any:
        response.unique_ids = list(self.loaded)
        response.full_node_names = [loaded.name for loaded in self.loaded.values()]
        return response

    def _make(self, request: Any) -> Node:
        """Return the requested node; AffectError if its name is taken."""
        plugin = find_plugin(request.package_name, request.plugin_name)
        arguments: dict[str, Any] = {
            'context': self.context, 'use_global_arguments': False,
            'parameter_overrides': [Parameter.from_parameter_msg(each)
                                    for each in request.parameters],
            **self._extra(request.extra_arguments)}
        if request.node_name:
            arguments['node_name'] = request.node_name
        if request.node_namespace:
            arguments['namespace'] = request.node_namespace
        if request.remap_rules:
            rules = [word for rule in request.remap_rules for word in ('-r', rule)]
            arguments['cli_args'] = ['--ros-args', *rules]
        defaults = inspect.signature(plugin).bind_partial()
        defaults.apply_defaults()
        name = request.node_name or defaults.arguments.get('node_name')
        # Before the node exists: with a second one of its name, the first one loses /rosout.
        if name and '__n' not in ''.join(request.remap_rules):   # __node, __ns, __name
            self._check_free(f'/{request.node_namespace.strip("/")}/{name}'.replace('//', '/'))
        node = plugin(**arguments)
        if not isinstance(node, Node):
            raise AffectError(f'{request.plugin_name} returned a {type(node).__name__}, '
                              'not a node')
        try:
            self._check_free(node.get_fully_qualified_name())
            if request.log_level:
                set_logger_level(node.get_logger().name, LoggingSeverity(request.log_level))
        except Exception:
            close(node)
            node.destroy_node()
            raise
        return node

    def _spin(self, node: Node) -> NodeThread | None:
        """Spin a node; return its thread, if it has one."""
        if self.get_parameter('executor').value == 'multi_threaded':
            return NodeThread(node, failed=lambda error: self.executor.create_task(throw, error))
        self.executor.add_node(node)
        return None

    def _check_free(self, name: str) -> None:
        taken = {self.get_fully_qualified_name(),
                 *(loaded.name for loaded in self.loaded.values())}
        if name in taken:
            raise AffectError(f'the name {name} is taken in this container; choose another')

    def _extra(self, messages: Sequence[Any]) -> dict[str, Any]:
        """Return the keyword arguments among the extra arguments."""
        found = {}
        for message in messages:
            name = ALIASES.get(message.name, message.name)
            if name in NODE_ARGUMENTS:
                found[name] = Parameter.from_parameter_msg(message).value
            elif name not in WITHOUT_EFFECT:
                self.get_logger().warning(
                    f"extra argument '{message.name}' is unknown and has no effect; known "
                    f"ones: {', '.join((*NODE_ARGUMENTS, *ALIASES, *WITHOUT_EFFECT))}")
        return found

    def _end(self, loaded: Loaded) -> None:
        if loaded.thread is not None:
            loaded.thread.stop()
        else:
            close(loaded.node)
        # After the callbacks that follow from its end, such as results of its actions.
        later(self.executor, partial(self._destroy, loaded.node))

    def _destroy(self, node: Node) -> None:
        self.executor.remove_node(node)
        # In a task: an events executor must have released the node before.
        self.executor.create_task(node.destroy_node)
        # A lifecycle node is in reference cycles, and still in the graph.
        later(self.executor, gc.collect)


def find_plugin(package: str, plugin: str) -> Any:
    """
    Return the class or function of an entry point; plugin: PACKAGE::PLUGIN, or PLUGIN alone.

    Raises:
        AffectError: It is not found; the message lists the plugins.
        Exception: What the import raises.
    """
    wanted = plugin if '::' in plugin else f'{package}::{plugin}'
    points = {point.name: point for point in entry_points(group=GROUP)}
    if wanted not in points or not wanted.startswith(f'{package}::'):
        known = ', '.join(sorted(points)) or 'none'
        raise AffectError(f"there is no plugin '{plugin}' of the package '{package}'; there are: "
                          f'{known}')
    return points[wanted].load()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the container until it is stopped; return the exit code."""
    return run(Container, argv)


if __name__ == '__main__':
    raise SystemExit(main())
