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

"""Analysis of one source: the same on this machine and on a worker of a cluster."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
import math
import threading
from typing import Any

from face_affect_ros import __version__
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError, Face
from face_affect_ros.archive.remote import fetched
from face_affect_ros.archive.results import Results, Summary
from face_affect_ros.archive.schema import described, rows_of, VERSION
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.storage import StorageError
from face_affect_ros.media import Frame, Media
from face_affect_ros.recordings import open_recording
from face_affect_ros.records import as_unicode

#: Called with the number of images so far and the fraction of the source, 0 to 1. The fraction is
#: near 0 if the length is unknown.
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Run:
    """
    Options of a run, the same for each source.

    Attributes:
        settings: Settings of the pipeline.
        out: Folder or URL of the results.
        form: Format of the tables, one of tables.FORMATS.
        rate: Images per second of folders that are one clip, 0 for separate images.
        rectified: Whether images of bags are rectified.
    """

    settings: PipelineSettings
    out: str
    form: str
    rate: float = 0.0
    rectified: bool = False


@dataclass(frozen=True)
class Outcome:
    """
    The result of one source.

    Attributes:
        source: The source.
        summary: Its summary, None if it failed.
        problem: Why it failed.
        before: Whether an earlier run has processed it.
        fatal: Whether no further source can be processed.
        retryable: Whether a retry may succeed, as after a network error.
    """

    source: Source
    summary: Summary | None = None
    problem: str = ''
    before: bool = False
    fatal: bool = False
    retryable: bool = False


class FatalError(AffectError):
    """An error for all sources: a model is missing or differs from that of the run."""


def metadata_of(run: Run) -> dict[str, Any]:
    """
    Return the metadata of a run: versions, models with checksums, settings, columns.

    Raises:
        AffectError: A model is missing or broken.
    """
    settings = run.settings
    named = {'detector': settings.detector, 'emotion': settings.emotion_model,
             'gender': settings.gender_model}
    models = {}
    for task, name in named.items():
        if name:
            card = load_card(name, 'detector' if task == 'detector' else 'classifier')
            models[task] = {'name': card.name, 'sha256': card.sha256}
    return {'schema_version': VERSION, 'package_version': __version__, 'format': run.form,
            'models': models, 'settings': asdict(settings), 'rate': run.rate,
            'rectified': run.rectified, 'columns': described()}


def analysed(media: Media, pipeline: AffectPipeline) -> Iterator[tuple[Frame, list[Face]]]:
    """Yield each frame of a source with its faces."""
    for frame in media:
        if media.pages:   # independent images
            pipeline.reset()
        yield frame, pipeline.process(frame.image, frame.stamp, frame.camera)


def analyse_source(source: Source, run: Run, metadata: dict[str, Any],
                   progress: Progress | None = None) -> Outcome:
    """
    Analyse a source, unless it is complete.

    Args:
        source: The source.
        run: Options of the run.
        metadata: `metadata_of` the run on the machine that started it.
        progress: Called after each image.

    Returns:
        The outcome. An error in the source is its `problem`, and not raised.
    """
    results = Results(run.out)
    try:
        summary = results.summary_of(source)
        if summary is not None:
            return Outcome(source, summary, before=True)
        pipeline = _pipeline_of(run, metadata, results)
        summary = _write(source, run, metadata, results, pipeline, progress)
        results.finish(source, summary)
    except (StorageError, FatalError) as error:
        return Outcome(source, problem=str(error), fatal=True)
    except AffectError as error:
        return Outcome(source, problem=str(error))
    except Exception as error:   # other sources continue
        return Outcome(source, problem=f'{source}: {type(error).__name__}: {error}',
                       retryable=isinstance(error, OSError))
    return Outcome(source, summary)


def _write(source: Source, run: Run, metadata: dict[str, Any], results: Results,
           pipeline: AffectPipeline, progress: Progress | None) -> Summary:
    ids: set[str] = set()
    frames = faces = 0
    first, last = math.inf, -math.inf
    topic = source.topic
    name = as_unicode(source.name)
    with fetched(source.name) as path, open_recording(
            path, topic=source.topic, rate=run.rate or None, rectified=run.rectified
    ) as media, results.table(source, metadata) as table:
        topic = media.topic
        for frame, found in analysed(media, pipeline):
            table.write(rows_of(found, source=name, topic=topic, frame=frame))
            first, last = min(first, frame.stamp), max(last, frame.stamp)
            frames, faces = frames + 1, faces + len(found)
            ids.update(face.id for face in found)
            if progress is not None:
                progress(frames, min(1.0, frames / (media.frame_count or 1e9)))
    return Summary(source=name, topic=topic, frames=frames, faces=faces, tracks=len(ids),
                   skipped=media.skipped, first=first, last=last)


def _begun(results: Results) -> dict[str, Any]:
    try:
        return results.metadata()
    except AffectError:   # no run was started there
        return {}


_loaded = threading.local()


def _pipeline_of(run: Run, metadata: dict[str, Any], results: Results) -> AffectPipeline:
    """Return a pipeline without tracks; each thread loads its models once."""
    if getattr(_loaded, 'run', None) != run:
        try:
            here = metadata_of(run)
            _loaded.pipeline = make_pipeline(run.settings)
        except AffectError as error:
            raise FatalError(str(error)) from error
        for name in ('schema_version', 'package_version', 'models'):
            if here[name] != metadata[name]:
                raise FatalError(f'{name} differs from that of the machine that started the run: '
                                 f'{here[name]}, there {metadata[name]}; install the same version')
        if _begun(results) != metadata:
            raise FatalError(f'{run.out}: does not contain this run on this machine; choose a '
                             'URL, or a folder on a disk that all machines share')
        _loaded.run = run
    pipeline: AffectPipeline = _loaded.pipeline
    pipeline.restart()
    return pipeline
