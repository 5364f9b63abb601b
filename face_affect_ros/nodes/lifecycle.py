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

"""Lifecycle of a node: errors of transitions, invalid requests, autostart."""

from collections.abc import Callable
import functools
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes.main import end_process, steady_timer
from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

Transition = Callable[[Any, LifecycleState], TransitionCallbackReturn]


def reporting(transition: Transition) -> Transition:
    """
    Wrap a transition callback to log its exceptions, which rclpy discards.

    After an AffectError, which the user can fix, the transition fails and the node keeps its
    state. After any other exception on_error is called. Both are kept in the node's `health`.
    """

    @functools.wraps(transition)
    def wrapped(node: Any, state: LifecycleState) -> TransitionCallbackReturn:
        text = ''
        try:
            result = transition(node, state)
        except AffectError as error:
            result, text = TransitionCallbackReturn.FAILURE, str(error)
        except Exception as error:  # rclpy would discard it
            result = TransitionCallbackReturn.ERROR
            text = f'{transition.__name__} failed: {type(error).__name__}: {error}'
        if text:
            node.get_logger().error(text)
        node.health.set_error('transition', text)
        return result

    return wrapped


def reject_invalid_transitions(node: LifecycleNode) -> None:
    """
    Refuse requests for a transition that is invalid in the node's state.

    rclpy up to Jazzy (7.1.6) raises an error into the executor instead, which ends the process,
    for example when a lifecycle manager is restarted. That of Kilted (9.1.2) refuses them.
    """
    def answer(change: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except RuntimeError:   # rclpy's RCLError, which has no public name
            node.get_logger().warning(
                f'transition {request.transition.label or request.transition.id} refused: '
                'it is invalid in the state of this node')
            response.success = False
            return response

    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = functools.partial(answer, service.callback)


def autostart(node: Any, *, required: bool) -> None:
    """
    Configure and activate a LifecycleNode with a `lifecycle_state` as soon as it is spun.

    required: whether the process ends with exit code 1 if that fails.
    """
    def start() -> None:
        node.destroy_timer(timer)
        for failed, state in (('configure', 'unconfigured'), ('activate', 'inactive')):
            # Versions of rclpy differ in their reaction to an invalid transition.
            if node.lifecycle_state != state:
                if node.lifecycle_state != 'finalized':   # as by Ctrl-C
                    node.get_logger().info(
                        'autostart: another node has already requested the transition')
                return
            if getattr(node, f'trigger_{failed}')() != TransitionCallbackReturn.SUCCESS:
                break
        else:
            return
        name = node.get_fully_qualified_name()
        text = f'autostart: {name} could not {failed}; see the message above'
        if required:
            node.get_logger().fatal(text)
            end_process(node, 1)
            return
        # an internal error in activate makes the node unconfigured
        steps = (['configure'] if node.lifecycle_state == 'unconfigured' else []) + ['activate']
        node.get_logger().error(f'{text}. Fix that, then: ' + ' && '.join(
            f'ros2 lifecycle set {name} {step}' for step in steps))

    timer = steady_timer(node, 0.0, start)


def forget_destroyed(node: Node) -> None:
    """
    Remove destroyed publishers and subscriptions from the node's callback group.

    rclpy keeps a weak reference to each (7.1.6), so that the memory of a node that is activated
    repeatedly would grow.
    """
    entities = node.default_callback_group.entities
    entities.difference_update([entity for entity in entities if entity() is None])
