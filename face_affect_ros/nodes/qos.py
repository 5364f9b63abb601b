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
Quality of service profiles, named by their use.

Policies that are not given have rclpy's defaults: keep last, reliable, volatile.
"""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any

from face_affect_ros.nodes.declaration import overrides_of
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSPolicyKind, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

#: No events, also for `subscription_events`, because the events executor ends the process, or
#: crashes, if one is queued while its endpoint is destroyed (rclpy issue 1644).
NO_PUBLISHER_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)
#: Policies that parameters may override.
POLICIES = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY)


def subscription_events(message_lost: Callable[[Any], object] | None = None
                        ) -> SubscriptionEventCallbacks:
    """Return the callbacks of no event but lost messages, which the executor must not get."""
    return SubscriptionEventCallbacks(message_lost=message_lost, use_default_callbacks=False)


def newest_image() -> QoSProfile:
    """Return the profile for the newest message alone; it matches every camera driver."""
    return image_input('best_effort', 1)


def image_input(reliability: str, depth: int) -> QoSProfile:
    """Return the profile for images; reliability: 'best_effort' or 'reliable'; depth: >= 1."""
    return QoSProfile(depth=depth, reliability=QoSReliabilityPolicy[reliability.upper()])


def results() -> QoSProfile:
    """Return the profile for small messages of which none should be lost."""
    return QoSProfile(depth=10)


def image_output() -> QoSProfile:
    """Return the profile for images to view: reliable, as rviz2's default, and only the newest."""
    return QoSProfile(depth=1)


def transforms() -> QoSProfile:
    """Return the profile of tf2_ros for /tf."""
    return QoSProfile(depth=100)


def latched(depth: int = 1) -> QoSProfile:
    """Return the profile that sends the last messages, `depth` of them, to later subscribers."""
    return QoSProfile(depth=depth, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def overridable() -> QoSOverridingOptions:
    """Return the policies that parameters such as qos_overrides./TOPIC.publisher.depth change."""
    return QoSOverridingOptions(POLICIES)


def overridden(node: Node, topic: str) -> QoSOverridingOptions:
    """
    Return the policies of a subscription for which the user gave such a parameter.

    rclpy declares the others with their first value and keeps that when the profile changes.
    """
    given = overrides_of(node)
    return QoSOverridingOptions([
        policy for policy in POLICIES
        if f'qos_overrides.{topic}.subscription.{policy.name.lower()}' in given])


@contextlib.contextmanager
def named(topic: str, endpoint: str) -> Iterator[None]:
    """
    Name the parameters of `overridable` in the errors of a block that creates an endpoint.

    topic: full name. endpoint: 'publisher' or 'subscription'.
    """
    try:
        yield
    except Exception as error:   # rcl's errors have no public type
        raise RuntimeError(f"'{topic}' cannot be created: {error}; check the parameters "
                           f'qos_overrides.{topic}.{endpoint}') from error
