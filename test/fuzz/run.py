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
Run one target with a coverage-guided fuzzer that starts from the corpus; see README.md here.

python test/fuzz/run.py TARGET [FOLDER] [options of libFuzzer] needs the Python package atheris.
"""

from pathlib import Path
import sys
import tempfile

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

#: Modules whose coverage guides the fuzzer: this package, and parsers in Python.
with atheris.instrument_imports(include=['face_affect_ros', 'PIL', 'rosbags', 'yaml']):
    from face_affect_ros.affect import model_store  # noqa: F401
    import face_affect_ros.bags  # noqa: F401
    from kept import kept
    from targets import TARGETS


def main() -> None:
    """Run until a limit in the options of libFuzzer or a finding."""
    names = [each for each in sys.argv[1:] if not each.startswith('-')]
    if not names or names[0] not in TARGETS:
        sys.exit(f'run.py: name a target: {", ".join(TARGETS)}')
    options = [each for each in sys.argv[1:] if each.startswith('-')]
    with tempfile.TemporaryDirectory() as folder:
        for name, data in kept(names[0]).items():
            Path(folder, name).write_bytes(data)
        # findings are written to the first folder
        atheris.Setup([sys.argv[0], *options, *names[1:], folder], TARGETS[names[0]])
        atheris.Fuzz()


if __name__ == '__main__':
    main()
