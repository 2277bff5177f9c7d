# The workshop. On a fresh machine with Python 3.11 or newer, make and git: `make run`, `make test`.
# Say PYTHON=python3.13 for an environment of another interpreter, ARGS='-k pool' to hand pytest more arguments.

ARGS ?=
export PYTHON

bin := .venv/bin
packages := clients/python service
typed := service/rowgate_server clients/python/src/rowgate tests scripts

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help venv run dev tools engines test consistency life chaos soak cluster policy copies image-steps chart-schema chart-files monitoring \
	bench bench-hygiene bench-schema bench-transactions fmt check-fmt lint type arch buf check-tree check-lock check-proto check \
	stubs proto locker lock upgrade auditor audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## make .venv with what the server runs on
	@scripts/environment .venv requirements.lock $(packages)

run: venv ## serve the demo database
	@exec $(bin)/rowgate-server serve --demo

dev: venv ## add the developer's tools to .venv
	@scripts/environment .venv requirements-dev.lock
	@$(MAKE) -s venv # a lock of tools that changed has made the environment anew

tools: ## get the tools that no Python package carries (grpcurl, helm, kustomize, prometheus)
	@scripts/tools

engines: ## find or install the database engines that the tests start
	@scripts/engines

test: dev tools engines ## run the tests (ARGS='-k name' picks some)
	@echo "test: running pytest"
ifdef ARGS
	@$(bin)/python -m pytest $(ARGS)
else
	@# Those that look at how long things take have the machine to themselves.
	@$(bin)/python -m pytest -m alone tests/chaos
	@$(bin)/python -m pytest -m "not alone" --numprocesses=auto --dist=loadfile
endif

consistency: dev tools engines ## run thousands of transactions at once, and look for anomalies (minutes)
	@LONG_RUN=1 $(bin)/python -m pytest tests/integration/consistency $(ARGS)

life: dev tools engines ## restart twenty times under load, and flood with ten times as many calls (minutes)
	@LONG_RUN=1 $(bin)/python -m pytest tests/e2e/test_restarts.py tests/e2e/test_workers.py \
	  tests/e2e/test_statements_are_gone.py tests/e2e/test_given_up.py \
	  tests/integration/test_hostile_clients.py $(ARGS)

chaos: dev tools engines ## misbehave for long: dark links, outages, overload, storms of cancelled calls (an hour)
	@LONG_RUN=1 $(bin)/python -m pytest tests/chaos $(ARGS)

MINUTES ?= 60
soak: dev tools engines ## look for leaks under load for so long (MINUTES=60)
	@SOAK_MINUTES=$(MINUTES) $(bin)/python -m pytest tests/chaos/test_soak.py --capture=no $(ARGS)

cluster: dev tools engines ## kill, freeze and drain nodes of a Galera cluster under load (minutes)
	@$(bin)/python -m pytest --capture=no tests/integration/galera_under_load.py $(ARGS)

policy: dev tools engines ## ask 10,000 times on each engine for rows outside a row filter (minutes)
	@LONG_RUN=1 $(bin)/python -m pytest tests/conformance/policy/test_rows_outside.py $(ARGS)
image-steps: dev ## do what the Dockerfile does, without Docker, and start what comes out
	@$(bin)/python scripts/image.py

chart-schema: dev ## write what the chart's schema says of the server's settings
	@$(bin)/python scripts/chart_schema.py write

# Not links: Helm warns of each, every time.
chart-files: ## copy the rules and the dashboard into the chart
	@cp deploy/monitoring/rules.yaml deploy/monitoring/dashboard.json deploy/helm/rowgate/files/

monitoring: dev tools engines ## run every expression of the dashboard, the alerts and the adapter in a real Prometheus
	@$(bin)/python -m pytest tests/monitoring/in_prometheus.py $(ARGS)

copies: dev tools engines ## copy 900 tables that are put together at random (minutes)
	@LONG_RUN=1 $(bin)/python -m pytest tests/conformance/test_tables_copied_at_random.py $(ARGS)

bench: engines ## compare with the bare driver, SQLAlchemy and a FastAPI service (ARGS=--quick: in a minute)
	@scripts/environment .tools/bench requirements-bench.lock $(packages)
	@PYTHONPATH=tests exec .tools/bench/bin/python -m bench $(ARGS)

bench-transactions: dev engines ## compare what a transaction costs with calls of their own
	@PYTHONPATH=tests exec $(bin)/python -m bench.transactions

bench-hygiene: dev engines ## measure what it costs to wipe sessions clean, with and without in one run
	@PYTHONPATH=tests exec $(bin)/python -m bench.hygiene

bench-schema: engines ## measure the tree of a schema of 10,000 tables (ARGS='--tables 60000')
	@scripts/environment .tools/bench requirements-bench.lock $(packages)
	@PYTHONPATH=tests exec .tools/bench/bin/python -m bench.schemas $(ARGS)

fmt: dev ## format the code and sort its imports
	@$(bin)/ruff check --quiet --select I --fix .
	@$(bin)/ruff format .

check-fmt: dev ## check that the code is formatted
	@$(bin)/ruff format --check .

lint: dev ## look for mistakes
	@$(bin)/ruff check .

type: dev ## check the types
	@$(bin)/mypy $(typed)

arch: dev ## check who imports whom
	@$(bin)/lint-imports --no-logo

buf: dev ## check the protos: lint, and changes that break callers
	@$(bin)/buf lint
	@scripts/breaking

check-tree: ## check the tree for what should not be committed
	@scripts/check-tree

check-lock: dev ## check that the lock files are fresh
	@$(bin)/python scripts/lock.py check

check-proto: stubs ## check that the committed stubs are those of proto/
	@scripts/proto check

check: check-fmt lint type arch buf check-tree check-lock check-proto ## everything that CI checks, but the tests

stubs: ## make the environment of the stubs' generator
	@scripts/environment .tools/stubs requirements-stubs.lock

proto: stubs ## generate the stubs from proto/
	@scripts/proto write

# The only environment that is not hash-locked: it makes the locks.
locker: ## make the environment that makes the locks
	@[ -x .tools/lock/bin/uv ] || { $${PYTHON:-python3} -m venv .tools/lock && \
	  .tools/lock/bin/python -m pip --disable-pip-version-check install --quiet uv==0.13.8; }

lock: locker ## write the lock files anew, keeping the versions that still fit
	@.tools/lock/bin/python scripts/lock.py write

upgrade: locker ## write the lock files anew with the newest versions
	@.tools/lock/bin/python scripts/lock.py write --upgrade

auditor: # like the locker, it locks nothing that is served
	@[ -x .tools/audit/bin/pip-audit ] || { $${PYTHON:-python3} -m venv .tools/audit && \
	  .tools/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit==2.10.1; }

audit: auditor ## look for known vulnerabilities in what is locked (asks pypi.org for its advisories)
	@for lock in requirements.lock requirements-extras.lock; do \
	  .tools/audit/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; done

clean: ## remove what the other targets made here
	rm -rf .venv .tools dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
