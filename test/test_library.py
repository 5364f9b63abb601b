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

"""The library without ROS: the examples of its page, and `pip install .`."""

import ast
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import bag_files
import face_affect_ros.affect
from face_affect_ros.affect import AffectError, make_pipeline, PipelineSettings
from face_affect_ros.archive.results import Results
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.recordings import open_recording
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'library.md'
#: Modules of ROS, which are hidden.
ROS = ('rclpy', 'sensor_msgs', 'std_msgs', 'face_affect_msgs', 'rosidl_runtime_py',
       'ament_index_python')


def examples() -> list[str]:
    """Return the Python examples of the page."""
    return re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)


def run_example(code: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run an example; return the lines that it prints."""
    exec(compile(code, str(PAGE), 'exec'), {'__name__': '__main__'})  # noqa: S102
    return capsys.readouterr().out.splitlines()


def test_the_first_example_prints_the_faces_of_a_clip_and_of_a_bag(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code = examples()[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 8
    bag_files.write(Path('bag'), [bag_files.image()])
    shutil.copy(portrait_path(), 'clip.mp4')   # the content determines the format
    line, = run_example(code, capsys)
    assert re.fullmatch(r'0\.0 f[a-z]{5}0001 happy 0\.\d+', line)
    assert "'clip.mp4'" in code
    assert len(run_example(code.replace("'clip.mp4'", "'bag'"), capsys)) >= 1


def test_paths_may_be_objects(tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [bag_files.image()])
    for source in (portrait_path(), bag):
        assert len(list(open_recording(source))) == 1
    with pytest.raises(AffectError, match='nowhere: is not a folder of results'):
        Results(tmp_path / 'nowhere').metadata()
    model = ROOT / 'models' / 'emotion_mini_xception'
    pipeline = make_pipeline(PipelineSettings(emotion_model=model, gender_model=''))
    assert pipeline.models == ['face_residual_fpn', 'emotion_mini_xception']


def test_frames_and_calibrations_are_compared_and_hashed_by_identity(tmp_path: Path) -> None:
    """Their arrays have no truth value."""
    bag = bag_files.write(tmp_path / 'bag', [bag_files.camera_info(), bag_files.image()])
    one, same = (next(iter(open_recording(bag))) for _ in range(2))
    assert one in [same, one] and one not in [same] and len({one, same}) == 2
    assert one.camera != same.camera and len({one.camera, same.camera}) == 2


def test_an_empty_path_is_no_recording() -> None:
    """As of an unset variable."""
    with pytest.raises(AffectError, match='the path of the recording is empty'):
        open_recording('')


def test_the_example_with_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(portrait_path(), 'photo.jpg')
    line, = run_example(examples()[1], capsys)
    box, shares = re.fullmatch(r'\[(.*?)\] (\{.*\})', line).groups()
    assert len(box.split()) == 4
    assert sum(ast.literal_eval(shares).values()) == pytest.approx(1.0, abs=1e-3)


def test_the_page_lists_the_public_names_of_the_package() -> None:
    for name in face_affect_ros.affect.__all__:
        assert getattr(face_affect_ros.affect, name).__name__ == name
        assert f'`{name}`' in PAGE.read_text()
    with pytest.raises(AttributeError, match='no attribute'):
        _ = face_affect_ros.affect.nothing


def test_the_defaults_are_imported_without_scipy_and_opencv() -> None:
    code = ('import sys\nfrom face_affect_ros.affect import PipelineSettings\nPipelineSettings()\n'
            'sys.exit(bool({"scipy", "cv2"} & sys.modules.keys()))')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_the_pipeline_is_imported_without_scipy() -> None:
    """Its import takes longer, and more memory, than all other imports of the node."""
    code = ('import sys\nfrom face_affect_ros.affect import make_pipeline, PipelineSettings\n'
            'make_pipeline(PipelineSettings())\nsys.exit("scipy" in sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this repository, built by pip."""
    tree = tmp_path_factory.mktemp('tree') / 'repository'
    tree.mkdir()
    for name in ('setup.py', 'setup.cfg', 'pyproject.toml', 'package.xml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, tree)
    for name in ('face_affect_ros', 'models', 'launch', 'config', 'rviz', 'resource', 'scripts'):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns('__pycache__'))
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation',
                    '--no-index', '--wheel-dir', str(tree / 'out'), str(tree)], check=True,
                   capture_output=True)
    found, = (tree / 'out').glob('*.whl')
    return found


@pytest.mark.slow
def test_a_wheel_contains_the_models_and_its_requirements(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        metadata, = (name for name in names if name.endswith('/METADATA'))
        text = file.read(metadata).decode()
    data = f'{wheel.name.rpartition("-py")[0]}.data/data/'
    for name in ('blazeface_back/card.yaml', 'blazeface_back/face_detection_back.tflite',
                 'emotion_small_resnet/card.yaml', 'gender_mobilenet/card.yaml'):
        assert f'{data}share/face_affect_ros/models/{name}' in names
    assert not [name for name in names if name.startswith(f'{data}bin/')]
    from face_affect_ros.extras import EXTRAS, RUNTIME
    needs = re.findall(r'^Requires-Dist: (.*)$', text, re.MULTILINE)
    assert {need for need in needs if ';' not in need} == set(RUNTIME)
    for extra, packages in EXTRAS.items():
        for package in packages:
            assert f'{package}; extra == "{extra}"' in needs


@pytest.mark.slow
def test_the_installed_package_runs_without_ros(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / 'environment'
    subprocess.run([sys.executable, '-m', 'venv', str(environment)], check=True)
    python = environment / 'bin' / 'python'
    subprocess.run([str(python), '-m', 'pip', 'install', '--no-deps', '--no-index', str(wheel)],
                   check=True, capture_output=True)
    site, = environment.glob('lib/python3*/site-packages')
    # Dependencies are those of the environment of the tests; the modules of the wheel come first.
    others = sysconfig.get_paths()['purelib']
    (site / 'others.pth').write_text(f'import site; site.addsitedir({others!r})\n')
    (site / 'sitecustomize.py').write_text(
        f'import sys\nsys.modules.update(dict.fromkeys({ROS!r}))\n')
    bare = {name: value for name, value in os.environ.items()
            if name not in ('PYTHONPATH', 'AMENT_PREFIX_PATH', 'FACE_AFFECT_MODEL_PATH')}
    bag_files.write(tmp_path / 'bag', [bag_files.compressed()])
    done = subprocess.run([str(environment / 'bin' / 'face_affect'), 'analyze',
                           str(portrait_path()), 'bag'], cwd=tmp_path, env=bare,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record['faces'][0]['emotion'] for record in records] == ['happy', 'happy']
    code = ('import face_affect_ros.affect.model_store as store\n'
            'print(store.__file__, store.load_card("blazeface_back").path)')
    done = subprocess.run([str(python), '-c', code], cwd=tmp_path, env=bare, capture_output=True,
                          text=True, check=True)
    module, model = done.stdout.split()
    assert module.startswith(str(environment)) and model.startswith(str(environment / 'share'))
