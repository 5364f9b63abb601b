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

"""The linters of ROS, if they are installed; ruff has most of their rules."""

from pathlib import Path
import shutil

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [str(ROOT / name) for name in (
    'face_affect_ros', 'launch', 'test', 'tools', 'training', 'benchmarks', 'setup.py')]
#: Rules ignored by ament_pep257, and numpydoc's sections: the docstrings have Google's.
PEP257_IGNORED = ['D100', 'D101', 'D102', 'D103', 'D104', 'D105', 'D106', 'D107', 'D203', 'D212',
                  'D404', 'D406', 'D407', 'D413']
REASON = 'is not installed: pip has none, it comes with a ROS distribution'


@pytest.mark.linter
@pytest.mark.flake8
def test_flake8() -> None:
    main = pytest.importorskip('ament_flake8.main', reason=f'ament_flake8 {REASON}')
    code, errors = main.main_with_errors(argv=SOURCES)
    assert code == 0, '\n'.join(errors)


@pytest.mark.linter
@pytest.mark.pep257
def test_pep257() -> None:
    main = pytest.importorskip('ament_pep257.main', reason=f'ament_pep257 {REASON}')
    paths = [str(ROOT / name) for name in ('face_affect_ros', 'launch')]
    assert main.main(argv=[*paths, '--ignore', *PEP257_IGNORED]) == 0


@pytest.mark.linter
@pytest.mark.copyright
def test_copyright() -> None:
    main = pytest.importorskip('ament_copyright.main', reason=f'ament_copyright {REASON}')
    assert main.main(argv=[each for each in SOURCES if not each.endswith('setup.py')]) == 0


@pytest.mark.linter
@pytest.mark.xmllint
def test_xmllint(capfd: pytest.CaptureFixture[str]) -> None:
    main = pytest.importorskip('ament_xmllint.main', reason=f'ament_xmllint {REASON}')
    if not shutil.which('xmllint'):
        pytest.skip('the command xmllint is not installed: apt has it in libxml2-utils')
    files = [str(path) for path in (ROOT / 'package.xml',
                                    ROOT / 'face_affect_msgs' / 'package.xml')]
    code = main.main(argv=files)
    if code and 'failed to load external entity' in capfd.readouterr().err:
        pytest.skip('the schema that the manifests name cannot be loaded: no network here')
    assert code == 0
