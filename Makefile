# What README names. Everything else is `cargo`.
.PHONY: help run test setup build bench fmt lint check
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: ## the gateway and a stand-in core, to try in a browser
	@scripts/setup build
	cargo build --locked
	@scripts/run

test: setup ## every test
	cargo nextest run --workspace --locked
	cargo test --workspace --locked --doc

setup: ## installs what the tests need and this machine lacks
	@scripts/setup

build: ## the program, as released: target/release/jiesu
	@scripts/setup build
	cargo build --locked --release

bench: ## the gateway against its floors, on this machine
	@scripts/setup build
	cargo bench --locked --bench line

fmt: ## formats the code
	cargo fmt --all

lint: ## format, clippy, documentation, fuzz targets; advisories and unused crates where their tools are installed
	@scripts/setup build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked
	@# A workspace of their own, with the same versions: most of what it needs is compiled already.
	@cp Cargo.lock fuzz/Cargo.lock
	@if command -v c++ >/dev/null 2>&1; then cargo check --manifest-path fuzz/Cargo.toml --target-dir target; else echo 'lint: there is no C++ compiler, the fuzz targets are left out'; fi
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --all-features check; else echo 'lint: cargo-deny is not installed, left out'; fi
	@if command -v cargo-machete >/dev/null 2>&1; then cargo machete; else echo 'lint: cargo-machete is not installed, left out'; fi

check: ## the configuration files of this repository
	@scripts/setup build
	cargo run --locked --quiet -- check --config config/gateway.toml
