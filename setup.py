"""Build of the ament_python package face_affect_ros."""

import os
from pathlib import Path
import runpy
import sys

from setuptools import find_packages, setup

NAME = 'face_affect_ros'
SHARED = ('launch', 'config', 'rviz', 'models')
#: Whether pip builds a wheel, for machines without ROS; else colcon builds.
WHEEL = bool({'bdist_wheel', 'dist_info', 'editable_wheel'} & set(sys.argv))
EXTRAS = runpy.run_path(str(Path(__file__).with_name(NAME) / 'extras.py'))


def data_files() -> list[tuple[str, list[str]]]:
    """Return the files that are installed beside the Python code, by target folder."""
    share = Path('share') / NAME
    files = {
        'share/ament_index/resource_index/packages': [f'resource/{NAME}'],
        str(share): ['package.xml'],
    }
    if not WHEEL:   # the console script of a wheel is on the PATH
        files['bin'] = ['scripts/face_affect']
    for top in SHARED:
        for path in sorted(Path(top).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                files.setdefault(str(share / path.parent), []).append(str(path))
    return list(files.items())


def warn_of_missing_messages() -> None:
    """Warn if colcon builds this package without the messages in its subfolder."""
    path = os.environ.get('AMENT_PREFIX_PATH', '')
    prefixes = [Path(entry) for entry in path.split(':') if entry]
    found = any((prefix / 'share' / 'face_affect_msgs').is_dir() for prefix in prefixes)
    if prefixes and not found and {'install', 'develop'} & set(sys.argv):
        print('face_affect_msgs is not built. colcon does not search inside of packages, add it: '
              f'colcon build --base-paths src src/{Path.cwd().name}/face_affect_msgs',
              file=sys.stderr)


warn_of_missing_messages()
setup(
    name=NAME,
    version=runpy.run_path(str(Path(__file__).with_name(NAME) / '__init__.py'))['__version__'],
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    data_files=data_files(),
    python_requires='>=3.10',
    # Packages that apt installs may have no metadata for pip.
    install_requires=list(EXTRAS['RUNTIME']) if WHEEL else ['setuptools'],
    extras_require={'test': ['pytest'],
                    **{name: list(needs) for name, needs in EXTRAS['EXTRAS'].items()}},
    zip_safe=False,
    author='face_affect_ros maintainers',
    maintainer='face_affect_ros maintainers',
    maintainer_email='face-affect-ros@example.com',
    description='Tracked faces with their apparent expression and apparent gender, on ROS 2.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'face_affect = face_affect_ros.executables:face_affect',
            'face_affect_node = face_affect_ros.executables:face_affect_node',
            'camera_player = face_affect_ros.executables:camera_player',
            'bag_player = face_affect_ros.executables:bag_player',
            'greeter = face_affect_ros.executables:greeter',
            'humans_merger = face_affect_ros.executables:humans_merger',
            'face_affect_container = face_affect_ros.executables:face_affect_container',
        ],
        # nodes by the names that ros2 component and launch_ros use
        'rclpy_components': [
            f'{NAME}::FaceAffectNode = face_affect_ros.nodes.face_affect_node:FaceAffectNode',
            f'{NAME}::CameraPlayer = face_affect_ros.nodes.camera_player:CameraPlayer',
            f'{NAME}::Greeter = face_affect_ros.behaviours.greeter:Greeter',
            f'{NAME}::HumansMerger = face_affect_ros.nodes.humans_merger:HumansMerger',
            f'{NAME}::BagPlayer = face_affect_ros.nodes.bag_player:BagPlayer',
        ],
    },
)
