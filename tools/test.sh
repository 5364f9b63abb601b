#!/usr/bin/env bash
# All tests, or those that pytest's arguments choose. Run by `make test`, inside tools/env.sh.
set -eu
cd "$(dirname "$0")/.."

locked=.venv/locked/bin/python
if [ -x "$locked" ] && [ -d training/tests ]; then
  # Beside a ROS distribution, TensorFlow lives in an environment of its own.
  env -u PYTHONPATH "$locked" -m pytest training/tests "$@"
  python -m pytest test "$@"
else
  python -m pytest "$@"
fi
