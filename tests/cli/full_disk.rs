//! Output that cannot be written is not lost without a word.

use std::fs::File;
use std::process::Stdio;

use super::{httpok, ran};

#[test]
fn output_to_a_full_disk_is_an_error_and_a_reader_that_is_gone_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("httpok.toml");
    std::fs::write(
        &path,
        "[[check]]\nname = \"a\"\ncommand = [\"/bin/true\"]\n",
    )
    .expect("written");
    let file = path.display().to_string();
    for words in [
        &["config", "example"][..],
        &["config", "schema"],
        &["config", "check", &file],
        &["config", "show", &file],
        &["generate", "completions", "bash"],
        &["--help"],
        &["check", "--help"],
        &["--version"],
        &["check", "--config", &file],
    ] {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("it is there");
        let output = httpok(words).stdout(full).output().expect("it starts");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{words:?}: {err}");
        assert!(
            err.contains("cannot write standard output: No space left"),
            "{words:?}: {err}"
        );
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let gone = httpok(words)
            .stdout(Stdio::from(writer))
            .output()
            .expect("it starts");
        assert_eq!(gone.status.code(), Some(0), "{words:?}: {gone:?}");
        assert!(gone.stderr.is_empty(), "{words:?}: {gone:?}");
    }
    assert_eq!(ran(&mut httpok(&["config", "check", &file])).code, Some(0));
}
