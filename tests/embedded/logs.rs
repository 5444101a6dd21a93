//! Log files: written, kept from growing, read.

use httpok::supervisor::Supervisor;
use std::fs;
use std::path::Path;

use httpok::supervisor::Stream;
use httpok::supervisor::embedded::{Autorestart, Embedded, LogFile, Output, Program};
use tempfile::tempdir;

use super::{LIMIT, named, script, until};

fn file(path: &Path, maxbytes: u64) -> Output {
    Output::File(LogFile {
        path: path.to_owned(),
        maxbytes,
        backups: 2,
    })
}

#[tokio::test]
async fn both_outputs_go_to_their_files_and_are_appended_to() {
    let directory = tempdir().unwrap();
    let (out, err) = (directory.path().join("out"), directory.path().join("err"));
    fs::write(&out, "before\n").unwrap();
    let embedded = Embedded::new(vec![Program {
        stdout: file(&out, 0),
        stderr: file(&err, 0),
        autorestart: Autorestart::Never,
        ..script("web", "echo one; echo two >&2")
    }]);
    embedded.begin(vec![]).await;
    let web = named("web");
    embedded.over(&web).await.unwrap();
    let tail = async |stream, bytes| embedded.log_tail(&web, stream, bytes).await.unwrap();
    assert_eq!(tail(Stream::Stdout, 1000).await, "before\none\n");
    assert_eq!(tail(Stream::Stdout, 3).await, "ne\n");
    assert_eq!(tail(Stream::Stderr, 1000).await, "two\n");
    fs::remove_file(&out).unwrap();
    let error = embedded
        .log_tail(&web, Stream::Stdout, 9)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot read \""), "{error}");
}

#[tokio::test]
async fn nobody_keeps_what_goes_nowhere_and_without_its_log_nothing_starts() {
    let embedded = Embedded::new(vec![
        script("web", "exec sleep 1000"),
        Program {
            autostart: false,
            startretries: 0,
            stdout: file(Path::new("/nonexistent/log"), 0),
            ..script("lost", "exec sleep 1000")
        },
    ]);
    embedded.begin(vec![]).await;
    let tail = embedded.log_tail(&named("web"), Stream::Stdout, 9).await;
    assert_eq!(tail, Ok(String::new()));
    let error = embedded.start(&named("lost")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "fault 50: SPAWN_ERROR: lost: cannot write the log \"/nonexistent/log\": \
         no such file or directory"
    );
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn a_log_that_grows_is_rotated_and_the_program_writes_on() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let text = "n=0; while :; do n=$((n+1)); printf '%0999d\\n' $n; sleep 0.01; done";
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 10_000),
        ..script("web", text)
    }]);
    embedded.begin(vec![]).await;
    let backup = |number: u32| directory.path().join(format!("log.{number}"));
    let size = || fs::metadata(&log).map_or(0, |found| found.len());
    until("two backups", || backup(2).exists()).await;
    let emptied = size();
    until("more lines", || size() != emptied).await;
    embedded.shutdown(LIMIT).await;

    // Whole lines, in order, and nothing twice. One may be lost where a file was emptied.
    let mut numbers: Vec<u64> = Vec::new();
    for path in [backup(2), backup(1), log.clone()] {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.lines().all(|line| line.len() == 999));
        numbers.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert!(!backup(3).exists());
}
