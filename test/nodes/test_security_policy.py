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

"""config/sros2: the policy allows exactly what the running node does."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench  # noqa: E402, I100
from rclpy.action import get_action_server_names_and_types_by_node  # noqa: E402

POLICY = Path(__file__).resolve().parents[2] / 'config' / 'sros2' / 'face_affect.policy.xml'
#: By the attributes of a policy: what a node does with the topics, services or actions below.
KINDS = ('publish', 'subscribe', 'reply', 'request', 'execute', 'call')


def allowed() -> dict[str, set[str]]:
    """Return the full names that the policy allows, by KINDS."""
    profile = ET.parse(POLICY).getroot().find('enclaves/enclave/profiles/profile')
    assert profile is not None and profile.get('ns') == '/'
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for group in profile:
        assert set(group.attrib.values()) == {'ALLOW'}
        for kind in group.attrib:
            for entry in group:
                name = str(entry.text)
                found[kind].add(name if name.startswith('/') else f'/{profile.get("node")}'
                                f'{name[1:]}' if name.startswith('~') else f'/{name}')
    return found


def used(node: Any) -> dict[str, set[str]]:
    """Return the full names of the endpoints of a node, by KINDS, those of actions once."""
    who = node.get_name(), node.get_namespace()

    def names(what: str) -> set[str]:
        pairs = getattr(node, f'get_{what}_names_and_types_by_node')(*who)
        return {name for name, _ in pairs if '/_action/' not in name}

    actions = {name for name, _ in get_action_server_names_and_types_by_node(node, *who)}
    return {'publish': names('publisher'), 'subscribe': names('subscriber'),
            'reply': names('service'), 'request': names('client'), 'execute': actions,
            'call': set()}


def test_the_policy_matches_the_endpoints_of_the_node(bench: Bench, ros: Any) -> None:
    for package in ('vision_msgs', 'hri_msgs', 'tf2_msgs'):
        pytest.importorskip(package, reason=f'{package} is not installed')
    node = bench.start(use_depth=True, publish_tf=True, ros4hri=True, use_sim_time=True)
    bench.answered()
    face = f'/humans/faces/{bench.faces[-1].faces[0].id}/'
    assert bench.until(lambda: sum(name.startswith(face) for name in used(node)['publish']) == 6)
    compressed = Bench(ros, bench.portrait)
    other = compressed.start(image_transport='compressed')
    assert bench.until(lambda: '/image/compressed' in used(other)['subscribe'])
    does, may = used(node), allowed()
    does['subscribe'].add('/image/compressed')
    compressed.close()
    # Only from Iron on.
    may['reply'] -= {'/face_affect/get_type_description'} - does['reply']
    for kind in KINDS:
        assert {name for name in does[kind]
                if not any(fnmatchcase(name, each) for each in may[kind])} == set(), kind
        assert {each for each in may[kind]
                if not any(fnmatchcase(name, each) for name in does[kind])} == set(), kind
