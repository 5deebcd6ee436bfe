# Everything that a contributor runs. `make help` prints the targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
STAMP := .venv/installed

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "$(PYTHON) is no Python 3.11 or later: install python3, or say make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "the Python module venv is missing: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv ..."
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# The loops of questions are compiled once, so that no test waits for it.
COMPILED := .venv/compiled
$(COMPILED): $(STAMP) $(wildcard openmetrics/columns/*.py plugins/*/*.py)
	@$(BIN)/python -m openmetrics.compiling
	@touch $@

run: $(STAMP) ## Start the server at http://127.0.0.1:8080/ on the embedded store.
	@$(BIN)/openmetrics serve

demo: $(STAMP) ## Start a server with the 31,106 events of a web shop in it.
	@$(BIN)/python -m benchmarks.demo

check: $(STAMP) ## Format, lint, types, shape and docs, in under a minute.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q -n 2 --dist loadfile tests/shape tests/docs

format: $(STAMP) ## Format the code and mend what the linter can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: $(COMPILED) ## Run all tests, in two processes; a real Elasticsearch is fetched and started for them.
	$(PYTEST) -n 2 --dist loadfile

test-es8: $(STAMP) ## Run the tests that need Elasticsearch on the oldest supported version.
	OPENMETRICS_TEST_ELASTICSEARCH_VERSION=$$($(BIN)/python -c \
		'from openmetrics.testing.elasticsearch import OLDEST_VERSION as old; print(old)') $(PYTEST) -m elasticsearch

contract: $(STAMP) ## Run the store contract on every engine.
	$(PYTEST) tests/contract

equivalence: $(STAMP) ## Ask random questions of all engines and compare the answers.
	$(PYTEST) tests/equivalence

crash: $(STAMP) ## Kill real servers at named points and look for lost events.
	$(PYTEST) tests/crash

e2e: $(STAMP) ## Run the tests that start a real server.
	$(PYTEST) tests/e2e

bench: $(COMPILED) ## Measure; prints figures with the facts of this machine.
	$(BIN)/python -m benchmarks.ingest

docs: $(STAMP) ## Write the generated parts of docs/ and the example configuration anew.
	$(BIN)/python docs/generate.py

image: ## Build the container image.
	docker build --tag openmetrics .

.PHONY: help run demo check format test test-es8 contract equivalence crash e2e bench docs image
