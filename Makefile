# Thin entry points; what they do is in scripts/, tests/run and bench/run. `make help` lists them.
prefix ?= /usr
DESTDIR ?=

.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench install clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the Debian packages and fetch the kernels that build and tests need (as root)
	@scripts/setup

build: setup ## build what is installed (build/release)
	@scripts/build release

demo: build ## watch a container being stopped at its first instruction (as root)
	@USHER_BUILD=$(CURDIR)/build/release demo/run

test: setup ## build and run every test (as root); ends with "N passed, N failed, N skipped"
	@scripts/build dev
	@tests/run

bench: build ## measure what the design promises; one line a figure
	@USHER_BUILD=$(CURDIR)/build/release bench/run

install: ## install build/release to DESTDIR and prefix (default /usr)
	@scripts/install "$(prefix)" "$(DESTDIR)"

clean: ## remove the build folder (kernels and images of the VM lab too)
	rm -rf build
