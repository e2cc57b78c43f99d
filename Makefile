# The vocabulary of the project: people and .ci/run use the same words.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format openapi lock image samples hooks clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.runtime ## .venv with the locked requirements of the service

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements/runtime.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/.dev: requirements/dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ .venv/.runtime

run: .venv/.runtime ## serve on http://127.0.0.1:8000
	$(BIN)/python -m app

test: .venv/.dev ## the whole suite, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: .venv/.dev ## ruff, mypy, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/.dev ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

openapi: .venv/.runtime ## write openapi/openapi.json
	$(BIN)/python -m scripts.write_openapi

lock: .venv/.dev ## resolve the locked requirements anew
	$(LOCK) --upgrade --output-file requirements/runtime.txt
	$(LOCK) --upgrade --group dev --output-file requirements/dev.txt
	$(LOCK) --upgrade --group samples --output-file requirements/samples.txt

image: ## build the container image lossgrid
	docker build --tag lossgrid .

samples: .venv/bin/python ## train the digits VAE again, write samples/ and its checksums
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/samples.txt
	$(BIN)/python -m scripts.train_digits_vae
	$(BIN)/python -m scripts.fit_question_batch
	cd samples && sha256sum *.json *.npz > SHA256SUMS

hooks: ## let git ask ruff and the contract before every commit
	git config core.hooksPath scripts/hooks

clean: ## remove what the other targets made
	rm -rf .venv .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
