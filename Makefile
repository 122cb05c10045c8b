# Touchstone. `make up` shows it alive; `make test` and `make check` are what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

include tests/chaos/chaos.mk bench/burn/burn.mk bench/dashboard/dashboard.mk bench/engine/engine.mk bench/integrity/integrity.mk bench/measure/measure.mk \
  bench/page/page.mk bench/related/related.mk bench/store/store.mk bench/truth/truth.mk tests/fuzz/fuzz.mk

.PHONY: help up test soak-week soak-month check static fix schemas locks clean

help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 20

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=/path/to/python3.11 make ...)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian and Ubuntu: apt-get install python3-venv"; exit 2; }

# One stamp per set of dependencies: the lock file with hashes, then the project itself without any.
$(VENV)/.installed-up: locks/up.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/up.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: locks/dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed-up

# What the tests need from Debian, by name; without root they are left out and their tests say so. RUNLEVEL=1: no service
# of a package (here for its tools and for tests) is started.
DEBIAN := chromium fonts-dejavu-core fonts-liberation fonts-noto-color-emoji prometheus prometheus-alertmanager postgresql
$(VENV)/.installed-debian: Makefile | $(BIN)/python
	@if command -v chromium >/dev/null && command -v promtool >/dev/null && command -v prometheus-alertmanager >/dev/null && \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && fc-list 2>/dev/null | grep -qi dejavu; then touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN) >/dev/null && touch $@; \
	else echo "not root: install these for the tests: $(DEBIAN)"; fi

up: $(VENV)/.installed-up ## start everything on the embedded store with the simulated fleet (ARGS="--for 120s --json")
	@$(BIN)/touchstone up $(ARGS)

test: $(VENV)/.installed-dev $(VENV)/.installed-debian engine-install ## run all tests (ARGS="tests/unit -k spool")
	$(BIN)/python -m pytest $(ARGS)

SEEDS ?= 20
soak-week: $(VENV)/.installed-dev ## a week of the reference fleet on virtual time, with faults (SEEDS=20, ARGS="--days 1")
	$(BIN)/python -m tests.virtual_time.soak --seeds $(SEEDS) $(ARGS)

soak-month: SEEDS = 200
soak-month: $(VENV)/.installed-dev ## months of paging on virtual time, with faults (SEEDS=200, ARGS="--days 5")
	$(BIN)/python -m tests.virtual_time.soak_month --seeds $(SEEDS) $(ARGS)

check: static test ## format, lint, types, import contracts, all tests

static: $(VENV)/.installed-dev ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.installed-dev ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(VENV)/.installed-dev ## write the JSON Schemas of the configuration and of scorecards anew
	$(BIN)/touchstone check-config --schema settings > schemas/touchstone.schema.json
	$(BIN)/touchstone check-config --schema fleet > schemas/fleet.schema.json
	$(BIN)/touchstone check-config --schema contracts > schemas/contracts.schema.json
	$(BIN)/touchstone scorecard --schema > schemas/scorecard.schema.json

locks: ## pin the dependencies anew (needs pip-tools)
	for name in agent up dev; do \
	  case $$name in agent) extras="--extra build";; up) extras="--extra build --extra embedded --extra dashboard --extra postgres --extra tokenizer";; dev) extras="--extra build --extra embedded --extra dashboard --extra postgres --extra dev";; esac; \
	  $(PYTHON) -m piptools compile -q --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
	    --no-emit-trusted-host --no-emit-find-links $$extras -o locks/$$name.txt pyproject.toml; \
	done

clean: ## remove what was made (not .bench)
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
