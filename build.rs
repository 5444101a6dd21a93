//! Compact relocations where the program is static: they are a twentieth of it otherwise. The C library in it has to know
//! them, which musl does since 1.2.4: older toolchains bring an older one, and the program would crash. Linked against the
//! system's library (glibc 2.36 knows them) it would not start on older systems.

use std::env;
use std::process::Command;

/// The first minor version of Rust that this was tried with.
const RUST: u32 = 95;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_musl = env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "musl");
    // cargo names the feature only where it is asked for, and it is the default
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let is_static = is_musl && !flags.contains("-crt-static");
    if is_static && minor().is_some_and(|minor| minor >= RUST) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// `95` of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn minor() -> Option<u32> {
    let rustc = env::var_os("RUSTC")?;
    let said = Command::new(rustc).arg("--version").output().ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    said.split('.').nth(1)?.parse().ok()
}
