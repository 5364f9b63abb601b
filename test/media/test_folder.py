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

"""Folders: all images and clips in natural order; ignored files are named."""

import logging
import os
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import folder_files, left_out, open_media, VideoSink
import numpy as np
from PIL import Image
import pytest
from support import forbidden


def picture(path: Path, grey: int = 9) -> None:
    """Write a small image."""
    Image.new('L', (16, 16), grey).save(path)


def test_images_and_clips_are_selected_by_suffix_in_natural_order(tmp_path: Path) -> None:
    for name in ('10.PNG', '9.mp4', '\u00b25.jpg', 'a.webm', 'notes.txt', '.DS_Store', '._a.webm',
                 '.trashed-1-a.jpg', '2.gif', 'b.h264', 'c.m2t', 'd.HIF'):
        (tmp_path / name).touch()
    (tmp_path / 'more.png').mkdir()
    taken, left = folder_files(tmp_path)
    assert [path.name for path in taken] == ['2.gif', '9.mp4', '10.PNG', 'a.webm', 'b.h264',
                                         'c.m2t', 'd.HIF', '\u00b25.jpg']
    assert {path.name for path in left} == {'more.png', 'notes.txt', '.DS_Store', '._a.webm',
                                            '.trashed-1-a.jpg'}


def test_at_most_ten_ignored_files_are_listed() -> None:
    """As of a data set with a file of labels beside each image."""
    paths = [Path(f'{number}.txt') for number in range(5000)]
    assert left_out(paths[:10]).endswith(': 0.txt, ' + ', '.join(map(str, paths[1:10])))
    assert left_out(paths).endswith(' 9.txt and 4990 more')


def test_a_folder_as_a_clip_has_all_its_frames(tmp_path: Path,
                                               caplog: pytest.LogCaptureFixture) -> None:
    picture(tmp_path / '1.png', 10)
    frames = [Image.new('L', (16, 16), grey) for grey in (20, 30, 40)]
    frames[0].save(tmp_path / '2.gif', save_all=True, append_images=frames[1:], duration=200)
    with VideoSink(tmp_path / '3.mp4', 10.0) as sink:
        for grey in (50, 60):
            sink.write(np.full((16, 16, 3), grey, np.uint8))
    (tmp_path / '4.png').write_bytes(b'no image')
    picture(tmp_path / '5.png', 70)
    (tmp_path / 'labels.csv').write_text('1,2')
    with open_media(str(tmp_path), rate=10.0) as media, caplog.at_level(logging.WARNING):
        found = list(media)
        assert media.skipped == 1
    assert [round(float(frame.image.mean()), -1) for frame in found] == [10, 20, 30, 40, 50, 60,
                                                                          70]
    assert [frame.index for frame in found] == [0, 1, 2, 3, 4, 5, 7]
    stamps = [frame.stamp for frame in found]
    assert stamps == pytest.approx([0.0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9])
    assert '4.png' in caplog.text and 'labels.csv' in caplog.text


@pytest.mark.parametrize('suffix', ['.gif', '.tif', '.webp', '.png', '.mp4'])
@pytest.mark.parametrize('files', [1, 2])
def test_the_number_of_frames_is_right_or_unknown(suffix: str, files: int,
                                                  tmp_path: Path) -> None:
    frames = [Image.new('L', (16, 16), grey) for grey in (20, 90, 160)]
    for number in range(files):
        path = tmp_path / f'{number}{suffix}'
        if suffix == '.mp4':
            with VideoSink(path, 10.0) as sink:
                for frame in frames:
                    sink.write(np.asarray(frame, np.uint8))
        else:
            frames[0].save(path, save_all=True, append_images=frames[1:], duration=200)
    with open_media(str(tmp_path)) as media:
        assert len(list(media)) == 3 * files
        assert media.frame_count == (3 if files == 1 else None)


def test_a_folder_in_which_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / 'a.png').symlink_to('nowhere')
    os.mkfifo(tmp_path / 'b.png')
    with pytest.raises(AffectError, match=r'b\.png: neither a file nor a folder'):
        open_media(str(tmp_path))


@pytest.mark.parametrize('mode', [0o600, 0o300, 0o000])
def test_a_folder_without_permission(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / 'folder'
    folder.mkdir()
    picture(folder / 'a.png')
    with forbidden(folder, mode), pytest.raises(
            AffectError, match='folder: Permission denied.*u[+]rx'):
        open_media(str(folder))


def test_a_file_in_a_folder_without_permission(tmp_path: Path) -> None:
    folder = tmp_path / 'folder'
    folder.mkdir()
    picture(folder / 'a.png')
    with forbidden(folder, 0o600), pytest.raises(AffectError, match=r'folder/a\.png: '):
        open_media(str(folder / 'a.png'))
