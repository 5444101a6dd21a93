//! What was added to the original's command line: when to act, and a configuration file.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::eventlistener::EventListener;
use crate::fixture::{RESTARTED, Stage};
use crate::program::LIMIT;
use crate::site::says;
use crate::support::{alive, wait_until};

const WEB: &str = "httpok=RUNNING web=RUNNING";

/// A stage whose `/health` is well when the flag says so.
fn switched() -> (Stage, Arc<AtomicBool>) {
    let stage = Stage::with(WEB);
    let well = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&well);
    stage
        .site
        .answer("/500", move || match asked.load(Ordering::SeqCst) {
            true => says("200 OK", ""),
            false => says("500 Internal Server Error", ""),
        });
    (stage, well)
}

/// Ticks until the service was asked so many times in all, and its answer was taken.
fn look(listener: &mut EventListener, stage: &Stage, looks: usize) {
    let enough = || stage.site.asked().len() >= looks;
    while !enough() {
        listener.tick();
        let patience = std::time::Instant::now() + Duration::from_millis(100);
        while !enough() && std::time::Instant::now() < patience {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn fails_in_a_row_are_counted() {
    let (stage, well) = switched();
    let mut listener = stage.listen(&["--fail-after", "3", "-p", "web", "URL/500"]);
    look(&mut listener, &stage, 2);
    // the second answer is on its way still; another tick tells
    thread::sleep(Duration::from_millis(50));
    well.store(true, Ordering::SeqCst);
    look(&mut listener, &stage, 3);
    thread::sleep(Duration::from_millis(50));
    well.store(false, Ordering::SeqCst);
    look(&mut listener, &stage, 5);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(stage.supervisord.actions(), "", "two, a pass, two");
    look(&mut listener, &stage, 6);
    listener
        .err
        .wait("the third in a row", |said| said.contains("web restarted"));
    assert_eq!(stage.neutral(&listener.close().err), RESTARTED);
}

#[test]
fn young_process_is_in_its_grace() {
    let (stage, _) = switched();
    stage
        .supervisord
        .change(|processes| crate::scripted::set(processes, "web", "RUNNING"));
    let mut listener = stage.listen(&["--grace", "3s", "-p", "web", "URL/500"]);
    look(&mut listener, &stage, 5);
    assert_eq!(stage.supervisord.actions(), "");
    listener.tick_until("the grace is over", || {
        stage.supervisord.count("start") == 1
    });
    // and the restarted one has a grace of its own
    let looks = stage.site.asked().len();
    look(&mut listener, &stage, looks + 5);
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
}

#[test]
fn an_old_process_has_no_grace() {
    let (stage, _) = switched();
    let end = stage.one_tick(&["--grace", "5m", "-p", "web", "URL/500"]);
    assert_eq!(end.err, RESTARTED);
}

#[test]
fn exhausted_budget_is_reported_once_and_gives_up() {
    let (stage, _) = switched();
    let words = [
        "--max-restarts",
        "2/1h",
        "-m",
        "a@b",
        "-s",
        "DIR/sendmail",
        "-p",
        "web",
        "URL/500",
    ];
    let mut listener = stage.listen(&words);
    listener.tick_until("two restarts, and the end of it", || {
        stage.mails().len() >= 3
    });
    for _ in 0..5 {
        let looks = stage.site.asked().len();
        look(&mut listener, &stage, looks + 1);
    }
    let said = stage.neutral(&listener.close().err);
    let mails = stage.mails();
    assert_eq!(mails.len(), 3, "{mails:#?}");
    assert!(
        mails[2].contains("NOT back after 2 restarts"),
        "{}",
        mails[2]
    );
    assert_eq!(
        stage.supervisord.actions(),
        "stop web, start web, stop web, start web"
    );
    assert!(said.starts_with(RESTARTED), "{said}");
}

#[test]
fn giving_up_is_logged_without_mail() {
    let (stage, _) = switched();
    let mut listener = stage.listen(&["--max-restarts", "1/1h", "-p", "web", "URL/500"]);
    listener.tick_until("one restart", || stage.supervisord.count("start") == 1);
    let err = listener.err.clone();
    listener.tick_until("the end of it", || err.text().contains("gave up"));
    for _ in 0..3 {
        let looks = stage.site.asked().len();
        look(&mut listener, &stage, looks + 1);
    }
    let said = stage.neutral(&listener.close().err);
    let reported = "httpok: URL/500: gave up: the restarts are used up\n";
    assert_eq!(said, format!("{RESTARTED}{reported}"));
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
}

const FILE: &str = r#"
[defaults]
every = "1s"
fail_after = 1
grace = 0
backoff = { min = "1h", max = "1h" }

[[check]]
name = "shop"
url = "URL/500"
restart = ["web"]
[check.capture]
cores = "DIR"
gcore = "DIR/gcore -o"
timeout = "1s"

[[check]]
name = "blog"
url = "URL/ok"
"#;

/// All checks of a file in one listener; and a gcore that hangs is killed with all it started.
#[test]
fn a_file_of_checks_in_one_listener() {
    let stage = Stage::with(WEB);
    let file = stage.dir().join("httpok.toml");
    let text = FILE.replace("URL", &stage.site.origin());
    fs::write(&file, text.replace("DIR", stage.dir().to_str().unwrap())).unwrap();
    stage.script("gcore", "sleep 1000 & echo $! > $DIR/pid; wait");
    let mut listener = stage.listen(&["--config", "DIR/httpok.toml"]);
    listener.tick();
    let said = listener
        .err
        .wait("web is restarted", |said| said.contains("web started"));
    assert!(said.contains("shop") && said.contains("killed"), "{said}");
    let pid = fs::read_to_string(stage.dir().join("pid")).unwrap();
    let pid = pid.trim().parse().unwrap();
    wait_until("gcore's child is gone", LIMIT, || !alive(pid));
    assert_eq!(stage.site.count("/ok"), 1);
    // a new file at SIGHUP
    fs::write(&file, "nonsense").unwrap();
    listener.signal(Signal::SIGHUP);
    listener.err.wait("the old one stays", |said| {
        said.contains("the old one stays")
    });
    listener.tick_until("both are looked at", || stage.site.count("/ok") > 1);
    assert_eq!(listener.close().status.code(), Some(0));
    assert_eq!(stage.supervisord.actions(), "stop web, start web");
}

#[test]
fn invalid_file_is_refused_with_all_diagnostics() {
    let stage = Stage::with(WEB);
    fs::write(stage.dir().join("x.toml"), "[[check]]\nname = 7\nurk = 1\n").unwrap();
    let output = stage.httpok(&["--config", "DIR/x.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("urk") && said.contains("x.toml"), "{said}");
    assert!(output.stdout.is_empty());
}

/// The columns: how often the check is due, and whether ticks every five seconds are too rare for that.
#[test]
fn check_due_more_often_than_ticks_is_named_at_the_first_tick() {
    for (every, rare) in [("2s", true), ("5s", false)] {
        let stage = Stage::with(WEB);
        let text = format!(
            "[[check]]\nname = \"blog\"\nurl = \"{}/ok\"\nevery = \"{every}\"\n",
            stage.site.origin()
        );
        fs::write(stage.dir().join("httpok.toml"), text).unwrap();
        let end = stage.one_tick(&["--config", "DIR/httpok.toml"]);
        let named = "ticks come every 5s, so no check is probed more often: \"blog\" (every = 2s)";
        assert_eq!(end.err.contains(named), rare, "{}", end.err);
    }
}
