//! What is installed: by `make install`, and by the Debian package, which is built, installed, upgraded, removed and
//! purged below a directory of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The words' output, which must go well.
fn run(words: &[&str], env: &[(&str, &str)]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .envs(env.iter().copied())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {text}\n{errors}");
    text
}

/// The regular files below `root`, relative to it.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("a directory").flatten() {
            match entry.file_type().expect("a type").is_dir() {
                true => dirs.push(entry.path()),
                false => {
                    let path = entry.path();
                    found.push(
                        path.strip_prefix(root)
                            .expect("below")
                            .display()
                            .to_string(),
                    );
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn make_install_puts_everything_below_destdir() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().display().to_string();
    let bin = concat!("BIN=", env!("CARGO_BIN_EXE_httpok"));
    run(
        &[
            "make",
            "install",
            bin,
            &format!("DESTDIR={root}"),
            "PREFIX=/opt/h",
        ],
        &[],
    );
    let found = files(dir.path());
    for file in [
        "opt/h/bin/httpok",
        "opt/h/lib/systemd/system/httpok.service",
        "opt/h/lib/tmpfiles.d/httpok.conf",
        "opt/h/share/bash-completion/completions/httpok",
        "opt/h/share/doc/httpok/httpok.schema.json",
        "opt/h/share/fish/vendor_completions.d/httpok.fish",
        "opt/h/share/man/man1/httpok-watch.1",
        "opt/h/share/man/man5/httpok.toml.5",
        "opt/h/share/man/man7/httpok-expect.7",
        "opt/h/share/zsh/site-functions/_httpok",
    ] {
        assert!(
            found.iter().any(|found| found == file),
            "{file}: {found:#?}"
        );
    }
    let pages = found.iter().filter(|file| file.contains("/man/")).count();
    let committed = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/man"));
    assert_eq!(pages, committed.expect("it is there").count());
    let unit = fs::read_to_string(dir.path().join("opt/h/lib/systemd/system/httpok.service"));
    assert!(
        unit.expect("the unit")
            .contains("ExecStart=/opt/h/bin/httpok watch")
    );
    assert!(
        found.iter().all(|file| file.starts_with("opt/h/")),
        "{found:#?}"
    );
}

/// A package of this version.
fn package(version: &str, dir: &Path) -> PathBuf {
    let out = dir.display().to_string();
    let bin = env!("CARGO_BIN_EXE_httpok");
    // a binary with what debuggers need takes minutes to compress
    let env = [("DEB_COMPRESS", "none")];
    let made = run(&["sh", "packaging/deb.sh", bin, version, &out], &env);
    PathBuf::from(made.trim())
}

#[test]
fn the_debian_package_is_installed_upgraded_removed_and_purged() {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("root");
    for part in [
        "var/lib/dpkg/info",
        "var/lib/dpkg/updates",
        "var/lib/dpkg/triggers",
    ] {
        fs::create_dir_all(root.join(part)).expect("made");
    }
    fs::write(root.join("var/lib/dpkg/status"), "").expect("written");
    let root_flag = format!("--root={}", root.display());
    let dpkg = |words: &[&str]| {
        let flags = [
            "dpkg",
            &root_flag,
            "--force-script-chrootless",
            "--force-depends",
            "--force-confold",
            "--force-not-root",
            "--log=/dev/null",
        ];
        run(&[&flags[..], words].concat(), &[])
    };
    let old = package("0.0.1", dir.path());
    dpkg(&["--install", &old.display().to_string()]);
    let installed = root.join("usr/bin/httpok").display().to_string();
    let config = root.join("etc/httpok/httpok.toml");
    assert!(run(&[&installed, "--version"], &[]).contains("httpok"));
    run(
        &[&installed, "config", "check", &config.display().to_string()],
        &[],
    );
    let mode = fs::metadata(&config).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it may hold secrets");
    // nothing is enabled
    assert!(!root.join("etc/systemd").exists());
    // what is the owner's stays over an upgrade
    fs::write(&config, "# mine\n").expect("written");
    let state = root.join("var/lib/httpok/httpok.db");
    fs::write(&state, "state").expect("the directory of state is there");
    let new = package("0.0.2", dir.path());
    dpkg(&["--install", &new.display().to_string()]);
    assert!(dpkg(&["--status", "httpok"]).contains("Version: 0.0.2"));
    assert_eq!(fs::read_to_string(&config).expect("there"), "# mine\n");
    assert!(state.exists());
    dpkg(&["--remove", "httpok"]);
    assert!(!Path::new(&installed).exists());
    assert!(
        config.exists() && state.exists(),
        "they stay until it is purged"
    );
    dpkg(&["--purge", "httpok"]);
    assert!(!config.exists() && !state.exists());
    let left: Vec<_> = files(&root)
        .into_iter()
        .filter(|file| !file.starts_with("var/lib/dpkg/"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_packaged_unit_is_sound() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = fs::read_to_string("packaging/httpok.service").expect("the unit");
    // the binary need not be installed where this runs
    let unit = dir.path().join("httpok.service");
    fs::write(
        &unit,
        text.replace("/usr/bin/httpok", env!("CARGO_BIN_EXE_httpok")),
    )
    .expect("written");
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()
        .expect("systemd is provisioned");
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("httpok.service"))
        .collect();
    assert!(ours.is_empty(), "{said}");
}
