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

"""Networks stored without the bytes that they share with another file."""

from pathlib import Path
import zipfile

from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.types import AffectError
from face_affect_training.saliency.weights import write
import numpy as np
import pytest


def noise(seed: int, length: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return the file that others share bytes with."""
    path = tmp_path / 'model.tflite'
    path.write_bytes(noise(1, 50_000))
    return path


@pytest.fixture
def stored(tmp_path: Path, source: Path) -> Path:
    """Return the stored form of a network of 70,000 bytes, of which 33,000 are the source's."""
    path, theirs = tmp_path / 'saliency.npz', source.read_bytes()
    whole = (noise(2, 10_007) + theirs[16_000:40_000] + noise(3, 20_000) + theirs[1_600:10_600]
             + noise(4, 6_993))
    write(path, whole, theirs)
    return path


def test_shared_bytes_are_not_stored(stored: Path, source: Path) -> None:
    theirs = source.read_bytes()
    whole = shared_weights.read(stored, source)
    assert len(whole) == 70_000 and whole[10_007:34_007] == theirs[16_000:40_000]
    assert whole[-6_993:] == noise(4, 6_993)
    assert 37_000 <= stored.stat().st_size < 38_500
    again = stored.with_name('again.npz')
    write(again, whole, theirs)
    assert again.read_bytes() == stored.read_bytes()   # its checksum is that of its content


@pytest.mark.parametrize('content', [b'', b'short', noise(5, 1_000), bytes(500)])
@pytest.mark.parametrize('other', [b'', b'short', noise(6, 1_000), bytes(500)])
def test_the_content_of_any_two_files_is_restored(content: bytes, other: bytes,
                                                  tmp_path: Path) -> None:
    path, source = tmp_path / 'a.npz', tmp_path / 'b'
    source.write_bytes(other)
    write(path, content, other)
    assert shared_weights.read(path, source) == content


@pytest.fixture
def turned(tmp_path: Path, source: Path) -> tuple[Path, bytes]:
    """Return the stored form and the content of a network with a transposed kernel."""
    random = np.random.default_rng(7)
    kernel = np.frombuffer(source.read_bytes(), np.int8, 32 * 9 * 16, 1_000)
    kernel = kernel.reshape(32, 9, 16)
    factors = random.uniform(0.01, 3.0, 32).astype(np.float32)
    factors[3] = 0.0
    other = (kernel * factors[:, np.newaxis, np.newaxis]).transpose(2, 1, 0)
    other *= 127.0 / np.abs(other).max((1, 2), keepdims=True)
    other += random.normal(0.0, 0.4, other.shape)   # other rounding
    rounded = np.clip(np.rint(other), -127, 127).astype(np.int8)
    whole = noise(2, 5_000) + rounded.tobytes() + noise(3, 3_000)
    path = tmp_path / 'turned.npz'
    write(path, whole, source.read_bytes(),
                         [shared_weights.Turned(5_000, 1_000, (32, 9, 16), factors)])
    return path, whole


def test_transposed_kernels_are_stored_as_small_differences(turned: tuple[Path, bytes],
                                                            source: Path, tmp_path: Path) -> None:
    path, whole = turned
    assert shared_weights.read(path, source) == whole
    without = tmp_path / 'without.npz'
    write(without, whole, source.read_bytes())
    assert shared_weights.read(without, source) == whole
    assert path.stat().st_size < without.stat().st_size - 2_500


@pytest.mark.parametrize('column, value', [
    (0, -1), (0, 2**62), (0, 8_001), (1, -1), (1, 49_500), (1, 2**62), (2, -1), (2, 31),
    (2, 33), (2, 2**62), (3, 0), (3, -9), (3, 2**62), (4, 0), (4, 2**62)])
def test_transposed_kernels_outside_of_the_file_are_an_error(
        turned: tuple[Path, bytes], source: Path, column: int, value: int) -> None:
    arrays = dict(np.load(turned[0]))
    arrays['turned'][0, column] = value
    np.savez(turned[0], **arrays)
    with pytest.raises(AffectError, match='turned.npz: cannot be combined .* kernel'):
        shared_weights.read(turned[0], source)


def test_invalid_or_overlapping_transposed_kernels_are_an_error(turned: tuple[Path, bytes],
                                                                source: Path) -> None:
    path, _ = turned
    good = dict(np.load(path))
    for changed in ({'factors': good['factors'] * np.float32(np.nan)},
                    {'factors': good['factors'][:-1]},
                    {'turned': np.repeat(good['turned'], 2, axis=0),
                     'factors': np.tile(good['factors'], 2)},
                    {'factors': good['factors'].astype(float)},
                    {'turned': good['turned'][:, :4]},
                    {'turned': good['turned'].astype(np.int32)},
                    {'turned': good['turned'][0]}):
        np.savez(path, **{**good, **changed})
        with pytest.raises(AffectError, match='turned.npz: .* (a kernel|an array|the number) '):
            shared_weights.read(path, source)


def test_damaged_archives_are_an_error(stored: Path, source: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    good = stored.read_bytes()
    source.write_bytes(source.read_bytes()[:20_000])
    with pytest.raises(AffectError, match='saliency.npz: cannot be combined with '
                                          'model.tflite: a piece is outside of the file; export '
                                          'the model'):
        shared_weights.read(stored, source)
    for damage in (b'', b'no archive', good[:-30], good[:200]):
        stored.write_bytes(damage)
        with pytest.raises(AffectError, match='cannot be combined with model.tflite'):
            shared_weights.read(stored, source)
    numbers = np.zeros((1, 3), np.int64)
    rest = np.zeros(9, np.uint8)
    none = {'turned': np.empty((0, 5), np.int64), 'factors': np.empty(0, np.float32)}
    np.savez(stored, copies=numbers, rest=rest)
    with pytest.raises(AffectError, match='turned is not a file in the archive'):
        shared_weights.read(stored, source)
    for arrays in ({'copies': numbers}, {'copies': numbers[0], 'rest': rest},
                   {'copies': numbers.astype(float), 'rest': rest},
                   {'copies': numbers + [[-1, 0, 4]], 'rest': rest},
                   {'copies': numbers + [[0, -4, 4]], 'rest': rest},
                   {'copies': numbers, 'rest': rest},
                   {'copies': numbers + [[20, 0, 4]], 'rest': rest},
                   {'copies': np.array([['x'] * 3], object), 'rest': rest}):
        np.savez(stored, **none, **arrays)
        with pytest.raises(AffectError, match='cannot be combined with model.tflite'):
            shared_weights.read(stored, source)
    monkeypatch.setattr(shared_weights, 'MAX_NETWORK', 10_000)
    np.savez(stored, copies=np.array([[0, 0, 9_000], [9_000, 0, 9_000]]), rest=rest, **none)
    with pytest.raises(AffectError, match='it has more than 10000 bytes'):
        shared_weights.read(stored, source)
    with zipfile.ZipFile(stored, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('rest.npy', bytes(20_000))
    with pytest.raises(AffectError, match='it unpacks to more than 10000 bytes'):
        shared_weights.read(stored, source)


@pytest.mark.slow
def test_damaged_bytes_raise_no_other_error(tmp_path: Path) -> None:
    """For each changed byte, the content is the same or an AffectError is raised."""
    path, source = tmp_path / 'saliency.npz', tmp_path / 'model.tflite'
    source.write_bytes(bytes(range(256)) * 8)
    whole = b'abc' * 300 + source.read_bytes()
    kernel = shared_weights.Turned(3, 40, (4, 2, 3), np.float32([0.5, 1.0, 2.0, 0.1]))
    write(path, whole, source.read_bytes(), [kernel])
    good, refused = path.read_bytes(), 0
    for index, value in enumerate(good):
        for other in {0, 1, 255, value ^ 8} - {value}:
            path.write_bytes(good[:index] + bytes([other]) + good[index + 1:])
            try:
                assert shared_weights.read(path, source) == whole
            except AffectError:
                refused += 1
    assert refused > 2 * len(good)
