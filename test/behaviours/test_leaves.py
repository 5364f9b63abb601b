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

"""Leaves of behaviour trees, tick by tick."""

from collections.abc import Iterator
import math
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('face_affect_msgs', reason='face_affect_msgs is not built: no ROS 2 here')
py_trees = pytest.importorskip('py_trees', reason='py_trees is not installed')

from face_affect_msgs.msg import FaceAffect, FaceAffectArray  # noqa: E402, I100
from face_affect_ros.behaviours import (  # noqa: E402
    ExpressionIs,
    FacePresent,
    FacesToBlackboard,
    LookingAtRobot,
    NearestPersonWithin,
    OncePerFace,
    Somebody,
)
from face_affect_ros.behaviours.greeter import make_tree, WORDS  # noqa: E402
from py_trees.common import Status  # noqa: E402

SUCCESS, FAILURE, RUNNING = Status.SUCCESS, Status.FAILURE, Status.RUNNING


class StubNode:
    """A node with a settable clock, which stores published messages and delivers received ones."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.said: list[str] = []
        self.listeners = 1
        self.deliver: Any = None

    def create_subscription(self, kind: Any, topic: str, callback: Any, profile: Any) -> str:
        self.topic, self.deliver = topic, callback
        return 'subscription'

    def destroy_subscription(self, subscription: str) -> None:
        self.deliver = None

    def create_publisher(self, kind: Any, topic: str, profile: Any) -> Any:
        return SimpleNamespace(publish=lambda message: self.said.append(message.data),
                               get_subscription_count=lambda: self.listeners)

    def get_clock(self) -> Any:
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=int(self.seconds * 1e9)))


def person(name: str, emotion: str = 'neutral', confidence: float = 0.9, z: float = 0.0,
           tracked: float = 0.0, turned: float | None = None) -> FaceAffect:
    """
    Return a face.

    z: distance in metres, 0 for an unknown one. turned: facing angle in degrees, None for an
    unknown orientation.
    """
    message = FaceAffect(id=name, emotion=emotion, emotion_confidence=confidence,
                         position_known=bool(z), orientation_known=turned is not None,
                         facing_angle=math.radians(turned or 0.0))
    message.position.z = z
    message.tracked_for.sec = int(tracked)
    message.tracked_for.nanosec = round(tracked % 1 * 1e9)
    return message


class Stage:
    """A tree with the listener and one leaf, its clock, and its messages."""

    def __init__(self, leaf: Any) -> None:
        self.node = StubNode()
        self.listener = FacesToBlackboard()
        self.leaf = leaf
        root = py_trees.composites.Parallel(
            'root', py_trees.common.ParallelPolicy.SuccessOnAll(synchronise=False),
            [self.listener, py_trees.decorators.FailureIsSuccess('leaf', leaf)])
        self.tree = py_trees.trees.BehaviourTree(root)
        self.tree.setup(node=self.node)

    def see(self, stamp: float, *faces: FaceAffect) -> Status:
        """Deliver a message, tick once, return the status of the leaf."""
        message = FaceAffectArray(faces=faces)
        message.header.stamp.sec = int(stamp)
        message.header.stamp.nanosec = round(stamp % 1 * 1e9)
        self.node.deliver(message)
        return self.tick()

    def tick(self, seconds: float = 0.0) -> Status:
        """Advance the clock, tick once, return the status of the leaf."""
        self.node.seconds += seconds
        self.tree.tick()
        return self.leaf.status


@pytest.fixture(autouse=True)
def clean_blackboard() -> Iterator[None]:
    """Clear the blackboard before each test."""
    py_trees.blackboard.Blackboard.clear()
    yield
    py_trees.blackboard.Blackboard.clear()


def found() -> str:
    """Return the id of the face that a condition has written to the blackboard."""
    return str(py_trees.blackboard.Blackboard.get('face_affect/face').id)


def test_the_listener_returns_whether_messages_arrive() -> None:
    stage = Stage(FacePresent())
    assert stage.tick() == FAILURE
    assert stage.listener.status == RUNNING
    assert stage.listener.feedback_message == "no message on 'face_affect/faces' yet"
    assert stage.see(1.0, person('a')) == SUCCESS
    assert stage.listener.status == SUCCESS and found() == 'a'
    assert stage.tick(1.9) == SUCCESS
    stage.tick(0.2)
    assert stage.listener.status == FAILURE
    assert stage.tick() == FAILURE   # nobody is present while no messages arrive
    assert stage.see(5.0, person('b')) == SUCCESS


def test_the_listener_fails_in_silence_after_simulated_time_has_jumped_back() -> None:
    stage = Stage(FacePresent())
    assert stage.see(1.0, person('a')) == SUCCESS
    assert stage.tick(-60.0) == SUCCESS
    assert stage.tick(1.9) == SUCCESS
    stage.tick(0.2)
    assert stage.listener.status == FAILURE
    assert stage.tick() == FAILURE


def test_people_stay_present_when_simulated_time_begins() -> None:
    stage = Stage(FacePresent())
    stage.node.seconds = 0.0   # before the first message on /clock
    assert stage.see(1.0, person('a')) == SUCCESS
    assert stage.tick(1e9) == SUCCESS
    assert stage.tick(1.9) == SUCCESS
    stage.tick(0.2)
    assert stage.listener.status == FAILURE


def test_the_listener_needs_a_node_and_destroys_its_subscription() -> None:
    with pytest.raises(KeyError, match=r'needs setup\(node=...\)'):
        FacesToBlackboard().setup()
    stage = Stage(FacePresent())
    stage.tree.shutdown()
    assert stage.node.deliver is None


def test_face_present_needs_the_minimum_duration() -> None:
    stage = Stage(FacePresent(for_seconds=2.5))
    assert stage.see(1.0, person('a', tracked=2.4)) == FAILURE
    assert stage.see(2.0, person('a', tracked=2.4), person('b', tracked=2.5)) == SUCCESS
    assert found() == 'b'


def test_an_expression_must_last_by_the_time_of_the_images() -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=1.0))
    assert stage.see(10.0, person('a', 'happy')) == FAILURE
    assert stage.see(10.9, person('a', 'happy')) == FAILURE
    assert stage.see(11.0, person('a', 'happy')) == SUCCESS
    assert stage.see(11.1, person('a', 'sad')) == FAILURE
    assert stage.see(11.2, person('a', 'happy')) == FAILURE   # it restarts
    assert stage.see(12.2, person('a', 'happy')) == SUCCESS


def test_leaves_are_imported_without_the_library() -> None:
    """A behaviour tree needs the messages only."""
    code = ('import sys\nimport face_affect_ros.behaviours\n'
            'sys.exit(bool({"scipy", "cv2"} & sys.modules.keys()))')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_durations_of_images_without_a_stamp_are_those_of_their_arrival(
        monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=1.0))
    for now, status in ((5.0, FAILURE), (5.9, FAILURE), (6.0, SUCCESS)):
        monkeypatch.setattr(time, 'monotonic', lambda now=now: now)
        assert stage.see(0.0, person('a', 'happy')) == status


def test_looking_at_robot_needs_the_minimum_duration() -> None:
    stage = Stage(LookingAtRobot(for_seconds=1.0))
    assert stage.see(10.0, person('a', turned=5.0)) == FAILURE
    assert stage.see(10.9, person('a', turned=28.0)) == FAILURE   # within the hysteresis
    assert stage.see(11.0, person('b', turned=5.0), person('a', turned=15.0)) == SUCCESS
    assert found() == 'a'
    assert stage.see(11.1, person('a', turned=31.0)) == FAILURE
    assert stage.see(11.2, person('a', turned=25.0)) == FAILURE   # within the hysteresis again
    assert stage.see(12.3, person('a', turned=25.0)) == FAILURE
    assert stage.see(12.4, person('a', turned=19.0)) == FAILURE
    assert stage.see(13.4, person('a', turned=0.0)) == SUCCESS


def test_looking_at_robot_fails_for_an_unknown_orientation() -> None:
    stage = Stage(LookingAtRobot())
    assert stage.see(10.0, person('a')) == FAILURE
    assert stage.see(10.1, person('a', turned=0.0)) == SUCCESS
    assert stage.see(10.2, person('a')) == FAILURE
    assert stage.see(10.3, person('a', turned=90.0)) == FAILURE


def test_somebody_combines_conditions_on_one_person() -> None:
    stage = Stage(Somebody(LookingAtRobot(), ExpressionIs('happy')))
    assert stage.see(1.0, person('a', 'happy', turned=80.0), person('b', turned=0.0)) == FAILURE
    assert stage.see(1.1, person('a', 'happy', turned=0.0), person('b', turned=0.0)) == SUCCESS
    assert found() == 'a'


def test_a_change_between_two_ticks_is_not_lost() -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=1.0))
    stage.see(10.0, person('a', 'happy'))
    message = FaceAffectArray(faces=[person('a', 'sad')])
    message.header.stamp.sec, message.header.stamp.nanosec = 10, 500_000_000
    stage.node.deliver(message)
    assert stage.see(11.0, person('a', 'happy')) == FAILURE


def test_a_short_absence_keeps_the_history_and_a_long_one_ends_it() -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=2.0))
    stage.see(10.0, person('a', 'happy'))
    assert stage.see(10.9) == FAILURE
    assert stage.see(11.0, person('a', 'happy')) == FAILURE
    assert stage.see(12.0, person('a', 'happy')) == SUCCESS
    stage.see(13.5)
    assert stage.see(14.0, person('a', 'happy')) == FAILURE
    assert stage.see(16.0, person('a', 'happy')) == FAILURE   # no message in the meantime
    assert stage.see(17.0, person('a', 'happy')) == FAILURE
    assert stage.see(18.0, person('a', 'happy')) == SUCCESS


def test_histories_of_two_tracks_are_not_added() -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=1.0))
    stage.see(10.0, person('a', 'happy'))
    assert stage.see(11.0, person('b', 'happy')) == FAILURE


def test_histories_are_reset_when_a_bag_restarts() -> None:
    stage = Stage(ExpressionIs('happy', for_seconds=1.0))
    stage.see(100.0, person('a', 'happy'))
    assert stage.see(101.0, person('a', 'happy')) == SUCCESS
    assert stage.see(5.0, person('a', 'happy')) == FAILURE
    assert stage.see(6.0, person('a', 'happy')) == SUCCESS


@pytest.mark.parametrize('make', [
    lambda seconds: ExpressionIs('happy', for_seconds=seconds),
    lambda seconds: LookingAtRobot(seconds)], ids=['expression', 'looking'])
@pytest.mark.parametrize(('seconds', 'expected'), [
    (0.0, 5 * [SUCCESS]), (0.5, [*4 * [FAILURE], SUCCESS])])
def test_stamps_in_disorder_keep_the_histories(make: Any, seconds: float,
                                               expected: list[Status]) -> None:
    """As in the tracker, which keeps the track if time jumps back a little."""
    stage = Stage(make(seconds))
    smile = person('a', 'happy', turned=0.0)
    assert [stage.see(stamp, smile) for stamp in (10.03, 10.0, 10.5, 10.49, 10.54)] == expected


def test_an_expression_below_the_confidence_is_ignored() -> None:
    stage = Stage(ExpressionIs('happy', min_confidence=0.8))
    assert stage.see(1.0, person('a', 'happy', 0.79)) == FAILURE
    assert stage.see(2.0, person('a', 'happy', 0.81)) == SUCCESS


def test_a_misspelt_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="'smile' is not one of angry"):
        ExpressionIs('smile')


def test_the_nearest_within_a_distance() -> None:
    stage = Stage(NearestPersonWithin(2.0))
    assert stage.see(1.0, person('a', z=2.1), person('b')) == FAILURE
    assert stage.see(2.0, person('a', z=1.9), person('b', z=1.2), person('c')) == SUCCESS
    assert found() == 'b'


def test_once_per_face_runs_the_child_once_for_each_face() -> None:
    counted = py_trees.behaviours.StatusQueue('count', [SUCCESS] * 9, SUCCESS)
    sequence = py_trees.composites.Sequence('s', memory=False, children=[
        FacePresent(), OncePerFace('once', counted)])
    stage = Stage(sequence)
    assert stage.see(1.0, person('a', z=1.0)) == SUCCESS
    assert stage.see(2.0, person('a', z=1.0)) == FAILURE
    assert stage.see(3.0, person('b', z=1.0)) == SUCCESS
    assert stage.see(4.0, person('a', z=1.0)) == FAILURE


def test_once_per_face_fails_before_a_leaf_has_written_a_face() -> None:
    once = OncePerFace('once', py_trees.behaviours.Success('greet'))
    stage = Stage(once)
    assert stage.see(1.0, person('a')) == FAILURE
    assert once.feedback_message == 'nobody'
    FacePresent().tick_once()
    assert stage.tick() == SUCCESS and found() == 'a'


def test_a_running_child_ends_before_the_next_face() -> None:
    slow = py_trees.behaviours.StatusQueue('slow', [RUNNING, RUNNING, SUCCESS], SUCCESS)
    stage = Stage(py_trees.composites.Sequence('s', memory=False, children=[
        FacePresent(), OncePerFace('once', slow)]))
    assert [stage.see(t, person('a')) for t in (1.0, 2.0, 3.0, 4.0)] == [
        RUNNING, RUNNING, SUCCESS, FAILURE]


def test_the_face_stays_the_same_while_the_child_runs() -> None:
    slow = py_trees.behaviours.StatusQueue('slow', [RUNNING, RUNNING, SUCCESS, SUCCESS], SUCCESS)
    stage = Stage(py_trees.composites.Sequence('s', memory=False, children=[
        FacePresent(), OncePerFace('once', slow)]))
    first, second = person('a', z=2.0), person('b', z=1.0)
    assert stage.see(1.0, first) == RUNNING
    assert stage.see(2.0, first, second) == RUNNING and found() == 'a'
    assert stage.see(3.0, second) == SUCCESS and found() == 'a'
    assert stage.see(4.0, first, second) == SUCCESS and found() == 'b'
    assert stage.see(5.0, first) == FAILURE


def test_all_conditions_are_of_one_person() -> None:
    stage = Stage(Somebody(NearestPersonWithin(2.0), ExpressionIs('happy')))
    assert stage.see(1.0, person('a', z=1.0), person('b', 'happy', z=6.0)) == FAILURE
    assert stage.see(2.0, person('a', z=1.0), person('b', 'happy', z=1.5)) == SUCCESS
    assert found() == 'b'


def test_the_child_runs_for_each_face_that_fulfils_the_condition() -> None:
    counted = py_trees.behaviours.StatusQueue('count', [SUCCESS] * 9, SUCCESS)
    stage = Stage(OncePerFace('once', counted, who=ExpressionIs('happy')))
    both = person('a', 'happy', z=1.0), person('b', 'happy', z=2.0)
    assert stage.see(1.0, person('c')) == FAILURE
    assert stage.see(2.0, *both) == SUCCESS and found() == 'a'
    assert stage.see(3.0, *both) == SUCCESS and found() == 'b'
    assert stage.see(4.0, *both, person('c', 'happy', z=3.0)) == SUCCESS and found() == 'c'
    assert stage.see(5.0, *both) == FAILURE


class GreeterStage(Stage):
    """The example tree."""

    def __init__(self, **values: float) -> None:
        self.node = StubNode()
        self.tree = py_trees.trees.BehaviourTree(
            make_tree(**{'hold': 1.0, 'patience': 3.0, **values}))
        self.tree.setup(node=self.node)
        self.leaf = self.tree.root

    def say(self, stamp: float, *faces: FaceAffect) -> list[str]:
        """Deliver a message, tick once, return the published sentences."""
        before = len(self.node.said)
        self.see(stamp, *faces)
        names = {text: name for name, text in WORDS.items()}
        return [names[text] for text in self.node.said[before:]]


def test_the_example_greets_comforts_and_asks() -> None:
    stage = GreeterStage()
    assert stage.say(10.0, person('a', 'happy')) == []
    assert stage.say(11.0, person('a', 'happy')) == ['greet']
    assert stage.say(12.0, person('a', 'happy')) == []            # not twice
    assert stage.say(13.0, person('a', 'sad')) == []
    assert stage.say(14.0, person('a', 'sad')) == ['comfort']
    assert stage.say(15.0, person('b', 'unknown', tracked=2.0)) == []
    assert stage.say(16.0, person('b', 'unknown', tracked=3.0)) == ['ask']
    assert stage.say(17.0, person('b', 'unknown', tracked=4.0)) == []
    assert stage.say(18.0) == []
    assert stage.say(19.0, person('c', 'neutral', tracked=9.0)) == []
    assert stage.tree.root.status == SUCCESS


def test_the_sentence_is_published_once_there_is_a_subscriber() -> None:
    stage = GreeterStage()
    stage.node.listeners = 0
    assert stage.say(10.0, person('a', 'happy')) == []
    assert stage.say(12.0, person('a', 'happy')) == []
    stage.node.listeners = 1
    assert stage.say(13.0, person('a', 'happy')) == ['greet']
    assert stage.say(14.0, person('a', 'happy')) == []


def test_a_smile_has_priority_over_a_sad_face() -> None:
    stage = GreeterStage()
    both = person('a', 'sad'), person('b', 'happy')
    assert stage.say(10.0, *both) == []
    assert stage.say(11.0, *both) == ['greet']
    assert stage.say(12.0, *both) == ['comfort']


def test_people_beyond_the_maximum_distance_are_ignored() -> None:
    stage = GreeterStage(max_distance=2.0, hold=0.0)
    assert stage.say(10.0, person('a', 'happy', z=3.0)) == []
    assert stage.say(11.0, person('a', 'happy', z=1.5)) == ['greet']
    assert stage.say(12.0, person('a', z=1.0), person('b', 'happy', z=6.0)) == []
    assert stage.say(13.0, person('a', z=1.0), person('b', 'happy', z=1.9)) == ['greet']
