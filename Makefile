# The only menu: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# Set, as in many containers, each Python would compile all that it imports anew: two seconds of a core a process.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
SOURCES := app_predict collector contracts dashboards docker flink_jobs forecasting live_page local_stack luftstrom model_training runtime scraper tests benchmarks
NOT_UNIT := integration or flink or end_to_end or ml or kubernetes or slow
# Tests wait for servers much of their time: one process more than cores, at most four, for their memory.
JOBS ?= $(shell n=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )); echo $$(( n > 4 ? 4 : n )))
# A file stays with one process, for its servers.
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup packages demo up status down check format test bench dashboards preview docs images compose minikube chart lock clean

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
	@$(PYTEST) -m "not ($(NOT_UNIT))"

format: packages ## write the code in the one format
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)

test: setup ## every test, on real servers
	@$(BIN)/python -m tests.kubernetes.binaries
	@$(BIN)/python -m tests.s3_gateway
	@$(PYTEST)

bench: setup ## measure each stage
	@for name in whole_stack whole_network backfill storing stream stream.latency value_age; do echo "# $$name"; $(BIN)/python -m benchmarks.$$name; done

dashboards: packages ## write the Grafana dashboards and alerts anew from contracts
	@$(BIN)/python -m dashboards

preview: setup ## draw each dashboard from its queries' answers, without Grafana, into previews/
	@$(BIN)/python -m tests.dashboards.preview previews

docs: packages ## test the docs: rooms, settings, topics, commands
	@$(BIN)/python -m pytest -q tests/architecture

minikube: packages ## the whole system on a minikube of three nodes (SCRAPER_CONTACT must be set)
	@$(BIN)/luftstrom deploy up --minikube

chart: packages ## write what the Helm chart takes from the contracts, and the dashboards
	@$(BIN)/python -m luftstrom.deploy.chart_files

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
IMAGES := scraper collector app-predict live-page command
BUILD := docker
BASE_ARG := $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE))
PROFILE := recording
COMPOSE = LUFTSTROM_VERSION=$(VERSION) docker compose -p luftstrom -f docker/compose.yaml $(if $(TLS),-f docker/compose.tls.yaml)

images: ## build every image (BUILD=buildah, BASE_IMAGE=… if wanted)
	@for name in $(IMAGES); do $(BUILD) build $(BASE_ARG) --build-arg SERVICE=$$name --build-arg VERSION=$(VERSION) -f docker/Dockerfile -t luftstrom/$$name:$(VERSION) .; done
	@$(BUILD) build $(BASE_ARG) --build-arg VERSION=$(VERSION) -f docker/flink.Dockerfile -t luftstrom/flink-jobs:$(VERSION) .

compose: ## the whole system on Docker, on a recording (PROFILE=live, TLS=1 if wanted); leaves it running
	@$(COMPOSE) --profile $(PROFILE) up --build --detach
	@$(COMPOSE) ps

lock: packages ## write the lock files anew from pyproject.toml
	@./locks/make.sh

clean: ## remove what was installed into this checkout (not the cache folder, not the data)
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
