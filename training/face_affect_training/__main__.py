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

"""The commands of this package: python -m face_affect_training."""

import argparse
import sys

from face_affect_ros.affect.types import AffectError
from face_affect_training.commands import detector, figures, models


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog='face_affect_training', description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar='COMMAND')
    for module in (models, figures, detector):
        module.register(subparsers)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except AffectError as error:
        print(f'face_affect: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == '__main__':
    sys.exit(main())
