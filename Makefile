# Music genre classifier. `make` alone lists what there is to make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Data sets, which may not be shipped: docs/training.md says what is in there.
DATA ?= data
PORT ?= 3000
SITE_PORT ?= 8000
MIX ?= $(DATA)/audio
OUT ?= genres.parquet
SONG ?= $(firstword $(wildcard $(MIX)/*/*/*.mp3 $(MIX)/*/*.mp3 $(MIX)/*.mp3))

# The first of these that is a Python this project runs on; `make PYTHON=/path/to/python3.12 run` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)

# One virtual environment a role, so that serving does not carry what training needs.
SERVE := .venv/serve/bin
SITE := .venv/site/bin
DEV := .venv/dev/bin

# An idle worker takes tests from a busy one; a module's server then starts in both.
PYTEST := $(DEV)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

export RESEARCH_DATA := $(abspath $(DATA))
export BENTOML_DO_NOT_TRACK := True
export ORT_DISABLE_TELEMETRY := 1
# The tests start hundreds of processes; each would compile this code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/serve/installed .venv/site/installed ## the site on http://localhost:8000 and the service on :3000 (SITE_PORT=, PORT=)
	$(SITE)/python django_site/manage.py migrate --verbosity 0
	$(SITE)/python django_site/manage.py collectstatic --noinput --verbosity 0
	@trap 'kill $$service $$site; wait' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	$(SERVE)/bentoml serve service:GenreService --port $(PORT) & service=$$!; \
	GENRE_SERVICE_URL=http://127.0.0.1:$(PORT) $(SITE)/python django_site/manage.py serve \
		--bind 127.0.0.1:$(SITE_PORT) & site=$$!; \
	echo 'The site: http://localhost:$(SITE_PORT)'; wait $$site

.PHONY: test
test: .venv/dev/installed ## run the tests, all but the slow ones: real servers, files and browsers
	$(PYTEST) -m 'not slow'

.PHONY: test-all
test-all: .venv/dev/installed .cache/musicnn/installed ## run every test, the slow ones too: images, a cluster, larger trainings
	$(PYTEST)

.PHONY: check
check: .venv/dev/installed ## check format, lint and types
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy

.PHONY: format
format: .venv/dev/installed ## format the code and sort its imports
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

.PHONY: hooks
hooks: .venv/dev/installed ## check format, lint and types at each commit
	$(DEV)/pre-commit install

.PHONY: results
results: .venv/dev/installed ## train every model and write the tables of results, as far as they lack (DATA=folder)
	$(DEV)/python -m training results --data $(DATA)

.PHONY: encoder
encoder: .cache/musicnn/installed ## make the encoder under the best models again, from the package musicnn (DATA=folder)
	$(DEV)/python -m training encoder --package .cache/musicnn/musicnn --audio $(DATA)/audio/gtzan*

.PHONY: bench
bench: .venv/dev/installed ## measure the service beside its peers (SONG=file of 30 seconds or more, MIX=folder of songs)
	$(DEV)/python -m benchmarks --song $(SONG) --mix $(MIX)

.PHONY: bench-batch
bench-batch: .venv/dev/installed ## measure offline scoring beside its peers (MIX=folder of songs)
	$(DEV)/python -m benchmarks.batch --mix $(MIX)

.PHONY: score
score: .venv/batch/bin/genre-score ## score songs offline (SOURCE=songs, folders, lists or s3://..., OUT=table)
	.venv/batch/bin/genre-score $(SOURCE) --out $(OUT)

.PHONY: bento
bento: .venv/serve/installed ## build a Bento that holds the models
	$(SERVE)/bentoml build

.PHONY: container
container: .venv/deploy/installed ## make the images of the service and the site
	.venv/deploy/bin/python -m deploy container build

.PHONY: lock
lock: .venv/dev/installed ## resolve pyproject.toml into requirements/*.txt again
	PATH="$(CURDIR)/$(DEV):$$PATH" requirements/lock

.PHONY: docs
docs: .venv/docs/installed ## build the documentation into build/docs, and check its links
	NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build

.PHONY: licenses
licenses: .venv/dev/installed ## list the licences of what is shipped, in docs/licenses.md
	$(DEV)/python -m deploy licenses --page docs/licenses.md

.PHONY: clean
clean: ## remove the virtual environments and caches
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache

.cache/musicnn/installed: requirements/encoder.txt .venv/dev/installed
	$(DEV)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps \
		--no-compile --upgrade --target $(@D) -r $<
	@touch $@

# The command reads the code here, and the models. It is built with the setuptools of the pins: in isolation, pip would
# fetch one whose hash nobody checks.
.venv/batch/bin/genre-score: .venv/batch/installed pyproject.toml
	.venv/batch/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	@touch $@

# pip byte-compiles what it installs; the pins are complete, so it need not resolve anything. A package without a wheel
# would be built with tools whose hashes nobody checks: dev alone may have one, awslambdaric on macOS.
.venv/%/installed: requirements/%.txt
	@test -n "$(PYTHON)" || { echo 'Python 3.11, 3.12 or 3.13 is needed. Install one, or name it: make PYTHON=/path/to/python'; exit 1; }
	@echo 'Installing $< into .venv/$*: once, a minute or two.'
	$(PYTHON) -m venv --clear .venv/$*
	.venv/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		$(if $(filter dev,$*),,--only-binary :all:) --no-deps -r $<
	@touch $@
