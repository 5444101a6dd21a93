//! A configuration file under another name is the same one: its programs, and what is kept of its checks.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;

use crate::fixture::{QUICK, Stage, unwatched, watched};
use crate::lives;
use crate::program::{LIMIT, Program};
use crate::support::wait_until;

fn watch(stage: &Stage, file: &str) -> Program {
    Program::start(&mut stage.httpok(&["watch", "--config", file]))
}

fn shows(stage: &Stage, file: &str, text: &str) -> bool {
    let end = stage.run(&["status", "--json", "--config", file]);
    end.out.contains(text)
}

/// A file in `conf` that leaves its program running.
fn configured(stage: &Stage) {
    let state = format!("\"{}\"", stage.dir().join("state").display());
    let text = [
        QUICK.replace("\"state\"", &state),
        "[embedded]\non_exit = \"leave\"\n".to_owned(),
        watched("web", ":", "", "").replace("URL", &stage.site.origin()),
    ];
    fs::create_dir(stage.dir().join("conf")).unwrap();
    fs::write(stage.dir().join("conf/c.toml"), text.concat()).unwrap();
    stage
        .site
        .answer("/web", || crate::site::says("200 OK", "fine"));
}

#[test]
fn a_file_under_another_name_is_the_same_watchdog() {
    type Change = fn(&std::path::Path);
    let table: [(&str, Change, &str); 5] = [
        (
            "a link",
            |dir| symlink("c.toml", dir.join("conf/link.toml")).unwrap(),
            "conf/link.toml",
        ),
        (
            "a linked directory",
            |dir| symlink("conf", dir.join("other")).unwrap(),
            "other/c.toml",
        ),
        (
            "a hard link",
            |dir| fs::hard_link(dir.join("conf/c.toml"), dir.join("hard.toml")).unwrap(),
            "hard.toml",
        ),
        (
            "another name",
            |dir| fs::rename(dir.join("conf/c.toml"), dir.join("conf/new.toml")).unwrap(),
            "conf/new.toml",
        ),
        (
            "another name of its directory",
            |dir| fs::rename(dir.join("conf"), dir.join("new")).unwrap(),
            "new/c.toml",
        ),
    ];
    for (what, change, name) in table {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let stage = Stage::new();
            configured(&stage);
            let first = watch(&stage, "conf/c.toml");
            let pid = stage.started("web", 1);
            let asked = || {
                stage.run(&[
                    "pause",
                    "web",
                    "--reason",
                    "why-it-is",
                    "--config",
                    "conf/c.toml",
                ])
            };
            wait_until("it is paused", LIMIT, || asked().status.success());
            first.signal(signal);
            first.wait();
            change(stage.dir());
            // the program's definition may change with the name
            let file = stage.dir().join(name);
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, text + "startretries = 7\n").unwrap();
            let second = watch(&stage, name);
            wait_until(&format!("{what}: it is watched"), LIMIT, || {
                shows(&stage, name, &format!("\"pid\":{pid}"))
            });
            assert!(
                shows(&stage, name, "why-it-is"),
                "{what}: the pause is kept"
            );
            assert_eq!(stage.pids("web"), [pid], "{what}: {}", second.err.text());
            second.signal(Signal::SIGTERM);
            second.wait();
            assert!(lives(pid), "{what}");
        }
    }
}

/// Another file with the same program takes its process over when nobody supervises it; one whose definition is another
/// leaves it alone.
#[test]
fn a_copied_file_starts_no_second_process() {
    let stage = Stage::new();
    stage.configure(&[QUICK, &unwatched("web", ":", "")]);
    let first = stage.watch();
    let pid = stage.started("web", 1);
    wait_until("it is noted", LIMIT, || stage.shows_running("web", pid));
    first.signal(Signal::SIGKILL);
    first.wait();
    let text = fs::read_to_string(stage.dir().join("httpok.toml")).unwrap();
    fs::write(
        stage.dir().join("another.toml"),
        text.replace("web.lives", "another.lives"),
    )
    .unwrap();
    let another = watch(&stage, "another.toml");
    let theirs = stage.started("another", 1);
    assert!(lives(pid), "it is not theirs");
    another.signal(Signal::SIGTERM);
    another.wait();
    assert!(lives(pid) && !lives(theirs), "it is not theirs");

    fs::write(stage.dir().join("copy.toml"), text).unwrap();
    let copy = watch(&stage, "copy.toml");
    wait_until("it is taken over", LIMIT, || {
        shows(&stage, "copy.toml", &format!("\"pid\":{pid}"))
    });
    assert_eq!(stage.pids("web"), [pid], "{}", copy.err.text());
    copy.signal(Signal::SIGTERM);
    copy.wait();
    assert!(!lives(pid), "it is stopped with its watchdog");
}
