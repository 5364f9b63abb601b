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

"""Many sources on this machine, in one process or several."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
import contextlib
import functools
import multiprocessing
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

import cv2
from face_affect_ros.affect.sandbox import signal_of
from face_affect_ros.archive.analysis import analyse_source, Outcome, Run
from face_affect_ros.archive.sources import Source

#: Called with a source, the number of its images so far and their fraction of it, 0 to 1.
Watch = Callable[[Source, int, float], None]
#: Seconds between two progress messages of a process.
PERIOD = 0.2
#: Seconds in which a process removes its temporary files before it is killed.
GRACE = 10.0


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else (
        os.cpu_count() or 1)


def run_locally(sources: Sequence[Source], run: Run, metadata: dict[str, Any], *, jobs: int,
             watch: Watch) -> Iterator[Outcome]:
    """
    Analyse sources on this machine.

    Args:
        sources: The sources.
        run: Options of the run.
        metadata: `metadata_of` the run.
        jobs: Number of processes, 1 for this one alone.
        watch: Called with the progress of each source.

    Yields:
        The outcome of each source, in the order of completion; a fatal one is the last.
    """
    jobs = min(jobs, len(sources))
    if jobs > 1:
        yield from _Workers(run, metadata, watch).outcomes(sources, jobs)
        return
    for source in sources:
        outcome = analyse_source(source, run, metadata, functools.partial(watch, source))
        yield outcome
        if outcome.fatal:
            return


class _Workers:
    """Worker processes; if one dies, only its present source fails."""

    def __init__(self, run: Run, metadata: dict[str, Any], watch: Watch) -> None:
        self._run, self._metadata, self._watch = run, metadata, watch
        # Not forked: threads of the networks and of OpenCV do not exist in a forked process.
        self._context = multiprocessing.get_context('spawn')
        self._processes: list[Any] = []
        self._busy: dict[Any, tuple[Any, Source]] = {}

    def outcomes(self, sources: Sequence[Source], jobs: int) -> Iterator[Outcome]:
        waiting = deque(sources)
        try:
            for _ in range(jobs):
                self._give(*self._start(), waiting)
            while self._busy:
                for connection in wait(list(self._busy)):
                    outcome = self._take(connection, waiting)
                    if outcome is None:
                        continue
                    yield outcome
                    if outcome.fatal:
                        return
        finally:
            for process in self._processes:
                process.terminate()
            for process in self._processes:
                process.join(GRACE)
                process.kill()   # if a library does not return

    def _start(self) -> tuple[Any, Any]:
        connection, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._run, self._metadata),
                                        daemon=True)

        def start() -> None:
            resource_tracker.ensure_running()   # it would unblock the signal
            # inherited: Ctrl-C is for the parent, which ends this process
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            process.start()
            self._processes.append(process)

        with ThreadPoolExecutor(1) as pool:   # a signal interrupts only the main thread
            pool.submit(start).result()
        theirs.close()   # else the end of the process is not noticed here
        return connection, process

    def _give(self, connection: Any, process: Any, waiting: deque[Source]) -> None:
        """Send the next source to a process, or end it if there is none."""
        if waiting:
            source = waiting.popleft()
            self._busy[connection] = process, source
            with contextlib.suppress(OSError):   # ended since its last source: see _take
                connection.send(source)
        else:
            connection.close()

    def _take(self, connection: Any, waiting: deque[Source]) -> Outcome | None:
        """Receive a message of a process; return the outcome of its source, None for progress."""
        process, source = self._busy[connection]
        try:
            message = connection.recv()
        except (EOFError, ConnectionError):
            process.join()
            del self._busy[connection]
            name = signal_of(process.exitcode)
            how = f'signal {name}' if name else f'exit code {process.exitcode}'
            if waiting:
                self._give(*self._start(), waiting)
            return Outcome(source, problem=f'{source}: its process ended with {how}; analyse '
                           'it alone, or use fewer --jobs if memory is short')
        if not isinstance(message, Outcome):
            self._watch(source, *message)
            return None
        del self._busy[connection]
        if not message.fatal:
            self._give(connection, process, waiting)
        return message


def _serve(connection: Any, run: Run, metadata: dict[str, Any]) -> None:
    """Analyse the received sources until the parent process closes the connection."""
    signal.signal(signal.SIGTERM, _end)
    cv2.setNumThreads(1)
    try:
        while True:
            connection.send(analyse_source(connection.recv(), run, metadata,
                                           _Progress(connection)))
    except (EOFError, OSError):
        # the parent also signals ending processes: no SystemExit in a callback of atexit
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _end(number: int, _: FrameType | None) -> None:
    """End this process after temporary files, such as those of a compressed bag, are removed."""
    signal.signal(number, signal.SIG_IGN)   # `timeout` signals all processes, then the parent does
    sys.exit(128 + number)


class _Progress:
    """Sends the progress periodically, and ends the process if the parent has ended."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._last = connection, time.monotonic()

    def __call__(self, frames: int, share: float) -> None:
        if time.monotonic() - self._last >= PERIOD:
            self._last = time.monotonic()
            try:
                self._connection.send((frames, share))
            except OSError as error:
                raise SystemExit from error
