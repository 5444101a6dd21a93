# The one command: `make test`. Everything it needs beyond Rust and Python 3 is provisioned into
# .provision/, which git ignores. A part that cannot be provisioned fails the run and says why.

PYTHON ?= python3
VENV   := .provision/venv

.PHONY: test laws survival bench fuzz provision lint deny clean

test: provision
	cargo test --all-targets -- --test-threads=8
	cargo test --doc

# The long run of the heart's laws.
laws:
	LAWS=$${LAWS:-100000} cargo test --release --test laws

# The long run of kill -9 at random moments.
survival: provision
	SURVIVAL=$${SURVIVAL:-1000} SURVIVAL_REAL=$${SURVIVAL_REAL:-100} \
		SURVIVAL_PROGRAMS=$${SURVIVAL_PROGRAMS:-200} \
		cargo test --release --test survival -- --nocapture

# What it costs, beside peers. Nothing else should run meanwhile.
bench:
	cargo bench --bench ratios

# The long run against the parsers, guided by coverage: an hour each. Needs `cargo install cargo-fuzz`.
FUZZ_FOR ?= 3600
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
	for target in assertion xmlrpc listener line smtp http1; do \
		mkdir -p fuzz/corpus/$$target; \
		cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target tests/fixtures/fuzz/$$target \
			-- -max_total_time=$(FUZZ_FOR) -max_len=16384 -timeout=10 || exit 1; \
	done

provision: .provision/done

.provision/done: tests/provision.sh tests/requirements.txt
	PYTHON=$(PYTHON) sh tests/provision.sh $(VENV)
	touch $@

lint: deny
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# What may come into the tree: licences, bans, sources; advisories when their database can be had. Installed from
# crates.io when it is missing, without optimization: that takes some minutes, so CI leaves it out.
DENY := .provision/cargo/bin/cargo-deny
deny: $(DENY)
	$(DENY) check licenses bans sources
	@if $(DENY) fetch db; then $(DENY) check advisories; \
	else echo "the database of advisories cannot be had: they are not checked" >&2; fi

$(DENY):
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --root .provision/cargo cargo-deny

clean:
	rm -rf .provision target
