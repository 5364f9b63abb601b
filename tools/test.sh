#!/usr/bin/env bash
# All tests, or those that pytest's arguments choose. Run by `make test`, inside tools/env.sh.
# A run of all tests measures how much of affect/ and nodes/ they reach, and wants 90 % of the lines.
set -eu
cd "$(dirname "$0")/.."

run=(python -m pytest)
if [ $# -eq 0 ]; then
  rm -f .coverage .coverage.*
  run=(python -m coverage run -m pytest)
fi
locked=.venv/locked/bin/python
if [ -x "$locked" ] && [ -d training/tests ]; then
  # Beside a ROS distribution, TensorFlow lives in an environment of its own.
  env -u PYTHONPATH "$locked" -m pytest training/tests "$@"
  "${run[@]}" test "$@"
else
  "${run[@]}" "$@"
fi
if [ $# -eq 0 ]; then
  python -m coverage combine --quiet
  python -m coverage report --fail-under=90
fi
