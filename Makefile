# make setup      install into .venv, build and install; done by all other targets
# make demo       camera player and node. SOURCE= image, clip, bag or camera; DURATION= seconds,
#                 by default 10, or to the end of a clip or bag
# make test       lint, then all tests; PYTEST_ARGS= selects
# make test-unit  the fast tests without ROS 2, in under a minute
# make lint       ruff and mypy
# make docs       web pages with the API, in out/docs
# make bench      benchmarks, written to docs/results/performance.md; BENCH_ARGS='--quick' and others
# make bench-compare   processor time relative to the merge base with BASE=main
# make training   also install the packages for training; then: . tools/env.sh; face_affect train
# make clean      remove everything that was created here
#
# PYTHON= selects the interpreter, 3.10 to 3.13. Without a sourced ROS distribution, ROS 2 Jazzy is
# installed as Python wheels; ROS=kilted selects those of Kilted, and must be given (or exported)
# each time: another distribution creates .venv again.

SHELL := /bin/bash
PYTHON ?= python3
ROS ?=
SOURCE ?=
DURATION ?= 0
PYTEST_ARGS ?=
BENCH_ARGS ?=
BASE ?= main
# By default, topics stay on this machine. Humble ignores this variable: there, call make with
# ROS_LOCALHOST_ONLY=1.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
# With all characters of the name: neither make nor the shell expands any.
export DEMO_SOURCE := $(value SOURCE)

ENTER := . tools/env.sh &&
SETUP := $(PYTHON) tools/bootstrap.py --ros "$(ROS)"
BENCH := $(ENTER) PYTHONPATH=benchmarks:$$PYTHONPATH python -m face_affect_bench
TRAINING := $(if $(wildcard training/tests),--with training)

.PHONY: setup demo test test-unit lint docs bench bench-compare training clean setup-test

setup:
	@$(SETUP)

setup-test:
	@$(SETUP) --with test $(TRAINING)

training:
	@$(SETUP) --with training

demo: setup
	@$(ENTER) face_affect demo --source="$$DEMO_SOURCE" --duration $(DURATION) --out out/demo

lint: setup-test
	@$(ENTER) tools/lint.sh

test-unit: setup-test
	@$(ENTER) python -m pytest test -m 'unit and not slow'

test: lint
	@$(ENTER) tools/test.sh $(PYTEST_ARGS)

# Beside a ROS distribution, Sphinx is in .venv/locked. The pages need no ROS.
docs:
	@$(SETUP) --with docs
	@$(ENTER) PATH="$$VIRTUAL_ENV/locked/bin:$$PATH" PYTHONPATH=. python -m sphinx -W -q docs out/docs
	@echo out/docs/index.html

bench: setup-test
	@$(BENCH) $(BENCH_ARGS)

bench-compare: setup-test
	@$(BENCH).compare --base $(BASE) $(BENCH_ARGS)

clean:
	rm -rf .venv build install log out .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage*
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
