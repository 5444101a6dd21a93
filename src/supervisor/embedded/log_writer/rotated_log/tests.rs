//! The bound of a log file, its backups, and what is not followed.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn log(path: &Path, maxbytes: u64, backups: u32) -> RotatedLog {
    RotatedLog::new(LogFile {
        path: path.to_owned(),
        maxbytes,
        backups,
        writer: PathBuf::new(),
    })
}

/// The newest first.
fn kept(path: &Path) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    paths.extend((1..9).map(|number| PathBuf::from(backup(path.as_os_str(), number))));
    let texts = paths.iter().map(fs::read_to_string);
    texts.map_while(Result::ok).collect()
}

#[test]
fn no_file_exceeds_its_bound_and_lines_stay_whole() {
    type Case = (u64, u32, &'static [&'static str], &'static [&'static str]);
    let cases: [Case; 8] = [
        (0, 2, &["one\n", "two\n"], &["one\ntwo\n"]),
        (8, 2, &["one\n", "two\n"], &["one\ntwo\n"]),
        (7, 2, &["one\n", "two\n"], &["two\n", "one\n"]),
        (7, 2, &["one\ntwo\nthree\n"], &["three\n", "two\n", "one\n"]),
        (4, 1, &["one\n", "two\n", "six\n"], &["six\n", "two\n"]),
        (4, 0, &["one\n", "two\n", "six\n"], &["six\n"]),
        (
            4,
            9,
            &["a line that is long\n"],
            &["ng\n", "s lo", "at i", "e th", "lin", "a "],
        ),
        (3, 1, &["no end"], &["end", "no "]),
    ];
    for (maxbytes, backups, texts, expected) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = log(&path, maxbytes, backups);
        for text in texts {
            log.write(text.as_bytes());
        }
        let kept = kept(&path);
        if texts[0].contains("long") {
            assert!(kept.iter().all(|text| text.len() <= 4), "{kept:?}");
            let whole: String = kept.into_iter().rev().collect();
            assert_eq!(whole, texts[0]);
        } else {
            assert_eq!(kept, expected, "{maxbytes} {backups} {texts:?}");
        }
        assert_eq!(log.lost, 0);
    }
}

#[test]
fn moved_or_removed_log_is_created_again() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut log = log(&at("log"), 100, 2);
    log.write(b"one\n");
    fs::rename(at("log"), at("moved")).unwrap();
    log.write(b"two\n");
    fs::remove_file(at("log")).unwrap();
    log.write(b"three\n");
    assert_eq!(fs::read_to_string(at("moved")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(at("log")).unwrap(), "three\n");
}

#[test]
fn two_writers_of_one_file_rotate_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let (mut one, mut other) = (log(&path, 4, 3), log(&path, 4, 3));
    one.write(b"1st\n");
    other.write(b"2nd\n");
    one.write(b"3rd\n");
    other.write(b"4th\n");
    assert_eq!(kept(&path), ["4th\n", "3rd\n", "2nd\n", "1st\n"]);
}

#[test]
fn a_new_file_has_the_mode_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::write(&path, "one\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    log(&path, 4, 1).write(b"two\n");
    assert_eq!(kept(&path), ["two\n", "one\n"]);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn links_in_place_of_log_and_backups_are_not_followed() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("secret"), "secret").unwrap();
    symlink(at("secret"), at("log.1")).unwrap();
    symlink(at("secret"), at("log.2")).unwrap();
    let mut log = log(&at("log"), 4, 2);
    log.write(b"one\ntwo\n");
    assert_eq!(fs::read_to_string(at("log.1")).unwrap(), "one\n");
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");

    fs::remove_file(at("log")).unwrap();
    symlink(at("secret"), at("log")).unwrap();
    std::os::unix::fs::lchown(at("log"), Some(65534), None).expect("this test runs as root");
    log.write(b"six\n");
    assert_eq!(log.lost, 4);
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");
}

#[test]
fn lost_bytes_are_counted_and_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dir/log");
    let mut log = log(&path, 0, 2);
    log.write(b"nowhere\n");
    fs::create_dir(directory.path().join("dir")).unwrap();
    log.write(b"here\n");
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("(httpok: 8 bytes could not be kept here: "),
        "{text}"
    );
    assert!(text.ends_with(")\nhere\n"), "{text}");
}

#[test]
fn a_backup_that_cannot_be_made_empties_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    fs::create_dir(directory.path().join("log.1")).unwrap();
    let mut log = log(&path, 300, 1);
    log.write(&[b'a'; 299]);
    log.write(b"one\n");
    log.write(b"two\n");
    let text = fs::read_to_string(&path).unwrap();
    let expected = "one\n(httpok: 299 bytes could not be kept here: the log cannot be rotated: ";
    assert!(
        text.starts_with(expected) && text.ends_with("two\n"),
        "{text}"
    );
    assert_eq!(log.lost, 0);
}
