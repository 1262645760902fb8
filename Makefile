# Every command of the house. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
# One more than there are cores, as tests also wait; more than 4 have too little to do.
WORKERS ?= $(shell n=$$(($$(nproc) + 1)); echo $$((n < 4 ? n : 4)))
BUNDLE := $(VENV)/.viewer-tried

.DEFAULT_GOAL := help
# Tests start hundreds of processes; where this is set, each of them compiles the project again.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(STAMP) $(BUNDLE)  ## make .venv with the project and all its development needs

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "Python cannot make a virtual environment; on Debian: apt install python3-venv"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

# What could not be built is said once, and tried again when the packages change or by hand.
$(BUNDLE): $(STAMP) viewer/package.json viewer/package-lock.json $(wildcard viewer/bundle/*)
	@$(BIN)/pacs-gateway viewer build || true
	@touch $(BUNDLE)

demo: setup  ## start the gateway here, send it the sample studies, print URL and login
	@exec $(BIN)/pacs-gateway demo

check: setup  ## format, lint, strict types of Python and JavaScript, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.javascript

unit: setup  ## tests without servers
	$(BIN)/python -m pytest tests/unit

test: setup  ## every test, with real servers
	@tests/install_servers
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

bench: setup  ## measure beside Orthanc, as ratios in one run
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

lock: setup  ## renew requirements/ from pyproject.toml, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --no-annotate --extra dev --extra video pyproject.toml requirements/build.in \
		-o requirements/dev.txt

clean:  ## remove .venv, what was built and caches, keep data
	rm -rf $(VENV) viewer/node_modules viewer/static/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.PHONY: help setup demo check unit test bench lock clean
