# Every target works on a fresh clone; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What is slow to make and safe to keep lives outside the checkout.
export CERIUM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cerium
export CARGO_TARGET_DIR ?= $(CERIUM_CACHE)/target
export CERIUM_BIN_DIR ?= $(CARGO_TARGET_DIR)/debug
# Of the Python environment that scripts/python makes, unless there is one on the PATH.
export PROTOC ?= $(or $(shell command -v protoc),$(CERIUM_CACHE)/python/bin/protoc)

# Clippy runs inside the tests' own build: dependencies are compiled once, not a
# second time for linting.
test lint unit e2e: export RUSTC_WORKSPACE_WRAPPER = clippy-driver
test lint unit e2e: export CLIPPY_ARGS = -Dwarnings__CLIPPY_HACKERY__

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done

.PHONY: preflight
preflight: ## check (as root: install) what the build needs
	@scripts/preflight
	@scripts/python

# Always the whole workspace: a part of it would get other features, and every
# dependency would be compiled again for it.
.PHONY: build
build: preflight ## the binaries
	cargo build --locked --workspace --bins

.PHONY: run
run: build ## run examples/flights.yaml on this machine, without a cluster
	@scripts/fetch-flights
	$(CERIUM_BIN_DIR)/cerium-driver run examples/flights.yaml

.PHONY: test
test: preflight lint unit e2e ## everything CI checks: format, lints, unit tests, API and cluster tests

.PHONY: lint
lint: ## formatting, clippy, the house rules
	cargo fmt --all --check
	scripts/check-house
	cargo build --locked --workspace --all-targets
	cargo test --locked --workspace --no-run --test e2e --test chart --test upgrade

.PHONY: unit
unit: ## tests that need no cluster
	@scripts/fetch-flights
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --no-fail-fast

.PHONY: e2e
e2e: ## API and cluster tests, on the cluster of KUBECONFIG or on one of our own (needs root)
	@scripts/fetch-flights
	e2e/run

.PHONY: cluster
cluster: ## a real Kubernetes on this machine (root)
	e2e/cluster/up

.PHONY: cluster-down
cluster-down: ## end it, without a trace
	e2e/cluster/down

.PHONY: images
images: build ## build the images and load them into the cluster
	deploy/images/build

.PHONY: golden
golden: ## rewrite generated files: CRDs, references, diagrams
	UPDATE_GOLDEN=1 cargo test --locked --workspace

.PHONY: doctests
doctests: build ## PySpark's own doctests over Spark Connect: passed and failed by module
	@scripts/doctests

.PHONY: pyspark-tests
pyspark-tests: build ## PySpark's own tests of Spark Connect: how many of those that pass on Spark pass here
	@scripts/pyspark-tests

.PHONY: rdd-tests
rdd-tests: build ## PySpark's own tests of SparkContext and RDDs: how many of those that pass on Spark pass here
	@scripts/rdd-tests

.PHONY: bench
bench: ## the table of docs/benchmarks.md
	bench/run

.PHONY: bench-operator
bench-operator: ## the operator's table of docs/benchmarks.md: a thousand applications at once
	bench/operator/run
