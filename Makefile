# `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
# The networks here are small: one thread each is fastest, and does not fight for cores.
export OMP_NUM_THREADS ?= 1
# pip is told not to compile torch's thousands of files; Python keeps what it compiles itself, unless this is set.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/installed ## train a WGAN-GP on handwritten digits, test it, show samples and scores (minutes, no download)
	$(BIN)/ganzoo fit --config quickstart
	$(BIN)/ganzoo test --config quickstart --ckpt_path last

test: .venv/installed-dev ## the fast tests
	$(BIN)/python -m pytest -n auto

test-all: .venv/installed-dev ## every test that this machine can run
	$(BIN)/python -m pytest -n auto -m "not network"

lint: .venv/installed-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev ## mypy
	$(BIN)/mypy

format: .venv/installed-dev ## let ruff rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the virtual environment and what tools left behind (runs/ and data/ stay)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganzoo needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]'
	@touch $@ .venv/installed
