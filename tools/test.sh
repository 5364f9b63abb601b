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
# Runs pytest; of chosen tests, a part of the tree may have none.
tested() {
  "$@" || { code=$?; [ "$code" -eq 5 ] && [ "$chosen" -gt 0 ]; } || exit "$code"
}
chosen=$#
locked=.venv/locked/bin/python
if [ -x "$locked" ] && [ -d training/tests ]; then
  # Beside a ROS distribution, TensorFlow lives in an environment of its own.
  tested env -u PYTHONPATH "$locked" -m pytest training/tests "$@"
  tested "${run[@]}" test "$@"
else
  "${run[@]}" "$@"
fi
if [ $# -eq 0 ]; then
  python -m coverage combine --quiet
  python -m coverage report --fail-under=90
fi
