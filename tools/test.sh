#!/usr/bin/env bash
# All tests, or those selected by arguments of pytest. Run by `make test`, inside tools/env.sh.
# A run of all tests measures the coverage of affect/ and nodes/, which must be 90 % of the lines.
set -eu
cd "$(dirname "$0")/.."

run=(python -m pytest)
if [ $# -eq 0 ]; then
  rm -f .coverage .coverage.*
  run=(python -m coverage run -m pytest)
fi
# Runs pytest; a part of the tree may contain none of the selected tests.
tested() {
  "$@" || { code=$?; [ "$code" -eq 5 ] && [ "$chosen" -gt 0 ]; } || exit "$code"
}
chosen=$#
locked=.venv/locked/bin/python
if [ -x "$locked" ] && [ -d training/tests ]; then
  # Beside a ROS distribution, TensorFlow is in a separate environment.
  tested env -u PYTHONPATH "$locked" -m pytest training/tests "$@"
  tested "${run[@]}" test "$@"
elif [ $# -eq 0 ]; then
  # Two processes: each of the groups unit, ros and training runs in one of them.
  "${run[@]}" -n 2 --dist loadgroup
else
  "${run[@]}" "$@"
fi
if [ $# -eq 0 ]; then
  python -m coverage combine --quiet
  python -m coverage report --fail-under=90
fi
