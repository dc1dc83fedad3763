# Glomers: `make help` lists the targets.

SHELL := /bin/bash
CARGO ?= cargo
BENCH ?= eddy
REPEAT ?= 1
SEEDS ?= 200
ARGS ?=
SHARD ?=
RESULTS ?=

EDDY := target/release/eddy
SHARDED = EDDY_SHARD=$(SHARD) $(if $(RESULTS),EDDY_RESULTS=$(abspath $(RESULTS)))
SUITE = $(EDDY) suite --bench $(BENCH) --repeat $(REPEAT)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the targets
	@echo 'Targets:'
	@grep -hE '^[a-z0-9%-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		awk -F'|' '{ printf "  %-20s %s\n", $$1, $$2 }'
	@echo
	@echo 'NAME of test-NAME is a suite, or the first words of several (test-broadcast, test-txn):'
	@sed -nE 's/^name = "(.*)"/\1/p' maelstrom/suites.toml | paste -sd ' ' - | fold -sw 76 | sed 's/^/  /'
	@echo 'NAME of sim-NAME and check-NAME is a package in challenges/; check-NAME also takes eddy and glomers.'
	@echo
	@echo 'For test-NAME:  BENCH=eddy|maelstrom|both  REPEAT=10  ARGS="--seed 7 --nemesis partition"'
	@echo 'For sim:       SEEDS=1000, or SEED=7 for a single seed'
	@echo '               SHARD=3/16 RESULTS=FILE for one of sixteen machines, see scripts/shards/'

# Examples are compiled by the lints already; misbehave is a node that tests start.
.PHONY: test
test: lint ## Checks format and lints, and runs all tests
	@echo '== tests'
	$(CARGO) build --workspace --example misbehave --locked
	$(CARGO) test --workspace --tests --locked
	$(CARGO) test --workspace --doc --locked

check-%: ## Checks one package after an edit: format, lints and tests, such as check-broadcast
	$(CARGO) fmt -p $* --check
	$(CARGO) clippy -p $* --all-targets --locked -- -D warnings
	$(CARGO) test -p $* --locked

.PHONY: examples
examples: ## Runs the tests of examples/, which are projects of their own
	$(CARGO) test --manifest-path examples/bank/Cargo.toml --target-dir target/examples --locked

.PHONY: lint
lint: ## Checks format and lints
	@echo '== format'
	$(CARGO) fmt --all --check
	@echo '== lints'
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: fmt
fmt: ## Formats everything
	$(CARGO) fmt --all

.PHONY: doc
doc: ## Builds the documentation; warnings are errors
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

.PHONY: build
build: ## Builds eddy and every challenge
	$(CARGO) build --workspace --bins --release --locked

.PHONY: test-all
test-all: build ## Runs every challenge with its official options
	$(SUITE) all $(if $(ARGS),-- $(ARGS))

# test-broadcast runs 3a to 3e, test-broadcast-3d one of them, test-txn all transactions, and so on.
test-%: build ## Runs one challenge, such as test-broadcast or test-broadcast-3d
	$(SUITE) $* $(if $(ARGS),-- $(ARGS))

.PHONY: test-list-append
test-list-append: test-txn-list-append ## The same as test-txn-list-append

.PHONY: sim
sim: ## Runs every simulated scenario over SEEDS seeds
	@EDDY_SEEDS=$(SEEDS) $(SHARDED) $(if $(SEED),EDDY_SEED=$(SEED)) scripts/simulate

sim-%: ## Runs the simulated scenarios of one challenge, such as sim-broadcast
	@EDDY_SEEDS=$(SEEDS) $(SHARDED) $(if $(SEED),EDDY_SEED=$(SEED)) scripts/simulate $*

.PHONY: bench
bench: build ## Measures the runtime and the workbench; ARGS="echo --rounds 3" for less
	$(CARGO) build --release --locked --manifest-path bench/peer/Cargo.toml --target-dir target/peer
	target/release/bench $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzzes the runtime (needs a nightly toolchain and `cargo install cargo-fuzz`)
	$(CARGO) +nightly fuzz run serve -- -max_total_time=60 $(ARGS)

.PHONY: frontier
frontier: ## Measures the variants of broadcast and draws the plot
	$(CARGO) run --release --locked -p broadcast --example frontier

.PHONY: scale
scale: ## Measures broadcast in clusters of up to 4,000 nodes
	$(CARGO) run --release --locked -p broadcast --example scale -- 25 100 400 1000 4000

.PHONY: election
election: ## Measures the strategies of leader-election side by side
	$(CARGO) run --release --locked -p leader-election --example election

.PHONY: orders
orders: ## Measures the strategies of orders side by side
	$(CARGO) run --release --locked -p orders --example strategies

.PHONY: jobs
jobs: ## Measures the policies of jobs side by side
	$(CARGO) run --release --locked -p jobs --example table

.PHONY: new-challenge
new-challenge: ## Creates the package challenges/NAME with a working node
	@scripts/new-challenge "$(NAME)"

.PHONY: maelstrom
maelstrom: ## Installs upstream Maelstrom, for BENCH=maelstrom
	maelstrom/install-upstream
