# make setup      everything into .venv, build and install; implied by all others
# make demo       camera player and node. SOURCE= picture, clip, bag or camera; DURATION= seconds,
#                 by default 10, or to the end of a clip or bag
# make test       lint, then all tests; PYTEST_ARGS= chooses
# make test-unit  the tests without ROS 2 that take a moment each, in under a minute
# make lint       ruff and mypy
# make bench      what it costs: docs/results/performance.md; BENCH_ARGS='--quick' and others
# make bench-compare   this tree beside the merge base with BASE=main, by ratio
# make training   what training/ needs as well; then: . tools/env.sh; face_affect train
# make clean      away with all that was made here
#
# PYTHON= is the interpreter to build on, 3.10 to 3.13. Without a ROS distribution sourced, ROS 2
# Jazzy comes as Python wheels; ROS=kilted takes Kilted's, and is to be said every time (or
# exported): what was set up for another one is made anew.

SHELL := /bin/bash
PYTHON ?= python3
ROS ?=
SOURCE ?=
DURATION ?= 0
PYTEST_ARGS ?=
BENCH_ARGS ?=
BASE ?= main
# What is published here stays on this machine, unless the caller says otherwise. Humble does not
# know this variable: there, call make with ROS_LOCALHOST_ONLY=1.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST

ENTER := . tools/env.sh &&
SETUP := $(PYTHON) tools/bootstrap.py --ros "$(ROS)"
BENCH := $(ENTER) PYTHONPATH=benchmarks:$$PYTHONPATH python -m face_affect_bench
TRAINING := $(if $(wildcard training/tests),--with training)

.PHONY: setup demo test test-unit lint bench bench-compare training clean setup-test

setup:
	@$(SETUP)

setup-test:
	@$(SETUP) --with test $(TRAINING)

training:
	@$(SETUP) --with training

demo: setup
	@$(ENTER) face_affect demo --source "$(SOURCE)" --duration $(DURATION) --out out/demo

lint: setup-test
	@$(ENTER) tools/lint.sh

test-unit: setup-test
	@$(ENTER) python -m pytest test -m 'unit and not slow'

test: lint
	@$(ENTER) tools/test.sh $(PYTEST_ARGS)

bench: setup
	@$(BENCH) $(BENCH_ARGS)

bench-compare: setup
	@$(BENCH).compare --base $(BASE) $(BENCH_ARGS)

clean:
	rm -rf .venv build install log out .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage*
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
