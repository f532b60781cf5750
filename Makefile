# Everything starts from a bare Python: the set-up builds what is missing and costs nothing when nothing is.
PYTHON ?= python3
CONFIG ?= resources/experiments/boston_housing.json
WORKSPACE ?= workspace
ONLY ?=
# Tests wait for other processes half of the time: two rows of them take little more than half as long as one.
ROWS ?= 2

TRACKSIDE := .venv/bin/python
SET_UP := $(PYTHON) packaging/bootstrap.py

# Widgets are tested without a screen; what needs one starts its own.
test soak bench: export QT_QPA_PLATFORM ?= offscreen

# Dozens of processes import the same modules here: none compiles them anew, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run train test soak check lint types contracts bench constraints clean set-up-run set-up-test
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

set-up-run:
	@$(SET_UP) --for run

set-up-test:
	@$(SET_UP) --for test

run: set-up-run ## open the window
	$(TRACKSIDE) main.py open

train: set-up-run ## train CONFIG=... into WORKSPACE=... and say where its record is
	$(TRACKSIDE) main.py train $(CONFIG) --workspace $(WORKSPACE)

test: set-up-test ## run the tests, ROWS=2 at a time
	$(TRACKSIDE) -m pytest -n $(ROWS) --dist loadfile

soak: set-up-test ## kill the worker and what indexes at twenty moments, and everything else that can be killed
	TRACKSIDE_TEST_KILLS=20 $(TRACKSIDE) -m pytest tests/jobs/test_survival.py tests/cli/test_killed_indexing.py

check: lint types contracts test ## lint, types, import contracts and tests

lint: set-up-test ## look for mistakes and unformatted code
	$(TRACKSIDE) -m ruff check
	$(TRACKSIDE) -m ruff format --check

types: set-up-test ## check the types of app/
	$(TRACKSIDE) -m mypy --strict app

contracts: set-up-test ## check which room imports which
	.venv/bin/lint-imports --no-logo

bench: set-up-test ## run the benchmarks, or one: make bench ONLY=name
	$(TRACKSIDE) -m tests.bench $(ONLY)

constraints: set-up-test ## resolve packaging/constraints.txt anew
	.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev \
		--no-header --no-annotate --output-file packaging/constraints.txt pyproject.toml

clean: ## remove what was built, but neither .venv nor any run
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find app tests packaging -name __pycache__ -type d -prune -exec rm -rf {} +
