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

"""`face_affect analyze`: the pipeline without ROS, for images, clips and bags."""

import argparse
from collections import Counter
from collections.abc import Iterator
import contextlib
import json
import os
import sys
from typing import Any, TextIO

from face_affect_ros.affect.annotate import annotate
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.analysis import analysed, FatalError
from face_affect_ros.archive.remote import fetched
from face_affect_ros.archive.sources import find_sources, Source
from face_affect_ros.commands import tables
from face_affect_ros.commands.copies import Copies
from face_affect_ros.commands.options import (
    add_option,
    add_pipeline_options,
    check_option,
    file_name,
    filled,
    local_name,
    settings_from,
)
from face_affect_ros.commands.outputs import (
    check_lines,
    check_new,
    check_outputs,
    Inputs,
    model_files,
)
from face_affect_ros.media import check_suffix, Media
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import expanded, shown
from face_affect_ros.recordings import open_recording
from face_affect_ros.records import to_record
from tqdm import tqdm

SEQUENCE = Spec(0.0, 'Read the images of a folder as the frames of one clip, in the order of '
                'their numbers, with this rate in Hz. 0: the images are independent.',
                bounds=(0.0, 1000.0))


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'analyze', help='find faces, expressions and genders in images, clips and bags',
        description='Write one JSON line for each image, to standard output or a file; or, with '
        '--out, one table for each FILE, with one row for each face in each image. Images, clips, '
        'bags and the files of a folder are analysed independently. The exit code is 1 if one of '
        'them could not be analysed, or its annotated copy could not be written.')
    parser.add_argument('files', nargs='+', metavar='FILE', type=file_name,
                        help="image, GIF, video or bag, a folder of them, or a pattern such as "
                        "'runs/**/*.mcap'")
    parser.add_argument('--json', metavar='OUT.jsonl', default='-', type=local_name,
                        help='file for the JSON lines (default: standard output)')
    parser.add_argument('--annotate', metavar='OUT', type=local_name,
                        help='annotated copy: an image or .mp4. OUT is a folder if there are '
                        'several FILEs, if it is an existing folder, or if it ends with a slash')
    parser.add_argument('--overwrite', action='store_true',
                        help='let --annotate replace an existing file; earlier copies in a folder '
                        'are always replaced')
    add_option(parser, '--sequence', SEQUENCE, metavar='HZ')
    parser.add_argument('--topic', action='append', default=[], metavar='TOPIC',
                        type=filled('the name of a topic'),
                        help='image topic of the bags, raw or compressed; may be given several '
                        'times (default: the first one, colour preferred)')
    parser.add_argument('--rectified', action='store_true', help='the images of the bags are '
                        'rectified: positions are computed from P of camera_info')
    tables.add_options(parser)
    add_pipeline_options(parser, track_id_prefix='f', detection_interval=0.0,
                         emotion_interval=0.0, gender_interval=0.0)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse every file; return the exit code."""
    settings = settings_from(arguments)
    check_option('--sequence', SEQUENCE, arguments.sequence)
    tables.check_options(arguments)
    if arguments.sequence and not any(os.path.isdir(expanded(name)) for name in arguments.files):
        raise AffectError('--sequence applies to a folder of images, and no FILE is a folder')
    sources = find_sources(arguments.files, topics=arguments.topic,
                           sequence=arguments.sequence > 0.0)
    if arguments.out:
        return tables.run(arguments, settings, sources)
    names = [source.name for source in sources]
    inputs = Inputs([*arguments.files, *names, *model_files(settings)])
    copies = Copies(arguments.annotate or '', names,
                    folder=len(names) > 1 or names != arguments.files)
    outputs = [('--annotate', path) for path in copies.planned()]
    if arguments.json != '-':
        outputs.insert(0, ('--json', expanded(arguments.json)))
    check_outputs(outputs, inputs)
    if copies.file:
        check_suffix(copies.file)
        if not arguments.overwrite:
            check_new('--annotate', copies.file)
    if arguments.json != '-':
        check_lines('--json', expanded(arguments.json))
    pipeline = make_pipeline(settings)   # before --json empties a file of earlier results
    with _Lines(arguments.json) as lines:
        analysis = _Analysis(pipeline, lines, copies, inputs, rate=arguments.sequence or None,
                             rectified=arguments.rectified)
        failed = [source for source in sources if not analysis.try_file(source)]
    if len(sources) > 1 and failed:
        text = ', '.join(shown(source) for source in failed)
        print(f'{len(failed)} of {len(sources)} files failed: {text}', file=sys.stderr)
    return 1 if failed else 0


class _Analysis:
    """Analyses files one by one."""

    def __init__(self, pipeline: AffectPipeline, output: '_Lines', copies: Copies,
                 inputs: Inputs, *, rate: float | None, rectified: bool) -> None:
        self._pipeline, self._output, self._rectified = pipeline, output, rectified
        self._copies, self._inputs, self._rate = copies, inputs, rate

    def try_file(self, source: Source) -> bool:
        """Analyse a file and print errors; return whether it and its copy are complete."""
        try:
            self._analyse(source)
        except (FatalError, BrokenPipeError):
            raise
        except Exception as error:   # other files continue
            known = isinstance(error, AffectError)
            text = error if known else f'{source}: {type(error).__name__}: {error}'
            print(f'error: {shown(text)}', file=sys.stderr)
            return False
        return True

    def _analyse(self, source: Source) -> None:
        """Write the lines of one file; AffectError if it or its copy is not complete."""
        seen: Counter[str] = Counter()
        frames, first = 0, 0.0
        with contextlib.ExitStack() as stack:
            path = stack.enter_context(fetched(source.name))
            media = stack.enter_context(open_recording(
                path, topic=source.topic, rate=self._rate, rectified=self._rectified))
            self._pipeline.reset()   # no tracks; ids are not used again
            copy = self._copies.copy_of(source.name, media, self._inputs)
            if copy is not None:
                stack.enter_context(copy)
            for frame, faces in _with_progress(media, analysed(media, self._pipeline)):
                height, width = frame.image.shape[:2]
                of_bag = {'topic': media.topic, 'frame_id': frame.frame_id,
                          'stamp_ns': frame.nanoseconds} if media.topic else {}
                self._output.write(to_record(faces, source=source.name, frame=frame.index,
                                             stamp=frame.stamp, **of_bag, width=width,
                                             height=height))
                first = frame.stamp if frames == 0 else first
                if copy is not None:
                    copy.write(annotate(frame.image, faces),
                               frame.stamp - first if media.topic else frame.stamp)
                seen.update(face.id for face in faces)
                frames += 1
        written = f', written to {shown(copy.path)}' if copy and not copy.problem else ''
        print(f'{shown(source)}: {frames} frames, {seen.total()} faces, {len(seen)} tracks'
              f'{written}', file=sys.stderr)
        if copy is not None and copy.problem:
            raise AffectError(copy.problem)
        if media.skipped and not media.topic and os.path.isdir(expanded(source.name)):
            raise AffectError(f'{source}: {media.skipped} files or frames could not be read')


def _with_progress(media: Media, frames: Iterator[Any]) -> Iterator[Any]:
    """Show a progress bar on a terminal if a clip takes more than a second."""
    return iter(tqdm(frames, total=media.frame_count, delay=1.0, unit='frame',
                     desc=shown(media.name), disable=None, leave=False))


class _Lines:
    """Writes JSON lines to a file, or to standard output if the name is '-'."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: TextIO = sys.stdout

    def __enter__(self) -> '_Lines':
        if self._name != '-':
            path = expanded(self._name)
            with self._named():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open('w', encoding='utf-8')
        elif sys.stdout is None:
            raise AffectError('standard output is closed; choose a file with --json')
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._name != '-':
            with self._named():
                self._file.close()

    def write(self, record: dict[str, Any]) -> None:
        """Write a line; FatalError on a full disk."""
        with self._named():
            # One system call: processes may append to one file, and this one may be killed. print
            # would write the end of a line of more than 8 kB separately.
            self._file.write(json.dumps(record) + '\n')
            self._file.flush()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            name = 'standard output' if self._name == '-' else self._name
            raise FatalError(f'{name}: cannot be written: {error.strerror}; choose another path '
                             'with --json') from error
