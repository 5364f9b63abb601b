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

"""`face_affect analyze --out`: many sources into a folder of tables."""

import argparse
from collections.abc import Iterator, Sequence
import sys
from typing import Any

from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.analysis import metadata_of, Outcome, Run
from face_affect_ros.archive.bar import Bar
from face_affect_ros.archive.cluster import run_on_cluster
from face_affect_ros.archive.local import cores, run_locally
from face_affect_ros.archive.remote import reached
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.tables import check_format, FORMATS
from face_affect_ros.commands.options import (
    add_option,
    check_option,
    file_name,
    filled,
)
from face_affect_ros.commands.outputs import check_folder
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown

JOBS = Spec(1, 'With --out: number of processes; 0: one for each processor core. In each process, '
            'each network has --num-threads threads.', bounds=(0, 1024))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tables."""
    group = parser.add_argument_group(
        'tables', 'one table for each source, with one row for each face in each image')
    group.add_argument('--out', metavar='RESULTS', type=file_name,
                       help='write tables into this folder, instead of JSON lines')
    group.add_argument('--format', choices=FORMATS, default='',
                       help='with --out: format of the tables; parquet needs the extra `tables` '
                       '(default: jsonl)')
    group.add_argument('--resume', action='store_true', help='with --out: continue an '
                       'interrupted run; complete sources are skipped')
    add_option(group, '--jobs', JOBS, metavar='N')
    group.add_argument('--scheduler', metavar='ADDRESS', type=filled('the address of a scheduler'),
                       help='with --out: use the workers of the Dask scheduler at this address, '
                       'such as tcp://host:8786; FILEs and RESULTS must be URLs or on a shared '
                       'disk')


def check_options(arguments: argparse.Namespace) -> None:
    """Raise AffectError for incompatible options."""
    check_option('--jobs', JOBS, arguments.jobs)
    if arguments.out:
        check_folder('--out', arguments.out, 'for an annotated copy use --annotate, for JSON '
                     'lines --json')
        for option, given in (('--json', arguments.json != '-'),
                              ('--annotate', bool(arguments.annotate))):
            if given:
                raise AffectError(f'{option} and --out cannot be combined; run analyze twice')
        if arguments.scheduler and arguments.jobs != 1:
            raise AffectError('--jobs and --scheduler cannot be combined; the number of jobs '
                              'is that of the workers')
        return
    for option, given in (('--format', bool(arguments.format)), ('--resume', arguments.resume),
                          ('--jobs', arguments.jobs != 1),
                          ('--scheduler', bool(arguments.scheduler))):
        if given:
            raise AffectError(f'{option} applies to tables; choose a folder for them with --out')


def run(arguments: argparse.Namespace, settings: PipelineSettings,
        sources: Sequence[Source]) -> int:
    """Analyse all sources into a folder of tables; return the exit code."""
    what = Run(settings=settings, out=arguments.out, form=arguments.format or 'jsonl',
               rate=arguments.sequence, rectified=arguments.rectified)
    check_format(what.form)
    metadata = metadata_of(what)
    with reached(what.out):
        results = Results(what.out)
        results.begin(metadata, resume=arguments.resume)
        done = results.summaries()
    left = [source for source in sources if source.key not in done]
    outcomes = [Outcome(source, done[source.key], before=True) for source in sources
                if source.key in done]
    with Bar(left) as bar:
        for outcome in _outcomes(left, what, metadata, arguments, bar):
            outcomes.append(outcome)
            bar.done(outcome.source, outcome.summary.frames if outcome.summary else 0)
            bar.say(_line(outcome))
    for line in _summary(outcomes, total=len(sources)):
        print(line, file=sys.stderr)
    return 0 if len(outcomes) == len(sources) and all(each.summary for each in outcomes) else 1


def _outcomes(sources: Sequence[Source], what: Run, metadata: dict[str, Any],
              arguments: argparse.Namespace, bar: Bar) -> Iterator[Outcome]:
    if arguments.scheduler:
        return run_on_cluster(sources, what, metadata, scheduler=arguments.scheduler)
    return run_locally(sources, what, metadata, jobs=arguments.jobs or cores(), watch=bar.watch)


def _line(outcome: Outcome) -> str:
    summary = outcome.summary
    if summary is None:
        return f'error: {shown(outcome.problem)}'
    skipped = (f', {summary.skipped} unreadable images skipped' if summary.skipped
               else '')
    return (f'{shown(outcome.source)}: {summary.frames} frames, {summary.faces} faces, '
            f'{summary.tracks} tracks{skipped}')


def _summary(outcomes: Sequence[Outcome], *, total: int) -> Iterator[str]:
    """Yield the last lines: counts of all sources, and the names of those that failed."""
    good = [each.summary for each in outcomes if each.summary is not None]
    failed = [shown(each.source) for each in outcomes if each.summary is None]
    before = sum(each.before for each in outcomes)
    parts = [f'{len(good)} of {total} sources complete' + (f', {before} of them before'
                                                           if before else '')]
    parts += [f'{sum(getattr(each, name) for each in good)} {name}' for name in (
        'frames', 'faces', 'tracks')]
    yield ', '.join(parts)
    if failed:
        yield f'{len(failed)} of {total} sources failed: {", ".join(failed)}'
    if len(outcomes) < total:
        yield f'{total - len(outcomes)} sources were not started'
