//! The commands of README are run as they are written, with this build, against a service and a watchdog of the test:
//! all of them, so that a line that is added must be given its exit status here.

use std::fs;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::ports::free_port;
use super::site::{Site, says};
use super::{PLACE, blocks, read, shell};

/// The beginning of each line, and how it ends. What follows the watchdog's events never ends by itself.
const LINES: [(&str, i32); 19] = [
    ("httpok config check httpok.toml", 0),
    ("httpok watch --config httpok.toml --dry-run", 124),
    ("httpok watch --config httpok.toml", 124),
    ("backup && httpok beat backup ||", 0),
    ("curl -fsS -X POST", 0),
    ("httpok check -t 2 -b", 0),
    ("httpok check --wait", 0),
    ("httpok check --format nagios", 0),
    ("httpok check --format openmetrics", 0),
    ("httpok status", 0),
    ("httpok explain shop", 0),
    ("httpok events --follow", 124),
    ("httpok silence shop", 0),
    ("httpok pause shop", 0),
    ("httpok start worker", 0),
    // there is no notifier OLD
    ("httpok notify send OLD NEW", 3),
    ("httpok simulate", 0),
    // how it is installed and tested is not for here; what `run` shows is the test below
    ("cargo ", -1),
    ("make ", -1),
];

/// Waits until `condition` holds.
fn wait(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

struct Killed(Child);

impl Killed {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).expect("it is there");
    }
}

impl Drop for Killed {
    // asked to end, it stops its programs, which would outlive it otherwise
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

#[test]
fn commands_of_the_readme_run() {
    let readme = read("README.md");
    let site = Site::start();
    let body = r#"{"status":"UP","words":"all fine"}"#;
    site.answer("/health", move || says("200 OK", body));
    site.answer("/", || says("200 OK", ""));
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let config = blocks(&readme, "toml").into_iter().next().expect("a file");
    let rest = format!(
        "[serve]\nlisten = \"127.0.0.1:{port}\"\n[[check]]\nname = \"backup\"\nheartbeat = \"25h\"\n\
         heartbeat_token = \"secret-token\"\n[[program]]\nname = \"worker\"\ncommand = [\"sleep\", \"1000\"]\nautostart = false\n"
    );
    let config = format!("state_dir = \"state\"\n{config}\n{rest}")
        .replace("${file:/run/secrets/smtp}", "secret")
        .replace("unix:///run/supervisor.sock", "unix:///nonexistent/sock")
        .replace(PLACE, &site.origin());
    fs::write(dir.path().join("httpok.toml"), config).expect("written");
    let sample = "{\"at\":0,\"check\":\"shop\",\"code\":500}\n";
    fs::write(dir.path().join("trace.jsonl"), sample).expect("written");
    let watchdog = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["watch", "--config", "httpok.toml"])
        .current_dir(dir.path())
        .spawn();
    let _watchdog = Killed(watchdog.expect("it starts"));
    let running = "httpok status --state-dir state | grep -q shop";
    wait("the watchdog runs", || {
        shell(running, dir.path()).status.success()
    });
    let mut ran = Vec::new();
    for block in blocks(&readme, "sh") {
        for line in block.lines() {
            let line = line.split("   #").next().expect("a part").trim();
            if line.starts_with("target/debug/httpok run") {
                continue;
            }
            let known = LINES.iter().find(|(begin, _)| line.starts_with(begin));
            let (begin, code) = known.unwrap_or_else(|| panic!("a new line: {line}"));
            ran.push(*begin);
            if *code == -1 {
                continue;
            }
            let written = line
                .replace(PLACE, &site.origin())
                .replace("https://example.org", &site.origin())
                .replace("watchdog:9181", &format!("127.0.0.1:{port}"));
            // a second watchdog keeps its state elsewhere; nothing of it is restarted
            let state = if begin.contains("watch") {
                "other"
            } else {
                "state"
            };
            let written = match begin.contains("watch") {
                true => {
                    format!("sed -i s/{port}/0/ httpok.toml; timeout 3 {written} --state-dir other")
                }
                false if *code == 124 => format!("timeout 2 {written}"),
                false => written,
            };
            let script = format!(
                "export STATE_DIRECTORY=$PWD/{state} TOKEN=secret-token\nbackup() {{ true; }}\n{written}"
            );
            let output = shell(&script, dir.path());
            assert_eq!(output.status.code(), Some(*code), "{script}: {output:?}");
        }
    }
    for (begin, _) in LINES {
        assert!(ran.contains(&begin), "README has {begin} no more");
    }
    assert!(dir.path().join("httpok.prom").exists());
}

/// The first thing that a newcomer runs, on a network of its own: the port is README's.
#[test]
fn the_first_run_of_the_readme_restarts_the_sample() {
    let readme = read("README.md");
    let line = readme
        .lines()
        .find(|line| line.starts_with("target/debug/httpok run"))
        .expect("the command");
    let bin = env!("CARGO_BIN_EXE_httpok");
    let line = line.replace("target/debug/httpok", bin);
    let dir = tempfile::tempdir().expect("a directory");
    let out = fs::File::create(dir.path().join("out")).expect("made");
    let script = format!("ip link set lo up && exec {line}");
    let child = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .env("STATE_DIRECTORY", dir.path().join("state"))
        .stdout(out.try_clone().expect("a file"))
        .stderr(out)
        .spawn();
    let mut run = Killed(child.expect("it starts"));
    let said = || fs::read_to_string(dir.path().join("out")).expect("there");
    wait("passes again", || {
        if run.0.try_wait().expect("ours").is_some() {
            panic!("it ended: {}", said());
        }
        said().contains("passes again") || said().contains("recovered")
    });
    run.signal(Signal::SIGINT);
    let ended = run.0.wait().expect("it ends");
    assert!(ended.code().is_some(), "by itself: {ended}");
    let text = said();
    let order = [
        "passes check",
        "fail 1 of 2",
        "fail 2 of 2",
        "is down",
        "was restarted",
        "passes again",
        "1 recovery",
    ];
    let found: Vec<_> = order.iter().map(|word| text.find(word)).collect();
    assert!(found.iter().all(Option::is_some), "{text}");
    assert!(found.is_sorted(), "{found:?} {text}");
}

#[test]
fn readme_names_each_package_that_make_test_installs() {
    let readme = read("README.md").replace('\n', " ");
    let provision = read("tests/provision.sh");
    let mut found = 0;
    for line in provision.lines() {
        let Some(("need", package)) = line.rsplit_once(' ').map(|(begin, package)| {
            let word = begin.split(' ').next().unwrap_or_default();
            (word, package)
        }) else {
            continue;
        };
        let words = readme.split([' ', ',', ';']);
        assert!(words.into_iter().any(|word| word == package), "{package}");
        found += 1;
    }
    assert!(found > 15, "{found}");
}

#[test]
fn paths_that_documents_name_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for name in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "docs/cookbook.md",
        "docs/how-it-decides.md",
        "docs/migrating.md",
    ] {
        let text = read(name);
        // what stands between two backticks of a line
        let quoted = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in quoted {
            let folders = [
                "src/",
                "tests/",
                "docs/",
                "examples/",
                "packaging/",
                "man/",
                "benches/",
            ];
            // such as src/notify/NAME.rs
            let general =
                path.contains("NAME") || path.contains("...") || path.contains([' ', '*']);
            if folders.iter().any(|folder| path.starts_with(folder)) && !general {
                assert!(root.join(path).exists(), "{name}: {path}");
                found += 1;
            }
        }
    }
    assert!(found > 50, "{found}");
}
