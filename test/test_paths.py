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

"""File names with unusual characters: printed in one line, and opened by their kind."""

import os
from pathlib import Path

from face_affect_ros.media import ImageOrVideoSink, open_media
from face_affect_ros.media.opening import is_camera
from face_affect_ros.paths import expanded, is_bag, replaced, shown
import numpy as np
import pytest
from support import forbidden, permissions_apply

#: Names that look like patterns, URLs or options, or are not valid text.
NAMES = ['2026-05-01T12:30:05', 'file:a', '100%', 'a%03d', 'a%41b', '-a', '--help', 'a b', "it's",
         'a?b=c#d', '\u00b25', '\u0663', 'two\nlines', '\u202eright to left', '*', '~', '2024',
         os.fsdecode(b'\xff\xfe'), os.fsdecode(b'caf\xe9'), '\U0001f600', 'x' * 240]
IMAGE = np.full((48, 64, 3), 120, np.uint8)


@pytest.mark.parametrize('name', NAMES, ids=ascii)
@pytest.mark.parametrize('suffix', ['.png', '.mp4'])
def test_files_of_any_name_are_written_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                name: str, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    with ImageOrVideoSink(name + suffix, rate=10.0) as sink:
        sink.write(IMAGE)
    assert os.listdir() == [name + suffix]
    with open_media(name + suffix) as media:
        frame, = media
    assert frame.image.shape == IMAGE.shape and abs(int(frame.image[0, 0, 0]) - 120) < 10


@pytest.mark.parametrize('name', [name for name in NAMES if name != '~'], ids=ascii)
def test_folders_of_any_name_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with ImageOrVideoSink(Path(name, f'{name[:200]}.png')) as sink:
        sink.write(IMAGE)
    with open_media(name) as media:
        assert len(list(media)) == 1
    monkeypatch.chdir(name)
    with open_media('.') as media:
        assert len(list(media)) == 1


def test_a_replaced_link_stays_and_a_device_is_written(tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('file.txt')
    for text in ('first', 'second'):
        with replaced(tmp_path / 'link') as new:
            new.write_text(text)
        assert (tmp_path / 'file.txt').read_text() == text
    assert sorted(os.listdir(tmp_path)) == ['file.txt', 'link']
    assert (tmp_path / 'link').is_symlink()
    with replaced(Path('/dev/null')) as new:
        assert new == Path('/dev/null')
    reader, writer = os.pipe()   # as /dev/stdout in front of a pipe
    try:
        with replaced(Path(f'/dev/fd/{writer}')) as new:
            new.write_text('third')
        assert os.read(reader, 10) == b'third'
    finally:
        os.close(reader)
        os.close(writer)


def test_a_replaced_file_keeps_its_permissions_and_its_links(tmp_path: Path) -> None:
    file = tmp_path / 'a.txt'
    for mode in (0o600, 0o664):
        file.write_text('first')
        file.chmod(mode)
        with replaced(file) as new:
            assert new != file
            new.write_text('second')
        assert (file.read_text(), file.stat().st_mode & 0o777) == ('second', mode)
    os.link(file, tmp_path / 'b.txt')
    with replaced(file) as new:
        new.write_text('third')
    assert (tmp_path / 'b.txt').read_text() == 'third'


def test_a_protected_file_and_one_of_another_user_are_not_replaced(tmp_path: Path) -> None:
    files = [tmp_path / 'protected.txt']
    files[0].touch(0o444)
    if os.geteuid() == 0:
        files.append(tmp_path / 'of_another_user.txt')
        files[1].touch()
        files[1].chmod(0o666)
        os.chown(files[1], 65534, -1)
    with permissions_apply():
        for file in files:
            with replaced(file) as new:
                assert new == file


def test_a_file_in_a_folder_without_permission_is_written(tmp_path: Path) -> None:
    (tmp_path / 'a.txt').touch()
    (tmp_path / 'a.txt').chmod(0o666)
    with forbidden(tmp_path, 0o555), replaced(tmp_path / 'a.txt') as new:
        new.write_text('second')
    assert (tmp_path / 'a.txt').read_text() == 'second'


def test_a_number_is_a_camera_unless_a_file_has_this_name(tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_camera('3071') and is_camera('/dev/video3071')
    Path('3071').mkdir()
    assert not is_camera('3071')
    assert not is_camera('/dev/null') and not is_camera('/dev/video3071/..')
    assert not is_camera('\u00b2') and not is_camera('\u0663') and not is_camera('9' * 40)


@pytest.mark.parametrize(('text', 'line'), [
    ('plain é 😀', 'plain é 😀'), ('a\nb\tc', r'a\nb\tc'), ('\x1b[31m', r'\x1b[31m'),
    (os.fsdecode(b'\xff'), r'\udcff'), ('\u202e', r'\u202e')])
def test_unprintable_characters_are_escaped(text: str, line: str) -> None:
    assert shown(text) == line
    shown(text).encode()


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/somebody')
    assert expanded('~/bag') == Path('/home/somebody/bag')
    assert expanded('~no such user/x') == Path('~no such user/x')


@pytest.mark.parametrize(('name', 'bag'), [
    ('a.mcap', True), ('a.DB3', True), ('a.db3.zstd', True), ('a.mcap.zst', True), ('a.bag', True),
    ('metadata.yaml', True), ('a.png', False), ('a.zst', False), ('a' * 300, False),
    ('a\0b', False), ('', False), ('._a.mcap', False), ('._a.bag', False)])
def test_bags_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
                             bag: bool) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_bag(name) is bag


@pytest.mark.parametrize(('file', 'bag'), [
    ('metadata.yaml', True), ('x_0.mcap', True), ('x_0.db3', True), ('x.png', False),
    ('._x_0.mcap', False)])
def test_bags_by_the_content_of_the_folder(tmp_path: Path, file: str, bag: bool) -> None:
    (tmp_path / 'x.png').touch()
    (tmp_path / file).touch()
    assert is_bag(str(tmp_path)) is bag
    assert not is_bag(str(tmp_path / 'nowhere'))
