//! What is around the programs of a file: their user, limits and logs; a listener's protocol; a container.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::eventlistener::EventListener;
use crate::fixture::{QUICK, Stage, unwatched, watched};
use crate::lives;
use crate::program::{LIMIT, Program};
use crate::site::says;
use crate::support::wait_until;

/// The first process of a new PID namespace.
const INIT: [&str; 5] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// That process, as we know it from outside; `program` is `unshare`.
fn init(program: &Program) -> Pid {
    let children = format!("/proc/{0}/task/{0}/children", program.id());
    let found = || fs::read_to_string(&children).unwrap_or_default();
    wait_until("the namespace", LIMIT, || !found().is_empty());
    Pid::from_raw(found().trim().parse().unwrap())
}

#[test]
fn program_runs_as_configured() {
    let stage = Stage::new();
    fs::set_permissions(stage.dir(), fs::Permissions::from_mode(0o1777)).unwrap();
    let keys = r#"
        numprocs = 2
        user = "nobody"
        umask = "027"
        environment = { A = "n %(process_num)d", B = "${file:secret}" }
        rlimits = { nofile = 77, core = 0 }
        stdout_logfile = "out_%(process_num)02d"
        redirect_stderr = true"#;
    fs::write(stage.dir().join("secret"), "hunter2\n").unwrap();
    let script = "echo $A $B $(id -un) $(umask) $(ulimit -n) $(ulimit -c) >&2; \
                  echo $SUPERVISOR_GROUP_NAME:$SUPERVISOR_PROCESS_NAME";
    stage.configure(&[QUICK, &unwatched("app", script, keys)]);
    let watchdog = stage.watch();
    for number in 0..2 {
        let expected = format!("n {number} hunter2 nobody 0027 77 0\napp:app_{number}\n");
        let log = format!("out_{number:02}");
        wait_until("its args", LIMIT, || stage.file(&log) == expected);
    }
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert!(!end.err.contains("hunter2"), "{}", end.err);
}

#[test]
fn a_log_is_rotated_by_its_size() {
    let stage = Stage::new();
    let script = "while :; do echo 0123456789012345678901234567890123456789; sleep 0.01; done";
    let keys =
        "stdout_logfile = \"log\"\nstdout_logfile_maxbytes = 1000\nstdout_logfile_backups = 1";
    stage.configure(&[QUICK, &unwatched("web", script, keys)]);
    let _watchdog = stage.watch();
    let rotated = stage.dir().join("log.1");
    wait_until("a backup", LIMIT, || rotated.metadata().is_ok());
    // as many whole lines as fit
    assert_eq!(rotated.metadata().unwrap().len(), 24 * 41);
    let pid = stage.started("web", 1);
    assert!(lives(pid));
    assert!(!stage.dir().join("log.2").exists());
}

/// Every byte of a listener's standard output is supervisord's protocol.
#[test]
fn program_output_never_enters_the_listener_protocol() {
    let stage = Stage::new();
    // where ours goes, unless something is said
    let text = "[[program]]\nname = \"loud\"\nstartsecs = 0\n\
                command = ['sh', '-c', 'echo $$ >> loud.lives; echo to stdout; echo to stderr >&2; exec sleep 1000']\n\
                [[program]]\nname = \"also\"\nstartsecs = 0\nstdout_logfile = \"/dev/stdout\"\nredirect_stderr = true\n\
                command = ['sh', '-c', 'echo $$ >> also.lives; echo also one; echo also two >&2; exec sleep 1000']\n\
                [[check]]\nname = \"a\"\nurl = \"URL/ok\"\n";
    stage.configure(&[QUICK, text]);
    let mut command = stage.httpok(&["--config", "httpok.toml"]);
    command
        .env("SUPERVISOR_SERVER_URL", "unix:///nobody/is/there.sock")
        .env("SUPERVISOR_PROCESS_NAME", "listener")
        .env("SUPERVISOR_GROUP_NAME", "listener")
        .env("SUPERVISOR_ENABLED", "1");
    let mut listener = EventListener::start(&mut command);
    let pids = [stage.started("loud", 1), stage.started("also", 1)];
    listener.tick();
    listener.err.wait("their args", |said| {
        ["to stdout\n", "to stderr\n", "also one\n", "also two\n"]
            .iter()
            .all(|word| said.contains(word))
    });
    listener.signal(Signal::SIGTERM);
    let end = listener.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert!(!pids.into_iter().any(lives), "they end with it");
}

/// As the first process of a container the watchdog gets every orphan, and no signal that it does not ask
/// for.
#[test]
fn as_pid_1_the_watchdog_collects_orphans_and_stops_its_programs() {
    let stage = Stage::new();
    let script = "for n in 1 2 3; do (sh -c 'echo $$ >> orphans' &); done; \
                  until [ $(cat orphans | wc -l) = 3 ]; do sleep 0.02; done; \
                  for pid in $(cat orphans); do while [ -e /proc/$pid ]; do sleep 0.02; done; done; \
                  trap 'echo > ended; exit' TERM; echo $PPID > parent; while :; do sleep 0.02; done";
    let program = format!(
        "[[program]]\nname = \"web\"\nstartsecs = 0\nstdout_logfile = \"NONE\"\nredirect_stderr = true\n\
         command = [\"sh\", \"-c\", \"\"\"{script}\"\"\"]\n"
    );
    stage.configure(&[QUICK, &program]);
    let args = ["watch", "--config", "httpok.toml"];
    let watchdog = Program::start(&mut stage.behind(&INIT, &args));
    wait_until("the orphans are gone", LIMIT, || {
        stage.file("parent") == "1\n"
    });
    kill(init(&watchdog), Signal::SIGTERM).unwrap();
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!(stage.file("ended"), "\n");
}

#[test]
fn as_pid_1_run_exits_with_its_commands_code() {
    let stage = Stage::new();
    let script = "trap 'exit 13' TERM; echo > ready; while :; do sleep 0.02; done";
    let url = format!("{}/ok", stage.site.origin());
    let args = [
        "run",
        "--url",
        &url,
        "--state-dir",
        "state",
        "--",
        "sh",
        "-c",
        script,
    ];
    let run = Program::start(&mut stage.behind(&INIT, &args));
    wait_until("it is ready", LIMIT, || !stage.file("ready").is_empty());
    kill(init(&run), Signal::SIGTERM).unwrap();
    let end = run.wait();
    assert_eq!(end.status.code(), Some(13), "{}", end.err);
}

#[test]
fn example_configuration_runs() {
    let stage = Stage::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/programs.toml");
    let mut text = fs::read_to_string(example).unwrap();
    let server = "[\"/srv/shop/bin/server\", \"--port\", \"8080\"]";
    let worker = "\"python3 worker.py --queue %(process_num)d\"";
    for (from, to) in [
        (server, "\"sleep 1000\""),
        (worker, "\"sleep 100%(process_num)d\""),
        ("directory = \"/srv/shop\"", "directory = \"/\""),
        ("/var/log/", ""),
        ("http://127.0.0.1:8080/health", "URL/ok"),
        ("http://127.0.0.1:8080/queue", "URL/ok"),
    ] {
        assert!(text.contains(from), "{from} is not in the example");
        text = text.replace(from, to);
    }
    stage.configure(&["state_dir = \"state\"\n", &text]);
    let mut command = stage.httpok(&["watch", "--config", "httpok.toml"]);
    let watchdog = Program::start(command.env("SHOP_KEY", "hunter2"));
    let running = || {
        let end = stage.run(&["status", "--state-dir", "state"]);
        let rows = end.out.lines().filter(|line| line.contains("  RUNNING  "));
        let names = rows.filter_map(|line| line.split(' ').next());
        names.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let all = "shop worker:worker_0 worker:worker_1 worker:worker_2 worker:worker_3";
    wait_until("all run", LIMIT, || running() == all);
    assert!(stage.dir().join("shop.log").exists() && stage.dir().join("worker_3.log").exists());
    watchdog.signal(Signal::SIGTERM);
    let end = watchdog.wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
}

/// Of so many orphans a second only a few are zombies at a time.
#[test]
fn orphans_are_reaped_when_they_exit() {
    let stage = Stage::new();
    let script = "for n in $(seq 600); do (true &); done; echo > done";
    stage.configure(&[QUICK, &unwatched("forks", script, "")]);
    let watchdog = stage.watch();
    let parent = watchdog.id().to_string();
    let mut most = 0;
    wait_until("it has forked", LIMIT, || {
        let zombies = procfs_zombies(&parent);
        most = zombies.max(most);
        stage.dir().join("done").exists()
    });
    assert!(most < 200, "{most}");
    wait_until("none is left", LIMIT, || procfs_zombies(&parent) == 0);
}

/// How many children of process `parent` are zombies.
fn procfs_zombies(parent: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let stats = entries.filter_map(|e| fs::read_to_string(e.path().join("stat")).ok());
    let is_one = |stat: &String| {
        let mut fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.next() == Some("Z") && fields.next() == Some(parent)
    };
    stats.filter(is_one).count()
}

/// A daemon has left its program's session, and is found all the same.
#[test]
fn daemon_is_stopped_with_the_program_that_started_it() {
    let stage = Stage::new();
    let script = "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); \
                  until [ -s daemon ]; do sleep 0.02; done; echo > up";
    stage.configure(&[QUICK, &unwatched("web", script, "stopwaitsecs = 2")]);
    let watchdog = stage.watch();
    wait_until("it is up", LIMIT, || stage.dir().join("up").exists());
    let daemon: u32 = stage.file("daemon").trim().parse().unwrap();
    assert!(lives(daemon));
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(0));
    assert!(!lives(daemon));
}

/// A script that does not `exec` its server ends at once when it is stopped; the server takes its time.
#[test]
fn server_behind_a_wrapper_ends_in_order() {
    let stage = Stage::new();
    let script = "(trap \"sleep 1.5; echo > ended; exit\" TERM; echo > up; while :; do sleep 0.05; done) & \
                  trap \"exit 0\" TERM; wait";
    stage.configure(&[QUICK, &unwatched("web", script, "")]);
    let watchdog = stage.watch();
    wait_until("it is up", LIMIT, || stage.dir().join("up").exists());
    watchdog.signal(Signal::SIGTERM);
    assert_eq!(watchdog.wait().status.code(), Some(0));
    wait_until("it has ended in order", LIMIT, || {
        stage.dir().join("ended").exists()
    });
}

#[test]
fn exit_of_a_running_program_is_logged_and_shown() {
    let stage = Stage::new();
    let script = "[ -e again ] || { echo > again; sleep 1; exit 7; }";
    stage.configure(&[QUICK, &unwatched("web", script, "")]);
    let watchdog = stage.watch();
    watchdog
        .err
        .wait("its end", |text| text.contains("exited: 7, not expected"));
    let pid = stage.started("web", 2);
    wait_until("it runs", LIMIT, || stage.shows_running("web", pid));
    let status = stage.status().unwrap().to_string();
    assert!(status.contains("exited: 7, not expected"), "{status}");
    // the history has it, also after the watchdog
    let asked = ["program/web", "web"];
    let explained = |name: &&str| {
        let end = stage.run(&["explain", name, "--state-dir", "state"]);
        assert!(
            end.out.contains("program web exited: 7, not expected"),
            "{name}: {}{}",
            end.out,
            end.err
        );
    };
    asked.iter().for_each(explained);
    watchdog.signal(Signal::SIGTERM);
    watchdog.wait();
    asked.iter().for_each(explained);
}

/// In the incident that a crash belongs to, and without one, `explain` has the signal that ended the program.
#[test]
fn crash_of_a_running_program_is_in_its_checks_history() {
    let stage = Stage::new();
    let script = "[ -e again ] || { echo > again; sleep 1; kill -SEGV $$; }";
    stage.configure(&[QUICK, &watched("web", script, "", "")]);
    stage.site.answer("/web", || says("200 OK", "all fine"));
    let _watchdog = stage.watch();
    stage.started("web", 2);
    let explained = || stage.run(&["explain", "web", "--state-dir", "state"]).out;
    wait_until("it is in the history", LIMIT, || {
        explained().contains("SIGSEGV, not expected")
    });
    stage.site.answer("/web", || says("500 Oh", "no"));
    wait_until("it is in the incident", LIMIT, || {
        let text = explained();
        text.contains("the threshold is reached") && text.contains("SIGSEGV, not expected")
    });
}

/// A second SIGTERM or Ctrl-C is obeyed at once: a command that does not listen is killed.
#[test]
fn run_obeys_the_second_signal_at_once() {
    let stage = Stage::new();
    let script = "trap '' TERM INT; echo > up; while :; do sleep 0.02; done";
    let url = format!("{}/ok", stage.site.origin());
    let run = Program::start(&mut stage.httpok(&["run", "--url", &url, "--", "sh", "-c", script]));
    wait_until("it is up", LIMIT, || stage.dir().join("up").exists());
    let begun = std::time::Instant::now();
    run.signal(Signal::SIGINT);
    std::thread::sleep(std::time::Duration::from_millis(500));
    run.signal(Signal::SIGINT);
    let end = run.wait();
    assert_eq!(end.status.code(), Some(137), "{}", end.err);
    assert!(begun.elapsed().as_secs() < 9, "{:?}", begun.elapsed());
}
