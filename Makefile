# The only menu: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
SOURCES := app_predict collector contracts flink_jobs forecasting live_page local_stack luftstrom model_training runtime scraper tests benchmarks
NOT_UNIT := integration or flink or end_to_end or ml

.PHONY: help setup packages demo up status down check format test bench docs lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: packages ## install everything that is missing (Python packages, Kafka, InfluxDB, Valkey, Flink)
	@$(BIN)/python -m local_stack.install

packages: $(VENV)/installed

$(VENV)/installed: locks/all.txt locks/uv.txt pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 is needed and not on PATH. Install it (Debian: apt install python3.11 python3.11-venv), or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@echo "installing Python packages from locks/all.txt"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r locks/uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python locks/all.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

demo: setup ## the whole system on ten recorded days, then live; leaves it running
	@$(BIN)/luftstrom demo

up: setup ## start the system on the live network (SCRAPER_CONTACT must be set)
	@$(BIN)/luftstrom up

status: packages ## what runs, how it fares
	@$(BIN)/luftstrom status

down: packages ## stop the system
	@$(BIN)/luftstrom down

check: packages ## format, lint, types, imports, unit and docs tests, in under a minute
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "run: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }
	@$(BIN)/python -m pytest -q -m "not ($(NOT_UNIT))"

format: packages ## write the code in the one format
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)

test: setup ## every test, on real servers
	@$(BIN)/python -m pytest -q

bench: setup ## measure each stage
	@for name in whole_stack whole_network backfill storing stream stream.latency; do echo "# $$name"; $(BIN)/python -m benchmarks.$$name; done

docs: packages ## test the docs: rooms, settings, topics, commands
	@$(BIN)/python -m pytest -q tests/architecture

lock: packages ## write the lock files anew from pyproject.toml
	@./locks/make.sh

clean: ## remove what was installed into this checkout (not the cache folder, not the data)
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
