# Everything runs in .venv, which is made on first use; all that is needed is Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
BENCH := build/bench-venv
BIN := $(VENV)/bin
STORYBOOK := src/workings/checkpoints/bundled/storybook
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif

.DEFAULT_GOAL := help
.PHONY: help run lab page screenshots test lint bench storybook clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## see the bundled model read a sentence, and how its next word came about
	@$(BIN)/workings run "If today is Tuesday, tomorrow is"

lab: $(VENV)/.installed ## open the lab in the browser: every number of the bundled model, to look at and to change
	@$(BIN)/workings lab

page: $(VENV)/.developed ## build the lab's page again, its types checked first
	$(BIN)/python hatch_build.py

screenshots: $(VENV)/.developed ## take pictures of the lab's main views, into build/screenshots and the README
	PYTHONPATH=tests/lab $(BIN)/python tests/lab/screenshots.py
	cp build/screenshots/attention-light.png docs/pictures/lab.png

test: lint ## check style, types and every test
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

lint: $(VENV)/.developed ## check style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: ## measure speed and memory side by side with transformers, TransformerLens and nnsight
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/pip install -q . -r benchmarks/requirements.txt -c constraints.txt
	$(BENCH)/bin/python benchmarks/run.py
	$(BENCH)/bin/python benchmarks/workbook.py
	$(BENCH)/bin/python benchmarks/patching.py

storybook: $(VENV)/.developed ## remake the bundled model from its seed, measure what it understands, find its features, and train its tuned lens
	$(BIN)/python -m workings.training.storybook.train --seed 0 --out $(STORYBOOK)
	$(BIN)/python -m workings.training.storybook.probes $(STORYBOOK)
	$(BIN)/python -m workings.training.storybook.features --out $(STORYBOOK)/sae
	$(BIN)/python -m workings.training.storybook.lens --out $(STORYBOOK)/tuned_lens

clean: ## remove everything that was made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "workings needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	@$(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.developed: $(VENV)/.made pyproject.toml constraints.txt
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed
