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

"""The executables: each imports its module when it runs, and Ctrl-C ends the import silently."""

import functools
import importlib
import signal


def _run(module: str) -> int:
    """Run `main` of a module of this package; SIGINT has its default action until then."""
    python = signal.getsignal(signal.SIGINT) is signal.default_int_handler   # else it is ignored
    if python:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    main = importlib.import_module(f'face_affect_ros.{module}').main
    if python:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = int(main())
    if python:   # that of launch, after that of the terminal, may come while the process ends
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


face_affect = functools.partial(_run, 'cli')
face_affect_node = functools.partial(_run, 'nodes.face_affect_node')
camera_player = functools.partial(_run, 'nodes.camera_player')
bag_player = functools.partial(_run, 'nodes.bag_player')
greeter = functools.partial(_run, 'behaviours.greeter')
humans_merger = functools.partial(_run, 'nodes.humans_merger')
face_affect_container = functools.partial(_run, 'nodes.container')
