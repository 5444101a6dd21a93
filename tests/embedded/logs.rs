//! Log files: written, kept from growing, read.

use httpok::supervisor::Supervisor;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use httpok::supervisor::OutputStream;
use httpok::supervisor::embedded::{Autorestart, Embedded, LogFile, Program, ProgramOutput, User};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

use super::fixture::{QUICK, Stage};
use super::{LIMIT, named, script, until};

fn file(path: &Path, maxbytes: u64) -> ProgramOutput {
    ProgramOutput::File(LogFile {
        path: path.to_owned(),
        maxbytes,
        backups: 2,
        writer: env!("CARGO_BIN_EXE_httpok").into(),
    })
}

#[tokio::test]
async fn both_outputs_are_appended_to_their_files() {
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
    assert_eq!(tail(OutputStream::Stdout, 1000).await, "before\none\n");
    assert_eq!(tail(OutputStream::Stdout, 3).await, "ne\n");
    assert_eq!(tail(OutputStream::Stderr, 1000).await, "two\n");
    fs::remove_file(&out).unwrap();
    let error = embedded
        .log_tail(&web, OutputStream::Stdout, 9)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("cannot read \""), "{error}");
}

#[tokio::test]
async fn discarded_output_is_not_kept_and_an_unusable_log_prevents_the_start() {
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
    let tail = embedded
        .log_tail(&named("web"), OutputStream::Stdout, 9)
        .await;
    assert_eq!(tail, Ok(String::new()));
    let error = embedded.start(&named("lost")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot be started (SPAWN_ERROR): lost: cannot write the log \"/nonexistent/log\": \
         no such file or directory"
    );
    embedded.shutdown(LIMIT).await;
}

/// A line with a number, as often as it takes; `pause` is a command between two.
fn counting(pause: &str) -> String {
    format!("n=0; while :; do n=$((n+1)); printf '%0999d\\n' $n; {pause}; done")
}

/// The numbers in the log at `path` and its backups, in order. Every line is whole.
fn numbers(path: &Path) -> Vec<u64> {
    let backup = |number: u32| path.with_extension(number.to_string());
    let mut numbers: Vec<u64> = Vec::new();
    for path in [backup(2), backup(1), path.to_owned()] {
        let text = fs::read_to_string(path).unwrap_or_default();
        assert!(text.lines().all(|line| line.len() == 999), "{text}");
        numbers.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
    }
    numbers
}

#[tokio::test]
async fn log_rotation_loses_and_breaks_no_line() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 10_500),
        ..script("web", &counting("sleep 0.01"))
    }]);
    embedded.begin(vec![]).await;
    until("two backups", || log.with_extension("2").exists()).await;
    embedded.shutdown(LIMIT).await;

    let numbers = numbers(&log);
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
    assert!(!log.with_extension("3").exists());
}

#[tokio::test]
async fn a_burst_does_not_exceed_the_bound() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 100_000),
        ..script("web", "exec yes")
    }]);
    embedded.begin(vec![]).await;
    until("two backups", || log.with_extension("2").exists()).await;
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        for extension in ["", ".1", ".2"] {
            let path = directory.path().join(format!("log{extension}"));
            let size = fs::metadata(path).map_or(0, |found| found.len());
            assert!(size <= 100_000, "{size}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    embedded.shutdown(LIMIT).await;
}

/// A file system of one megabyte, which goes with this. Needs root.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn new() -> Self {
        let directory = tempdir().unwrap();
        let options = Some("size=1m");
        let flags = nix::mount::MsFlags::empty();
        let tmpfs = Some("tmpfs");
        nix::mount::mount(tmpfs, directory.path(), tmpfs, flags, options)
            .expect("this test mounts a file system, as root");
        Self(directory)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount(self.0.path());
    }
}

#[tokio::test]
async fn full_disk_keeps_the_newest_lines() {
    let disk = SmallDisk::new();
    let log = disk.0.path().join("log");
    // three times 400 kB do not fit
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 400_000),
        autorestart: Autorestart::Never,
        ..script("web", &counting("[ $n -lt 4000 ] || exit"))
    }]);
    embedded.begin(vec![]).await;
    embedded.over(&named("web")).await.unwrap();
    embedded.shutdown(LIMIT).await;
    let numbers = numbers(&log);
    assert_eq!(numbers.last(), Some(&4000));
    assert!(numbers.len() > 400, "{numbers:?}");
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
}

#[tokio::test]
async fn lines_lost_to_a_full_disk_are_counted_when_there_is_room_again() {
    let disk = SmallDisk::new();
    let log = disk.0.path().join("log");
    let full = disk.0.path().join("full");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 100_000),
        ..script("web", &counting("sleep 0.01"))
    }]);
    embedded.begin(vec![]).await;
    until("a backup", || log.with_extension("1").exists()).await;
    let filled = fs::write(&full, vec![b'x'; 2 << 20]);
    assert!(filled.is_err());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _ = fs::write(&full, vec![b'x'; 2 << 20]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    fs::remove_file(&full).unwrap();
    let text = || {
        let texts = ["2", "1"].map(|number| log.with_extension(number));
        let texts = texts.iter().chain([&log]).map(fs::read_to_string);
        texts.map(Result::unwrap_or_default).collect::<String>()
    };
    until("a word about it", || {
        text().contains("bytes could not be kept here: No space left")
    })
    .await;
    embedded.shutdown(LIMIT).await;
}

#[tokio::test]
async fn moved_log_is_created_again() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let moved = directory.path().join("moved");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 0),
        ..script("web", &counting("sleep 0.01"))
    }]);
    embedded.begin(vec![]).await;
    until("a log", || log.exists()).await;
    fs::rename(&log, &moved).unwrap();
    until("another log", || log.exists()).await;
    embedded.shutdown(LIMIT).await;
    fs::rename(&log, log.with_extension("1")).unwrap();
    fs::rename(&moved, log.with_extension("2")).unwrap();
    let numbers = numbers(&log);
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
}

/// As `nobody`, in a directory of its own in `directory`.
fn nobodys(directory: &Path, text: &str) -> Program {
    let place = directory.join("nobodys");
    fs::create_dir(&place).unwrap();
    let id = 65534;
    chown(&place, Some(id), Some(id)).expect("this test runs as root");
    std::os::unix::fs::chown(directory, None, None).unwrap();
    fs::set_permissions(
        directory,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    Program {
        user: Some(User {
            uid: id,
            gid: id,
            groups: vec![id],
        }),
        directory: Some(place),
        autorestart: Autorestart::Never,
        ..script("web", text)
    }
}

#[tokio::test]
async fn a_program_opens_its_own_outputs_and_does_not_empty_its_log() {
    let directory = tempdir().unwrap();
    let text = "echo one; echo two > /dev/stderr; echo three > /dev/stdout; echo four >&2";
    let program = nobodys(directory.path(), text);
    let log = directory.path().join("log");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 1000),
        stderr: file(&log, 1000),
        ..program
    }]);
    embedded.begin(vec![]).await;
    assert_eq!(embedded.over(&named("web")).await, Ok(0));
    let tail = embedded
        .log_tail(&named("web"), OutputStream::Stdout, 1000)
        .await;
    assert_eq!(tail.unwrap(), "one\ntwo\nthree\nfour\n");
    assert_eq!(fs::metadata(&log).unwrap().uid(), 0);
}

#[tokio::test]
async fn links_created_by_a_program_are_not_followed() {
    let directory = tempdir().unwrap();
    let text = "
        ln -s ../secret log.1; ln -s ../secret log.2; ln -s ../made log.3
        n=0; while [ $n -lt 200 ]; do
            n=$((n+1)); echo line $n
            ln -sf ../secret log; ln -sf ../secret log.1; ln -sf ../made log.1; mv log.1 log; sleep 0.001
        done";
    let program = nobodys(directory.path(), text);
    let at = |name: &str| directory.path().join(name);
    fs::write(at("secret"), "secret").unwrap();
    let embedded = Embedded::new(vec![Program {
        stdout: file(&at("nobodys/log"), 20),
        ..program
    }]);
    embedded.begin(vec![]).await;
    assert_eq!(embedded.over(&named("web")).await, Ok(0));
    embedded.shutdown(LIMIT).await;
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");
    assert!(!at("made").exists());

    // Neither read for a report, nor written at the next start.
    let log = at("nobodys/log");
    let _ = fs::remove_file(&log);
    symlink("../secret", &log).unwrap();
    std::os::unix::fs::lchown(&log, Some(65534), None).unwrap();
    let program = Program {
        stdout: file(&log, 20),
        startretries: 0,
        ..script("web", "echo x")
    };
    let embedded = Embedded::new(vec![program]);
    let why = embedded
        .log_tail(&named("web"), OutputStream::Stdout, 99)
        .await
        .unwrap_err();
    assert!(
        why.to_string()
            .contains("is a symbolic link that belongs to user 65534"),
        "{why}"
    );
    let why = embedded.start(&named("web")).await.unwrap_err();
    assert!(
        why.to_string()
            .contains("is a symbolic link that belongs to user 65534"),
        "{why}"
    );
    assert_eq!(fs::read_to_string(at("secret")).unwrap(), "secret");
}

/// The processes that write the log at `path`.
fn writers(path: &Path) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let entry = entry.unwrap();
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        let path = path.to_str().unwrap();
        if words.contains("\0__log\0") && words.contains(&format!("{path}\0")) {
            found.push(Pid::from_raw(
                entry.file_name().to_str().unwrap().parse().unwrap(),
            ));
        }
    }
    found
}

#[tokio::test]
async fn killed_writer_is_replaced() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let embedded = Embedded::new(vec![Program {
        stdout: file(&log, 0),
        ..script("web", &counting("sleep 0.4"))
    }]);
    embedded.begin(vec![]).await;
    let length = || fs::metadata(&log).map_or(0, |log| log.len());
    for _ in 0..3 {
        let before = length();
        until("a line", || length() > before).await;
        // the next one is far: a writer that is killed between reading and writing loses what it has read
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = writers(&log);
        assert_eq!(before.len(), 1);
        kill(before[0], Signal::SIGKILL).unwrap();
        until("another writer", || {
            writers(&log).first().is_some_and(|next| *next != before[0])
        })
        .await;
    }
    let size = fs::metadata(&log).unwrap().len();
    until("more lines", || fs::metadata(&log).unwrap().len() > size).await;
    embedded.shutdown(LIMIT).await;
    assert!(writers(&log).is_empty());
    let numbers = numbers(&log);
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
}

#[tokio::test]
async fn new_bounds_apply_to_a_running_program() {
    let directory = tempdir().unwrap();
    let log = directory.path().join("log");
    let program = |maxbytes| Program {
        stdout: file(&log, maxbytes),
        ..script("web", &counting("sleep 0.01"))
    };
    let embedded = Embedded::new(vec![program(0)]);
    embedded.begin(vec![]).await;
    until("lines", || {
        fs::metadata(&log).is_ok_and(|log| log.len() > 5000)
    })
    .await;
    let pid = embedded.info(&named("web")).unwrap().pid;
    embedded.update(vec![program(10_000)]).await;
    until("a backup", || log.with_extension("1").exists()).await;
    assert_eq!(embedded.info(&named("web")).unwrap().pid, pid);
    embedded.shutdown(LIMIT).await;
    let numbers = numbers(&log);
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
}

#[test]
fn killed_watchdog_loses_no_line_and_the_next_one_finds_the_writer() {
    let stage = Stage::new();
    let program = format!(
        "[[program]]\nname = \"web\"\nstdout_logfile = \"log\"\nredirect_stderr = true\ncommand = [\"sh\", \"-c\", {:?}]\n",
        format!("echo $$ >> web.lives; {}", counting("sleep 0.02"))
    );
    stage.configure(&[QUICK, &program]);
    let log = stage.dir().join("log");
    let size = || fs::metadata(&log).map_or(0, |log| log.len());
    let grows = |what: &str| {
        let before = size();
        super::support::wait_until(what, LIMIT, || size() > before + 5000);
    };
    let first = stage.watch();
    stage.started("web", 1);
    grows("the first lines");
    first.signal(Signal::SIGKILL);
    first.wait();
    let writer = writers(&log);
    grows("lines without a watchdog");
    let second = stage.watch();
    let pid = stage.started("web", 1);
    super::support::wait_until("the adoption", LIMIT, || stage.shows_running("web", pid));
    grows("lines under the next watchdog");
    assert_eq!(writers(&log), writer);
    kill(writer[0], Signal::SIGKILL).unwrap();
    grows("lines of the next writer");
    second.signal(Signal::SIGTERM);
    second.wait();
    let numbers = numbers(&log);
    assert!(
        numbers.windows(2).all(|two| two[0] + 1 == two[1]),
        "{numbers:?}"
    );
    assert_eq!(stage.pids("web").len(), 1);
}
