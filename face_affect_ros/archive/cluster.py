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

"""Many sources on many machines: each is a task of Dask, which repeats lost ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
import os
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.analysis import analyse_source, Outcome, Run
from face_affect_ros.archive.sources import Source
from face_affect_ros.extras import import_extra
from face_affect_ros.paths import is_url

#: Retries of a source after a network error. If a worker dies, Dask itself repeats its task, up to
#: three times (distributed.scheduler.allowed-failures).
RETRIES = 3
#: Seconds to wait for a scheduler.
TIMEOUT = 10.0


class RetryableError(Exception):
    """An error after which a retry may succeed."""


def run_on_cluster(sources: Sequence[Source], run: Run, metadata: dict[str, Any], *, scheduler: str
              ) -> Iterator[Outcome]:
    """
    Analyse sources on the workers of a Dask scheduler.

    Args:
        sources: The sources, by absolute path or URL. Each is one task, by its key: however often
            it is submitted or repeated, its table is complete or absent.
        run: Options of the run.
        metadata: `metadata_of` the run.
        scheduler: Address of the scheduler, such as tcp://host:8786.

    Yields:
        The outcome of each source, in the order of completion.

    Raises:
        AffectError: The scheduler cannot be reached.
    """
    for name in (run.out, *(source.name for source in sources)):
        if not is_url(name) and not os.path.isabs(name):
            raise AffectError(f'{name}: workers have other working directories; with '
                              '--scheduler, use absolute paths or URLs')
    distributed = import_extra('distributed', 'cluster', '--scheduler')
    try:
        client = distributed.Client(scheduler, timeout=TIMEOUT)
    except (OSError, TimeoutError, ValueError) as error:
        raise AffectError(f'--scheduler {scheduler}: cannot be reached: {error}; start one: dask '
                          'scheduler') from error
    with client:
        futures = {client.submit(task, source, run, metadata, key=f'face_affect-{source.key}',
                                 retries=RETRIES, pure=False): source for source in sources}
        try:
            for future in distributed.as_completed(futures):
                outcome = _outcome(future, futures[future])
                yield outcome
                if outcome.fatal:
                    return
        finally:
            client.cancel(list(futures))


def task(source: Source, run: Run, metadata: dict[str, Any]) -> Outcome:
    """Analyse a source on a worker; raises RetryableError if it should be retried."""
    outcome = analyse_source(source, run, metadata)
    if outcome.retryable:
        raise RetryableError(outcome.problem)
    return replace(outcome, before=False)   # a worker may have died right after it


def _outcome(future: Any, source: Source) -> Outcome:
    try:
        outcome: Outcome = future.result()
        return outcome
    except Exception as error:   # of the network, or after several dead workers
        text = str(error) if isinstance(error, RetryableError) else (
            f'{source}: {type(error).__name__}: {error}')
        return Outcome(source, problem=text)
