//! What is installed: by `make install`, by the release's archive, and by the Debian package, which is built, installed,
//! upgraded, removed and purged in a copy of this machine's file system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[path = "package/system.rs"]
mod system;

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
        "opt/h/share/doc/httpok/LICENSE",
        "opt/h/share/doc/httpok/cookbook.md",
        "opt/h/share/doc/httpok/examples/haproxy/haproxy.cfg",
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

/// The archive of a release is what people unpack: its checksum, what is in it, and that it is the same when it is packed
/// again. The bill of materials comes from a tool that is not installed here.
#[test]
fn release_archive_is_whole_and_the_same_when_packed_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let tool = dir.path().join("cyclonedx");
    let writes = "#!/bin/sh\necho '{\"bomFormat\":\"CycloneDX\"}' > httpok.cdx.json\n";
    fs::write(&tool, writes).expect("written");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).expect("ours");
    let pack = |place: &str| {
        let stage = dir.path().join(place);
        let words = [
            "make".to_owned(),
            "release".to_owned(),
            concat!("BIN=", env!("CARGO_BIN_EXE_httpok")).to_owned(),
            format!("CYCLONEDX={}", tool.display()),
            format!("STAGE={}", stage.display()),
            // a binary with what debuggers need takes long to compress
            "COMPRESS=gzip -1n".to_owned(),
        ];
        run(&words.each_ref().map(String::as_str), &[]);
        stage
    };
    let (one, two) = (pack("one"), pack("two"));
    let names = files(&one);
    assert_eq!(names.len(), 3, "{names:?}");
    for name in &names {
        let same = fs::read(one.join(name)).ok() == fs::read(two.join(name)).ok();
        assert!(same, "{name} differs");
    }
    let script = "cd \"$1\" && sha256sum --check --quiet *.sha256 && mkdir local \
        && tar -C local --strip-components=1 -xzf *.tar.gz && local/bin/httpok --version";
    let place = one.display().to_string();
    let said = run(&["sh", "-c", script, "sh", &place], &[]);
    assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
    for file in [
        "share/man/man5/httpok.toml.5",
        "share/doc/httpok/LICENSE",
        "share/doc/httpok/httpok.cdx.json",
        "share/doc/httpok/examples/minimal.toml",
        "lib/systemd/system/httpok.service",
    ] {
        assert!(one.join("local").join(file).exists(), "{file}");
    }
}

#[test]
fn the_packaged_unit_is_sound() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = fs::read_to_string("examples/httpok.service").expect("the unit");
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
