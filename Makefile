# `make` and `make help` print what there is; the lines behind `##` are that text.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# make run HTTPS_PORT=9443: the demo's ports, when these are taken.
export HTTPS_PORT HTTP_PORT ORIGIN_PORT

.PHONY: help run setup certs build release test interop bench count fuzz sanitize lint format clean

# Link-time optimisation inlines across modules: a request through the proxy takes an eighth fewer instructions. The
# Swift runtime is linked in: its calls are direct, and the programs run where no Swift is installed.
release := swift build -c release --experimental-lto-mode full --static-swift-stdlib

# What swift-format reads.
sources := Sources Tests Fuzz

help: ## print this list
	@printf 'Portico. Two commands matter: make run, make test.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: release certs ## set up, build, and start the demo: https://localhost:8443/ in H1, H2 and H3
	@scripts/demo

test: certs ## set up, then run all tests; FILTER=Name runs those that match
	@scripts/setup test
	swift build --build-tests
	@scripts/run-tests '$(FILTER)'

setup: ## install missing Debian packages (says which; asks sudo when not root)
	@scripts/setup

certs: ## make throw-away certificates below certs/out, unless they are good for a week
	@certs/generate

build: setup ## debug build of everything but the tests
	swift build

release: setup ## release build; the programs come to .build/release
	$(release)

fuzz: setup ## fuzz one parser: TARGET=name SECONDS=60; without TARGET, list them
	@scripts/fuzz $(TARGET) $(SECONDS)

sanitize: certs ## tests that a sanitizer watches: KIND=address or thread, FILTER=Name
	@scripts/setup test
	@scripts/sanitize $(or $(KIND),address) '$(FILTER)'

bench: certs ## Portico beside haproxy and nginx: tables and plots; ARGS="--quick", ARGS=--help lists the rest
	@scripts/setup test
	$(release) --product portico
	$(release) --product portico-load
	$(release) --product portico-origin
	@Benchmarks/bench $(ARGS)

count: release certs ## instructions and allocations of a request against their limits; ARGS=--update sets these
	@scripts/setup test
	@Benchmarks/count $(or $(ARGS),--check)

interop: release ## every client with every server over an emulated link; ARGS="--ours --jobs 2", ARGS=--help
	@scripts/setup interop
	@interop/run $(ARGS)

lint: setup ## check the layout of all Swift files
	swift format lint --strict --parallel --recursive $(sources)

format: setup ## lay out all Swift files
	swift format format --in-place --parallel --recursive $(sources)

clean: ## remove what was built, the Python peers and the certificates
	rm -rf .build certs/out
