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

"""The launch files: their arguments and their errors."""

import contextlib
import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image
import pytest

pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed: pip has none, it '
                    'comes with a ROS distribution')

from ament_index_python.packages import get_package_prefix, PackageNotFoundError  # noqa: E402,I100
from face_affect_ros.affect.types import AffectError  # noqa: E402
from face_affect_ros.launch_support import arguments  # noqa: E402
from face_affect_ros.launch_support.actions import use_profile  # noqa: E402
from face_affect_ros.launch_support.arguments import image_topics  # noqa: E402
from face_affect_ros.nodes.declaration import unmatched_file  # noqa: E402
from face_affect_ros.nodes.large_images import (  # noqa: E402
    TRANSPORTS,
    variable,
    VARIABLES,
    variables,
)
from launch import LaunchContext, LaunchDescription  # noqa: E402
from launch.actions import (  # noqa: E402
    DeclareLaunchArgument,
    SetEnvironmentVariable,
)
from launch.utilities import perform_substitutions  # noqa: E402
from launch_case import launching, PATIENCE  # noqa: E402
from launch_ros.utilities import to_parameters_list  # noqa: E402
from support import wait_until  # noqa: E402

FILES = sorted((Path(__file__).resolve().parents[2] / 'launch').glob('*.launch.py'))


def described(path: Path) -> LaunchDescription:
    """Return the description of a launch file."""
    spec = importlib.util.spec_from_file_location(path.name.split('.')[0], path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def launched(name: str, *given: str) -> tuple[int, str]:
    """Launch a file until it ends; return exit code and output."""
    with launching(name, *given) as process:
        return process.wait(timeout=120.0), process.output()


def test_all_launch_files_are_here() -> None:
    assert [path.name for path in FILES] == [
        'demo.launch.py', 'greeter.launch.py', 'multi_camera.launch.py', 'perception.launch.py',
        'replay.launch.py']


@pytest.mark.parametrize(('section', 'applies'), [
    ('/**', True), ('/robot/face_affect', True), ('robot/face_affect', True), ('/robot/*', True),
    ('/*/face_affect', True), ('/**/face_affect', True), ('face_affect', False), ('', True)])
def test_a_file_that_launch_ros_ignores_for_a_container_is_reported(
        section: str, applies: bool, tmp_path: Path) -> None:
    file = tmp_path / 'my.yaml'
    inner = 'event_hold: 1.0'
    file.write_text(f'{section}: {{ros__parameters: {{{inner}}}}}' if section else inner)
    read = to_parameters_list(LaunchContext(), 'face_affect', '/robot', [file])
    # launch_ros applies wildcards other than /** since June 2025
    assert bool(read) is applies or '*' in section
    warning = unmatched_file(file, '/robot/face_affect', composed=True)
    assert warning == ('' if applies else (
        f'parameter file {file} has no section for /robot/face_affect, only for '
        f"/{section.strip('/')}, and is ignored: begin it with '/**:' or '/robot/face_affect:'"))


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_argument_is_described_and_its_default_is_allowed(path: Path) -> None:
    declared = [each for each in described(path).entities
                if isinstance(each, DeclareLaunchArgument)]
    assert len(declared) >= 10
    for argument in declared:
        assert argument.description.strip() not in ('', 'no description given'), argument.name
        if argument.default_value is not None and argument.choices:
            default = perform_substitutions(LaunchContext(), argument.default_value)
            assert default in argument.choices, argument.name


def test_only_bag_and_images_are_required() -> None:
    needed = {argument.name for path in FILES for argument in described(path).entities
              if isinstance(argument, DeclareLaunchArgument) and argument.default_value is None}
    assert needed == {'bag', 'images'}


def test_the_profile_is_set_for_fast_dds(monkeypatch: Any) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    actions = use_profile(LaunchContext(), arguments.PROFILE)
    assert all(isinstance(action, SetEnvironmentVariable) for action in actions)
    context = LaunchContext()
    assert {perform_substitutions(context, each.name): perform_substitutions(context, each.value)
            for each in actions} == {variable(): arguments.PROFILE}


@pytest.mark.parametrize('name', VARIABLES)
def test_the_profile_of_the_user_is_kept(name: str, monkeypatch: Any) -> None:
    for each in VARIABLES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, '/home/robot/profile.xml')
    assert use_profile(LaunchContext(), arguments.PROFILE) == []


def test_on_humble_no_profile_is_set_with_localhost_only(monkeypatch: Any) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('ROS_DISTRO', 'humble')
    assert use_profile(LaunchContext(), arguments.PROFILE)
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    assert use_profile(LaunchContext(), arguments.PROFILE) == []


def test_a_profile_can_be_switched_off_and_must_exist() -> None:
    environment = {name: os.environ.pop(name) for name in (*VARIABLES, TRANSPORTS)
                   if name in os.environ}
    try:
        context = LaunchContext()
        [action] = use_profile(context, '')
        action.execute(context)
        # The nodes do not use the installed profile then.
        assert variables(context.environment, arguments.PROFILE) == {}
        assert use_profile(context, '') == []
        os.environ.pop(TRANSPORTS)
        with pytest.raises(AffectError, match=r"'dds_profile': there is no file /nowhere.xml"):
            use_profile(LaunchContext(), '/nowhere.xml')
        with pytest.raises(AffectError, match=f'there is no file {Path.home()}/nowhere.xml'):
            use_profile(LaunchContext(), '~/nowhere.xml')
    finally:
        os.environ.update(environment)


@pytest.mark.parametrize(('name', 'given', 'complaint'), [
    ('perception', ['params_file:=/nowhere.yaml'],
     "launch argument 'params_file': there is no file /nowhere.yaml"),
    ('perception', ['params_file:=~/nowhere.yaml'],
     f"launch argument 'params_file': there is no file {Path.home()}/nowhere.yaml"),
    ('perception', ['camera:=webcam'], '"camera" provided value "webcam" is not valid'),
    ('perception', ['container:=true', 'respawn:=true'],
     "launch argument 'respawn': a container that is started again is empty"),
    ('perception', ['low_power:=yes'], '"low_power" provided value "yes" is not valid'),
    ('perception', ['autostart:=maybe'], "Valid options are: ['true', 'True', '1', 'false', "
     "'False', '0']"),
    ('perception', ['min_score:=2'], "launch argument 'min_score': 2.0 is outside of 0.01 to "),
    ('perception', ['min_score:=high'], "launch argument 'min_score': 'high' is not a number"),
    ('perception', ['image:=/camera/compressed', 'transport:=raw'],
     "launch argument 'image': /camera/compressed is a topic of compressed images; leave out"),
    ('perception', ['image:=/camera-1/image_raw'],
     "launch argument 'image': Invalid topic name: topic name must not contain characters other"),
    ('perception', ['depth:=1'], "launch argument 'depth': Invalid topic name: topic name token"),
    ('multi_camera', ['images:=/front/image_raw,,'], "launch argument 'images'"),
    ('multi_camera', ['images:=/front/image_raw,/rear-1/image_raw'],
     "launch argument 'images': Invalid topic name: topic name must not contain characters other"),
    ('demo', ['rate:=fast'], "launch argument 'rate': 'fast' is not a number"),
    ('demo', ['rate:=-1'], "launch argument 'rate': -1.0 is outside of 0.0 to 240.0"),
    ('greeter', ['max_distance:=-1'], "launch argument 'max_distance': -1.0 is outside of 0.0 to"),
    ('perception', ['image:=none'], "launch argument 'image' cannot be 'none'; name a topic"),
    ('perception', ['depth:=default'], "launch argument 'depth' cannot be 'default'; name a"),
    ('multi_camera', ['images:=/front/image_raw,/compressed'],
     "launch argument 'images': Invalid topic name: topic name must not be empty"),
    ('multi_camera', ['images:=/front/image_raw,/rear/compressed', 'transport:=raw'],
     "launch argument 'images': /rear/compressed is a topic of compressed images; leave out"),
    ('replay', ['bag:=/nowhere'], '/nowhere'),
    ('replay', ['bag:='], "'bag'"),
])
def test_a_wrong_argument_ends_the_launch_with_an_error(
        ros_domain: int, name: str, given: list[str], complaint: str) -> None:
    code, output = launched(name, *given)
    errors = [line for line in output.splitlines() if '[ERROR]' in line]
    assert code == 1
    assert errors and all(complaint in line for line in errors), output
    assert 'process started' not in output and 'Traceback' not in output


@pytest.mark.parametrize(('content', 'complaint'), [
    ('/**: [', 'while parsing a flow node'), ('', 'NoneType'),
    ('/**: {ros__parameters: {emotion_model: null}}', 'Unexpected type'),
    ('/**: {ros__parameters: {emotion_model: [1, small]}}', '"emotion_model"')])
def test_a_file_that_launch_ros_cannot_read_ends_the_launch_without_a_container(
        ros_domain: int, content: str, complaint: str, tmp_path: Path) -> None:
    """The container would be left running, and the next launch would use it."""
    file = tmp_path / 'my.yaml'
    file.write_text(content, encoding='utf-8')
    code, output = launched('perception', 'container:=true', f'params_file:={file}')
    assert code == 1
    assert f"launch argument 'params_file': launch_ros cannot read {file}: " in output, output
    assert complaint in output and 'Traceback' not in output


def test_arguments_that_a_file_does_not_have_are_not_those_of_the_including_file(
        ros_domain: int) -> None:
    """A bring-up may have arguments of these names with other values."""
    with launching('multi_camera', 'images:=/front/image_raw,/rear/image_raw', 'autostart:=false',
                   'camera:=front', 'rviz:=true', 'depth:=1', 'processing:=fast') as process:
        assert wait_until(lambda: process.output().count('process started') == 3), process.output()
        assert '[ERROR]' not in process.output()


def test_a_missing_rviz2_ends_the_launch_before_the_node_starts(ros_domain: int) -> None:
    with contextlib.suppress(PackageNotFoundError):
        get_package_prefix('rviz2')
        pytest.skip('rviz2 is installed here')
    code, output = launched('perception', 'rviz:=true')
    assert code == 1
    assert 'the package rviz2 is not installed' in output
    assert 'process started' not in output


@pytest.fixture
def unknown_model(tmp_path: Path) -> str:
    """Return a parameter file with the name of a missing model."""
    path = tmp_path / 'unknown.yaml'
    path.write_text('/**: {ros__parameters: {emotion_model: no_such_model}}', encoding='utf-8')
    return str(path)


def test_a_required_node_that_cannot_be_configured_ends_the_launch(
        ros_domain: int, unknown_model: str) -> None:
    code, output = launched('perception', f'params_file:={unknown_model}', 'required:=true')
    assert code == 1
    assert "model 'no_such_model' not found" in output
    assert '/face_affect could not configure; see the message above' in output
    assert 'Traceback' not in output


@pytest.mark.parametrize(('arguments', 'ended'), [
    (('perception', 'required:=true'), 'face_affect'),
    (('demo', 'container:=true'), 'face_affect_container')])
def test_a_required_node_that_cannot_be_created_ends_the_launch(
        arguments: tuple[str, ...], ended: str, ros_domain: int, tmp_path: Path) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text('/**: {ros__parameters: {min_score: 7.0}}', encoding='utf-8')
    code, output = launched(*arguments, f'params_file:={path}')
    assert code == 1
    assert f'/{ended} ended with exit code 1' in output
    assert 'Traceback' not in output


def clip(folder: Path) -> Path:
    """Write a clip of five images; return its path."""
    pictures = [Image.new('RGB', (64, 48), (shade, 0, 0)) for shade in range(0, 250, 50)]
    pictures[0].save(folder / 'clip.gif', save_all=True, append_images=pictures[1:], duration=100)
    return folder / 'clip.gif'


def test_the_demo_starts_when_the_node_is_ready_and_ends_with_the_clip(
        ros_domain: int, tmp_path: Path) -> None:
    code, output = launched('demo', f'source:={clip(tmp_path)}', 'loop:=false')
    assert code == 0
    assert output.index('waiting for images') < output.index('has ended after 5 images'), output


def test_a_container_ends_with_the_clip(ros_domain: int, tmp_path: Path) -> None:
    code, output = launched('demo', f'source:={clip(tmp_path)}', 'loop:=false',
                            'container:=true')
    assert code == 0, output
    assert output.count('process started') == 1
    assert output.index('waiting for images') < output.index('has ended after 5 images')
    assert 'Traceback' not in output


def test_each_container_has_the_name_of_its_node(ros_domain: int, tmp_path: Path) -> None:
    """Two containers of one name would answer each request of launch_ros both."""
    code, output = launched('demo', f'source:={clip(tmp_path)}', 'loop:=false',
                            'container:=true', 'node_name:=front', 'namespace:=robot')
    assert code == 0, output
    assert "Loaded node '/robot/front' in container '/robot/front_container'" in output
    assert "Loaded node '/robot/camera_player' in container '/robot/front_container'" in output


def test_the_demo_fails_with_its_player(ros_domain: int, tmp_path: Path) -> None:
    code, output = launched('demo', f'source:={tmp_path}/missing.gif')
    assert code == 1
    assert 'missing.gif: no such file' in output
    assert '/camera_player ended with exit code 1' in output


def context_of(**given: str) -> LaunchContext:
    """Return a context with the given arguments and the defaults of others."""
    context = LaunchContext()
    context.launch_configurations.update({
        **{name: each.default or '' for name, each in arguments.ARGUMENTS.items()}, **given})
    return context


@pytest.mark.parametrize(('given', 'image', 'info', 'transport'), [
    ({}, 'image_raw', 'camera_info', None),
    ({'image': '/camera/image_raw'}, '/camera/image_raw', None, None),
    ({'image': '/camera/image_raw/compressed'}, '/camera/image_raw', None, 'compressed'),
    ({'image': 'a/compressed', 'transport': 'compressed'}, 'a', None, 'compressed'),
    ({'image': 'a', 'camera_info': 'b', 'transport': 'raw'}, 'a', 'b', 'raw'),
    ({'camera': 'care_o_bot'}, '/sensorring_cam3d_upright/rgb/image_raw',
     '/sensorring_cam3d/rgb/camera_info', None),
])
def test_the_topics_follow_from_the_arguments(given: dict[str, str], image: str, info: str | None,
                                              transport: str | None) -> None:
    remappings, parameters = image_topics(context_of(**given))
    wanted = {'image': image, 'camera_info': info}
    assert dict(remappings) == {name: topic for name, topic in wanted.items() if topic}
    assert parameters == ({'image_transport': transport} if transport else {})


@pytest.mark.parametrize(('info', 'namespace'), [
    ('/camera_info', ''), ('camera_info', ''), ('camera_info', 'a'), ('/a/camera_info', 'a')])
def test_camera_info_may_have_the_name_that_it_has_in_the_node(info: str, namespace: str) -> None:
    remappings, _ = image_topics(context_of(image='/b/image', camera_info=info,
                                            namespace=namespace))
    assert ('/b/camera_info', info) in remappings


@pytest.mark.parametrize('name', [name for name, each in arguments.ARGUMENTS.items()
                                  if each.default is not None])
def test_every_empty_value_has_a_word_that_ros2_launch_accepts(name: str) -> None:
    context = context_of(**{name: ''})
    argument = arguments.ARGUMENTS[name]
    documented = argument.default in ('', arguments.DEFAULT, arguments.NONE)
    if name != 'camera' and documented:
        assert argument.empty, name
        context.launch_configurations[name] = argument.empty
        assert arguments.text(context, name) == ''


@pytest.mark.parametrize(('given', 'low', 'warned'), [
    ({}, False, False), ({'low_power': 'true'}, True, False), ({'frugal': '1'}, True, True)])
def test_low_power_has_a_deprecated_name(given: dict[str, str], low: bool, warned: bool,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(arguments, 'get_logger',
                        lambda name: SimpleNamespace(warning=told.append))
    assert arguments.low_power(context_of(**given)) is low
    assert told == (['the launch argument frugal is deprecated: use low_power'] if warned else [])


def test_low_power_keeps_models_switched_off(tmp_path: Path) -> None:
    """The models of config/low_power.yaml would override those of the file."""
    file = tmp_path / 'mine.yaml'
    for content, off in (
            ("/robot: {face_affect: {ros__parameters: {gender_model: ''}}}", {'gender_model'}),
            ("/**: {ros__parameters: {emotion_model: '', gender_model: ''}}",
             {'emotion_model', 'gender_model'}),
            ("emotion_model: ''", {'emotion_model'}),   # launch_ros gives it to containers
            ('/**: {ros__parameters: {gender_model: gender_mini_xception}}', set()),
            ('/**: [', set())):
        file.write_text(content, encoding='utf-8')
        found = arguments.switched_off(file)
        assert set(found) == off
        assert {each.evaluate(context_of()) for each in found.values()} <= {''}
    assert arguments.switched_off(tmp_path / 'nowhere.yaml') == {}


def test_parameters_keep_their_types() -> None:
    context = context_of(emotion_model='none', gender_model='7', min_score='0.3',
                         blur_faces='True', ros4hri='1', tf='0', detector='none')
    found = {name: each.evaluate(context) if hasattr(each, 'evaluate') else each
             for name, each in arguments.passed_parameters(context).items()}
    assert found == {'emotion_model': '', 'gender_model': '7', 'min_score': 0.3,
                     'blur_faces': True, 'ros4hri': True, 'publish_tf': False,
                     'detector': 'none'}
    assert arguments.passed_parameters(context_of()) == {}


def test_a_node_is_started_again_after_an_error(ros_domain: int, tmp_path: Path) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text('/**: {ros__parameters: {min_score: 7.0}}', encoding='utf-8')
    with launching('perception', f'params_file:={path}', 'respawn:=true') as process:
        assert wait_until(lambda: process.output().count('process started with pid') > 2,
                          timeout=PATIENCE), process.output()
        assert process.stop() == 0
        assert 'Traceback' not in process.output()


@pytest.mark.parametrize(('given', 'parameters'), [
    ('', {}), ('default', {}), ('True', {'use_sim_time': True}),
    ('false', {'use_sim_time': False})])
def test_the_parameter_file_sets_simulated_time_by_default(
        given: str, parameters: dict[str, bool]) -> None:
    context = LaunchContext()
    context.launch_configurations['use_sim_time'] = given
    assert arguments.sim_time(context) == parameters
