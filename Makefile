# Upshift. `make` alone prints what there is. Needs Python 3.11 or newer; everything else goes into .venv.

PORT ?= 8501
HOST ?= 127.0.0.1
ARGS ?=
export PORT HOST ARGS

# The first Python on the PATH that is new enough, unless one is named: make run PYTHON=python3.12
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
else
CHOSEN := --chosen
endif

# Always by a relative path: the checkout may lie in a folder with spaces in its name.
IN_VENV := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run dev test lint bench bench-routing bench-sources screenshots models lock clean python venv venv-dev

help: ## print this
	@echo 'Upshift. make <what>, where <what> is one of:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done
	@echo 'Python: make run PYTHON=python3.12   Port: make run PORT=8502   One test: make test ARGS="-k name"'

run: venv ## start the app at http://127.0.0.1:8501 (PORT, HOST)
	@$(IN_VENV) -m tools.start

dev: venv ## the same, and start again whenever a file changes
	@$(IN_VENV) -m tools.start --watch

test: venv-dev ## check everything: style, types, tests, browser tests (ARGS go to pytest)
	@$(IN_VENV) -m tools.check

lint: venv-dev ## check style and types only
	@$(IN_VENV) -m tools.check lint

bench: venv-dev ## measure, and print tables (ARGS)
	@$(IN_VENV) -m benchmarks $(ARGS)

bench-routing: venv-dev ## does routing pay? 146 tasks, both local models, about 20 quiet minutes
	@$(IN_VENV) -m benchmarks.routing $(ARGS)

bench-sources: venv-dev ## do answers stand on their sources? 128 questions, both local models (ARGS)
	@$(IN_VENV) -m benchmarks.sources $(ARGS)

screenshots: venv-dev ## take the pictures in docs/screenshots again
	@$(IN_VENV) -m benchmarks.screenshots $(ARGS)

models: venv ## fetch the local models now instead of at the first start (1.6 GB)
	@$(IN_VENV) -m router models pull

lock: python ## work out requirements*.txt anew from requirements*.in
	@"$(PYTHON)" -m tools.lock

clean: ## remove .venv and caches; models and log stay where they are
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Upshift needs Python 3.11 or newer, and none was found (python3 here: $$(python3 --version 2>&1)).";\
		echo "Install one (https://www.python.org/downloads/), or name it: make run PYTHON=/path/to/python3"; exit 1; \
	elif ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Upshift needs Python 3.11 or newer; PYTHON is $(PYTHON): $$("$(PYTHON)" --version 2>&1)."; exit 1; fi

venv: python
	@"$(PYTHON)" -m tools.environment run $(CHOSEN)

venv-dev: python
	@"$(PYTHON)" -m tools.environment dev $(CHOSEN)
