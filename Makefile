# The one command: `make test`. Everything it needs beyond Rust and Python 3 is provisioned into
# .provision/, which git ignores. A part that cannot be provisioned fails the run and says why.

PYTHON ?= python3
VENV   := .provision/venv

PREFIX  ?= /usr/local
DESTDIR ?=
# The binary to install or to package; built when it is not there.
BIN     ?= target/dist/httpok
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MACHINE := $(shell uname -m)

.PHONY: install deb release test laws survival bench fuzz provision lint deny clean

test: provision
	cargo test --no-fail-fast --all-targets -- --test-threads=8
	cargo test --doc

# The long run of the laws of the decision core.
laws:
	LAWS=$${LAWS:-100000} cargo test --release --test laws

# The long run of kill -9 at random moments.
survival: provision
	SURVIVAL=$${SURVIVAL:-1000} SURVIVAL_REAL=$${SURVIVAL_REAL:-100} \
		SURVIVAL_PROGRAMS=$${SURVIVAL_PROGRAMS:-200} SURVIVAL_MODES=$${SURVIVAL_MODES:-2000} \
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

target/dist/httpok:
	cargo build --profile dist --locked

# Binary, manual, completions, and what systemd, sysusers and logrotate need. Starts nothing.
install: $(BIN)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
		$(DESTDIR)$(PREFIX)/share/doc/httpok $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/httpok
	for section in 1 5 7; do install -m 644 man/*.$$section $(DESTDIR)$(PREFIX)/share/man/man$$section/ || exit 1; done
	$(BIN) generate completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/httpok
	$(BIN) generate completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_httpok
	$(BIN) generate completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/httpok.fish
	$(BIN) config schema > $(DESTDIR)$(PREFIX)/share/doc/httpok/httpok.schema.json
	$(BIN) config example > $(DESTDIR)$(PREFIX)/share/doc/httpok/httpok.toml.example
	install -m 644 README.md CHANGELOG.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/httpok/
	sed 's|/usr/bin/httpok|$(PREFIX)/bin/httpok|' packaging/httpok.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/httpok.service
	install -m 644 packaging/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/httpok.conf

# A Debian package, by dpkg-deb alone.
deb: $(BIN)
	sh packaging/deb.sh $(BIN) $(VERSION) target/deb

# An archive of what `make install` installs, with its checksum.
release: $(BIN)
	rm -rf target/release-archive
	$(MAKE) install BIN=$(BIN) DESTDIR=target/release-archive/httpok-$(VERSION)-$(MACHINE) PREFIX=/usr
	tar -C target/release-archive --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
		-czf target/httpok-$(VERSION)-$(MACHINE).tar.gz httpok-$(VERSION)-$(MACHINE)
	cd target && sha256sum httpok-$(VERSION)-$(MACHINE).tar.gz > httpok-$(VERSION)-$(MACHINE).tar.gz.sha256

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
