# Needs Python 3.11 or later, Node 20 or later, and make. Everything else is set up here.
PYTHON ?= python3
VENV := .venv
WORKERS ?= 4
BIN := $(VENV)/bin
SOURCES := platform services simulator loadtest tests
WEB_SOURCES := $(shell find web/src web/public web/*.html web/*.ts web/*.json web/*.js -type f 2>/dev/null)
RUN ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint unit interop clients format contracts docs bench e2e clean

help:  ## Show what there is.
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## /  make \1\t/' | expand -t 18

setup: $(VENV)/.ready web/dist/.ready  ## Install what the project needs, build the web pages.

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hailstream needs Python 3.11 or later")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

web/node_modules/.ready: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/.ready: web/node_modules/.ready $(WEB_SOURCES)
	cd web && npm run build --silent
	@touch $@

run: setup  ## A whole live city on http://127.0.0.1:8080 (RUN="--riders 50" adds flags).
	$(BIN)/hailstream up $(RUN)

test: setup  ## Everything: lint, types, unit, contract, property, interop, integration, web, end to end.
	$(MAKE) --no-print-directory lint
	cd web && npm test --silent
	HAILSTREAM_WRITE_POINTS=1 $(BIN)/pytest --ignore tests/interop
	$(MAKE) --no-print-directory clients

check: $(VENV)/.ready web/node_modules/.ready  ## Under a minute: lint, types, import rules, unit tests, a short simulation.
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint unit

lint: $(VENV)/.ready web/node_modules/.ready  ## Style, types and who imports whom.
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	cd web && npm run lint --silent && npm run typecheck --silent

unit: $(VENV)/.ready
	$(BIN)/pytest -q -n 2 --dist worksteal tests/unit tests/property tests/simulation tests/test_*.py

clients: $(VENV)/.ready  ## Real Kafka clients against our broker, each held to what results.json says.
	$(BIN)/pytest tests/interop -q -n $(WORKERS) --dist loadgroup

interop: $(VENV)/.ready  ## The same, writing results.json and the page made from it anew.
	HAILSTREAM_INTEROP_REWRITE=1 $(BIN)/pytest tests/interop -q -n $(WORKERS) --dist loadgroup; \
	status=$$?; $(MAKE) --no-print-directory docs; exit $$status

format: $(VENV)/.ready  ## Put the code into shape.
	$(BIN)/ruff check --fix --quiet $(SOURCES)
	$(BIN)/ruff format --quiet $(SOURCES)

contracts: $(VENV)/.ready  ## Write the TypeScript of the contracts.
	$(BIN)/python -m hailstream.typescript > web/src/contracts/generated.ts

docs: $(VENV)/.ready  ## Write the pages that are made from the code.
	$(BIN)/python -m hailstream.pages

bench: setup  ## The figures of docs/BENCHMARKS.md and of the README, measured here.
	$(BIN)/hailstream bench broker
	$(BIN)/hailstream bench pipeline

e2e: setup  ## The whole product, in a browser where there is one.
	$(BIN)/pytest -m e2e

clean:  ## Remove what was made here.
	rm -rf $(VENV) .interop web/node_modules web/dist .hailstream .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
