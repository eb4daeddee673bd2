# `make demo` and `make test` are all that a fresh Debian machine needs; `make help` lists the rest.
# Everything is built below build/; interpreters and venvs that are worth keeping stay in ~/.cache/ctracemalloc.

# What `make test` and `make demo` use: 3.11, 3.12, ..., or "default" for that of python3.
PYTHON_VERSION ?= default
# What `make compat` and `make oracle` use; those that are not on this machine come from a Debian sid chroot, or from source.
PYTHON_VERSIONS ?= 3.11 3.12 3.13 3.14 3.15
# What `make bench` hands over.
BENCH ?= --quick
# How long `make fuzz` runs each target.
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup tools demo test dev compat oracle domains stubs lint format sanitize sanitize-extension valgrind fuzz dumper packages stress faults soak coverage mutate cross instructions bench overhead docs examples pictures clean

help: ## list what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 28

setup: ## install the packages that a build needs, if they are missing (Debian)
	@tools/pythons.sh host-packages

tools: setup ## install the packages that the checks need beyond a build
	@.ci/packages

demo: setup ## trace a real program; snapshot and report in demo-out/
	tools/demo.sh $(PYTHON_VERSION) demo-out

test: setup ## build, and run the tests in C and in Python
	tools/c-tests.sh gcc
	tools/check.sh $(PYTHON_VERSION) tests

dev: setup ## make .venv, with an editable install that rebuilds itself
	tools/dev-venv.sh .venv

compat: setup ## CPython's own test.test_tracemalloc, on all versions
	for version in $(PYTHON_VERSIONS); do tools/check.sh $$version compat || failed=1; done; exit $${failed:-0}

oracle: setup ## stdlib's tracer and ours at the same time, on all versions
	for version in $(PYTHON_VERSIONS); do tools/check.sh $$version oracle || failed=1; done; exit $${failed:-0}

domains: setup ## the same with numpy, pandas and cykhash, which report their memory themselves
	tools/check.sh $(PYTHON_VERSION) domains

stubs: setup ## the type stubs against the built extension
	tools/check.sh $(PYTHON_VERSION) stubs

lint: tools stubs ## formatters, linters and type checkers
	tools/lint.sh

format: tools ## format all sources
	tools/lint.sh --fix

sanitize: setup ## the C tests under the sanitizers
	tools/c-tests.sh asan
	tools/c-tests.sh tsan --suite engine --suite snapshot

sanitize-extension: setup ## the tests of the hooks under the sanitizers, and the stress from 16 threads
	tools/sanitize-extension.sh asan
	tools/sanitize-extension.sh tsan

valgrind: tools ## the C tests and the stress under valgrind's memcheck
	tools/c-tests.sh valgrind
	tools/sanitize-extension.sh valgrind

fuzz: tools ## fuzz what reads files and filters, each target for FUZZ_SECONDS; then the lines reached
	tools/fuzz.sh run $(FUZZ_SECONDS)
	tools/fuzz.sh coverage

dumper: setup ## ctm-dump, which prints a snapshot file as text, without Python
	dev=$$(tools/pythons.sh venv $$(tools/pythons.sh default)) && PATH=$${dev%/*}:$$PATH && \
	{ [ -d build/dumper/meson-info ] || meson setup build/dumper -Dpython=false -Dbuildtype=release; } && \
	meson compile -C build/dumper ctm-dump
	@echo build/dumper/src/format/ctm-dump

packages: setup ## the tests of well-known packages, with tracing and without; PACKAGES names some
	python=$$(tools/wheel-venv.sh $(PYTHON_VERSION) build/packages-$(PYTHON_VERSION)) && \
		$$python tests/packages/run.py --wheel build/packages-$(PYTHON_VERSION)/wheel/*.whl $(PACKAGES)

stress: setup ## a thousand million calls of the hooks from 16 threads
	python=$$(tools/wheel-venv.sh $(PYTHON_VERSION) build/stress) && $$python tests/stress/run.py --calls 1e9

faults: setup ## every page, malloc and object refused to the tracer; a dump killed 1,000 times
	python=$$(tools/wheel-venv.sh $(PYTHON_VERSION) build/faults tests/hooks/requirements.txt) && \
		CTM_FAULTS=all CTM_KILLS=1000 $$python -m pytest -q -p no:cacheprovider --timeout 3600 tests/hooks/test_faults.py tests/stress/test_dump.py

soak: setup ## an asyncio server under load of wrk, traced for half an hour
	@tools/pythons.sh needs wrk /usr/bin/wrk
	python=$$(tools/wheel-venv.sh $(PYTHON_VERSION) build/soak tests/soak/requirements.txt) && $$python tests/soak/run.py

coverage: setup ## the lines of C that neither the C tests nor the Python tests reach
	tools/coverage.sh

mutate: setup ## seed faults into the C code: the C tests must find each
	dev=$$(tools/pythons.sh venv $$(tools/pythons.sh default)) && PATH=$${dev%/*}:$$PATH $$dev tools/mutate.py --write

cross: tools ## the C tests for aarch64, under qemu-user
	tests/cross/run.sh build/c-aarch64

instructions: tools ## the instructions of a hook call, against those on record
	tools/check.sh $(PYTHON_VERSION) instructions

bench: setup ## what tracing costs; takes long and wants a quiet machine
	tools/bench.sh $(PYTHON_VERSION) $(BENCH)

overhead: setup ## the same on all versions, in half an hour; prints all tables
	bench/overhead/all.sh

docs: setup ## build the documentation's site in build/site
	tools/site.sh

examples: setup ## run the documentation's examples, and write what they print into it
	python=$$(tools/wheel-venv.sh 3.11 build/examples) && $$python tools/site/transcripts.py && $$python tools/site/snippets.py

pictures: tools ## take the documentation's pictures of the report
	python=$$(tools/wheel-venv.sh 3.11 build/pictures requirements-dev.txt) && $$python tools/site/pictures.py

clean: ## remove what was built, not what is kept in the cache
	rm -rf build demo-out .venv
