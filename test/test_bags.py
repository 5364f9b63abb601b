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

"""Bags: selection of the topic, and errors with their remedies."""

import contextlib
import os
from pathlib import Path
import re
import shlex
import shutil
import sqlite3
import struct

import bag_files
from bag_files import (
    camera_info,
    COMPRESSED,
    compressed,
    depth,
    IMAGE,
    image,
    Message,
    PORTRAIT,
    START,
    TYPES,
)
from face_affect_ros.affect.types import AffectError
from face_affect_ros.bags import deserialized, ImageBag, is_bag
from face_affect_ros.paths import bag_folder
from face_affect_ros.recordings import open_recording
import numpy as np
import pytest
from support import permissions_apply
import yaml

STORAGES = ['mcap', 'sqlite3']
#: The code of a record of an MCAP file.
CHUNK_INDEX = 8
QOS = ('[{history: 1, depth: 10, reliability: 2, durability: 2, deadline: {sec: 0, nsec: 0}, '
       'lifespan: {sec: 0, nsec: 0}, liveliness: 1, liveliness_lease_duration: {sec: 0, nsec: 0}, '
       'avoid_ros_namespace_conventions: false}]')
NAMES = ['100%', 'a?b=c#d', 'a%41', '12:30', 'two\nlines', '2024', '-a', '\u00b2',
         os.fsdecode(b'caf\xe9')]


def h264(topic: str) -> Message:
    """Return a compressed image message of a video, as some drivers send them."""
    message = TYPES.types[COMPRESSED](header=bag_files.header(START), format='h264',
                                      data=np.array([0, 0, 0, 1, 103, 66], np.uint8))
    return Message(topic, COMPRESSED, bytes(TYPES.serialize_cdr(message, COMPRESSED)))


@pytest.mark.parametrize('storage', STORAGES)
def test_topics_without_images_are_skipped(storage: str, tmp_path: Path) -> None:
    bag = ImageBag(bag_files.write(tmp_path / 'bag', [
        depth(), depth('/mm', encoding='32FC1'), compressed('/d/compressedDepth', format=(
            '16UC1; compressedDepth png')), image('/color/image_raw'), image('/color/other'),
        compressed('/color/image_raw/compressed')], storage=storage,
        empty=[('/a/empty', IMAGE), ('/b/empty', COMPRESSED)]))
    assert (bag.topic, bag.type, bag.count) == ('/color/image_raw', IMAGE, 1)
    assert bag.others == ['/color/other', '/color/image_raw/compressed']


@pytest.mark.parametrize(('topics', 'chosen'), [
    ([image('/infra', encoding='mono8', pixels=PORTRAIT[:, :, 0]), image('/color')], '/color'),
    ([image('/face_affect/image_annotated'), image('/z')], '/z'),
    ([image('/face_affect/saliency'), image('/z', encoding='mono8', pixels=PORTRAIT[:, :, 0])],
     '/z'),
    ([compressed('/face_affect/image_annotated/compressed'), image('/z')], '/z'),
    ([image('/humans/faces/fabcde0001/cropped'), image('/z')], '/z'),
    ([image('/humans/bodies/b1/cropped'), image('/z')], '/z'),
    ([image('/infra', encoding='mono8', pixels=PORTRAIT[:, :, 0]), depth()], '/infra'),
    ([depth(), compressed('/c/compressed', format='rgb8; jpeg compressed bgr8')],
     '/c/compressed'),
    ([compressed('/d/compressed', format='16UC1; png compressed '), compressed('/e')], '/e'),
    ([Message('/a', IMAGE, b'12345678'), image('/b')], '/b'),
    ([Message('/a', IMAGE, b'12345678'), image('/a')], '/a'),
    ([h264('/a'), image('/b/image_annotated')], '/b/image_annotated'),
    ([image('/a', encoding='bayer_rggb12'), image('/b')], '/b'),
    ([image('/a', encoding='bayer_rggb12'), image('/a'), image('/b')], '/a'),
    ([image('/a', encoding='bayer_rggb12'), h264('/b')], '/a'),
])
def test_the_topic_with_colour_images_is_preferred(topics: list[Message], chosen: str,
                                                   tmp_path: Path) -> None:
    assert ImageBag(bag_files.write(tmp_path / 'bag', topics)).topic == chosen


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize(('topic', 'complaint'), [
    ('', r'contains no grey or colour images; /empty: no messages, /depth: 16UC1 is depth .*'),
    ('/depth', r'/depth: 16UC1 is depth .*image topics: /depth, /empty'),
    ('/empty', r'/empty: no messages'),
    ('/nowhere', r"no image topic '/nowhere'; its image topics: /depth, /empty"),
])
def test_a_bag_without_grey_or_colour_images_is_an_error(storage: str, topic: str, complaint: str,
                                                         tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [depth()], storage=storage, empty=[('/empty', IMAGE)])
    with pytest.raises(AffectError, match=complaint):
        ImageBag(path, topic=topic)


def test_a_bag_without_images(tmp_path: Path) -> None:
    with pytest.raises(AffectError, match='bag: contains no images; its image topics: none'):
        ImageBag(bag_files.write(tmp_path / 'bag', []))


@pytest.mark.parametrize('kind', ['ffmpeg_image_transport_msgs/msg/FFMPEGPacket',
                                  'foxglove_msgs/msg/CompressedVideo',
                                  'theora_image_transport/msg/Packet'])
def test_topics_of_video_are_named_with_the_remedy(kind: str, tmp_path: Path) -> None:
    video = Message('/a/video', kind, image().data)
    path = bag_files.write(tmp_path / 'bag', [video], definitions={kind: ''})
    for topic in ('', '/a/video'):
        with pytest.raises(AffectError, match='/a/video: video.* image_transport republish'):
            ImageBag(path, topic=topic)
    assert ImageBag(bag_files.write(tmp_path / 'both', [video, image()],
                                    definitions={kind: ''})).topic == '/image'


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('data', [b'', b'\0', b'\0\1\0\0abcd', image().data[:200],
                                  image().data[:-50]])
def test_a_truncated_message_is_skipped(storage: str, data: bytes, tmp_path: Path) -> None:
    bag = ImageBag(bag_files.write(tmp_path / 'bag', [
        image(), Message('/image', IMAGE, data), image()], storage=storage))
    for _ in range(2):
        assert [message for _, _, message in bag.messages()] == [image().data] * 2
        assert bag.broken == 1


@pytest.mark.parametrize('storage', STORAGES)
def test_a_frame_id_that_is_not_utf_8(storage: str, tmp_path: Path) -> None:
    """Its bytes are replaced, as by rclpy."""
    each = image()
    odd = each._replace(data=each.data.replace(b'camera', b'cam\xe9r\xff', 1))
    path = bag_files.write(tmp_path / 'bag', [odd, odd, each], storage=storage)
    with open_recording(str(path)) as media:
        frames = list(media)
        assert media.skipped == 0
    assert [frame.frame_id for frame in frames] == ['cam\ufffdr\ufffd'] * 2 + ['camera']
    for frame in frames:
        np.testing.assert_array_equal(frame.image, PORTRAIT)
    bag = ImageBag(path)
    assert [data for _, _, data in bag.messages()] == [odd.data] * 2 + [each.data]
    assert bag.broken == 0


def test_an_encoding_that_is_not_utf_8_is_an_unreadable_message(tmp_path: Path) -> None:
    for name in (b'camera', b''):
        message = TYPES.types[IMAGE](
            header=bag_files.header(START), height=1, width=1, encoding='mono8', is_bigendian=0,
            step=1, data=np.zeros(1, np.uint8))
        message.header.frame_id = name.decode()
        data = bytes(TYPES.serialize_cdr(message, IMAGE)).replace(b'mono8', b'mono\xff')
        assert deserialized(data, IMAGE) is None


@pytest.mark.parametrize('storage', STORAGES)
def test_messages_that_the_files_of_a_bag_lack_are_counted(
        storage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = bag_files.write(tmp_path / 'bag', [
        Message('/image', IMAGE, b'cut'), image(), image(), depth()], storage=storage)
    metadata = path / 'metadata.yaml'
    content = yaml.safe_load(metadata.read_text())
    for topic in content['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['message_count'] += 4
    metadata.write_text(yaml.safe_dump(content))
    with open_recording(str(path)) as media:
        assert (len(list(media)), media.skipped) == (2, 5)
    assert re.search(r'bag: 4 of the 7 messages of /image are not in the files of the bag; .* '
                     f'ros2 bag reindex {path}', caplog.text)
    caplog.clear()
    with open_recording(str(path)) as media:
        next(iter(media))   # not all are read
        assert media.skipped == 1
    assert not caplog.messages


def test_messages_that_an_mcap_file_lacks_are_counted(tmp_path: Path) -> None:
    file = bag_files.storage_file(bag_files.write(tmp_path / 'bag', [image(), image()]))
    data = file.read_bytes()
    before, counts = data.rsplit(struct.pack('<IHQ', 10, 1, 2), 1)   # of the statistics
    alone = tmp_path / 'alone.mcap'
    alone.write_bytes(before + struct.pack('<IHQ', 10, 1, 5) + counts)
    bag = ImageBag(alone)
    assert len(list(bag.messages())) == 2
    assert bag.missing == 3
    assert bag.shortage().startswith('3 of the 5 messages of /image are not in the files')
    assert len(list(bag.messages())) == 2 and bag.missing == 3


def test_stamps_may_be_anything(tmp_path: Path) -> None:
    stamps = [0, 0, START, START, 5, 10**9]
    bag = ImageBag(bag_files.write(tmp_path / 'bag', [
        image(stamp=stamp, when=START + number) for number, stamp in enumerate(stamps)]))
    assert [sec * 10**9 + nanosec for _, (sec, nanosec), _ in bag.messages()] == stamps


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('name', NAMES, ids=ascii)
def test_bags_of_any_name(storage: str, name: str, tmp_path: Path,
                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path('safe').mkdir()
    bag_files.write(Path('safe/bag'), [image()], storage=storage)
    Path('safe/bag').rename(name)
    assert is_bag(name) and ImageBag(name).topic == '/image'
    file = bag_files.storage_file(Path(name))
    shutil.copy(file, name + file.suffix)
    assert is_bag(name + file.suffix) and len(list(ImageBag(name + file.suffix).messages())) == 1
    monkeypatch.chdir(name)
    assert is_bag('.') and ImageBag('.').count == 1


@pytest.mark.parametrize('suffix', ['.mcap', '.db3'])
def test_a_file_with_its_suffix_in_capitals(suffix: str, tmp_path: Path) -> None:
    storage = {'.mcap': 'mcap', '.db3': 'sqlite3'}[suffix]
    path = bag_files.write(tmp_path / 'bag', [image()], storage=storage)
    file = tmp_path / f'BAG{suffix.upper()}'
    shutil.copy(bag_files.storage_file(path), file)
    assert is_bag(str(file)) and len(list(ImageBag(file).messages())) == 1


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('definition', [
    'uint8 x\n', '', 'other_msgs/Missing x\n', 'not a definition ('],
    ids=['other hash', 'empty', 'incomplete', 'invalid'])
def test_the_types_of_other_topics_do_not_matter(storage: str, definition: str,
                                                 tmp_path: Path) -> None:
    kind = 'my_msgs/msg/A'
    path = bag_files.write(tmp_path / 'bag', [image(), Message('/a', kind, b'\0\1\0\0')],
                           storage=storage, definitions={kind: definition})
    for name in (path, bag_files.storage_file(path)):
        bag = ImageBag(name)
        assert (bag.topic, len(list(bag.messages()))) == ('/image', 1)


@pytest.mark.parametrize(('storage', 'remedy'), [
    ('mcap', r'mcap filter \S+\.mcap -o images\.mcap -y TOPIC'), ('sqlite3', 'ros2 bag convert')])
def test_a_definition_that_the_recorder_did_not_find_is_named(storage: str, remedy: str,
                                                              tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image()], storage=storage)
    file = bag_files.storage_file(path)
    file.write_bytes(file.read_bytes().replace(b'ros2msg', b'unknown'))
    for name in (path, file):
        with pytest.raises(AffectError, match=f"did not find the definition.*'unknown'.*{remedy}"):
            ImageBag(name)


def test_definitions_and_profiles_of_other_systems_are_named(tmp_path: Path) -> None:
    file = bag_files.storage_file(bag_files.write(tmp_path / 'bag', [image()]))
    data = file.read_bytes()
    for old, new, error in ((b'ros2msg', b'ros1msg', "the format 'ros1msg'; .* mcap filter"),
                            (b'ros2', b'ros1', 'not ros2; .* bag convert; .* rosbags-convert')):
        alone = tmp_path / 'alone.mcap'
        alone.write_bytes(data.replace(old, new))
        with pytest.raises(AffectError, match=error) as caught:
            ImageBag(alone)
        assert 'interrupted' not in str(caught.value)


def test_messages_that_the_index_of_a_bag_lacks_are_named(tmp_path: Path) -> None:
    """An MCAP writer with the option noMessageIndex writes such files."""
    file = bag_files.storage_file(bag_files.write(tmp_path / 'bag', [image(), image()],
                                                  compression='storage'))
    data = bytearray(file.read_bytes())
    record, = struct.unpack_from('<Q', data, len(data) - 28)   # the summary, by the footer
    while data[record] != CHUNK_INDEX:
        record += 9 + struct.unpack_from('<Q', data, record + 1)[0]
    struct.pack_into('<H', data, record + 9 + 32 + 4, 99)   # the channel of its messages
    file.write_bytes(data)
    with pytest.raises(AffectError, match='/image: none of its 2 messages .* mcap recover'):
        ImageBag(file)


@pytest.mark.parametrize('storage', STORAGES)
def test_types_may_be_named_as_in_ros_1(storage: str, tmp_path: Path) -> None:
    """Programs that write MCAP without ROS name them so."""
    info = 'sensor_msgs/CameraInfo'
    path = bag_files.write(
        tmp_path / 'bag', [image()._replace(kind='sensor_msgs/Image'),
                           camera_info()._replace(kind=info)],
        storage=storage, definitions={'sensor_msgs/Image': 'uint8 x\n', info: 'uint8 x\n'})
    for name in (path, bag_files.storage_file(path)):
        bag = ImageBag(name)
        assert (bag.topic, bag.type, bag.count, len(list(bag.messages()))) == (
            '/image', IMAGE, 1, 1)
        assert bag.topics() == {'/image': IMAGE, '/camera_info': 'sensor_msgs/msg/CameraInfo'}


@pytest.mark.parametrize('storage', STORAGES)
def test_the_qos_in_metadata_yaml_may_be_edited(storage: str, tmp_path: Path) -> None:
    """`ros2 bag play` of an older ROS distribution cannot parse that of a newer one."""
    path = bag_files.write(tmp_path / 'bag', [camera_info(), image(), image()], storage=storage)
    metadata = path / 'metadata.yaml'
    content = yaml.safe_load(metadata.read_text())
    for topic in content['rosbag2_bagfile_information']['topics_with_message_count']:
        topic['topic_metadata']['offered_qos_profiles'] = QOS
    metadata.write_text(yaml.safe_dump(content))
    bag = ImageBag(path)
    assert (bag.topic, bag.count, len(list(bag.messages()))) == ('/image', 2, 2)
    assert len(list(bag.others_of(['/camera_info']))) == 1


@pytest.mark.parametrize('storage', STORAGES)
def test_the_files_of_a_bag_are_read_in_the_order_of_time(storage: str, tmp_path: Path) -> None:
    """A metadata.yaml may list bag_10 before bag_9."""
    stamps = [START, START + 10**9]
    bag, part = (bag_files.write(tmp_path / str(stamp), [image(stamp=stamp)], storage=storage)
                 for stamp in reversed(stamps))
    file = bag_files.storage_file(bag)
    shutil.copy(bag_files.storage_file(part), bag / f'bag_9{file.suffix}')
    metadata = yaml.safe_load((bag / 'metadata.yaml').read_text())
    metadata['rosbag2_bagfile_information']['relative_file_paths'] += [f'bag_9{file.suffix}']
    (bag / 'metadata.yaml').write_text(yaml.safe_dump(metadata))
    assert [when for when, _, _ in ImageBag(bag).messages()] == stamps


@pytest.mark.parametrize('storage', STORAGES)
def test_a_file_without_permission(storage: str, tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image()], storage=storage)
    file = bag_files.storage_file(path)
    alone = shutil.copy(file, tmp_path / f'alone{file.suffix}')
    for each in (file, alone):
        each.chmod(0)
    with permissions_apply():
        for name, denied in ((path, file), (file, file), (alone, alone)):
            with pytest.raises(AffectError) as caught:
                ImageBag(name)
            assert str(caught.value) == (f'{denied}: Permission denied; make it readable: '
                                         'chmod u+r, for a folder u+rx')


def test_a_journal_without_permission(tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image()], storage='sqlite3')
    journal = path / 'bag.db3-journal'
    journal.touch(0)
    with permissions_apply(), pytest.raises(
            AffectError, match='db3-journal: Permission denied; make it readable'):
        ImageBag(path)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    for name in ('a.mcap', 'b.db3', 'c.mcap.zstd', 'd.bag'):
        os.mkfifo(tmp_path / name)
        with pytest.raises(AffectError, match=f'{name}: neither a file nor a folder; choose'):
            ImageBag(tmp_path / name)


def test_the_home_folder_and_the_files_of_a_bag(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    path = bag_files.write(tmp_path / 'bag', [image()])
    for name in ('~/bag', '~/bag/', '~/bag/metadata.yaml', '~/bag/bag.mcap', path):
        assert is_bag(str(name)) and ImageBag(name).count == 1


@pytest.mark.parametrize('storage', STORAGES)
def test_a_file_beside_a_bag_is_not_a_part_of_it(storage: str, tmp_path: Path) -> None:
    """The command that repairs a file writes such a one."""
    path = bag_files.write(tmp_path / 'bag', [image()], storage=storage)
    other = bag_files.write(tmp_path / 'other', [image('/other'), image('/other')],
                            storage=storage)
    file = path / f'repaired-{bag_files.storage_file(path).name}'
    shutil.copy(bag_files.storage_file(other), file)
    for name, topic, count in ((path, '/image', 1), (path / f'bag{file.suffix}', '/image', 1),
                               (file, '/other', 2)):
        bag = ImageBag(name)
        assert (bag.topic, len(list(bag.messages()))) == (topic, count)
    names = [str(each) for each in sorted(path.iterdir())]
    assert list(map(bag_folder, names)) == [str(path), str(path), '']


@pytest.mark.parametrize('listed', ['    - bag.mcap', '    - "bag/bag.mcap"', "    - 'bag.mcap'",
                                    '  [bag.mcap]', '  [a.mcap,bag.mcap, b.mcap]'])
def test_the_files_of_a_bag_may_be_listed_in_every_form(listed: str, tmp_path: Path) -> None:
    (tmp_path / 'metadata.yaml').write_text(f'relative_file_paths:\n{listed}\n')
    assert bag_folder(str(tmp_path / 'bag.mcap')) == str(tmp_path)
    assert bag_folder(str(tmp_path / 'ag.mcap')) == bag_folder(str(tmp_path / 'bag.mca')) == ''


@pytest.mark.parametrize(('storage', 'compression'), [
    ('mcap', 'file'), ('mcap', 'message'), ('mcap', 'storage'), ('sqlite3', 'file'),
    ('sqlite3', 'message')])
def test_compressed_bags(storage: str, compression: str, tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image(), image()], storage=storage,
                           compression=compression)
    for name in (path, bag_files.storage_file(path)):
        assert is_bag(str(name)) and len(list(ImageBag(name).messages())) == 2
    (path / 'metadata.yaml').unlink()
    if compression != 'storage':
        with pytest.raises(AffectError, match='compressed .*metadata.yaml of (its|the) bag'):
            ImageBag(bag_files.storage_file(path))


@pytest.mark.parametrize(('storage', 'remedy'), [
    ('mcap', r'mcap recover \S+/bag\.mcap -o'), ('sqlite3', r"sqlite3 \S+/bag\.db3 '\.recover'")])
@pytest.mark.parametrize('damage', ['cut', 'nearly whole', 'empty', 'no metadata',
                                    'empty metadata', 'half metadata', 'binary metadata'])
def test_the_error_contains_the_command_that_repairs_a_bag(storage: str, remedy: str, damage: str,
                                                           tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image(stamp=START + number) for number in range(9)],
                           storage=storage)
    file, metadata = bag_files.storage_file(path), path / 'metadata.yaml'
    if 'metadata' in damage:
        data = metadata.read_bytes()
        metadata.write_bytes({'empty': b'', 'half': data[:len(data) // 2],
                              'binary': b'\xff\xfe\0'}.get(damage.split()[0], data))
        if damage.startswith('no'):
            metadata.unlink()
    else:
        data = file.read_bytes()
        file.write_bytes(data[:int(len(data) * {'cut': 0.5, 'empty': 0.0}.get(damage, 0.99))])
        alone = tmp_path / f'alone{file.suffix}'
        shutil.copy(file, alone)
        with pytest.raises(AffectError, match='mcap recover|sqlite3 .*recover'):
            ImageBag(alone)
    assert is_bag(str(path))
    with pytest.raises(AffectError) as caught:
        ImageBag(path)
    assert re.search(f'ros2 bag reindex {path}.*{remedy}', str(caught.value))
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 800


def test_the_damaged_file_of_several_is_named(tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image()])
    file = bag_files.storage_file(path)
    (path / 'bag_1.mcap').write_bytes(file.read_bytes()[:-100])
    file.rename(path / 'bag_0.mcap')
    (path / 'metadata.yaml').unlink()
    with pytest.raises(AffectError, match=r'mcap recover \S+/bag_1.mcap'):
        ImageBag(path)


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize(('changes', 'error'), [
    ({'version': 10}, 'version 10 .*; update rosbags: .* ros2 bag reindex BAG$'),
    ({'storage_identifier': ''},
     "Storage plugin '' .*; write metadata.yaml again: ros2 bag reindex BAG$"),
    ({'relative_file_paths': ['lost_0.mcap']},
     'missing: .*lost_0.mcap.*; copy them to the bag; or, .* ros2 bag reindex BAG$'),
    ({'compression_mode': 'MESSAGE', 'compression_format': 'lz4'},
     "format 'lz4' .*; decompress it: ros2 bag convert"),
    ({'serialization_format': 'protobuf'}, "'protobuf'.*; copy its images: (ros2 bag|mcap)")])
def test_the_remedy_for_metadata_that_rosbags_does_not_support(
        storage: str, changes: dict[str, object], error: str, tmp_path: Path) -> None:
    path = bag_files.write(tmp_path / 'bag', [image()], storage=storage)
    metadata = path / 'metadata.yaml'
    content = yaml.safe_load(metadata.read_text())
    information = content['rosbag2_bagfile_information']
    for changed in (information, information['topics_with_message_count'][0]['topic_metadata']):
        changed.update({key: value for key, value in changes.items() if key in changed})
    metadata.write_text(yaml.safe_dump(content))
    with pytest.raises(AffectError, match=error.replace('BAG', str(path))) as caught:
        ImageBag(path)
    assert 'interrupted' not in str(caught.value)


def test_the_metadata_yaml_of_another_program_is_named(tmp_path: Path) -> None:
    """As in the folder of a data set of images."""
    (tmp_path / 'a.png').touch()
    (tmp_path / 'metadata.yaml').write_text('license: CC0\n')
    with pytest.raises(AffectError, match='neither .mcap nor .db3.*images.*rename meta') as caught:
        ImageBag(tmp_path)
    assert 'reindex' not in str(caught.value)


def test_messages_beside_the_database_are_not_left_out(tmp_path: Path) -> None:
    """As of a recording with the preset `resilient` that was interrupted."""
    path = bag_files.write(tmp_path / 'bag', [image()], storage='sqlite3')
    file = bag_files.storage_file(path)
    with contextlib.closing(sqlite3.connect(file)) as recorder:
        recorder.execute('PRAGMA journal_mode=WAL')
        recorder.execute('INSERT INTO messages(topic_id, timestamp, data) SELECT topic_id, '
                         'timestamp + 1, data FROM messages')
        recorder.commit()
        killed = Path(shutil.copytree(path, tmp_path / 'killed')) / file.name
    for name in (killed, killed.parent):
        with pytest.raises(AffectError, match='not complete without bag.db3-wal') as caught:
            ImageBag(name)
    command = re.search('(?<=interrupted: )sqlite3 .*', str(caught.value))
    assert command and shlex.split(command[0])[1:] == [str(killed),
                                                       'PRAGMA wal_checkpoint(TRUNCATE)']
    with contextlib.closing(sqlite3.connect(killed)) as user:
        user.execute(shlex.split(command[0])[2])
    (killed.parent / 'metadata.yaml').unlink()
    assert len(list(ImageBag(killed).messages())) == 2


def test_a_transaction_that_was_interrupted_is_named(tmp_path: Path) -> None:
    """A recorder that is killed leaves SQLite's default journal."""
    path = bag_files.write(tmp_path / 'bag', [image(stamp=START + number) for number in range(9)],
                           storage='sqlite3')
    file = bag_files.storage_file(path)
    journal = file.with_name('bag.db3-journal')
    with contextlib.closing(sqlite3.connect(file)) as recorder:
        recorder.execute('PRAGMA cache_size=2')
        recorder.execute('DELETE FROM messages WHERE id < 5')
        killed = Path(shutil.copytree(path, tmp_path / 'killed'))
    with pytest.raises(AffectError, match='not complete without bag.db3-journal') as caught:
        ImageBag(killed)
    command = shlex.split(re.findall('(?<=interrupted: )sqlite3 .*', str(caught.value))[0])
    assert command[1] == str(killed / file.name)
    with contextlib.closing(sqlite3.connect(command[1])) as user:
        user.execute(command[2])
    assert len(list(ImageBag(killed).messages())) == 9
    journal.write_bytes(bytes(512))
    assert ImageBag(path).count == 9


@pytest.mark.parametrize(('name', 'remedy'), [
    ('a.bag.active', 'rosbag reindex {0}/a.bag.active && mv {0}/a.bag.active {0}/a.bag'),
    ('A.MCAP.active', 'mcap recover {0}/A.MCAP.active -o {0}/A.MCAP'),
    ('a.db3-journal', 'choose {0}/a.db3'), ('a.db3-wal', 'choose {0}/a.db3'),
    ('a.db3-shm', 'choose {0}/a.db3'), ('a b.db3-wal', "choose '{0}/a b.db3'")])
@pytest.mark.parametrize('data', [b'', b'#ROSBAG V2.0\n' * 99], ids=['empty', 'half'])
def test_files_of_a_recording_that_has_not_ended(name: str, remedy: str, data: bytes,
                                                 tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    for open_file in (ImageBag, open_recording):
        with pytest.raises(AffectError) as caught:
            open_file(str(file))
        assert str(caught.value) == (
            f'{file}: a part of a bag that is still being recorded, or whose recording was '
            'interrupted; end the recording, or, if it was interrupted: '
            f'{remedy.format(tmp_path)}')


def test_a_path_that_is_not_a_bag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, complaint in (('', "parameter 'bag' is empty"), ('.', 'this folder is not a bag'),
                            ('a\0b', 'no such bag|embedded null'),
                            ('~/nowhere', 'no such bag')):
        with pytest.raises(AffectError, match=complaint):
            ImageBag(name)


def test_a_damaged_chunk_is_an_error_after_the_messages_before_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 160, 160, 3), np.uint8)
    path = bag_files.write(tmp_path / 'bag', [image(stamp=START + number, pixels=noise[number])
                                              for number in range(40)], compression='storage')
    bag_files.damage(path)
    bag, got = ImageBag(path), []
    with pytest.raises(AffectError, match='cannot be read as a bag'):
        for message in bag.messages():
            got.append(message)
    assert 0 < len(got) < 40
