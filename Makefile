# The verbs of this project: make repro (TRACK=, FROM=nothing), make test (BROWSER=install), make leaderboard, make lint, make screenshots.
SHELL := /bin/bash
PYTHON ?= python3
TRACK ?= micro
BIN := .venv/bin
STAMP := .venv/.installed
DVCFILE := $(if $(filter micro,$(TRACK)),dvc.yaml,tracks/$(TRACK)/dvc.yaml)
INSTALL_BROWSER := $(or $(CI),$(filter install,$(BROWSER)))
PARAMS := $(if $(filter micro,$(TRACK)),params.yaml,tracks/$(TRACK)/params.yaml)
OLD := import sys; sys.version_info < (3, 11) and sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: name one with make PYTHON=...")
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: repro test browser leaderboard lint screenshots bench clean

# torch first and alone: a later package that asks for it then finds it installed.
$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || { "$(PYTHON)" -c '$(OLD)' && "$(PYTHON)" -m venv .venv; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# FROM=nothing trains the draws too of which scores are kept, as a track of its own, and compares them with what is kept.
ifeq ($(FROM),nothing)
repro: $(STAMP)
	gapbench draws track --params $(PARAMS)
	$(MAKE) repro TRACK=$(TRACK)-from-nothing FROM=
	gapbench draws compare --params $(PARAMS)
else
# An export without git: DVC has to be told so, and there is no commit to compare results with. Where git is there and
# refuses, `gapbench diff` says why.
repro: $(STAMP)
	@test -e .git || git rev-parse --git-dir >/dev/null 2>&1 || dvc config --quiet --local core.no_scm true
	gapbench track pin --params $(PARAMS)
	gapbench submit check $(PARAMS)
	gapbench track prepare --params $(PARAMS)
	@gapbench draws retrain --params $(PARAMS) & retraining=$$!; \
	echo dvc repro $(DVCFILE); \
	GAPBENCH_ARITHMETIC_SAID=1 dvc repro $(DVCFILE) || { code=$$?; kill $$retraining 2>/dev/null; exit $$code; }; \
	wait $$retraining
	gapbench track times --params $(PARAMS)
	gapbench draws check --params $(PARAMS)
	@if git rev-parse --verify --quiet HEAD >/dev/null 2>&1 || \
		{ test -e .git && ! git rev-parse --git-dir >/dev/null 2>&1; }; \
	then echo gapbench diff --track $(TRACK); gapbench diff --track $(TRACK); \
	else echo "results/$(TRACK) is written; here is no git commit to compare it with: for that, run make repro in a git clone"; \
	fi
endif

test: $(STAMP) $(if $(INSTALL_BROWSER),browser)
	$(BIN)/python -m pytest $(if $(INSTALL_BROWSER),--need-browser)

# Debian's Chromium where apt-get may install it, otherwise the one that Playwright downloads.
browser: $(STAMP)
	if $(BIN)/python -c 'from leaderboard.measure.browser import chromium; exit(not chromium())'; then exit; fi; \
	if [ "$$(id -u)" = 0 ] && type -P apt-get; then \
		apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends chromium && exit; \
	fi; \
	$(BIN)/python -m playwright install chromium

leaderboard: $(STAMP)
	streamlit run leaderboard/app.py

lint: $(STAMP)
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-cache

screenshots: $(STAMP)
	$(BIN)/python -m leaderboard.measure.screenshots

bench: $(STAMP)
	gapbench bench --out .gapbench/bench

clean:
	rm -rf .gapbench data
