#!/usr/bin/env bash
# ruff on all files, mypy on all but tests and benchmarks. Run by `make lint`, inside tools/env.sh.
set -eu
cd "$(dirname "$0")/.."

# Beside a ROS distribution, the linters use the locked packages and not those of the distribution.
python=.venv/locked/bin/python
if [ -x "$python" ]; then
  unset PYTHONPATH
else
  python=python
fi
"$python" -m ruff check .
"$python" -m mypy face_affect_ros training/face_affect_training tools/bootstrap.py tools/lock.py
