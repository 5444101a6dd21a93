//! Under a real supervisord. Its ticks come every five seconds, so many listeners share one and are judged after
//! the same few ticks. A service is ill in its process's first life and well from the second one on.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::LIMIT;
use crate::site::{Answer, Site, says};
use crate::support::supervisord::{Builder, Supervisord, provisioned};
use crate::support::wait_until;

const HTTPOK: &str = env!("CARGO_BIN_EXE_httpok");

/// A program that does nothing but count its lives in `NAME.lives`.
fn program(builder: Builder, name: &str, more: &str) -> Builder {
    let text = format!(
        "command=/bin/sh -c \"echo up >> %(here)s/%(program_name)s.lives; exec sleep 1000\"\n{more}"
    );
    builder.program(name, &text)
}

fn listener(builder: Builder, name: &str, words: &str, more: &str) -> Builder {
    let text = format!("command={HTTPOK} {words}{more}");
    let text = match more.contains("events=") {
        true => text,
        false => text + "\nevents=TICK_5",
    };
    builder.listener(name, &text)
}

fn lives(dir: &Path, name: &str) -> usize {
    let text = fs::read_to_string(dir.join(format!("{name}.lives")));
    text.unwrap_or_default().lines().count()
}

/// The directory of a supervisord that is not there yet: the answers depend on what happens in it.
#[derive(Clone, Default)]
struct Home(std::sync::Arc<std::sync::OnceLock<PathBuf>>);

impl Home {
    /// Answers with `ill` as long as `name` (a pool of two: each of them) has its first life.
    fn ill_once(&self, site: &Site, name: &'static str, ill: Answer) {
        let home = self.clone();
        let enough = if name == "pool" { 4 } else { 2 };
        let path = name.replace('é', "%C3%A9");
        site.answer(&format!("/{path}"), move || {
            let lives = home.0.get().map_or(0, |dir| lives(dir, name));
            if lives < enough {
                ill.clone()
            } else {
                says("200 OK", "all fine")
            }
        });
    }
}

#[test]
fn each_kind_of_failure_ends_after_one_restart() {
    let (site, home) = (Site::start(), Home::default());
    let origin = site.origin();
    let ill = [
        ("hang", Answer::Hang(Vec::new()), "-t 2"),
        ("status", says("500 Internal Server Error", ""), ""),
        ("body", says("200 OK", "database gone"), "-b fine"),
        (
            "drip",
            Answer::Drip(
                b"HTTP/1.1 200 OK\r\nX: ".to_vec(),
                Duration::from_millis(200),
                100,
            ),
            "-t 2",
        ),
        (
            "noisy",
            says("503 Oh", ""),
            "-m a@b -s \"echo RESULT 2; echo READY; cat\"",
        ),
        ("café", says("404 Not Found", ""), ""),
        ("pool", says("500 Oh", ""), ""),
        ("auth", says("500 Oh", ""), ""),
        ("operator", says("500 Oh", ""), ""),
        ("lazy", says("500 Oh", ""), "-E"),
    ];
    let mut builder = Supervisord::with().inet("u", "s3cret");
    for (name, answer, options) in ill {
        home.ill_once(&site, name, answer);
        let path = name.replace('é', "%%C3%%A9");
        let words = format!("{options} -p {name} {origin}/{path}");
        builder = match name {
            // a pool: two processes of one program, both restarted; and two listeners that share the ticks
            "pool" => {
                let text = "process_name=%(program_name)s_%(process_num)d\nnumprocs=2";
                let builder = program(builder, name, text);
                let words = format!("-p pool:* {origin}/pool");
                listener(builder, "h-pool", &words, &format!("\n{text}"))
            }
            "auth" => {
                let builder = program(builder, name, "");
                let builder =
                    tcp_listener(builder, "h-blind", "", &format!("-E -p auth {origin}/auth"));
                let secret = "SUPERVISOR_USERNAME=u SUPERVISOR_PASSWORD=s3cret";
                tcp_listener(builder, "h-auth", secret, &words)
            }
            "operator" => {
                let builder = program(builder, name, "autostart=false");
                listener(builder, "h-operator", &words, "")
            }
            // it is told of every process, this one included, and counts its characters
            "café" => {
                let words = format!("-p café {origin}/{path}");
                let builder = program(builder, name, "");
                listener(
                    builder,
                    "h-cafe",
                    &words,
                    "\nevents=TICK_5,PROCESS_STATE\nbuffer_size=1000",
                )
            }
            "lazy" => {
                let builder = program(builder, name, "").section("group:grp", "programs=lazy");
                listener(
                    builder,
                    "h-lazy",
                    &format!("-E -p grp:lazy {origin}/lazy"),
                    "",
                )
            }
            _ => listener(program(builder, name, ""), &format!("h-{name}"), &words, ""),
        };
    }
    let builder = program(builder, "fragile", "startretries=0");
    let builder = listener(
        builder,
        "h-fragile",
        &format!("-p fragile {origin}/500"),
        "",
    );
    let supervisord = builder.start();
    home.0.set(supervisord.dir().to_owned()).unwrap();
    let dir = supervisord.dir();
    for name in [
        "hang", "status", "body", "drip", "noisy", "café", "auth", "lazy",
    ] {
        wait_until(&format!("{name} is restarted"), LIMIT, || {
            lives(dir, name) == 2
        });
    }
    wait_until("both of the pool", LIMIT, || lives(dir, "pool") == 4);
    // two more ticks: nobody is restarted a second time
    let ticks = site.count("/status");
    wait_until("two more ticks", LIMIT, || {
        site.count("/status") >= ticks + 2
    });
    for name in [
        "hang", "status", "body", "drip", "noisy", "café", "auth", "lazy",
    ] {
        assert_eq!(lives(dir, name), 2, "{name}");
    }
    assert_eq!(lives(dir, "pool"), 4);
    judge(&supervisord);
}

/// A listener that reaches supervisord over TCP, where a password is wanted.
fn tcp_listener(builder: Builder, name: &str, environment: &str, words: &str) -> Builder {
    let script = format!(
        "port=$(sed -n s/^port=//p supervisord.conf); export {environment} SUPERVISOR_SERVER_URL=http://$port; exec {HTTPOK} {words}"
    );
    builder.listener(
        name,
        &format!("command=/bin/sh -c \"{script}\"\nevents=TICK_5"),
    )
}

/// What the listeners said, and what supervisord thinks of them.
fn judge(supervisord: &Supervisord) {
    let said = |name: &str| supervisord.stderr(name);
    assert!(said("h-status").contains("/status: 500 Internal Server Error\nRestarting selected processes ['status']\nstatus is in RUNNING state, restarting\nstatus restarted\n"));
    assert!(said("h-body").contains("/body: 200 OK\n"));
    for name in ["h-hang", "h-drip"] {
        assert!(
            said(name).contains("error contacting http://"),
            "{}",
            said(name)
        );
    }
    assert!(
        said("h-noisy").contains("Mailed:\n\nTo: a@b\n"),
        "{}",
        said("h-noisy")
    );
    let blind = said("h-blind");
    assert_eq!(
        blind.matches("wants another username or password").count(),
        1,
        "{blind}"
    );
    assert!(said("h-operator").contains("operator not in RUNNING state, NOT restarting\n"));
    assert_eq!(supervisord.state("operator"), "STOPPED");
    assert!(said("h-fragile").contains("fragile restarted\n"));
    let log = supervisord.log();
    for bad in [
        "UNKNOWN state",
        "bad result",
        "was rejected",
        "overflowed",
        "exited: h-",
    ] {
        assert!(!log.contains(bad), "{bad}: {log}");
    }
    for name in ["h-hang", "h-blind", "h-noisy", "h-auth", "h-pool:h-pool_1"] {
        assert_eq!(supervisord.state(name), "RUNNING", "{name}");
    }
}

#[test]
fn all_but_the_listener_are_restarted() {
    let (site, home) = (Site::start(), Home::default());
    home.ill_once(&site, "web", says("500 Oh", ""));
    let mut builder = Supervisord::with();
    for name in ["aaa", "web", "zzz"] {
        builder = program(builder, name, "");
    }
    // its executable vanishes after the first life
    builder = builder.program(
        "broken",
        "command=%(here)s/once\nautostart=false\nstartretries=0",
    );
    let words = format!("-a {}/web", site.origin());
    let supervisord = listener(builder, "httpok", &words, "").start();
    let dir = supervisord.dir();
    let once = dir.join("once");
    install(&once);
    supervisord.ctl(&["start", "broken"]);
    supervisord.wait_for("broken", "RUNNING");
    home.0.set(dir.to_owned()).unwrap();
    wait_until("all are restarted", LIMIT, || {
        ["aaa", "web", "zzz"]
            .iter()
            .all(|name| lives(dir, name) == 2)
    });
    // it was stopped by us and could not be started, so it is started when that is possible
    install(&once);
    supervisord.wait_for("broken", "RUNNING");
    let looks = site.count("/web");
    wait_until("two more looks", LIMIT, || site.count("/web") >= looks + 2);
    let said = supervisord.stderr("httpok");
    assert!(
        said.contains("\nRestarting all running processes\naaa is in RUNNING"),
        "{said}"
    );
    assert!(
        said.contains("Failed to start process broken: <Fault 20: \"NO_FILE:"),
        "{said}"
    );
    assert!(!said.contains("httpok is"), "{said}");
    assert_eq!(supervisord.state("httpok"), "RUNNING");
    assert_eq!(
        ["aaa", "web", "zzz"].map(|name| lives(dir, name)),
        [2, 2, 2]
    );
}

/// A program that can be started once.
fn install(path: &Path) {
    let whole = path.with_extension("new");
    fs::write(&whole, "#!/bin/sh\nrm \"$0\"\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&whole, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&whole, path).unwrap();
}

/// The socket is gone for a tick; then a slow restart meets supervisord's own end.
#[test]
fn supervisord_lost_at_any_step_is_survived() {
    let site = Site::start();
    let stubborn =
        "command=/bin/sh -c \"trap '' TERM; while :; do sleep 0.2; done\"\nstopwaitsecs=3";
    let words = format!("-p web {}/500", site.origin());
    let builder = Supervisord::with().program("web", stubborn);
    let mut supervisord = listener(builder, "httpok", &words, "").start();
    let socket = supervisord.dir().join("supervisor.sock");
    let away = supervisord.dir().join("away");
    fs::rename(&socket, &away).unwrap();
    wait_until("it says that it cannot see", LIMIT, || {
        supervisord.stderr("httpok").contains("not acting")
    });
    fs::rename(&away, &socket).unwrap();
    wait_until("web is about to be stopped", LIMIT, || {
        supervisord.state("web") == "STOPPING"
    });
    supervisord.stop();
    let (said, log) = (supervisord.stderr("httpok"), supervisord.log());
    assert!(said.contains("no such socket"), "{said}");
    assert!(!said.contains("panic") && !said.contains("RUST"), "{said}");
    assert!(
        log.contains("stopped: httpok (exit status 0)")
            || log.contains("exited: httpok (exit status 0"),
        "{log}"
    );
}

/// Two listeners with `-a`, each of which finds the other RUNNING: each would wait in `stopProcess` for the other's end.
#[test]
fn two_listeners_with_all_leave_each_other_alone_and_restart_the_rest() {
    let site = Site::start();
    site.answer("/500", || says("500 Oh", ""));
    let words = format!("-a {}/500", site.origin());
    let builder = program(Supervisord::with(), "app", "");
    let builder = program(builder, "idle", "autostart=false");
    let builder = listener(builder, "one", &words, "");
    let supervisord = listener(builder, "two", &words, "").start();
    for name in ["app", "one", "two"] {
        supervisord.wait_for(name, "RUNNING");
    }
    let before = ["one", "two"].map(|name| supervisord.pid(name));
    for (name, other) in [("one", "two"), ("two", "one")] {
        let skipped = format!("{other} is a watchdog, NOT restarting");
        wait_until("both have acted twice", LIMIT, || {
            supervisord.stderr(name).matches(&skipped).count() >= 2
        });
    }
    assert_eq!(["one", "two"].map(|name| supervisord.pid(name)), before);
    assert!(lives(supervisord.dir(), "app") > 1, "it was restarted");
    assert_eq!(supervisord.state("idle"), "STOPPED");
}

/// A process that is really stuck, a true gcore, and a true service that comes back.
#[test]
fn hung_process_leaves_a_core_and_is_restarted() {
    // an address that no other test uses, so that nobody else takes the port
    let listener_of_port = TcpListener::bind("127.0.0.3:0").unwrap();
    let port = listener_of_port.local_addr().unwrap().port();
    drop(listener_of_port);
    let python = provisioned("python");
    let service = format!(
        "command={} -m http.server --bind 127.0.0.3 {port}\nstopwaitsecs=1",
        python.display()
    );
    let words = format!("-t 2 -d %(here)s -p service http://127.0.0.3:{port}/");
    let builder = Supervisord::with().program("service", &service);
    let supervisord = listener(builder, "httpok", &words, "").start();
    supervisord.wait_for("service", "RUNNING");
    let pid = supervisord.pid("service");
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGSTOP).unwrap();
    wait_until("it is restarted", LIMIT, || {
        supervisord.stderr("httpok").contains("service restarted")
    });
    let said = supervisord.stderr("httpok");
    let core = supervisord.dir().join(format!("service.{pid}"));
    assert!(said.contains("gcore output for service:\n\n "), "{said}");
    assert!(
        said.contains(&format!("Saved corefile {}\n", core.display())),
        "{said}"
    );
    let bytes = fs::read(&core).unwrap();
    assert!(
        bytes.starts_with(b"\x7fELF") && bytes.len() > 1_000_000,
        "{}",
        bytes.len()
    );
    assert_ne!(supervisord.pid("service"), pid);
}
