//! The Debian package in a whole system: dpkg and the package's own scripts, in a copy of this machine's file system.

use std::path::Path;

use super::run;

/// A package of this version.
fn package(version: &str, dir: &Path) -> String {
    let out = dir.display().to_string();
    let bin = env!("CARGO_BIN_EXE_httpok");
    // a binary with what debuggers need takes minutes to compress
    let env = [("DEB_COMPRESS", "none")];
    let made = run(&["sh", "packaging/deb.sh", bin, version, &out], &env);
    made.trim().to_owned()
}

#[test]
fn an_upgrade_keeps_state_and_programs_and_nothing_is_started_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let debs = dir.path().join("debs");
    let old = package("0.0.1", &debs);
    let new = package("0.0.2", &debs);
    let place = dir.path().join("system");
    std::fs::create_dir(&place).expect("made");
    let place = place.display().to_string();
    let found = run(
        &[
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "tests/package/system.sh",
            &place,
            &old,
            &new,
        ],
        &[],
    );
    let expected = "\
install asked: daemon-reload;
install started: 0
state directory: 700 root
configuration is valid, and may hold secrets: 600
manual: /usr/share/man/man5/httpok.toml.5.gz
upgrade asked: daemon-reload;try-restart httpok.service;
upgrade replaced: yes, to 0.0.2
configuration: [embedded]
silence: 1
program starts: 1
adopted: 1
remove asked: --no-reload disable --now httpok.service;daemon-reload;
remove left: 0 running, 0 in /usr
remove kept: /etc/httpok/httpok.toml /var/lib/httpok/httpok.db\u{20}
purge left:\u{20}
";
    assert_eq!(found, expected);
}
