//! Few descriptors, and being stopped: neither is the service's fault. A child gets the limits that we were given.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ran;
use super::server::{Server, response};

/// Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(120);

/// The program in a shell that has set `limits`, as `ulimit` takes them.
fn limited(limits: &[&str], words: &[&str]) -> Command {
    let set: String = limits.iter().map(|set| format!("ulimit {set}; ")).collect();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{set}exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_httpok"))
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command
}

/// Whatever is missing first, it is said and is an exit status.
#[test]
fn command_without_descriptors_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().display().to_string();
    for count in 5..20 {
        for words in [
            &["check", "http://127.0.0.1:1/"][..],
            &[
                "watch",
                "--once",
                "--state-dir",
                &state,
                "http://127.0.0.1:1/",
            ],
            &["status", "--url", "http://127.0.0.1:1/"],
        ] {
            let limit = format!("-n {count}");
            let output = limited(&[&limit], words).output().expect("started");
            let said = String::from_utf8_lossy(&output.stderr);
            let said = format!("{said}{}", String::from_utf8_lossy(&output.stdout));
            assert!(!said.contains("panicked"), "{limit} {words:?}: {said}");
            assert!(
                said.contains("oo many open") || said.contains("refused"),
                "{limit} {words:?}: {said}"
            );
            assert!(
                matches!(output.status.code(), Some(1..=3)),
                "{limit} {words:?}: {said}"
            );
        }
    }
}

/// A watchdog that is killed when the test ends, and its journal.
struct Watchdog {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watchdog {
    fn start(limits: &[&str], file: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(dir.path().join("c.toml"), file).expect("written");
        let (config, state, journal) = (path("c.toml"), path("state"), path("journal"));
        let words = [
            "watch",
            "--config",
            &config,
            "--state-dir",
            &state,
            "--journal",
            &journal,
        ];
        let mut command = limited(limits, &words);
        let command = command.stdin(Stdio::null()).stderr(Stdio::null());
        Self {
            child: command.stdout(Stdio::null()).spawn().expect("started"),
            dir,
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("it runs");
    }

    /// What it observed until now, one event a line, after it has ended in order.
    fn observed(mut self) -> Vec<String> {
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("ended");
        let journal = read(&self.dir.path().join("journal"));
        let lines = journal.lines().map(str::to_owned);
        let observed: Vec<_> = lines.filter(|line| line.contains("\"observed\"")).collect();
        assert!(!observed.is_empty(), "{journal:.2000}");
        observed
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn wait_until_asked(server: &Server, times: usize) {
    let begun = Instant::now();
    while server.asked().len() < times {
        assert!(begun.elapsed() < LIMIT, "{} times", server.asked().len());
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn fewer_descriptors_than_urls_fail_no_check() {
    let server = Server::usual();
    let urls: Vec<_> = (0..100).map(|_| server.url("/")).collect();
    let mut words = vec!["check", "-t", "30s"];
    words.extend(urls.iter().map(String::as_str));
    let run = ran(&mut limited(&["-n 40"], &words));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.out.matches("pass ").count(), urls.len(), "{run:?}");

    let mut file = "[defaults]\nevery = \"1s\"\ntimeout = \"30s\"\n".to_owned();
    for (number, url) in urls.iter().enumerate() {
        file += &format!("[[check]]\nname = \"c{number}\"\nurl = \"{url}\"\n");
    }
    let watchdog = Watchdog::start(&["-n 40"], &file);
    wait_until_asked(&server, 4 * urls.len());
    for line in watchdog.observed() {
        assert!(!line.contains("no_fds"), "{line}");
    }
}

#[test]
fn suspended_watchdog_counts_no_fail() {
    let server = Server::answering(|_| {
        // so that a probe is under way at nearly any time
        sleep(Duration::from_millis(200));
        response(200, "fine")
    });
    let file = format!(
        "[[check]]\nname = \"c\"\nurl = \"{}\"\nevery = \"250ms\"\ntimeout = \"5s\"\nfail_after = 1\n",
        server.url("/")
    );
    let watchdog = Watchdog::start(&[], &file);
    for round in 1..=2 {
        wait_until_asked(&server, 4 * round);
        watchdog.signal(Signal::SIGSTOP);
        sleep(Duration::from_millis(5500));
        watchdog.signal(Signal::SIGCONT);
    }
    wait_until_asked(&server, 12);
    let journal = watchdog.observed().join("\n");
    assert!(!journal.contains("_timeout"), "{journal}");
}

#[test]
fn children_get_the_original_descriptor_limit() {
    let server = Server::usual();
    let show = "ulimit -Sn; ulimit -Hn; grep 'open files' /proc/$PPID/limits";
    let limits = ["-Sn 50", "-Hn 60"];
    let url = server.url("/");
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().display().to_string();
    let words = [
        "run",
        "--url",
        &url,
        "--state-dir",
        &state,
        "--",
        "sh",
        "-c",
        show,
    ];
    let run = ran(&mut limited(&limits, &words));
    let lines: Vec<_> = run.out.lines().collect();
    assert_eq!(lines.get(..2), Some(&["50", "60"][..]), "{run:?}");
    let ours: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(ours[3..5], ["60", "60"], "{run:?}");

    let file = dir.path().join("c.toml");
    let text = "[[check]]\nname = \"c\"\nurl = \"exec:\"\ncommand = \"test $(ulimit -Sn) = 50\"\n";
    std::fs::write(&file, text).expect("written");
    let words = ["check", "--config", &file.display().to_string()];
    let run = ran(&mut limited(&limits, &words));
    assert_eq!(run.code, Some(0), "{run:?}");
}
