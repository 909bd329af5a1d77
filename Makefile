# DAIRA: every target people and CI use. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
STACK := $(PYTHON) -m daira_devtools.stack
NAME ?= main
BASE ?= 8080
TEST_NAME ?= test
TEST_BASE ?= 18080
SERVICE ?=
ROLE ?= all
SIZE ?= ordinary
ARGS ?=

DISTRIBUTIONS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard contracts/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml)))
SOURCES := contracts libs services tests

.PHONY: help setup up down status demo run migrate test check bench fmt lint types imports house \
	generate contracts contracts-check routes compose pins pins-check clean

help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run it

setup: ## the virtual environment with every distribution, editable; nothing to do when nothing changed
	@libs/devtools/setup.sh $(DISTRIBUTIONS)

up: setup ## stores, migrations, topics, the eleven services and the gateway; waits until all are ready
	@$(STACK) up --name $(NAME) --base $(BASE)

down: ## stop exactly what `up` or `demo` started; data stay
	@if [ -x $(PYTHON) ]; then $(STACK) down --name $(NAME); fi

status: ## what runs, where, and whether it is ready
	@$(STACK) status --name $(NAME)

demo: setup ## `up`, then a phone's video becomes a stream in a follower's Circle
	@$(PYTHON) -m daira_devtools.demo --name $(NAME) --base $(BASE) $(ARGS)

run: ## one service in the foreground on the running stores: SERVICE=feed ROLE=all|http|worker|relay|migrate
	@test -n "$(SERVICE)" || { echo "say which one: make run SERVICE=feed"; exit 2; }
	@environment="$$($(STACK) env $(SERVICE) --name $(NAME))" && eval "$$environment" \
		&& exec $(PYTHON) -m daira_$(SERVICE) --role $(ROLE)

migrate: ## bring the databases of all services, or of SERVICE=feed, to today's schema
	@$(STACK) migrate $(SERVICE) --name $(NAME)

##@ Check it

test: setup ## every test, on a stack of its own; ARGS= for pytest, SIZE=full for the long counts (resumes, tells a table)
	@SIZE=$(SIZE) $(STACK) during --name $(TEST_NAME) --base $(TEST_BASE) --only stores --with valkey-cluster \
		--wants chromium --wants kcat -- $(PYTHON) -m pytest $(ARGS)

check: setup lint types imports house contracts-check pins-check test ## exactly what CI runs

bench: setup ## DAIRA and its peers interleaved; prints a table, writes .bench/results.jsonl
	@$(STACK) during --name bench --base 28080 --only all --with valkey-cluster -- $(PYTHON) -m daira_devtools.bench $(ARGS)

fmt: ## format, and repair what the linter can
	@.venv/bin/ruff format $(SOURCES)
	@.venv/bin/ruff check --fix $(SOURCES)

lint: ## format and lint, changing nothing
	@.venv/bin/ruff format --check $(SOURCES)
	@.venv/bin/ruff check $(SOURCES)

types: ## mypy, strict
	@$(PYTHON) -m daira_devtools.lint.types

imports: ## who may import whom
	@.venv/bin/lint-imports

house: ## the house rules
	@$(PYTHON) -m daira_devtools.lint

##@ Generate it

generate: contracts routes compose ## everything that is written from something else and committed

contracts: ## schemas, AsyncAPI, catalogue and access rules from the structs and topic files
	@$(PYTHON) -m daira_devtools.contracts generate

routes: ## the gateway's route table and the merged OpenAPI document
	@$(PYTHON) -m daira_devtools.gateway generate

compose: ## compose/services.yaml from native.toml and the services' settings
	@$(STACK) compose

contracts-check: ## nothing stale, nothing incompatible
	@$(PYTHON) -m daira_devtools.contracts drift
	@$(PYTHON) -m daira_devtools.gateway drift
	@.venv/bin/daira contracts check

pins: ## constraints.txt anew; ARGS=--upgrade takes the newest versions
	@$(PYTHON) -m daira_devtools.pins compile $(ARGS)

pins-check: ## constraints.txt is what the distributions ask for
	@$(PYTHON) -m daira_devtools.pins check

clean: ## stop the stacks; remove their data and every cache
	@if [ -x $(PYTHON) ]; then $(STACK) down --name $(NAME); $(STACK) down --name $(TEST_NAME); \
		$(STACK) down --name bench; fi
	@rm -rf .stack .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
