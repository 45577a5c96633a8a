# Two commands, each of which sets a fresh machine up by itself, in .venv:
#   make demo   hear Ictus listen to a bundled piece of real music
#   make test   run every test
# A second run finds everything in place and starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test system-demo system-test clean

VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet

DEBIAN_DEMO := libportaudio2
DEBIAN_TEST := $(DEBIAN_DEMO) procps jackd2 libjack-jackd2-0 puredata-core liblo-tools ecasound fluidsynth mma timgm6mb-soundfont libmysofa1 supercollider-language espeak-ng

help:
	@echo "make demo   hear Ictus listen to a bundled piece of real music; leaves demo_out/"
	@echo "make test   run every test"
	@echo "make clean  take .venv and demo_out away"

demo: $(VENV)/.installed
	@$(VENV)/bin/ictus demo

test: $(VENV)/.installed-test
	@$(VENV)/bin/python -m pytest

# System packages are asked for by name each time: that is quick, and right even after one was removed.
system-demo:
	@$(call system_packages,$(DEBIAN_DEMO))

system-test:
	@$(call system_packages,$(DEBIAN_TEST))

$(VENV)/.installed: pyproject.toml $(VENV)/bin/python | system-demo
	@echo "Installing Ictus in $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/bin/python | system-test
	@echo "Installing Ictus and what its tests and its training need in $(VENV) ..."
	@$(PIP) --editable '.[train,test]'
	@touch $@ $(VENV)/.installed

$(VENV)/bin/python:
	@python=$$($(find_python)); \
	if [[ -z $$python ]]; then $(call install_python); python=$$($(find_python)); fi; \
	if [[ -z $$python ]]; then \
	    echo "Ictus needs Python 3.10 to 3.13 with venv (Debian: python3-venv, macOS: brew install python@3.11)." >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$($$python --version) ..."; $$python -m venv $(VENV)

clean:
	rm -rf $(VENV) demo_out

# The first Python of a version that Ictus supports and that can make a virtual environment.
find_python = for python in python3 python3.11 python3.12 python3.13 python3.10; do \
	if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2> /dev/null; \
	then echo "$$python"; break; fi; done

install_python = if command -v apt-get > /dev/null; then $(call system_packages,python3 python3-venv); \
	elif command -v brew > /dev/null; then brew install --quiet python@3.11; fi

# Debian and its kin: installs what is missing where it may, and else says what that is. macOS and Windows wheels
# bring PortAudio with them; there the tests that need JACK or Pd are skipped, with the reason.
system_packages = if command -v apt-get > /dev/null; then \
	missing=$$(for package in $(1); do \
	    [[ $$(dpkg-query -W -f '$${db:Status-Status}' $$package 2> /dev/null) == installed ]] || echo $$package; done); \
	missing=$$(echo $$missing); \
	as_root=""; if [[ $$(id -u) != 0 ]]; then as_root="sudo -n"; fi; \
	if [[ -n $$missing ]]; then \
	    if [[ -z $$as_root ]] || $$as_root true 2> /dev/null; then \
	        echo "Installing $$missing ..."; \
	        apt="$$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"; \
	        $$apt update && $$apt install -y --no-install-recommends $$missing > /dev/null; \
	    else \
	        echo "Not allowed to install system packages here; please run: sudo apt-get install $$missing" >&2; \
	    fi; \
	fi; \
	elif [[ $$(uname) == Linux ]]; then \
	    echo "Please see that these are installed, under your system's names for them: $(1)" >&2; \
	fi
