# `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
# The networks here are small: one thread each is fastest, and does not fight for cores.
export OMP_NUM_THREADS ?= 1
# pip is told not to compile torch's thousands of files; Python keeps what it compiles itself, unless this is set.
unexport PYTHONDONTWRITEBYTECODE

# make demo TORCH=cpu has a torch without CUDA, a fraction of the size. TORCH=cu126 has another CUDA's.
TORCH ?=
INDEX ?= https://download.pytorch.org/whl
# uv is faster where it is installed; make UV= demo takes pip.
UV ?= $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile)
TORCH_FIRST = $(if $(TORCH),$(INSTALL) --index-url $(INDEX)/$(TORCH) torch torchvision)

.DEFAULT_GOAL := help
.PHONY: catalogue constraints docs notebook release schema help demo quick test test-all test-portable mutants lint types format clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/installed ## train a WGAN-GP on handwritten digits, test it, show samples and scores (minutes, no download)
	$(BIN)/ganzoo fit --config quickstart
	$(BIN)/ganzoo test --config quickstart --ckpt_path last

quick: .venv/installed-dev ## the pure units: no training, no command line, no real data (30 seconds)
	$(BIN)/python -m pytest --quick -n 2 -m "not slow and not network and not data"

test: .venv/installed-dev ## the fast tests
	$(BIN)/python -m pytest -n auto

test-all: .venv/installed-dev ## every test that this machine can run
	$(BIN)/python -m pytest -n auto -m "not network"

# What computes, and what must be equal to the last bit: no test may hold on one kind of processor alone.
NUMERIC := accumulate added_regularisers average cgan critics deligan dragan ebgan evaluation feature_scores \
           gradient_penalty hinge_gan image_grid labels layers losses memorisation metric_identities metrics \
           network_outputs network_shapes networks numbered optimizers priors r3gan r3gan_networks ragan resume \
           rmsprop sampling score_references settings spectral_resnet stylegan2 stylegan2_layers toy twice \
           weight_norm wrong_penalties zoo
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

schema: .venv/installed-dev ## configs/schema.json, by which editors complete recipes
	$(BIN)/python -c 'from commands import schema; schema.write()'

constraints: .venv/installed-dev ## the versions that are installed here, which passed, as constraints.txt for pip's option -c
	$(BIN)/python -m pip freeze --exclude-editable | grep -vE '^(nvidia-|cuda-|triton|.*@ )' \
	    | sed 's/+.*//' | tr '[:upper:]_' '[:lower:]-' | sort > constraints.txt

release: .venv/installed-dev ## wheel and sdist in dist/, checked, installed into a fresh environment, and the demo run from there
	rm -rf dist build
	$(INSTALL) build twine
	$(BIN)/python -m build --quiet
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv dist/try
	dist/try/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	cd dist && try/bin/ganzoo sample quickstart --seeds 0-7 --out pictures && try/bin/ganzoo fit --config quickstart \
	    && try/bin/ganzoo test --config quickstart --ckpt_path last
	rm -rf dist/try dist/runs dist/pictures
	@ls dist

format: .venv/installed-dev ## let ruff rewrite
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove the virtual environment and what tools left behind (runs/ and data/ stay)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build dist docs/_build docs/models
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ganzoo needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(TORCH_FIRST)
	$(INSTALL) -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(TORCH_FIRST)
	$(INSTALL) -e '.[dev]'
	@touch $@ .venv/installed
