# Every target that people and CI call. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CLUSTER ?=
GATEWAY_PORT ?= 8080
# Processes that run tests side by side: one a core, and no more than each tier has use for.
JOBS ?= auto
fuzz: FUZZ_SECONDS ?= 300
export CLUSTER GATEWAY_PORT
PY := .venv/bin/python
TYPED := core/src gateway/src operator/src jobrunner/src sweep/src client/src tools benchmarks dev
export PYTHONPATH := dev
# Tests start hundreds of processes: none of them should compile its modules again.
export PYTHONDONTWRITEBYTECODE :=
# However it is stopped, what it started ends with it; pytest first gets the time to take down a cluster.
TREE := $(PY) -m stack.process_tree --stop SIGINT --grace 90 --
PYTEST := $(TREE) $(PY) -m pytest

.PHONY: help demo test install browser screenshots lock generate check verify lint layers types generated unit slow integration fuzz e2e recording bench up down clean long

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

demo: install ## Set everything up and run the main job on a real cluster
	@$(PY) -m demo

test: install ## All tests: lint, types, unit, integration, end to end
	@MAKE="$(MAKE)" $(PY) -m stack.alltests

install: .venv/.installed ## A .venv with every component and its commands, from the lock

.venv/.installed: requirements/dev.txt requirements/bootstrap.txt core/pyproject.toml gateway/pyproject.toml operator/pyproject.toml sweep/pyproject.toml client/pyproject.toml jobrunner/pyproject.toml jobrunner/hatch_build.py $(wildcard jobrunner/native/*)
	@echo "==> Python environment (.venv)"
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { apt-get update || true; apt-get install -y --no-install-recommends python3-venv; }
	@test -x $(PY) || python3 -m venv .venv
	@$(PY) -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(PY) -m uv pip sync --quiet --python $(PY) --require-hashes requirements/dev.txt
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e core -e gateway -e operator -e jobrunner -e sweep -e client
	@touch $@

lock: install ## Compile the hash-pinned requirements files
	@$(PY) tools/lock.py $(LOCK_ARGS)

# What the chart for tenants has from the release's: a copy, for Helm knows no shared files.
SHARED := templates/_helpers.tpl templates/_limits.tpl templates/_cidrs.tpl templates/_egress.tpl templates/runner.yaml \
  templates/runner-networkpolicy.yaml templates/sweep.yaml files/operator-role.yaml

generate: install ## Write the CRD and the tables of settings and options from the models
	@$(PY) -m imagebatch_core.crd > deploy/crds/imagebatches.yaml
	@cp deploy/crds/imagebatches.yaml deploy/helm/imagebatch/files/crd.yaml
	@for file in $(SHARED); do cp deploy/helm/imagebatch/$$file deploy/helm/imagebatch-tenant/$$file; done
	@$(PY) tools/reference.py

check: verify unit ## What to run after each change: verify and unit

verify: install ## Lint, types, layers, and that what is generated is up to date
	@$(MAKE) --no-print-directory --jobs --keep-going --output-sync=target lint layers types generated

lint: install
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .

layers: install
	@.venv/bin/lint-imports --no-logo

types: install
	@.venv/bin/mypy $(TYPED)

generated: install
	@$(PY) -m imagebatch_core.crd | diff -u deploy/crds/imagebatches.yaml - || { echo "the CRD is out of date: run make generate"; exit 1; }
	@for file in $(SHARED); do diff -u deploy/helm/imagebatch/$$file deploy/helm/imagebatch-tenant/$$file || { echo "the tenant's chart is out of date: run make generate"; exit 1; }; done
	@diff -u deploy/crds/imagebatches.yaml deploy/helm/imagebatch/files/crd.yaml || { echo "the chart's CRD is out of date: run make generate"; exit 1; }
	@$(PY) tools/reference.py --check

unit: install ## Unit tests: rules, without services
	@$(PYTEST) tests/unit -q -n $(JOBS) --maxprocesses 8 -m 'not slow and not long'

slow: install ## Unit tests that take longer: fuzzers, sanitizers, large inputs
	@$(PYTEST) tests/unit -q -n $(JOBS) --maxprocesses 8 -m slow

fuzz: install ## Fuzz the CSV reader, headers, URLs, decoding and lives of batches; FUZZ_SECONDS=300 for each
	@mkdir -p .local/fuzz
	@for target in csv_reader workbook header_sniff url picture; do \
	  echo "==> $$target, $(FUZZ_SECONDS) s; what is found is written to .local/fuzz"; \
	  PYTHONPATH=$(PYTHONPATH):tests $(TREE) $(PY) -m fuzz $$target --seconds $(FUZZ_SECONDS) --findings .local/fuzz; \
	done
	@echo "==> random lives of batches, $(FUZZ_SECONDS) s"
	@PYTHONPATH=$(PYTHONPATH):tests $(TREE) $(PY) -m unit.operator.randomlives --seconds $(FUZZ_SECONDS)

integration: install browser ## Integration tests: a real SeaweedFS, API server and browser
	@$(PY) -m localcluster build
	@$(PYTEST) tests/integration -q -n $(JOBS) --maxprocesses 4

long: install browser ## Tests that take minutes: the store away for a minute, hundreds of kills, back-offs, Kueue, upgrades
	@$(PYTEST) tests/integration tests/e2e -q -m long --timeout 1800

e2e: install browser ## End-to-end tests on a cluster of their own
	@$(PYTEST) tests/e2e -v

browser: install ## The Chromium that the page's tests drive
	@$(PY) -m hosttools.browser

screenshots: install browser ## Draw the pictures of docs/page.md anew
	@$(PY) -m localcluster build
	@IMAGEBATCH_SCREENSHOTS=docs/images/page $(PYTEST) tests/integration/page/test_screenshots.py -q

recording: install ## Record the command on the demo's cluster anew, for README and docs/client.md
	@$(PY) -m recording docs/images/client/recording.svg

bench: install ## Speed and size beside sharp and libjpeg-turbo; writes docs/benchmarks.md
	@PYTHONPATH=$(PYTHONPATH):tests $(TREE) $(PY) -m benchmarks $(SECTION)

up: install ## Cluster, S3 and chart, without the demo
	@$(PY) -m stack.up

down: ## Stop all that `make up` and `make demo` started
	@PYTHONPATH=$(PYTHONPATH) python3 -m stack.down

clean: down ## Also remove what lies in the tree
	rm -rf .venv .local demo-output
