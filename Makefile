# The one command: `make test`. Everything it needs beyond Rust and Python 3 is provisioned into
# .provision/, which git ignores. A part that cannot be provisioned fails the run and says why.

PYTHON ?= python3
VENV   := .provision/venv

PREFIX  ?= /usr/local
DESTDIR ?=
# What the binary is built for: this machine, or such as x86_64-unknown-linux-musl, which runs on every distribution
# (rustup target add, and Debian's musl-tools).
TARGET  ?=
BUILT   := target/$(if $(TARGET),$(TARGET)/)dist/httpok
# The binary to install or to package; built when it is not there or older than its sources.
BIN     ?= $(BUILT)
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
NAME    := httpok-$(VERSION)-$(or $(TARGET),$(shell uname -m)-linux-gnu)
SOURCES := Cargo.toml Cargo.lock $(shell find src templates assets -type f)
# The time that archives carry: that of the last commit, so that the same sources make the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date -r Cargo.toml +%s)
export SOURCE_DATE_EPOCH
# Tools from crates.io, below a folder of their own.
TOOLS   := .provision/cargo
CYCLONEDX ?= $(CURDIR)/$(TOOLS)/bin/cargo-cyclonedx
ENGINE  ?= podman

.PHONY: install deb rpm image release sbom reproducible test laws survival bench fuzz provision lint deny unused clean

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

# What it costs, beside peers that are installed (curl, check_http, monit, and superlance by `make provision`). It measures
# what is packaged, for six minutes; nothing else should run meanwhile.
bench:
	cargo bench --profile dist --bench ratios

# The long run against the parsers, guided by coverage: an hour each. Needs `cargo install cargo-fuzz`.
FUZZ_FOR ?= 3600
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
	for target in $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs))); do \
		mkdir -p fuzz/corpus/$$target; \
		cargo fuzz run --sanitizer none $$target fuzz/corpus/$$target tests/fixtures/fuzz/$$target \
			-- -max_total_time=$(FUZZ_FOR) -max_len=16384 -timeout=10 || exit 1; \
	done

# The folder of the sources and cargo's are not to be seen in what is packaged, so it does not matter where it is built.
CRATES := $(or $(CARGO_HOME),$(HOME)/.cargo)
$(BUILT): $(SOURCES)
	RUSTFLAGS="$(RUSTFLAGS) --remap-path-prefix=$(CURDIR)=/httpok --remap-path-prefix=$(CRATES)=/cargo" \
	CFLAGS="$(CFLAGS) -ffile-prefix-map=$(CURDIR)=/httpok -ffile-prefix-map=$(CRATES)=/cargo" \
		cargo build --profile dist --locked $(if $(TARGET),--target $(TARGET))
	touch $@

# Binary, manual, completions, examples, and what systemd needs. Starts nothing.
DOC := $(DESTDIR)$(PREFIX)/share/doc/httpok
install: $(BIN)
	install -d -m 755 $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
		$(DOC) $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/httpok
	for section in 1 5 7; do install -m 644 man/*.$$section $(DESTDIR)$(PREFIX)/share/man/man$$section/ || exit 1; done
	umask 022; \
	$(BIN) generate completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/httpok && \
	$(BIN) generate completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_httpok && \
	$(BIN) generate completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/httpok.fish && \
	$(BIN) config schema > $(DOC)/httpok.schema.json && \
	$(BIN) config example > $(DOC)/httpok.toml.example && \
	sed 's|/usr/bin/httpok|$(PREFIX)/bin/httpok|' examples/httpok.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/httpok.service
	install -m 644 README.md CHANGELOG.md SECURITY.md LICENSE docs/*.md $(DOC)/
	cd examples && find . -type f -exec install -D -m 644 {} $(abspath $(DOC))/examples/{} \;
	find $(DOC) -type d -exec chmod 755 {} +
	install -m 644 packaging/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/httpok.conf

# A Debian package, by dpkg-deb alone.
deb: $(BIN)
	sh packaging/deb.sh $(BIN) $(VERSION) target/deb

# A package for Fedora and its like, by rpmbuild, which Debian's package rpm has, too.
rpm: $(BIN)
	sh packaging/rpm.sh $(BIN) $(VERSION) target/rpm

# The image of Containerfile around a static binary: make image TARGET=x86_64-unknown-linux-musl
image: $(BIN)
	sh packaging/image.sh $(BIN) target/image httpok:$(VERSION) $(ENGINE)

# An archive of what `make install` installs, for `tar -C /usr/local --strip-components=1 -xzf`, the bill of its
# materials, and checksums of both. The same sources make the same bytes: see `make reproducible`.
STAGE ?= target/release-archive
COMPRESS ?= gzip -9n
release: $(BIN) $(STAGE)/$(NAME).cdx.json
	rm -rf $(STAGE)/stage
	$(MAKE) --no-print-directory install BIN=$(BIN) DESTDIR=$(abspath $(STAGE))/stage PREFIX=/usr/local
	mv $(STAGE)/stage/usr/local $(STAGE)/stage/$(NAME)
	cp $(STAGE)/$(NAME).cdx.json $(STAGE)/stage/$(NAME)/share/doc/httpok/httpok.cdx.json
	chmod 644 $(STAGE)/stage/$(NAME)/share/doc/httpok/httpok.cdx.json
	tar -C $(STAGE)/stage --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH) \
		--format=ustar -cf - $(NAME) | $(COMPRESS) > $(STAGE)/$(NAME).tar.gz
	rm -rf $(STAGE)/stage
	cd $(STAGE) && sha256sum $(NAME).tar.gz $(NAME).cdx.json > $(NAME).sha256
	@echo $(STAGE)/$(NAME).tar.gz

# The bill of materials (CycloneDX): every crate that is in the binary, with its version, licence and checksum.
sbom: $(STAGE)/$(NAME).cdx.json
$(STAGE)/$(NAME).cdx.json: Cargo.toml Cargo.lock $(CYCLONEDX)
	mkdir -p $(STAGE)
	$(CYCLONEDX) cyclonedx --format json --spec-version 1.5 --no-build-deps \
		--target $(or $(TARGET),$(shell rustc -vV | sed -n 's/^host: //p')) --override-filename httpok.cdx
	sed 's|path+file://$(CURDIR)|path+file:///httpok|g' httpok.cdx.json > $@
	rm httpok.cdx.json

# Two builds of the release in two folders, compared byte by byte: twice as long as one.
reproducible: $(CYCLONEDX)
	sh packaging/reproducible.sh target/reproducible CYCLONEDX=$(CYCLONEDX) TARGET=$(TARGET)

provision: .provision/done

.provision/done: tests/provision.sh tests/requirements.txt
	PYTHON=$(PYTHON) sh tests/provision.sh $(VENV)
	touch $@

lint: deny unused
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# What may come into the tree: licences, bans, sources; advisories when their database can be had.
DENY := $(TOOLS)/bin/cargo-deny
deny: $(DENY)
	$(DENY) check licenses bans sources
	@if $(DENY) fetch db; then $(DENY) check advisories; \
	else echo "the database of advisories cannot be had: they are not checked" >&2; fi

# Dependencies that nothing uses.
MACHETE := $(TOOLS)/bin/cargo-machete
unused: $(MACHETE)
	$(MACHETE) --with-metadata

# Installed from crates.io when it is missing, without optimization: that takes some minutes, so CI leaves them out.
$(TOOLS)/bin/% $(CURDIR)/$(TOOLS)/bin/%:
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --root $(TOOLS) $*

clean:
	rm -rf .provision target
