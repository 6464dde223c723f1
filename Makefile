# Two commands matter: `make up` runs a whole server, `make test` proves it. Everything else is here too.
# Needs Python 3.11+, git and a package index; makes .venv in the checkout and touches nothing outside it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The newest Python that Ray has wheels for comes first; override with `make PYTHON=/path/to/python up`.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3.14 python3; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$name && break; done)
UV := $(shell grep -o '^uv==[^ ]*' requirements.lock)
PACKAGES := actors api cluster db deployments ml
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: help install up down test test-clients check format bench clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

install: $(STAMP)  ## make .venv from requirements.lock, bytecode compiled

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed, and none is on the path" >&2; exit 2; }
	@if [ ! -x $(BIN)/python ]; then \
		rm -rf $(VENV); \
		$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
			rm -rf $(VENV) && $(PYTHON) -m pip install --quiet --target .bootstrap "$(UV)" \
			&& PYTHONPATH=.bootstrap $(PYTHON) -m uv venv --quiet --seed --python $(PYTHON) $(VENV) && rm -rf .bootstrap; \
		} || { echo "make: $(PYTHON) can make no virtual environment: install its venv package (Debian: apt-get install python3-venv)" >&2; exit 2; }; \
	fi
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet "$(UV)"
	$(BIN)/python -m uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@

up: install  ## run Social Flow in the foreground (ARGS="--port 8001 --home /tmp/second")
	@exec $(BIN)/socialflow up $(ARGS)

down: install  ## stop what `make up` started
	@$(BIN)/socialflow down $(ARGS)

test: install  ## unit, db, api and cluster rings
	@$(BIN)/python -m pytest tests --ignore=tests/clients $(ARGS)
	@echo "left out: tests/clients (Chromium and JavaScript clients); make test-clients runs them"

test-clients: install  ## real JavaScript clients and a browser; installs them from apt and npm
	@$(BIN)/python -m pytest tests/clients $(ARGS)

check: install  ## ruff, mypy strict, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install  ## let ruff mend what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install  ## every bench, on a throw-away instance
	@$(BIN)/socialflow bench all $(ARGS)

clean:  ## remove the environment and every cache
	rm -rf $(VENV) .bootstrap .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
