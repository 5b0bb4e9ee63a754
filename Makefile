# Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
UV_VERSION := 0.13.9
DECK_GL_VERSION := 9.4.0
GLTF_VALIDATOR_VERSION := 2.0.0-dev.3.10
DEBIAN_PACKAGES := postgresql-15 postgresql-15-postgis-3 mdbtools gdal-bin libarchive13 fonts-droid-fallback python3-venv
TEST_PACKAGES := chromium fonts-noto-cjk libatomic1
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Hundreds of processes start in a run of the tests: what Python has compiled once is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test pytest setup system lint bench clean

demo: setup            ## load the sample district, publish it, serve it
	$(RUN)/pipemap demo

test: DEBIAN_PACKAGES += $(TEST_PACKAGES)
test: setup            ## everything that must hold
	@# Types alone keep one core busy for most of a minute.
	$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: setup
	$(RUN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

setup: system $(VENV)/.ready $(VENV)/.steps viewer/static/vendor/.ready $(VENV)/gltf-validator/.ready

system:
	@for package in $(DEBIAN_PACKAGES); do \
	  dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

$(VENV)/.ready: uv.lock pyproject.toml
	test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install -q uv==$(UV_VERSION)
	$(RUN)/uv sync --locked --inexact --quiet
	touch $@

# Numba keeps a compiled step until its own file changes, even where a step of another file that it calls has changed.
$(VENV)/.steps: $(shell grep --recursive --files-with-matches --include=*.py njit pipemap) | $(VENV)/.ready
	find pipemap -name '*.nb[ci]' -delete
	touch $@

# npm would install 380 packages for the two files that the browser is served.
viewer/static/vendor/.ready: viewer/libraries.sha512 | $(VENV)/.ready
	mkdir -p $(@D)
	cd $(@D) && PATH="$(abspath $(RUN)):$$PATH" npm pack --silent --ignore-scripts \
	  deck.gl@$(DECK_GL_VERSION) @deck.gl/json@$(DECK_GL_VERSION) >/dev/null
	cd $(@D) && sha512sum --check --quiet $(abspath $<)
	tar -xzOf $(@D)/deck.gl-$(DECK_GL_VERSION).tgz package/dist.min.js >$(@D)/deck.min.js
	tar -xzOf $(@D)/deck.gl-json-$(DECK_GL_VERSION).tgz package/dist.min.js >$(@D)/deck-json.min.js
	rm $(@D)/*.tgz
	touch $@

# What the tests hold every glTF against; nothing of it is served.
$(VENV)/gltf-validator/.ready: tests/service/validators.sha512 | $(VENV)/.ready
	mkdir -p $(@D)
	cd $(@D) && PATH="$(abspath $(RUN)):$$PATH" npm pack --silent --ignore-scripts \
	  gltf-validator@$(GLTF_VALIDATOR_VERSION) >/dev/null
	cd $(@D) && sha512sum --check --quiet $(abspath $<)
	tar -xzf $(@D)/gltf-validator-$(GLTF_VALIDATOR_VERSION).tgz -C $(@D) --strip-components=1
	rm $(@D)/*.tgz
	touch $@

lint: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

bench: setup           ## ratios against peers and floors, in one run
	$(RUN)/python -m bench

clean:
	rm -rf $(VENV) viewer/static/vendor
