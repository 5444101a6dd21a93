//! `include`: several files are one configuration, and each fault names the file that has it.

use std::fs;
use std::path::Path;

use httpok::config::settings::Settings;
use httpok::config::{Faults, load};

/// Files below a directory of their own; the first is read.
fn read(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Settings, Faults>) {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }
    let read = load(&dir.path().join(files[0].0), &|_| None);
    (dir, read)
}

fn right(files: &[(&str, &str)]) -> (tempfile::TempDir, Settings) {
    let (dir, read) = read(files);
    (dir, read.unwrap_or_else(|faults| panic!("{faults}")))
}

/// What is wrong with `files`, without the directory's name.
fn invalid(files: &[(&str, &str)]) -> String {
    let (dir, read) = read(files);
    let faults = read.expect_err("wrong").to_string();
    let dir = dir.path().canonicalize().expect("there");
    faults.replace(&format!("{}/", dir.display()), "")
}

fn check(name: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nurl = \"http://h/\"\n")
}

#[test]
fn files_are_joined_in_the_order_of_their_names() {
    let main = format!(
        "include = [\"conf.d/*.toml\"]\nevery = \"7s\"\n{}",
        check("main")
    );
    let (_dir, settings) = right(&[
        ("httpok.toml", &main),
        ("conf.d/20.toml", &check("last")),
        (
            "conf.d/10.toml",
            &format!("{}[mail]\nto = \"a@b.c\"\n", check("first")),
        ),
        ("conf.d/.10.toml.swp", "not = = toml"),
        ("conf.d/.hidden.toml", "not = = toml"),
        ("conf.d/README", "not = = toml"),
    ]);
    let names: Vec<_> = settings
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(names, ["main", "first", "last"]);
    assert!(settings.notify.mail.is_some());
    assert!(
        settings
            .checks
            .iter()
            .all(|check| check.every.as_secs() == 7)
    );
}

#[test]
fn tables_are_merged_and_defaults_hold_for_checks_of_all_files() {
    let (_dir, settings) = right(&[
        (
            "httpok.toml",
            "include = \"more.toml\"\n[defaults]\ntimeout = \"3s\"\n[supervisor]\ndefault = \"systemd\"\n",
        ),
        (
            "more.toml",
            &format!(
                "[defaults]\nfail_after = 9\n[supervisor.systemd]\nscope = \"user\"\n{}",
                check("a")
            ),
        ),
    ]);
    let probe = format!("{:?}", settings.checks[0].probe);
    assert!(probe.contains("timeout: 3s"), "{probe}");
    let fails = format!("{:?}", settings.checks[0].policy.fail);
    assert!(
        fails.contains('9') && settings.supervisor.systemd.is_some(),
        "{fails}"
    );
}

#[test]
fn paths_and_secrets_are_relative_to_the_file_that_names_them() {
    let text = "[[check]]\nname = \"a\"\nurl = \"https://h/\"\ncacert = \"ca.pem\"\n\
                headers = { K = \"${file:key}\" }\n[check.capture]\ncores = \"cores\"\n";
    let (dir, settings) = right(&[
        ("httpok.toml", "include = \"sites/*/site.toml\"\n"),
        ("sites/shop/site.toml", text),
        ("sites/shop/key", "a secret\n"),
    ]);
    let capture = settings.checks[0].capture.as_ref().expect("it is there");
    assert_eq!(
        capture.dir.as_deref(),
        Some(&*dir.path().join("sites/shop/cores"))
    );
    let probe = format!("{:?}", settings.checks[0].probe);
    assert!(probe.contains("sites/shop/ca.pem"), "{probe}");
}

#[test]
fn an_included_file_includes_others() {
    let (_dir, settings) = right(&[
        ("httpok.toml", "include = [\"a.toml\", \"none/*.toml\"]\n"),
        ("a.toml", "include = [\"b/b.toml\"]\n"),
        ("b/b.toml", &format!("include = \"c.toml\"\n{}", check("b"))),
        ("b/c.toml", &check("c")),
    ]);
    assert_eq!(settings.checks.len(), 2);
}

#[test]
fn diagnostic_names_its_file_and_line() {
    let faults = invalid(&[
        (
            "httpok.toml",
            &format!(
                "include = \"conf.d/*.toml\"\n\nevery = \"soon\"\n{}",
                check("a")
            ),
        ),
        (
            "conf.d/1.toml",
            "# text\n[[check]]\nname = \"b\"\nurl = \"http://h/\"\ntimeuot = 1\n",
        ),
        ("conf.d/2.toml", &check("a")),
    ]);
    for part in [
        "--> httpok.toml:3:9",
        "\"soon\" is not a duration",
        "--> conf.d/1.toml:5:1",
        "unknown key \"timeuot\"",
        "--> conf.d/2.toml:2:8",
        "there is a check \"a\" already, on line 5 of httpok.toml",
        "3 faults in httpok.toml and the files that it includes",
    ] {
        assert!(faults.contains(part), "{part}\n{faults}");
    }
}

#[test]
fn invalid_toml_names_its_file_and_shows_no_secret() {
    let faults = invalid(&[
        (
            "httpok.toml",
            &format!(
                "include = \"b.toml\"\n{}password = \"hunter2\"\n",
                check("a")
            ),
        ),
        ("b.toml", "\n\npassword = hunter2\n"),
    ]);
    assert!(
        faults.contains("--> b.toml:3:12") && faults.contains("not TOML"),
        "{faults}"
    );
    assert!(!faults.contains("hunter2"), "{faults}");
}

#[test]
fn invalid_includes_are_reported() {
    let a = check("a");
    for (files, part) in [
        (
            vec![("httpok.toml", format!("include = \"none.toml\"\n{a}"))],
            "cannot read \"none.toml\": No such file",
        ),
        (
            vec![("httpok.toml", format!("include = \"httpok.toml\"\n{a}"))],
            "cyclic include: httpok.toml -> httpok.toml",
        ),
        (
            vec![
                ("httpok.toml", format!("include = \"b.toml\"\n{a}")),
                ("b.toml", "include = \"./httpok.toml\"\n".to_owned()),
            ],
            "cyclic include: httpok.toml -> b.toml -> httpok.toml",
        ),
        (
            vec![
                (
                    "httpok.toml",
                    format!("include = [\"b.toml\", \"*.toml\"]\n{a}"),
                ),
                ("b.toml", String::new()),
            ],
            "\"b.toml\" is included already",
        ),
        (
            vec![("httpok.toml", format!("include = [\"a[\"]\n{a}"))],
            "\"a[\": ",
        ),
        (
            vec![("httpok.toml", format!("include = [5]\n{a}"))],
            "an integer where a string belongs",
        ),
        (
            vec![
                ("httpok.toml", format!("include = \"b.toml\"\n{a}")),
                ("b.toml", "include = true\n".to_owned()),
            ],
            "--> b.toml:1:11",
        ),
        (
            vec![
                (
                    "httpok.toml",
                    format!("include = \"b.toml\"\nevery = 5\n{a}"),
                ),
                ("b.toml", "\nevery = 6\n".to_owned()),
            ],
            "\"every\" is there already, on line 2 of httpok.toml",
        ),
        (
            vec![
                (
                    "httpok.toml",
                    format!("include = \"b.toml\"\n[defaults]\ntimeout = 1\n{a}"),
                ),
                ("b.toml", "[defaults]\ntimeout = 2\n".to_owned()),
            ],
            "\"timeout\" is there already, on line 3 of httpok.toml",
        ),
        (
            vec![
                ("httpok.toml", format!("include = \"b.toml\"\n{a}")),
                ("b.toml", "[check]\n".to_owned()),
            ],
            "\"check\" is there already",
        ),
    ] {
        let files: Vec<_> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let faults = invalid(&files);
        // relative names are those of the test's directory
        let plain = faults.replace(&format!("{}/", std::env::temp_dir().display()), "");
        assert!(
            plain.contains(part) || without_dirs(&plain).contains(part),
            "{part}\n{faults}"
        );
    }
}

/// Names of files without the directory of the test.
fn without_dirs(text: &str) -> String {
    let words = text.split_inclusive([' ', '"']);
    words
        .map(|word| match word.rsplit_once('/') {
            Some((dir, name)) if Path::new(dir).is_absolute() => name,
            _ => word,
        })
        .collect()
}

#[test]
fn ten_thousand_checks_in_one_file_are_read() {
    let text: String = (0..10_000)
        .map(|number| {
            format!(
                "[[check]]\nname = \"shop-{number}\"\nurl = \"http://127.0.0.1:8080/health/{number}\"\n\
                 timeout = \"3s\"\nrequires = [\"last\"]\n\n"
            )
        })
        .collect();
    let text = format!("{text}{}", check("last"));
    assert!(text.len() > 1 << 20, "{}", text.len());
    let (_dir, settings) = right(&[("httpok.toml", &text)]);
    assert_eq!(settings.checks.len(), 10_001);
}

#[test]
fn files_of_more_than_32_mib_are_refused() {
    let half = format!("# {}\n", "x".repeat(16 << 20));
    let check = check("a");
    for (main, more, expected) in [
        (
            "include = \"conf.d/*.toml\"\n",
            half.as_str(),
            Some("conf.d/2.toml\" the configuration is larger than 32 MiB"),
        ),
        (&*half.repeat(2), "", Some("it is larger than 32 MiB")),
        (&half, "", None),
    ] {
        let main = format!("{main}{check}");
        let (_dir, read) = read(&[
            ("httpok.toml", &main),
            ("conf.d/1.toml", more),
            ("conf.d/2.toml", more),
        ]);
        let said = read.err().map(|faults| faults.to_string());
        match expected {
            Some(expected) => {
                let said = said.expect("too large");
                assert!(said.contains(expected), "{said:.500}");
            }
            None => assert_eq!(said, None),
        }
    }
}
