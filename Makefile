# Everything is set up by these targets themselves; needed before: python3 >= 3.11, make, git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup format check check-style check-units check-scripts test e2e soak demo pictures \
	bench crds chart image sbom arm64 clean

VENV := .venv
PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(VENV)/.ready ## make .venv from the hash-locked requirements (redone when they change)

$(VENV)/.ready: requirements/dev.txt requirements/new-venv
	@requirements/new-venv $(VENV) requirements/dev.txt operator tests
	@touch $@

format: setup ## rewrite the Python files as ruff likes them
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# Each part's output is shown whole when it has ended; the scripts' tests take as long as all others.
check: setup ## format, lint, types, import contracts, tests that need no lab (90 seconds)
	@$(MAKE) --no-print-directory -j3 -Otarget check-scripts check-units check-style

check-style:
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	@$(PY) -m house

check-units:
	$(PYTEST) --ignore tests/integration --ignore tests/e2e --ignore tests/scripts

check-scripts:
	$(PYTEST) tests/scripts

test: check ## check, then real API server and real nodes (half an hour; the first run builds for up to 15 minutes)
	$(PY) -m lab.shards tests/integration

e2e: setup ## the chart and the image on a real cluster with kubelet (15 minutes; the first run builds for half an hour)
	$(PYTEST) -s -v tests/e2e

soak: setup ## the long campaigns (docs/evidence/ says which, and how long each took)
	$(PYTEST) -s -m soak tests/integration

demo: setup ## the main job, live, on a real API server and a real node
	@$(PY) -m lab.demo

pictures: setup ## docs/pictures/*.svg, taken from real terminals over real nodes
	@$(PY) -m lab.pictures

bench: setup ## what visits, edits, releases and 10,000 nodes cost, beside other tools (ROWS="trips visit ..."; half an hour)
	@$(PY) -m bench $(ROWS)

crds: setup ## write what follows from the models: crds/, its copies, docs/reference.md, docs/reference/, runbooks/reasons.md
	@$(PY) -m kaitu.api.crd
	@$(PY) -m kaitu.api.reference
	@$(PY) -m kaitu.api.runbook
	@$(PY) -m kaitu.controller.pages
	@$(PY) -m chart plain

chart: setup ## write what follows from the chart: its schema and README.md, manifests/base (builds Helm once)
	@$(PY) -m chart

# BASE, BUILD_BASE and BUILD_ARGS: docs/image.md. A name alone takes its value from the environment.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION = $(shell git describe --always --abbrev=40 --exclude='*' --dirty 2>/dev/null || echo unknown)
SOURCE = $(or $(shell git remote get-url origin 2>/dev/null | grep '^https://[^@]*$$'),unknown)
IMAGE = kaitu-operator:$(VERSION)

image: ## build the operator's image with your own docker (IMAGE=NAME, BASE=PYTHON-IMAGE)
	docker build --tag $(IMAGE) $(BUILD_ARGS) \
	    $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(BUILD_BASE),--build-arg BUILD_BASE=$(BUILD_BASE)) \
	    --build-arg PIP_INDEX_URL --build-arg PIP_EXTRA_INDEX_URL --build-arg PIP_TRUSTED_HOST \
	    --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg SOURCE=$(SOURCE) .

sbom: ## print what is installed in the image, as CycloneDX JSON (IMAGE=NAME)
	@docker run --rm --network none --read-only --entrypoint /opt/kaitu/bin/python3 $(IMAGE) \
	    -c 'print(open("/opt/kaitu/sbom.cdx.json").read(), end="")'

arm64: setup ## build the arm64 image under emulation and let it keep a real node (docs/evidence/arm64.md)
	@$(PY) -m lab.arm64

clean: ## remove .venv and tool caches (the lab's cache stays: its path is said)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find operator tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept: $${KAITU_LAB_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/kaitu-lab} (built programs and images)"
