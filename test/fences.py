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
Restrictions of a process, applied at its start: no access to a network.

They are enforced by the kernel (Linux, x86-64 and arm64), for Python and for libraries in C, and
for all later threads and child processes. They cannot be removed.
"""

import ctypes
import errno
import fcntl
import os
from pathlib import Path
import platform
import socket
import struct
import sys

#: Number of the system call socket(), and the architecture in seccomp.
MACHINES = {'x86_64': (41, 0xC000003E), 'aarch64': (198, 0xC00000B7)}
_LOAD, _JUMP_IF_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_NR, _ARCH, _FIRST, _SECOND = 0, 4, 16, 24
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 22, 38, 2
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_libc = ctypes.CDLL(None, use_errno=True)


class Unsupported(Exception):
    """The kernel or the permissions do not allow the restriction."""


class _Program(ctypes.Structure):
    _fields_ = (('len', ctypes.c_ushort), ('filter', ctypes.c_void_p))


def kill_at_sockets(*, datagrams: bool) -> None:
    """
    Let the kernel kill this process (SIGSYS) if it opens an internet socket.

    datagrams: UDP is allowed, which DDS needs. Sockets inside the machine (AF_UNIX, netlink)
    stay allowed.
    """
    if platform.machine() not in MACHINES:
        raise Unsupported(f'no filter for {platform.machine()}')
    number, machine = MACHINES[platform.machine()]
    kill, allow = 'kill', 'allow'
    steps: list[tuple[int, int, str, str]] = [
        (_LOAD, _ARCH, '', ''), (_JUMP_IF_EQUAL, machine, '', kill),
        (_LOAD, _NR, '', ''), (_JUMP_IF_EQUAL, number, '', allow),
        (_LOAD, _FIRST, '', ''),
        (_JUMP_IF_EQUAL, socket.AF_UNIX, allow, ''),
        (_JUMP_IF_EQUAL, socket.AF_NETLINK, allow, ''),
        (_JUMP_IF_EQUAL, socket.AF_INET, 'internet', ''),
        (_JUMP_IF_EQUAL, socket.AF_INET6, 'internet', kill),
        (_LOAD, _SECOND, 'internet:', ''), (_AND, 0xF, '', ''),
        (_JUMP_IF_EQUAL, socket.SOCK_DGRAM, allow if datagrams else kill, kill),
        (_RETURN, _KILL, 'kill:', ''), (_RETURN, _ALLOW, 'allow:', '')]
    places = {yes[:-1]: place for place, (_, _, yes, _) in enumerate(steps) if yes.endswith(':')}
    code = b''.join(struct.pack(
        '=HBBI', what, *(places[to] - place - 1 if to in places else 0 for to in (yes, no)), value)
        for place, (what, value, yes, no) in enumerate(steps))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(steps), ctypes.cast(buffer, ctypes.c_void_p))
    _call('prctl', _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call('prctl', _PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)


def leave_the_network() -> None:
    """Move this process into a network namespace with the loopback device only."""
    user, group = os.getuid(), os.getgid()
    _call('unshare', _CLONE_NEWUSER | _CLONE_NEWNET)
    Path('/proc/self/setgroups').write_text('deny')
    Path('/proc/self/uid_map').write_text(f'{user} {user} 1')
    Path('/proc/self/gid_map').write_text(f'{group} {group} 1')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', _IFF_UP))


def unreachable() -> int:
    """Return the number of packets of this namespace without a route."""
    lines = [line.split() for line in Path('/proc/net/snmp').read_text().splitlines()]
    heads, values = (line for line in lines if line[0] == 'Ip:')
    return int(values[heads.index('OutNoRoutes')])


def _call(name: str, *arguments: object) -> None:
    if sys.platform != 'linux' or getattr(_libc, name)(*arguments) != 0:
        raise Unsupported(f'{name}: {errno.errorcode.get(ctypes.get_errno(), "?")}')
