# `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
# The networks here are small: one thread each is fastest, and does not fight for cores.
export OMP_NUM_THREADS ?= 1
# pip is told not to compile torch's thousands of files; Python keeps what it compiles itself, unless this is set.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: catalogue docs notebook help demo quick test test-all test-portable mutants lint types format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/installed ## train a WGAN-GP on handwritten digits, test it, show samples and scores (minutes, no download)
	$(BIN)/ganzoo fit --config quickstart
	$(BIN)/ganzoo test --config quickstart --ckpt_path last

quick: .venv/installed-dev ## the pure units: no training, no command line, no real data (25 seconds)
	$(BIN)/python -m pytest --quick -n 2 -m "not slow and not network and not data"

test: .venv/installed-dev ## the fast tests
	$(BIN)/python -m pytest -n auto

test-all: .venv/installed-dev ## every test that this machine can run
	$(BIN)/python -m pytest -n auto -m "not network"

# What computes, and what must be equal to the last bit: no test may hold on one kind of processor alone.
NUMERIC := accumulate average critics evaluation feature_scores gradient_penalty image_grid labels layers losses \
           metric_identities metrics network_outputs network_shapes networks numbered optimizers priors r3gan_networks \
           resume rmsprop sampling settings spectral_resnet stylegan2 stylegan2_layers toy twice wrong_penalties zoo
test-portable: .venv/installed-dev ## the numeric tests as two other processors would run them
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive \
	$(BIN)/python -m pytest -n auto $(NUMERIC:%=tests/test_%.py)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1 \
	$(BIN)/python -m pytest -n auto $(NUMERIC:%=tests/test_%.py)

mutants: .venv/installed-dev ## how many wrong changes of the code the tests notice (half an hour; not in CI)
	$(BIN)/python tests/mutants/run.py

lint: .venv/installed-dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev ## mypy
	$(BIN)/mypy

docs: .venv/installed-dev ## the pages of docs/, the models and the docstrings as a site in docs/_build/html (a minute)
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

notebook: .venv/installed-dev ## docs/tour.py as a notebook, run from top to bottom: docs/_build/tour.ipynb (a minute)
	@mkdir -p docs/_build
	PYTHONPATH=. $(BIN)/jupytext --quiet --to ipynb --execute --output docs/_build/tour.ipynb docs/tour.py
	@echo docs/_build/tour.ipynb

catalogue: .venv/installed-dev ## compute what `ganzoo list` and the help show from the models
	$(BIN)/python -c 'from commands import catalogue; catalogue.write()'

format: .venv/installed-dev ## let ruff rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the virtual environment and what tools left behind (runs/ and data/ stay)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build docs/_build docs/models
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
