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

"""`face_affect analyze`: the heart without ROS, for pictures and clips."""

import argparse
from collections import Counter
from collections.abc import Iterator
import contextlib
import json
from pathlib import Path
import sys
from typing import Any, TextIO

from face_affect_ros.affect.annotate import annotate
from face_affect_ros.affect.records import to_record
from face_affect_ros.affect.settings import make_pipeline, PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.commands.options import add_pipeline_options, settings_from
from face_affect_ros.media import ImageOrVideoSink, Media, open_media
from tqdm import tqdm


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'analyze', help='find faces, expressions and genders in pictures and clips',
        description='Write one JSON line per frame with its faces, to standard output or a file.')
    parser.add_argument('files', nargs='+', metavar='FILE',
                        help='picture, folder of pictures, GIF or video')
    parser.add_argument('--json', metavar='OUT.jsonl', default='-',
                        help='file for the JSON lines (default: standard output)')
    parser.add_argument('--annotate', metavar='OUT', type=Path,
                        help='annotated copy: a picture or .mp4, a folder for several FILEs')
    add_pipeline_options(parser, track_id_prefix='f', detection_interval=0.0,
                         emotion_interval=0.0, gender_interval=0.0)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse every file; return the exit code."""
    settings = settings_from(arguments)
    copies = _copies(arguments)
    with _open_output(arguments.json) as output:
        for name, copy in zip(arguments.files, copies):
            _analyse(name, settings, output, copy)
    return 0


def _analyse(name: str, settings: PipelineSettings, output: TextIO,
             annotated: Path | None) -> None:
    """Write the lines of one file; every file starts with a fresh pipeline."""
    seen: Counter[str] = Counter()
    frames = 0
    with contextlib.ExitStack() as stack:
        media = stack.enter_context(open_media(name))
        pipeline = make_pipeline(settings)
        sink = (stack.enter_context(ImageOrVideoSink(annotated, rate=media.rate))
                if annotated else None)
        for frame in _with_progress(media):
            faces = pipeline.process(frame.image, frame.stamp)
            height, width = frame.image.shape[:2]
            record = to_record(faces, source=name, frame=frame.index, stamp=frame.stamp,
                               width=width, height=height)
            print(json.dumps(record), file=output)
            if sink is not None:
                sink.write(annotate(frame.image, faces))
            seen.update(face.id for face in faces)
            frames += 1
    print(f'{name}: {frames} frames, {seen.total()} faces, {len(seen)} tracks', file=sys.stderr)


def _with_progress(media: Media) -> Iterator[Any]:
    """Show a progress bar when a clip takes more than a second and a person watches."""
    return iter(tqdm(media, total=media.frame_count, delay=1.0, unit='frame', desc=media.name,
                     disable=None, leave=False))


def _copies(arguments: argparse.Namespace) -> list[Path | None]:
    """Return the path of the annotated copy of each file; of several, no two are the same."""
    out: Path | None = arguments.annotate
    if out is None or len(arguments.files) == 1:
        return [out] * len(arguments.files)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AffectError(f'{out}: is not a folder in which several annotated copies can be '
                          f'written ({error.strerror}); choose another with --annotate') from error
    copies: list[Path | None] = []
    for name in arguments.files:
        picture = Path(name).suffix.lower() in ('.png', '.jpg', '.jpeg', '.webp', '.bmp')
        stem, ending = f'{Path(name).stem}_annotated', '.png' if picture else '.mp4'
        copy, number = out / f'{stem}{ending}', 2
        while copy in copies:
            copy, number = out / f'{stem}_{number}{ending}', number + 1
        copies.append(copy)
    return copies


@contextlib.contextmanager
def _open_output(name: str) -> Iterator[TextIO]:
    if name == '-':
        yield sys.stdout
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with open(name, 'w', encoding='utf-8') as file:
            yield file
    except OSError as error:
        raise AffectError(f'{name}: cannot be written: {error.strerror}; choose another path '
                          'with --json') from error
