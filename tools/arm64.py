#!/usr/bin/env python3

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
Compare the results of `face_affect analyze` under arm64 emulation with those of this computer.

    . tools/env.sh && python tools/arm64.py IMAGE...

It needs x86-64 Debian with qemu-user-static, and `make setup`. It unpacks Debian's Python for
arm64 into out/arm64 (200 MB with the packages; no root, no change outside of that folder),
installs the arm64 wheels of requirements/runtime.txt by their hashes, and runs
the command under emulation, for each processor and each choice of models. The exit code is 0 if
all faces and labels are the same, and coordinates and probabilities differ by less than the limits
below.
"""

import argparse
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / 'out' / 'arm64'
TREE, SITE = PLACE / 'root', PLACE / 'site-packages'
#: Part number and features in /proc/cpuinfo by QEMU's name. XNNPACK needs them.
PROCESSORS = {
    'cortex-a72': ('0xd08', 'fp asimd evtstrm crc32 cpuid'),                      # Raspberry Pi 4
    'cortex-a76': ('0xd0b', 'fp asimd evtstrm crc32 atomics fphp asimdhp cpuid asimddp'),   # 5
}
#: Options of the command, so that every model of the package is run: the classifiers with the
#: detector in 8-bit integers, whose boxes are the same everywhere, then the other detectors.
CHOICES = tuple(
    ('--detector', detector, '--emotion-model', emotion, '--gender-model', gender)
    for detector, emotion, gender in (
        ('face_residual_fpn', 'emotion_small_resnet', 'gender_mobilenet'),
        ('face_residual_fpn', 'affect_small_resnet_fast', 'affect_small_resnet_fast'),
        ('face_residual_fpn', 'emotion_mini_xception', 'gender_mini_xception'),
        ('face_residual_fpn', 'emotion_sequential_fully_cnn', ''),
        ('blazeface_back', 'emotion_small_resnet', 'gender_mobilenet')))
#: Limits of differences: of probabilities for the same box, ten steps of an 8-bit output
#: (measured: up to eight); of probabilities for a box of a detector in floating point, which
#: differs slightly; of boxes and landmarks, in pixels.
SAME_BOX, MOVED_BOX, PIXELS = 10 / 256, 0.1, 2.0
TAGS = [f'manylinux_2_{minor}_aarch64' for minor in (17, 24, 26, 27, 28, 31, 34)]


def make_tree() -> Path:
    """Unpack Debian's Python for arm64 and its libraries; return the path of the interpreter."""
    apt = PLACE / 'apt'
    for folder in ('state/lists/partial', 'cache/archives/partial'):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / 'status').touch()   # nothing is installed, so all dependencies are fetched
    settings = {'APT::Architecture': 'arm64', 'APT::Architectures': 'arm64',
                'Dir::State': apt / 'state', 'Dir::State::status': apt / 'status',
                'Dir::Cache': apt / 'cache', 'APT::Sandbox::User': ''}
    command = ['apt-get', '-qq', *(f'-o{key}={value}' for key, value in settings.items())]
    subprocess.run([*command, 'update'], check=True)
    subprocess.run([*command, '--yes', '--download-only', '--no-install-recommends', 'install',
                    'python3', 'libstdc++6'], check=True)
    for archive in sorted((apt / 'cache' / 'archives').glob('*.deb')):
        subprocess.run(['dpkg-deb', '--extract', archive, TREE], check=True)
    (TREE / 'proc').mkdir(exist_ok=True)
    shutil.rmtree(apt)
    return interpreter()


def interpreter() -> Path:
    """Return the path of the unpacked interpreter."""
    return (TREE / 'usr' / 'bin' / 'python3').resolve()


def install(version: str) -> None:
    """Install the arm64 wheels of the locks for a Python, such as 3.11."""
    tag = 'cp' + version.replace('.', '')
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check',
         '--no-deps', '--require-hashes', '--only-binary', ':all:', '--target', SITE,
         '--implementation', 'cp', '--python-version', version,
         *(f'--abi={abi}' for abi in (tag, 'abi3', 'none')),
         *(f'--platform={each}' for each in (*TAGS, 'manylinux2014_aarch64')),
         f'--requirement={ROOT}/requirements/runtime.txt'], check=True)


def emulated(processor: str) -> list[str]:
    """Return the command that runs the unpacked interpreter on a processor of PROCESSORS."""
    part, features = PROCESSORS[processor]
    entries = {'Features': features, 'CPU implementer': '0x41', 'CPU architecture': '8',
             'CPU variant': '0x0', 'CPU part': part, 'CPU revision': '1'}
    lines = ''.join(f'{key}\t: {value}\n' for key, value in entries.items())
    (TREE / 'proc' / 'cpuinfo').write_text(
        ''.join(f'processor\t: {number}\n{lines}\n' for number in range(os.cpu_count() or 1)))
    return ['qemu-aarch64-static', '-L', str(TREE), '-cpu', processor,
            '-E', f'PYTHONPATH={ROOT}:{SITE}', '-E', 'PYTHONDONTWRITEBYTECODE=1',
            str(interpreter())]


#: Runs `face_affect` once for each list of arguments; the start takes most of the time.
PROGRAM = """
import json, sys
from face_affect_ros.cli import main
sys.exit(max(main(arguments) for arguments in json.loads(sys.argv[1])))
"""


def analyze(name: str, python: list[str], pictures: list[str]) -> list[list[Any]]:
    """Run the command for all CHOICES, and return its results: an item per image."""
    files = [PLACE / f'{name}_{number}.jsonl' for number in range(len(CHOICES))]
    orders = [['analyze', '--num-threads', '1', *options, '--json', str(file), '--', *pictures]
              for file, options in zip(files, CHOICES)]
    subprocess.run([*python, '-c', PROGRAM, json.dumps(orders)], check=True, capture_output=True,
                   text=True)
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def distance(one: Any, other: Any) -> float:
    """Return the largest difference between the coordinates of two faces, in pixels."""
    points = ([*face['roi'], *(value for point in face['landmarks'].values() for value in point)]
              for face in (one, other))
    return max(abs(a - b) for a, b in zip(*points))


def compare(here: list[Any], there: list[Any]) -> tuple[int, float, float, list[str]]:
    """
    Compare the results of `face_affect analyze --json` for the same images on two computers.

    Faces are matched by position, because their order is that of their scores.

    Args:
        here: The lines of one computer.
        there: The lines of the other one.

    Returns:
        The number of faces, the largest difference of a probability, that of a coordinate in
        pixels, and a line for every face or label that differs.
    """
    faces, chance, pixels, lines = 0, 0.0, 0.0, []
    if [each['source'] for each in here] != [each['source'] for each in there]:
        lines.append('the images differ')
    for one, other in zip(here, there):
        if len(one['faces']) != len(other['faces']):
            lines.append(f"{one['source']}: {len(one['faces'])} and {len(other['faces'])} faces")
            continue
        left = list(other['faces'])
        for ours in one['faces']:
            faces += 1
            theirs = min(left, key=lambda face: distance(ours, face))   # noqa: B023 - used at once
            left.remove(theirs)
            pixels = max(pixels, distance(ours, theirs))
            for task in ('emotion', 'gender'):
                if ours[task] != theirs[task]:
                    lines.append(f"{one['source']}, {ours['roi']}: {ours[task]} "
                                 f"({ours[f'{task}_confidence']:.3f}) and {theirs[task]} "
                                 f"({theirs[f'{task}_confidence']:.3f})")
                chance = max([chance, *(abs(a - b) for a, b in zip(
                    ours[f'{task}_probabilities'], theirs[f'{task}_probabilities']))])
    return faces, chance, pixels, lines


def main() -> int:
    """Compare the results; print one line per processor and choice of models."""
    parser = argparse.ArgumentParser(description='Compare arm64, emulated, with this computer.')
    parser.add_argument('pictures', metavar='IMAGE', nargs='+', help='image or folder')
    parser.add_argument('--anew', action='store_true', help='fetch and install everything again')
    arguments = parser.parse_args()
    lacking = [name for name in ('qemu-aarch64-static', 'apt-get', 'dpkg-deb')
               if shutil.which(name) is None]
    if lacking:
        parser.error(f'{", ".join(lacking)} not found; on Debian: apt install qemu-user-static')
    pictures = [str(Path(each).resolve()) for each in arguments.pictures]
    try:
        if arguments.anew:
            shutil.rmtree(PLACE, ignore_errors=True)
        if not SITE.is_dir():
            install(make_tree().name.removeprefix('python'))
        here = analyze('here', [sys.executable], pictures)
        failed = False
        for processor in PROCESSORS:
            there = analyze(processor, emulated(processor), pictures)
            for options, one, other in zip(CHOICES, here, there):
                faces, chance, pixels, lines = compare(one, other)
                print(f'{processor}, {", ".join(filter(None, options[1::2]))}: {faces} faces, '
                      f'{len(lines)} differ, probabilities within {chance:.4f}, '
                      f'coordinates within {pixels:.2f} pixels', *lines, sep='\n  ', flush=True)
                allowed = SAME_BOX if pixels == 0.0 else MOVED_BOX
                failed |= bool(lines) or faces == 0 or chance > allowed or pixels > PIXELS
    except subprocess.CalledProcessError as error:
        print(error.stderr or '', f'arm64: {error}', sep='', file=sys.stderr)
        return 1
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
