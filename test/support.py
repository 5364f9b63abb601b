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

"""Helpers for tests: waiting for ROS, and starting nodes as processes."""

from collections.abc import Callable, Iterator
import contextlib
import ctypes
import fcntl
import glob
import itertools
import os
from pathlib import Path
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import face_affect_ros
import pytest

#: Location of the tested package, for child processes.
SOURCE = Path(face_affect_ros.__file__).resolve().parents[1]
#: The ROS domains in the order in which the tests of this process use them: processes of an
#: earlier test have ended when its domain is used again.
DOMAINS = itertools.cycle(random.sample(range(1, 101), 100))
#: Seconds within which the owner of a new segment has locked it.
NEW = 2.0


def spin_until(executor: Any, condition: Callable[[], bool], *, timeout: float = 30.0) -> bool:
    """
    Spin an executor until the condition holds; return whether it did within the timeout.

    The timeout, in seconds, is reached only by a test that fails, so it may be long.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        executor.spin_once(timeout_sec=0.05)
    return True


def wait_until(condition: Callable[[], bool], *, timeout: float = 30.0) -> bool:
    """Sleep until the condition holds; return whether it did within the timeout in seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Process:
    """A running child process with its output in a file, so that it does not block."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start the command, in a process group of its own."""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self.popen = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, 'PYTHONFAULTHANDLER': '1', **(environment or {})},
            start_new_session=True)

    def output(self) -> str:
        """Return all that was written to stdout and stderr so far, except by Fast DDS."""
        size = os.fstat(self._log.fileno()).st_size
        text = os.pread(self._log.fileno(), size, 0).decode('utf-8', 'replace')
        # It reports ports in /dev/shm of killed or late processes, and uses others.
        return re.sub(r'.*RTPS_TRANSPORT_SHM.*\n', '', text)

    def running(self) -> bool:
        """Return whether the process still runs."""
        return self.popen.poll() is None

    def wait(self, *, timeout: float = 60.0) -> int:
        """Return the exit code; AssertionError with its stacks if it does not end in time."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.send_signal(signal.SIGABRT)   # faulthandler prints the stacks
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(5.0)
            raise AssertionError(f'did not end within {timeout} s:\n{self.output()}') from None

    def stop(self, number: int = signal.SIGINT, *, timeout: float = 30.0) -> int:
        """Send a signal to the process alone, as `kill` does, and return its exit code."""
        if self.running():
            self.popen.send_signal(number)
        return self.wait(timeout=timeout)

    def kill(self) -> None:
        """End the process and its children by SIGKILL, if they are running."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


@contextlib.contextmanager
def permissions_apply() -> Iterator[None]:
    """
    Let file permissions apply to this thread for a while, also if the user is root.

    The capabilities with which root overrides permissions are removed from the effective set, see
    capabilities(7). For other users, nothing changes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)   # _LINUX_CAPABILITY_VERSION_3, this thread
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), 'capget')
    effective = sets[0]
    sets[0] = effective & ~0b1110   # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH and CAP_FOWNER
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), 'capset')
    try:
        yield
    finally:
        sets[0] = effective
        libc.capset(header, sets)


@contextlib.contextmanager
def forbidden(folder: Path, mode: int) -> Iterator[None]:
    """Let a folder have a mode for a while, which applies to its owner, also if that is root."""
    folder.chmod(mode)
    try:
        with permissions_apply():
            yield
    finally:
        folder.chmod(0o755)


@contextlib.contextmanager
def running(*command: str, environment: dict[str, str] | None = None) -> Iterator[Process]:
    """Run a command during a with statement."""
    process = Process(list(command), environment)
    try:
        yield process
    finally:
        process.kill()


def node_command(module: str, *ros_args: str, **parameters: Any) -> list[str]:
    """Return the command that runs a module of the package as a node with these parameters."""
    command = [sys.executable, '-m', module, '--ros-args', *ros_args]
    for name, value in parameters.items():
        # one-word YAML: strings in quotes, so that '0' or '' stay strings
        text = repr(value) if isinstance(value, str) else str(value)
        command += ['-p', f'{name}:={text}']
    return command


@contextlib.contextmanager
def running_node(module: str, *ros_args: str, **parameters: Any) -> Iterator[Process]:
    """Run a node during a with statement: `module` is run by `python -m`."""
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get('PYTHONPATH', '')]))
    with running(*node_command(module, *ros_args, **parameters),
                 environment={'PYTHONPATH': path}) as process:
        yield process


@contextlib.contextmanager
def reserved_domain() -> Iterator[int]:
    """Reserve a ROS domain, and remove the files of its killed processes from /dev/shm."""
    coordinator = pytest.importorskip(
        'domain_coordinator', reason='the package domain_coordinator is not installed')
    with coordinator.domain_id(DOMAINS.__next__) as domain:
        yield domain
        clean_shared_memory(domain)


def clean_shared_memory(domain: int) -> None:
    """
    Remove the files of killed processes that Fast DDS 2 (fastrtps) or 3 (fastdds) has created.

    The running owner of a segment or port has a lock on NAME_el: such files are kept, and new
    segments, whose owner may not have the lock yet. The names of ports contain their numbers,
    which are 7400 + 250 * domain and the next 249 (RTPS). The ports 7000 to 7399 are common to all
    domains, and kept: another process may be opening one of them.
    """
    first = 7400 + 250 * domain
    for path in [path for name in ('fastrtps_', 'fastdds_', 'sem.fastrtps_', 'sem.fastdds_')
                 for path in glob.glob(f'/dev/shm/{name}*')]:
        found = re.search(r'fast(?:rtps|dds)_port(\d+)', path)
        if found is not None:
            if first <= int(found[1]) < first + 250 and not _locked(f'/dev/shm/{found[0]}_el'):
                _unlink(path)
        elif path.endswith('_el') and _age(path) > NEW and not _locked(path):
            _unlink(path)
            _unlink(path.removesuffix('_el'))


def _age(path: str) -> float:
    """Return the time in seconds since the last change of a file, 0 if it does not exist."""
    with contextlib.suppress(FileNotFoundError):
        return time.time() - os.stat(path).st_mtime
    return 0.0


def _locked(path: str) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, 'rb') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
