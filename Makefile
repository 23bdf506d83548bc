# Two commands: `make demo` shows the tool at work, `make test` proves it. Both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AZURITE := tests/support/object_servers/azurite
CHROMIUM := tests/support/chromium

.PHONY: demo test lint types layers unit coverage docs bench lock clean

demo: $(VENV)/.installed
	@$(BIN)/replicate demo

test: lint types layers unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev
	$(BIN)/pytest -n auto

# Half as long again as `make test`, as every process that a test starts is traced.
coverage: $(VENV)/.dev
	$(BIN)/pytest -n auto --cov --cov-report=term

docs: $(VENV)/.installed
	$(BIN)/python -m replicate.transformers.catalogue > docs/transformers.md.new
	mv docs/transformers.md.new docs/transformers.md

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip > requirements-dev.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Replicate needs Python 3.11 or newer; set PYTHON=python3.11")'
	@echo "Making $(VENV), and installing Replicate in it…"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml requirements-dev.txt $(AZURITE)/package-lock.json $(CHROMIUM)/package-lock.json | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $(AZURITE)
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix $(CHROMIUM)
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(AZURITE)/node_modules $(CHROMIUM)/node_modules build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
