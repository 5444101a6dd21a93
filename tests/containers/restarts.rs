//! The whole table of outcomes, with the watchdog as a process: hang, bad answers, crash loop, a container that
//! refuses to stop or to start, a watchdog that is killed, an engine that goes away.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use httpok::health::ProcessState;
use nix::sys::signal::Signal;
use tokio::runtime::Builder;

use crate::engine::{Engine, Service, engine};
use crate::program::{LIMIT, Program};
use crate::site::{Answer, says};
use crate::support::wait_until;
use crate::watched::Watched;
use crate::{client, until};

/// Writes down each life and ends when it is asked to.
const LIVES: &str =
    "echo up >> /here/lives; trap 'exit 0' TERM; while :; do sleep 1000 & wait; done";

struct Stage {
    engine: &'static Engine,
    service: Service,
    watched: Watched,
}

impl Stage {
    /// The container `name` with these options and this script; `keys` of its check.
    fn with(name: &str, options: &[&str], script: &str, keys: &str) -> Self {
        let (engine, service) = (engine(), engine().service());
        let rest = format!("[supervisor.docker]\nsocket = {:?}", service.socket);
        let watched = Watched::new(&format!("docker/{name}"), keys, &rest);
        let volume = format!("--volume={}:/here", watched.path().display());
        let options: Vec<_> = options.iter().copied().chain([volume.as_str()]).collect();
        engine.run(name, &options, script);
        Self {
            engine,
            service,
            watched,
        }
    }

    /// Waits until the container is up, so that it is acted on.
    fn up(self, name: &str) -> Self {
        let client = client(&self.service);
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime
            .unwrap()
            .block_on(until(&client, name, ProcessState::Running));
        self
    }

    /// `httpok watch` with these words, which knows of the engine by its environment alone.
    fn watch(&self, args: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        command
            .arg("watch")
            .args(args)
            .env("STATE_DIRECTORY", self.watched.path().join("state"))
            .env("DOCKER_HOST", format!("unix://{}", self.service.socket))
            .env_remove("SUPERVISOR_SERVER_URL")
            .current_dir(self.watched.path());
        Program::start(&mut command)
    }

    fn is_running(&self, name: &str) -> bool {
        self.engine.inspect(name, "{{.State.Running}}") == "true"
    }
}

#[test]
fn hung_container_is_restarted_with_evidence_of_its_process() {
    let keys = "[check.capture]\nrun = [\"cat /proc/{pid}/cmdline\"]\nmin_free = 0";
    let stage = Stage::with("whang", &[], &format!("echo said; {LIVES}"), keys).up("whang");
    stage.watched.ill_until(2, Answer::Hang(Vec::new()));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &["web was down: first_byte_timeout, restarted, back after"],
    );
    // through the pid on this host, not that within the container
    stage
        .watched
        .reported(&watchdog, &["echo up >> /here/lives", "last lines", "said"]);
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
}

#[test]
fn service_that_stays_unhealthy_is_given_up() {
    let keys = "fail_after = 1\nrestarts = \"1/1h\"";
    let stage = Stage::with("wbad", &[], LIVES, keys).up("wbad");
    stage
        .watched
        .ill_until(usize::MAX, says("500 Oh", "stack trace"));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &["web is NOT back after 1 restart: status 500, gave up"],
    );
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 2, "the first life and a restart");
}

/// A rung that sends a signal, and one that restarts the container `name`.
fn ladder(name: &str) -> String {
    format!(
        "[[check.ladder]]\nsignal = \"QUIT\"\n[[check.ladder]]\nrestart = [\"docker/{name}\"]\n"
    )
}

#[test]
fn signal_of_a_ladder_reaches_the_container_which_goes_on_running() {
    let script = "echo up >> /here/lives; trap 'exit 0' TERM; trap 'echo asked >> /here/dumps' QUIT; \
                  while :; do sleep 0.1; done";
    let stage = Stage::with("wdump", &[], script, &ladder("wdump")).up("wdump");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &[
            "wdump was sent SIGQUIT",
            "web was down: status 500, restarted",
        ],
    );
    let dumps = fs::read_to_string(stage.watched.path().join("dumps")).unwrap();
    assert_eq!(dumps, "asked\n");
    assert_eq!(stage.watched.lives(), 2, "a signal is no restart");
}

#[test]
fn container_that_ends_with_its_signal_is_started_again() {
    let script = "echo up >> /here/lives; trap 'exit 0' TERM; trap 'exit 3' QUIT; \
                  while :; do sleep 0.1; done";
    let stage = Stage::with("wquit", &[], script, &ladder("wquit")).up("wquit");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &[
            "wquit ended with the signal",
            "web was down: status 500, restarted, back after",
        ],
    );
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
    assert!(stage.is_running("wquit"));
}

/// Its engine and the watchdog both see to it: who comes first is open, but it is started once.
#[test]
fn container_that_its_engine_restarts_after_the_signal_is_started_once() {
    let script = "echo up >> /here/lives; trap 'exit 0' TERM; trap 'exit 3' QUIT; \
                  while :; do sleep 0.1; done";
    let options = ["--restart=always"];
    let stage = Stage::with("wagain", &options, script, &ladder("wagain")).up("wagain");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let watchdog = stage.watched.watch();
    stage.watched.reported(
        &watchdog,
        &[
            "wagain ended with the signal",
            "web was down: status 500, restarted, back after",
        ],
    );
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
}

/// Its engine is at work on it; nobody can say when it would be a good moment to stop it.
#[test]
fn crash_loop_is_left_to_the_engine() {
    let script = "echo up >> /here/lives; test -e /here/enough && sleep 100; sleep 0.1; exit 3";
    let stage = Stage::with("wloop", &["--restart=always"], script, "fail_after = 1");
    stage.watched.ill_until(usize::MAX, says("502 Oh", ""));
    let watchdog = stage.watched.watch();
    stage.watched.watched_on(8);
    let lives = stage.watched.lives();
    wait_until("it is restarted on", LIMIT, || {
        stage.watched.lives() > lives + 1
    });
    let said = watchdog.err.text();
    assert!(said.contains("wloop left alone: it is"), "{said}");
    assert!(!said.contains("wloop is RUNNING"), "{said}");
    fs::write(stage.watched.path().join("enough"), "").unwrap();
}

#[test]
fn container_that_does_not_stop_is_killed_and_started() {
    let deaf = LIVES.replace("exit 0", ":");
    let stage = Stage::with("wdeaf", &["--stop-timeout=1"], &deaf, "").up("wdeaf");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let watchdog = stage.watched.watch();
    stage
        .watched
        .reported(&watchdog, &["restarted, back after"]);
    assert_eq!(stage.watched.lives(), 2);
}

/// The file that it runs is gone when it is to be started, and comes back later.
#[test]
fn failed_start_is_retried_until_it_works() {
    let script = "test -e /here/broken && exit 7; exec /bin/sh -c \"$0\"";
    let script = script.replace("\"$0\"", &format!("\"{LIVES}\""));
    let stage = Stage::with("wbroken", &[], &script, "").up("wbroken");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let broken = stage.watched.path().join("broken");
    fs::write(&broken, "").unwrap();
    let watchdog = stage.watched.watch();
    watchdog.err.wait("the start is refused", |said| {
        said.contains("it did not stay up")
    });
    assert!(!stage.is_running("wbroken"));
    fs::remove_file(&broken).unwrap();
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
}

/// Between the stop and the start. What it was about to do is done by the next one.
#[test]
fn watchdog_killed_during_a_restart_leaves_no_process_stopped() {
    let slow = LIVES.replace("exit 0", "touch /here/asked; sleep 1; exit 0");
    let stage = Stage::with("wkilled", &[], &slow, "").up("wkilled");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let first = stage.watched.watch();
    let asked = stage.watched.path().join("asked");
    wait_until("it is being stopped", LIMIT, || asked.exists());
    first.signal(Signal::SIGKILL);
    first.wait();
    let second = stage.watched.watch();
    stage.watched.reported(&second, &["web was down"]);
    assert_eq!(stage.watched.lives(), 2, "{}", second.err.text());
    assert!(stage.is_running("wkilled"));
}

#[test]
fn absent_engine_is_retried() {
    let mut stage = Stage::with("waway", &[], LIVES, "").up("waway");
    stage.watched.ill_until(2, says("500 Oh", ""));
    stage.service.kill();
    let watchdog = stage.watched.watch();
    watchdog
        .err
        .wait("it says so", |said| said.contains("no such socket"));
    stage.watched.watched_on(3);
    assert_eq!(stage.watched.lives(), 1);
    stage.engine.serve_again(&mut stage.service);
    stage.watched.reported(&watchdog, &["web recovered"]);
    assert_eq!(stage.watched.lives(), 2);
}

/// It goes away when the container is down already: that one is started as soon as there is somebody to ask.
#[test]
fn engine_lost_during_a_restart_is_retried() {
    let slow = LIVES.replace("exit 0", "touch /here/asked; sleep 1; exit 0");
    let mut stage = Stage::with("wmiddle", &[], &slow, "").up("wmiddle");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let asked = stage.watched.path().join("asked");
    let watchdog = stage.watched.watch();
    wait_until("it is being stopped", LIMIT, || asked.exists());
    stage.service.kill();
    wait_until("it has stopped", LIMIT, || !stage.is_running("wmiddle"));
    let pause = Instant::now() + Duration::from_millis(500);
    while Instant::now() < pause {
        assert!(!stage.is_running("wmiddle"));
        thread::sleep(Duration::from_millis(50));
    }
    stage.engine.serve_again(&mut stage.service);
    stage.watched.reported(&watchdog, &["web was down"]);
    assert_eq!(stage.watched.lives(), 2, "{}", watchdog.err.text());
}

#[test]
fn process_stopped_by_an_operator_stays_stopped() {
    let stage = Stage::with("wtheirs", &[], LIVES, "start_stopped = true").up("wtheirs");
    stage.watched.ill_until(usize::MAX, says("500 Oh", ""));
    stage.engine.podman(&["stop", "wtheirs"]);
    let watchdog = stage.watched.watch();
    watchdog.err.wait("it is left alone", |said| {
        said.contains("wtheirs is STOPPED: it is left alone")
    });
    stage.watched.watched_on(5);
    assert_eq!(stage.watched.lives(), 1, "{}", watchdog.err.text());
}

#[test]
fn container_target_on_the_command_line_needs_no_configuration() {
    let stage = Stage::with("wflag", &[], LIVES, "").up("wflag");
    stage.watched.ill_until(2, says("500 Oh", ""));
    let url = format!("{}/web", stage.watched.site.origin());
    let args = [
        "--every=200ms",
        "--fail-after=1",
        "--grace=0",
        "-p",
        "docker/wflag",
        &url,
    ];
    let watchdog = stage.watch(&args);
    watchdog
        .err
        .wait("it is restarted", |said| said.contains("wflag started"));
    stage.watched.watched_on(3);
    assert_eq!(stage.watched.lives(), 2);
}

/// As it stands, but for the places it names and the patience that a test has not.
#[test]
fn example_configuration_restarts_a_hung_container() {
    let stage = Stage::with("shop", &[], LIVES, "").up("shop");
    stage.watched.ill_until(2, Answer::Hang(Vec::new()));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/containers.toml");
    let mut text = fs::read_to_string(example).unwrap();
    let url = format!("{}/web", stage.watched.site.origin());
    for (from, to) in [
        ("http://127.0.0.1:8080/health", url.as_str()),
        ("/run/docker.sock", &stage.service.socket),
        ("every = \"10s\"", "every = \"200ms\"\ngrace = 0"),
        ("timeout = \"3s\"", "timeout = \"500ms\""),
    ] {
        assert!(text.contains(from), "{from} is not in the example");
        text = text.replace(from, to);
    }
    fs::write(stage.watched.path().join("example.toml"), text).unwrap();
    let watchdog = stage.watch(&["--config", "example.toml"]);
    watchdog
        .err
        .wait("it is restarted", |said| said.contains("shop started"));
    stage.watched.watched_on(3);
    assert_eq!(stage.watched.lives(), 2);
}

/// What shares the container's network falls with it and is started after it.
#[test]
fn a_sidecar_is_restarted_with_its_container() {
    let stage = Stage::with("wmain", &[], LIVES, "");
    let volume = format!("--volume={}:/here", stage.watched.path().display());
    let script = "echo up >> /here/side; trap 'exit 0' TERM; sleep 1000 & wait";
    stage.engine.podman(&[
        "create",
        "--name=wside",
        "--network=container:wmain",
        "--ulimit=nofile=1024:1024",
        "--ulimit=nproc=1024:1024",
        &volume,
        "tiny",
        "/bin/sh",
        "-c",
        script,
    ]);
    stage.engine.podman(&["start", "wside"]);
    let stage = stage.up("wmain").up("wside");
    stage.watched.ill_until(2, Answer::Hang(Vec::new()));
    let watchdog = stage.watched.watch();
    stage.watched.reported(&watchdog, &["web was down"]);
    let text = watchdog.err.text();
    let lives = std::fs::read_to_string(stage.watched.path().join("side")).unwrap();
    assert_eq!(lives.lines().count(), 2, "{text}");
    assert!(stage.is_running("wside"));
}
