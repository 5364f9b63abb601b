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

"""The options have the ranges of the parameters of the nodes."""

from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.cli import main
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.nodes.parameters import PARAMETERS, problem_with
import pytest

#: A value below and one above the range of each option that has one.
OUTSIDE = [(name, value) for name in PipelineSettings.__dataclass_fields__
           for bounds in [PARAMETERS[name].bounds] if bounds
           for value in (bounds[0] - 1, bounds[1] + 1)]
NUMBERS = [name for name, each in PipelineSettings.__dataclass_fields__.items()
           if isinstance(each.default, float)]


@pytest.mark.parametrize('command', ['analyze', 'explain', 'demo'])
@pytest.mark.parametrize(('name', 'value'), [
    *OUTSIDE, *((name, float(value)) for name in NUMBERS for value in ('nan', 'inf', '-inf')),
    ('track_id_prefix', '1'), ('track_id_prefix', 'a b')])
def test_values_out_of_range_are_refused(command: str, name: str, value: float | str,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    arguments = {'analyze': [str(portrait_path())],
                 'explain': [str(portrait_path()), '--out', 'x.png'], 'demo': []}[command]
    option = f"--{name.replace('_', '-')}"
    number = value if isinstance(value, str) else type(PARAMETERS[name].default)(value)
    assert main([command, *arguments, f'{option}={number}']) == 1
    out, err = capsys.readouterr()
    assert err == f'error: {option}' + problem_with({name: number}).removeprefix(
        f"parameter '{name}'") + '\n'
    assert out == '' and ('outside of' in err or 'is not a letter' in err)


@pytest.mark.parametrize(('command', 'option', 'value'), [
    ('demo', '--duration', 'nan'), ('demo', '--duration', '-1'), ('demo', '--duration', 'inf'),
    ('explain', '--frame', '-1'), ('analyze', '--sequence', 'nan'),
    ('analyze', '--sequence', '-1'), ('analyze', '--sequence', 'inf')])
def test_other_numbers_out_of_range(command: str, option: str, value: str,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    arguments = {'analyze': [str(portrait_path())],
                 'explain': [str(portrait_path()), '--out', 'x.png'], 'demo': []}[command]
    assert main([command, *arguments, f'{option}={value}']) == 1
    err = capsys.readouterr().err
    assert err.startswith(f'error: {option} is {value}') and 'it must be from 0 to' in err


@pytest.mark.parametrize('command', ['analyze', 'explain', 'demo'])
def test_the_ranges_are_in_the_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, '--help'])
    text = ' '.join(capsys.readouterr().out.split())
    for name in PipelineSettings.__dataclass_fields__:
        bounds = PARAMETERS[name].bounds
        assert not bounds or f'From {bounds[0]:g} to {bounds[1]:g}.' in text


@pytest.mark.parametrize(('arguments', 'name'), [
    (['analyze', ''], 'FILE'), (['explain', '', '--out', 'x.png'], 'FILE'),
    (['report', ''], 'RESULTS'), (['analyze', 'a', '--json', ''], '--json'),
    (['analyze', 'a', '--annotate', ''], '--annotate'), (['analyze', 'a', '--out', ''], '--out'),
    (['explain', 'a', '--out', ''], '--out'), (['report', 'a', '--out', ''], '--out'),
    (['tiers', 'a', '--out', ''], '--out'), (['demo', '--out', ''], '--out'),
    (['analyze', 'a.mcap', '--topic', ''], '--topic'),
    (['analyze', 'a.mcap', '--topic', '/a', '--topic', ''], '--topic'),
    (['analyze', 'a', '--out', 'b', '--scheduler', ''], '--scheduler'),
])
def test_an_empty_name_is_refused(arguments: list[str], name: str,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    """As of an unset variable of a shell."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and f'{name}: it is empty' in capsys.readouterr().err


@pytest.mark.parametrize('url', ['s3://bucket/a.png', 'file:///tmp/a.png'])
@pytest.mark.parametrize(('arguments', 'name'), [
    (['analyze', 'a', '--json'], '--json'), (['analyze', 'a', '--annotate'], '--annotate'),
    (['explain', 'a', '--out'], '--out'), (['report', 'a', '--out'], '--out'),
    (['tiers', 'a', '--out'], '--out'), (['demo', '--out'], '--out')])
def test_a_url_is_no_local_file(arguments: list[str], name: str, url: str,
                                capsys: pytest.CaptureFixture[str]) -> None:
    """Only `analyze --out` writes to URLs."""
    with pytest.raises(SystemExit) as caught:
        main([*arguments, url])
    assert caught.value.code == 2
    assert f'argument {name}: {url} is a URL; give the name' in capsys.readouterr().err
