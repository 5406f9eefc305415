# Two commands: `make demo` sets everything up and runs the main job; `make test` passes the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check check-all bench models neo4j clean

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.base          ## ingest the examples, search, draw the graph, call the MCP server
	$(BIN)/python scripts/demo

test: $(VENV)/.dev           ## all tests but the slow ones
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.dev          ## what CI runs: formatting, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow"

check-all: check models      ## soaks, kill loops, long benchmarks
	$(BIN)/python -m pytest -m slow
	$(MAKE) bench

bench: $(VENV)/.dev          ## the benchmarks' tables
	$(BIN)/python -m benchmarks

models: $(VENV)/.dev         ## small real models, for tests and benchmarks
	$(BIN)/python scripts/fetch-test-models --with-runtime

neo4j:                       ## a real Neo4j on loopback, without Docker; prints its URI, ends with Ctrl-C
	$(PYTHON) scripts/neo4j-for-tests run

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache demo-out
