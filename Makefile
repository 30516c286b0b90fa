# Every target does its own set-up. `make up` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := instrumentation collector runner ui console

# Packages are compiled when they are first imported, only as far as they are used: the first start is sooner.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test lint format screenshots docs bench soak dist clean

up: $(VENV)/.all ## start everything and open the dashboard
	@exec $(BIN)/quarterdeck up $(ARGS)

test: $(VENV)/.dev $(VENV)/.browser $(VENV)/.helm ## run the whole suite, browser tests included
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --reruns 1 $(ARGS)

lint: $(VENV)/.dev ## ruff, strict types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PACKAGES) tests benchmarks examples
	$(BIN)/lint-imports

format: $(VENV)/.dev ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.dev $(VENV)/.browser ## remake the pictures of the README from a live demo
	$(BIN)/python docs/screenshots.py

docs: $(VENV)/.dev ## build the documentation site into artefacts/site
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.dev $(VENV)/.browser ## run every benchmark and write one page of their ratios, artefacts/bench/index.md; ARGS="memory ingest" for some
	@$(BIN)/python benchmarks/lab/page.py $(ARGS)

soak: $(VENV)/.dev ## an hour of mixed load while things break: nothing is lost, nothing grows; ARGS="--minutes 5" for a try
	$(BIN)/python tests/soak.py $(ARGS)

dist: $(VENV)/.dev ## build wheel and sdist, the same bytes from the same commit, and list what users install with them
	rm -rf dist $(VENV)/release $(VENV)/shipped
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation --outdir dist
	$(PYTHON) -m venv $(VENV)/release && $(PYTHON) -m venv $(VENV)/shipped
	$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7.5' 'pip-audit>=2.10'
	$(VENV)/shipped/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$$(ls dist/*.whl)[all]"
	$(VENV)/shipped/bin/quarterdeck doctor
	$(VENV)/release/bin/cyclonedx-py environment --output-reproducible --output-file dist/sbom.cdx.json $(VENV)/shipped/bin/python

clean: ## remove what the other targets made, data included
	rm -rf $(VENV) .quarterdeck .mypy_cache .ruff_cache .pytest_cache .import_linter_cache artefacts dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quarterdeck needs Python 3.11 or newer; set PYTHON=python3.12, say")'
	@echo "making an environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.all: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo 'installing Quarterdeck and what it needs (half a minute with a warm package cache) ...'
	@$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.all

# A browser: the one of the machine if there is one, else Debian's, else the one that Playwright brings.
$(VENV)/.browser: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium; } \
		|| $(BIN)/playwright install chromium
	@touch $@

# Renders the Helm chart for its tests: the helm of the machine, else one built here if there is Go, else those tests are skipped.
$(VENV)/.helm: $(VENV)/.dev
	@command -v helm >/dev/null || ! command -v go >/dev/null \
		|| { echo 'building helm for the tests of the chart (a few minutes, once) ...'; GOBIN=$(abspath $(BIN)) go install helm.sh/helm/v3/cmd/helm@v3.22.0; } \
		|| echo 'helm could not be built: the tests of the chart are skipped'
	@touch $@
