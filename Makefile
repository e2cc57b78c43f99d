# The vocabulary of the project: people and .ci/run use the same words.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --quiet

# The frameworks that we are held to, each in .venv-reference/<name>. PyTorch's build for CPUs is named to the letter,
# so that the one with gigabytes of libraries for graphics cards can never be taken for it; see docs/reference.md.
REFERENCES := torch sklearn torchmetrics keras jax mlx tfp
TORCH ?= torch==2.13.0+cpu
NEEDS_TORCH := torch torchmetrics

# The frameworks that we are measured beside, each in .venv-bench/<name>; what measures is in .venv-bench/tools.
# BENCH=quick sees in a moment that everything works.
PEERS := bentoml litserve mlserver kserve
BENCHMARKS = .venv-bench/tools/bin/python -m benchmarks
BENCH ?= full

.DEFAULT_GOAL := help
.PHONY: help setup run test test-reference fuzz soak hostile audit bench bench-peers lint format openapi lock image samples screenshots hooks clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.runtime ## .venv with the locked requirements of the service

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements/runtime.txt | .venv/bin/python
	@echo 'Installing what the service needs into .venv (a minute or two)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@touch $@

.venv/.dev: requirements/dev.txt | .venv/bin/python
	@echo 'Installing what tests and tools need into .venv (a minute or two)'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ .venv/.runtime

run: .venv/.runtime ## serve on http://127.0.0.1:8000
	$(BIN)/python -m app

test: .venv/.dev ## the whole suite, with branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-reference: ## our numbers against those of every framework (one: make test-reference-torch)
	@failed=; for one in $(REFERENCES); do $(MAKE) --no-print-directory test-reference-$$one || failed="$$failed $$one"; done; \
	if [ -n "$$failed" ]; then echo "not in agreement, or not to be had:$$failed" >&2; exit 1; fi

test-reference-%: .venv-reference/%/.ready
	.venv-reference/$*/bin/python -m pytest --config-file=tests/reference/pytest.ini --rootdir=. \
		--confcutdir=tests/reference -p no:cacheprovider tests/reference/test_$*.py

.PRECIOUS: .venv-reference/%/.ready
.venv-reference/%/.ready: requirements/reference-%.txt
	$(PYTHON) -m venv .venv-reference/$*
	@echo '*' >.venv-reference/.gitignore
	.venv-reference/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	$(if $(filter $*,$(NEEDS_TORCH)),.venv-reference/$*/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-deps $(TORCH))
	@touch $@

FUZZ_SECONDS ?= 60

.venv-fuzz/.ready: requirements/fuzz.txt
	$(PYTHON) -m venv .venv-fuzz
	@echo '*' >.venv-fuzz/.gitignore
	.venv-fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

fuzz: .venv-fuzz/.ready ## random files against every binary reader, FUZZ_SECONDS each; what fails is kept in build/fuzz
	@mkdir -p build/fuzz
	for reader in npy npz safetensors multipart; do .venv-fuzz/bin/python -m tests.hostile.fuzz $$reader \
		-max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/$$reader- -print_final_stats=1 -verbosity=0 || exit; done

SOAK_REQUESTS ?= 10000

soak: .venv/.dev ## thousands of good and hostile requests, and what they leave in memory
	$(BIN)/python -m tests.hostile.soak $(SOAK_REQUESTS)

URL ?= http://127.0.0.1:8000

hostile: .venv/.dev ## the whole hostile corpus against a service that runs at URL
	$(BIN)/python -m tests.hostile $(URL)

audit: .venv/.dev ## known vulnerabilities of the locked requirements, where their index can be reached
	$(BIN)/python -m scripts.audit

bench: .venv-bench/tools/.ready ## time and memory beside the usual service and the limit; BENCH=quick for a glance
	$(BENCHMARKS) service $(if $(filter quick,$(BENCH)),--quick)

bench-peers: .venv-bench/tools/.ready ## time beside BentoML, LitServe, MLServer and KServe
	@for one in $(PEERS); do $(MAKE) --no-print-directory .venv-bench/$$one/.ready || \
		echo "$$one cannot be installed and will be left out" >&2; done
	$(BENCHMARKS) peers $(if $(filter quick,$(BENCH)),--quick)

.PRECIOUS: .venv-bench/%/.ready
.venv-bench/tools/.ready: requirements/bench.txt
	$(bench-environment)
.venv-bench/%/.ready: requirements/bench-%.txt
	$(bench-environment)

define bench-environment
@echo 'Installing what $(<F) locks into $(@D)'
$(PYTHON) -m venv $(@D)
@echo '*' >.venv-bench/.gitignore
$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
@touch $@
endef

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
	for one in samples bench fuzz; do $(LOCK) --upgrade --group $$one --output-file requirements/$$one.txt || exit; done
	$(LOCK) --upgrade --extra telemetry --output-file requirements/telemetry.txt
	for one in $(REFERENCES); do $(LOCK:pyproject.toml=requirements/reference-$$one.in) --upgrade \
		--no-emit-package torch --no-emit-package tensorflow --constraints requirements/runtime.txt \
		--overrides requirements/reference-overrides.txt --output-file requirements/reference-$$one.txt || exit; done
	for one in $(PEERS); do $(LOCK:pyproject.toml=requirements/bench-$$one.in) --upgrade \
		--output-file requirements/bench-$$one.txt || exit; done

image: ## build the container image lossgrid
	docker build --tag lossgrid .

samples: .venv/bin/python ## train the digits VAE again, write samples/ and its checksums
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/samples.txt
	$(BIN)/python -m scripts.train_digits_vae
	$(BIN)/python -m scripts.fit_question_batch
	cp samples/digits_vae.npz samples/question_100x90.json app/web/explorer/samples
	cd samples && sha256sum *.json *.npz > SHA256SUMS

screenshots: .venv/.dev ## take the explorer's picture for the documentation, and more to look at
	$(BIN)/python -m scripts.screenshots

hooks: ## let git ask ruff and the contract before every commit
	git config core.hooksPath scripts/hooks

clean: ## remove what the other targets made
	rm -rf .venv .venv-reference .venv-bench .venv-fuzz .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
