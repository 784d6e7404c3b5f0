# Everything runs in .venv, which is built when it is missing or stale; nothing is activated.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first interpreter that is new enough; name another one with `make PYTHON=...`.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
  then echo $$candidate; exit; fi; done; echo python3)
BIN := .venv/bin
SOURCES := heimdall_console training_core tests benchmarks examples scripts

# Two processes on two cores, each with one thread: more threads only wait for one another.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: help
help: ## List the targets
	@echo "Targets of heimdall-console (each builds .venv first when it is missing or stale):"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: environment
environment: ## Build or refresh .venv and nothing else
	@$(PYTHON) scripts/build_environment.py

.PHONY: demo
demo: environment ## Generate a dataset, train, evaluate, export, register: the main job in two minutes
	@scripts/demo

.PHONY: test
test: environment ## Run all tests
	$(PYTEST) -n $(PYTEST_WORKERS) --dist loadfile $(PYTEST_ARGS)

.PHONY: test-faults
test-faults: environment ## Run the tests that break something on purpose, at full counts
	HEIMDALL_FULL_FAULTS=1 $(PYTEST) -m faults $(PYTEST_ARGS)

.PHONY: lint
lint: environment ## Check style and format (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: environment ## Repair style and format where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: environment ## Check types, strictly and everywhere (mypy)
	$(BIN)/mypy $(wildcard $(SOURCES))

.PHONY: imports
imports: environment ## Check who imports whom (import-linter)
	$(BIN)/lint-imports

.PHONY: check
check: test lint types imports ## All that has to pass before a change is merged

.PHONY: docs
docs: environment ## Write the documents that are generated from the code
	$(BIN)/python scripts/write_config_reference.py
	$(BIN)/python scripts/write_key_card.py

.PHONY: pictures
pictures: environment ## Draw the screens of the documents again, and the picture of a real run
	$(PYTEST) -q -n0 tests/console/test_snapshots.py --snapshot-update
	$(BIN)/python scripts/copy_pictures.py
	$(BIN)/python scripts/draw_picture.py

# The measured campus data is not part of the repository; see examples/powder.toml.
MEASURED_DATA ?= $(or $(HEIMDALL_SHARED_DATA),../shared/data)

.PHONY: bench
bench: environment ## Run the benchmarks and print their ratios
	$(BIN)/python benchmarks/command_start.py
	$(BIN)/python benchmarks/detach.py
	$(BIN)/python benchmarks/run_log.py
	$(BIN)/python benchmarks/list_runs.py
	$(BIN)/python benchmarks/tracking_list.py
	$(BIN)/python benchmarks/export_speed.py
	$(BIN)/python benchmarks/training_overhead.py
	$(BIN)/python benchmarks/command_answer.py
	$(BIN)/python benchmarks/redraw.py
	$(BIN)/python benchmarks/first_frame.py
	$(BIN)/python benchmarks/open_run.py
	$(BIN)/python benchmarks/console_watching.py
	$(BIN)/python benchmarks/key_latency.py
	$(BIN)/python benchmarks/attached_overhead.py
	@if [ -d "$(MEASURED_DATA)/powder_frs_rss" ]; then \
	  echo "$(BIN)/python benchmarks/powder_accuracy.py $(MEASURED_DATA)/powder_frs_rss"; \
	  $(BIN)/python benchmarks/powder_accuracy.py "$(MEASURED_DATA)/powder_frs_rss"; \
	  echo "$(BIN)/python benchmarks/classical_methods.py $(MEASURED_DATA)"; \
	  OMP_NUM_THREADS=1 $(BIN)/python benchmarks/classical_methods.py "$(MEASURED_DATA)"; \
	else echo "Skipped powder_accuracy.py: no measured data in $(MEASURED_DATA)"; fi

# The machine's own Python: its torch fits the driver, the one of .venv may be for CPUs.
GPU_PYTHON ?= python3
GPU_CHECKS_ARGS ?=

.PHONY: gpu-checks
gpu-checks: ## Check on a real GPU what only a GPU can show (docs/gpu.md); .venv is not used
	PYTHONPATH=. $(GPU_PYTHON) scripts/gpu_checks.py $(GPU_CHECKS_ARGS)

.PHONY: clean
clean: ## Remove what was built or left behind, except .venv
	rm -rf build dist .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
