# make setup | live | servers | chdb | cluster | demo | check | test | search | mutants | bench
# | judge-freqtrade
# Needs git, make, Python 3.11 or newer with its venv module, and a package registry. Nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
HASHED := install --require-hashes

# a finished step leaves a stamp, so that the next `make` is quick
BASE_STAMP := $(VENV)/.base-is-set-up
DEV_STAMP  := $(VENV)/.dev-is-set-up

# the command line wins over the environment: `make demo CANDLES=file`, `make bench NAME=core_speed`
CANDLES ?=
NAME    ?=
MARKETS ?=
SECONDS ?= 600
JOBS    ?=
SEED    ?=
ONLY    ?=
COUNT   ?= 100

# with xdist, two processes share the tests; chDB, DuckDB and SQLite stores lie in their own folders
# with one hash seed, for the same choices everywhere (CONTRIBUTING.md)
PYTEST := PYTHONHASHSEED=0 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup live servers chdb cluster dev demo check test lint types layers search mutants bench judge-freqtrade clean

help:
	@echo "make setup                 set up .venv with what Bowline needs to run"
	@echo "make live                  add what talks to venues: ccxt and faster sockets (160 MB)"
	@echo "make servers               add what talks to ClickHouse, PostgreSQL and Redis"
	@echo "make chdb                  add an embedded ClickHouse (550 MB)"
	@echo "make cluster               add what hands sweeps to a Dask cluster"
	@echo "make demo [CANDLES=file]   the whole walk: import, backtest, paper run, report"
	@echo "make check                 the fast half: lint, types, layers, tests that take moments"
	@echo "make test                  everything, with the same choices every time"
	@echo "make search [SECONDS=600]  every test that draws, with fresh draws; JOBS=, SEED=, ONLY=path"
	@echo "make mutants [COUNT=100]   small faults in the rooms of money, and which no test notices; SEED=, ONLY="
	@echo "make bench NAME=...        one figure: $(patsubst bench/%.py,%,$(filter-out bench/_%,$(wildcard bench/*.py)))"
	@echo "make judge-freqtrade       freqtrade against the simulated venues, in .venv-judge (1 GB)"
	@echo "make clean                 remove .venv, .venv-judge and caches"

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
	    echo "No $(PYTHON) here. Install Python 3.11 or newer, or say which: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$$($(PYTHON) --version) is too old: Bowline needs 3.11 or newer." >&2; \
	    echo "Say which Python to use: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv)." >&2; exit 1; }

KERNEL := setup.py $(wildcard src/bowline/research/grid/csrc/* src/bowline/core/venue/csrc/*)

$(BASE_STAMP): requirements/run.txt requirements/build.txt pyproject.toml $(KERNEL) | $(BIN)/python
	@echo "Setting up $(VENV) (about a minute the first time) ..."
	@$(PIP) $(HASHED) -r requirements/build.txt
	@$(PIP) $(HASHED) -r requirements/run.txt
	@# until 2026-12 the distribution was called bowline: two that bring the same package cannot share a place
	@$(PIP) uninstall --yes bowline 2>/dev/null
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(BASE_STAMP)
	@echo "Adding the tools of development (about 1.2 GB, minutes the first time) ..."
	@$(PIP) $(HASHED) -r requirements/dev.txt
	@touch $@

$(VENV)/.%-is-set-up: requirements/%.txt $(BASE_STAMP)
	@echo "Adding requirements/$*.txt ..."
	@$(PIP) $(HASHED) -r requirements/$*.txt
	@touch $@

live: $(VENV)/.live-is-set-up
	@$(BIN)/bowline venues list

servers: $(VENV)/.servers-is-set-up

chdb: $(VENV)/.chdb-is-set-up

cluster: $(VENV)/.cluster-is-set-up

setup: $(BASE_STAMP)
	@$(BIN)/bowline --version

dev: $(DEV_STAMP)

demo: $(BASE_STAMP)
	@$(BIN)/bowline demo $(if $(CANDLES),--candles "$(CANDLES)")

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_STAMP)
	$(BIN)/mypy

layers: $(DEV_STAMP)
	$(BIN)/lint-imports --no-logo

check: lint types layers
	$(PYTEST) -m "not slow"

test: lint types layers
	$(PYTEST)

search: $(DEV_STAMP)
	@$(BIN)/python -m tests.search --seconds "$(SECONDS)" $(if $(JOBS),--jobs "$(JOBS)") \
	    $(if $(SEED),--seed "$(SEED)") $(if $(ONLY),--only "$(ONLY)")

mutants: $(DEV_STAMP)
	@$(BIN)/python -m tests.mutants --count "$(COUNT)" $(if $(SEED),--seed "$(SEED)") $(if $(ONLY),--only "$(ONLY)")

bench: $(BASE_STAMP)
	@test -n "$(NAME)" || { $(MAKE) --no-print-directory help >&2; exit 2; }
	@test -f "bench/$(NAME).py" || { echo "No bench/$(NAME).py." >&2; exit 2; }
	$(BIN)/python bench/$(NAME).py

judge-freqtrade: $(DEV_STAMP)
	$(BIN)/python -m tests.simex.freqtrade_judge $(MARKETS)

clean:
	rm -rf $(VENV) .venv-judge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
