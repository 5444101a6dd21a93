//! The packages in a whole system: dpkg, rpm and the packages' own scripts, in a copy of this machine's file system.

use std::path::Path;

use super::run;

/// A package of this version, made by the script.
fn package(script: &str, version: &str, dir: &Path) -> String {
    let out = dir.display().to_string();
    let bin = env!("CARGO_BIN_EXE_httpok");
    // a binary with what debuggers need takes minutes to compress
    let env = [("DEB_COMPRESS", "none"), ("RPM_COMPRESS", "w0.gzdio")];
    let made = run(&["sh", script, bin, version, &out], &env);
    made.trim().to_owned()
}

/// What `system.sh` finds when the package is installed, upgraded and removed.
fn found(script: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let packages = dir.path().join("packages");
    let old = package(script, "0.0.1", &packages);
    let new = package(script, "0.0.2", &packages);
    let place = dir.path().join("system");
    std::fs::create_dir(&place).expect("made");
    let place = place.display().to_string();
    run(
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
    )
}

/// What both packages do; `removal` is what the package manager asks of systemd then, `kept` the configuration's name.
fn expected(upgrade: &str, removal: &str, kept: &str) -> String {
    format!(
        "\
install asked: daemon-reload;
install started: 0
state directory: 700 root
configuration is valid, and may hold secrets: 600
manual: /usr/share/man/man5/httpok.toml.5.gz
upgrade asked: {upgrade}
upgrade replaced: yes, to 0.0.2
configuration: [embedded]
silence: 1
program starts: 1
adopted: 1
remove asked: {removal}
remove left: 0 running, 0 in /usr
remove kept: {kept} var/lib/httpok/httpok.db\u{20}
"
    )
}

#[test]
fn an_upgrade_by_dpkg_keeps_state_and_programs_and_nothing_is_started_by_itself() {
    let like = expected(
        "daemon-reload;try-restart httpok.service;",
        "--no-reload disable --now httpok.service;daemon-reload;",
        "etc/httpok/httpok.toml",
    );
    assert_eq!(
        found("packaging/deb.sh"),
        format!("{like}purge left:\u{20}\n")
    );
}

/// rpm runs the new package's script before the old one's, and keeps a changed configuration under another name.
#[test]
fn an_upgrade_by_rpm_keeps_state_and_programs_and_nothing_is_started_by_itself() {
    let like = expected(
        "daemon-reload;daemon-reload;try-restart httpok.service;",
        "--no-reload disable --now httpok.service;daemon-reload;",
        "etc/httpok/httpok.toml.rpmsave",
    );
    assert_eq!(found("packaging/rpm.sh"), like);
}
