//! `--config` chooses the watchdog of that file among those that share a state directory.

use nix::sys::signal::Signal;

use super::{Run, Service, Watchdog, check, run};

fn path(watchdogs: &Watchdog, name: &str) -> String {
    let path = watchdogs.dir.path().join(name);
    path.to_str().expect("text").to_owned()
}

fn ask(watchdogs: &Watchdog, words: &[&str], file: &str) -> Run {
    run(&[words, &["--config", &path(watchdogs, file)]].concat())
}

#[test]
fn config_chooses_the_watchdog_of_its_file() {
    let service = Service::start();
    let shop = check("shop", &service.server.url("/"), "");
    let mut watchdogs = Watchdog::start(&shop);
    watchdogs.launch("other.toml", &shop);
    let link = watchdogs.dir.path().join("link.toml");
    std::os::unix::fs::symlink(path(&watchdogs, "httpok.toml"), link).expect("a link");

    for words in [
        &["pause", "shop"][..],
        &["silence", "shop"],
        &["resume", "shop"],
        &["health", "set", "--unhealthy"],
        &["reload"],
        &["status", "--json"],
    ] {
        for (file, pid) in [("httpok.toml", 0), ("other.toml", 1), ("link.toml", 0)] {
            let (own, other) = (
                watchdogs.children[pid].id().to_string(),
                watchdogs.children[1 - pid].id().to_string(),
            );
            let run = ask(&watchdogs, words, file);
            assert_eq!(run.code, Some(0), "{words:?} {file}: {run:?}");
            assert_eq!(run.out.lines().count(), 1, "{words:?} {file}: {run:?}");
            if run.out.contains("pid") {
                assert!(
                    run.out.contains(&own) && !run.out.contains(&other),
                    "{run:?}"
                );
            }
        }
    }
    let paused = |file: &str| ask(&watchdogs, &["status"], file).out.contains("paused");
    ask(&watchdogs, &["pause", "shop"], "link.toml");
    assert!(paused("httpok.toml") && !paused("other.toml"));

    watchdogs.end(Signal::SIGKILL);
    let run = ask(&watchdogs, &["pause", "shop"], "httpok.toml");
    assert_eq!(run.code, Some(3), "{run:?}");
    let other = format!("other.toml (pid {})", watchdogs.children[0].id());
    for text in ["no watchdog of ", "httpok.toml answers", &other] {
        assert!(run.err.contains(text), "{text}: {run:?}");
    }
}

#[test]
fn watchdog_with_its_former_state_directory_is_named() {
    let service = Service::start();
    let shop = check("shop", &service.server.url("/"), "");
    let watchdog = Watchdog::start(&shop);
    let changed = format!("state_dir = \"elsewhere\"\n{shop}");
    std::fs::write(path(&watchdog, "httpok.toml"), changed).expect("written");
    let run = ask(&watchdog, &["reload"], "httpok.toml");
    assert_eq!(run.code, Some(3), "{run:?}");
    let pid = format!("process {} watches", watchdog.children[0].id());
    for text in [&*pid, "another state directory", "--state-dir"] {
        assert!(run.err.contains(text), "{text}: {run:?}");
    }
}
