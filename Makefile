# Everything is set up inside the checkout: nothing but git, Python >= 3.11 and make is needed (and cargo for firmware).
# uv is taken from the PATH, else installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV = $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)

.PHONY: demo test lint lock clean help

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

demo: $(VENV)/.installed-run  ## set up and run the main job: a recorded back judged live
	@$(BIN)/unslouch demo

test: $(VENV)/.installed-dev  ## set up and run every check and test this machine can run
	@$(BIN)/python tests/run_all.py

lint: $(VENV)/.installed-dev  ## format, lint, types, layers
	@$(BIN)/python tests/run_all.py --only lint

lock:  ## resolve the lock files anew (needs uv)
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	    pyproject.toml --group build -o requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
	    pyproject.toml --extra parquet --extra plot --group dev --group bench -c requirements.lock -o requirements-dev.lock

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "unslouch needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); else \
	    $(PYTHON) -m venv $(VENV) \
	    || { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; exit 1; }; \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'; fi

# the wheel's own build tools are in the lock too, so nothing unlocked is fetched for the editable install
define install
	@echo "Setting up $(VENV) ($(1)) ..."
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --compile-bytecode --require-hashes -r $(1)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q companion signal  # half a second of the first start
	@touch $@
endef

$(VENV)/.installed-run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $(VENV)/.installed-run

clean:  ## remove what was set up and built
	rm -rf $(VENV) firmware/target .pytest_cache .ruff_cache .hypothesis
