//! Who gets which reports from a watchdog as a process: Debian's Alertmanager, which has to show exactly what is down
//! while it is restarted, and commands with `on` and `checks`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Program;
use crate::site::{Site, says};
use crate::support::ports::free_port;
use crate::support::wait_until;

/// Reports are sent again every minute.
const LIMIT: Duration = Duration::from_secs(180);

const CHECKS: usize = 20;
const ROUNDS: usize = 10;

/// Alertmanager on a port of its own; killed when dropped.
struct Alertmanager(Child);

impl Alertmanager {
    fn start(dir: &Path, port: u16) -> Self {
        let config = dir.join("alertmanager.yml");
        fs::write(
            &config,
            "route: { receiver: none }\nreceivers: [{ name: none }]\n",
        )
        .unwrap();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self(child);
        wait_until("Alertmanager answers", LIMIT, || active(port).is_some());
        started
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The alerts that are active, each one: its check and its incident.
fn active(port: u16) -> Option<Vec<(String, String)>> {
    let url = format!("http://127.0.0.1:{port}/api/v2/alerts?active=true");
    let output = Command::new("curl").args(["-sf", &url]).output().unwrap();
    let alerts: Value = serde_json::from_slice(&output.stdout).ok()?;
    let text = |alert: &Value, place: &str| {
        let value = alert.pointer(place).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let alerts = alerts.as_array()?.iter();
    let alerts = alerts.map(|alert| {
        (
            text(alert, "/labels/check"),
            text(alert, "/annotations/incident"),
        )
    });
    let mut alerts: Vec<_> = alerts.collect();
    alerts.sort();
    Some(alerts)
}

fn httpok(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command
        .args(words)
        .env("STATE_DIRECTORY", dir.join("state"))
        .env_remove("SUPERVISOR_SERVER_URL")
        .current_dir(dir);
    command
}

#[test]
fn alertmanager_shows_exactly_the_open_incidents_after_200_and_its_restart() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    // a bit for each check that fails
    let failing = Arc::new(AtomicU64::new(0));
    let port = free_port();
    let mut text = format!(
        "panic_threshold = false\n[defaults]\nevery = \"100ms\"\nfail_after = 1\ngrace = 0\n\
         [[webhook]]\nname = \"am\"\nurl = \"http://127.0.0.1:{port}\"\nformat = \"alertmanager\"\n"
    );
    for check in 0..CHECKS {
        let failing = Arc::clone(&failing);
        site.answer(&format!("/{check}"), move || {
            match failing.load(Ordering::SeqCst) >> check & 1 {
                0 => says("200 OK", "all fine"),
                _ => says("500 Oh", "no"),
            }
        });
        let url = site.origin();
        text.push_str(&format!(
            "[[check]]\nname = \"c{check}\"\nurl = \"{url}/{check}\"\n"
        ));
    }
    fs::write(dir.path().join("httpok.toml"), text).unwrap();
    let mut alertmanager = Some(Alertmanager::start(dir.path(), port));
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let down = || {
        let output = httpok(dir.path(), &["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let checks = status["snapshot"]["checks"].as_array().cloned();
        let checks = checks.unwrap_or_default().into_iter();
        let down = checks.filter(|check| check["status"] == "down");
        let mut down: Vec<_> = down
            .map(|check| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&check["name"]), text(&check["incident"]["id"]))
            })
            .collect();
        down.sort();
        down
    };
    let mut incidents = BTreeSet::new();
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            // it forgets what it knew
            alertmanager = None;
        }
        failing.store((1 << CHECKS) - 1, Ordering::SeqCst);
        wait_until("all are down", LIMIT, || down().len() == CHECKS);
        incidents.extend(down().into_iter().map(|(_, incident)| incident));
        if round + 1 < ROUNDS {
            failing.store(0, Ordering::SeqCst);
            wait_until("all are up", LIMIT, || down().is_empty());
        }
        if round == ROUNDS / 2 {
            alertmanager = Some(Alertmanager::start(dir.path(), port));
        }
    }
    incidents.remove("");
    assert_eq!(incidents.len(), CHECKS * ROUNDS);
    // of the last round every other check stays down
    failing.store(0x55555, Ordering::SeqCst);
    wait_until("half of them are down", LIMIT, || {
        down().len() == CHECKS / 2
    });
    let expected = down();
    let names = expected.iter().map(|(check, _)| check.clone());
    let half = (0..CHECKS).step_by(2).map(|check| format!("c{check}"));
    assert_eq!(names.collect::<BTreeSet<_>>(), half.collect());
    let shows = || active(port).as_ref() == Some(&expected);
    // reports that still wait say how things were: alerts of what has passed since come, and go at once
    let waits = || {
        let output = httpok(dir.path(), &["status", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        status["notifiers"][0]["pending"] != 0
    };
    wait_until("Alertmanager shows them", LIMIT, || !waits() && shows());
    // what is sent again changes nothing: it comes every minute
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(65) {
        assert!(
            shows(),
            "{expected:?} are down, and it shows {:?}",
            active(port)
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    // and one that comes back empty gets what is open, though nothing changes
    drop(alertmanager);
    let _ = fs::remove_dir_all(dir.path().join("data"));
    let _alertmanager = Alertmanager::start(dir.path(), port);
    wait_until("Alertmanager shows them again", LIMIT, shows);
    drop(watchdog);
}

#[test]
fn each_notifier_gets_its_reports_and_explain_says_which() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    let failing = Arc::new(AtomicU64::new(1));
    let mut text =
        "panic_threshold = false\n[defaults]\nevery = \"100ms\"\nfail_after = 1\ngrace = 0\n"
            .to_owned();
    for check in ["shop", "db"] {
        let failing = Arc::clone(&failing);
        site.answer(&format!("/{check}"), move || {
            match failing.load(Ordering::SeqCst) {
                0 => says("200 OK", "all fine"),
                _ => says("500 Oh", "no"),
            }
        });
        let url = site.origin();
        text.push_str(&format!(
            "[[check]]\nname = \"{check}\"\nurl = \"{url}/{check}\"\n"
        ));
    }
    for (name, more) in [
        ("all", ""),
        ("ends", "on = [\"recovered\"]"),
        ("shops", "checks = \"sh*\""),
        ("others", "not_checks = \"sh*\""),
    ] {
        let exec = format!("echo $HTTPOK_CHECK $HTTPOK_KIND >> {name}");
        text.push_str(&format!(
            "[[notify]]\nname = \"{name}\"\nexec = {exec:?}\n{more}\n"
        ));
    }
    fs::write(dir.path().join("httpok.toml"), text).unwrap();
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let got = |name: &str| {
        let text = fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    wait_until("both are down", LIMIT, || got("all").len() == 2);
    failing.store(0, Ordering::SeqCst);
    wait_until("both are up", LIMIT, || got("all").len() == 4);
    wait_until("all is sent", LIMIT, || {
        got("ends").len() == 2 && got("shops").len() == 2 && got("others").len() == 2
    });
    assert_eq!(got("ends"), ["db recovered", "shop recovered"]);
    assert_eq!(got("shops"), ["shop down", "shop recovered"]);
    assert_eq!(got("others"), ["db down", "db recovered"]);
    // the last delivery is remembered a moment after it
    wait_until("explain says who got them", LIMIT, || {
        let output = httpok(dir.path(), &["explain", "shop"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        [
            "(down) was delivered to shops",
            "(recovered) was delivered to ends",
            "others (left out by its checks)",
            "ends (left out by its on)",
        ]
        .iter()
        .all(|line| text.contains(line))
            && !text.contains("delivered to others")
    });
    drop(watchdog);
}

/// One takes it, one refuses it, one is sent it later, one is left out: `explain` says so of each.
#[test]
fn explain_says_what_became_of_a_report_at_each_notifier() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    site.answer("/shop", || says("500 Oh", "no"));
    site.answer("/hook", || says("410 Gone", "who are you?"));
    let url = site.origin();
    let text = format!(
        "[defaults]\nevery = \"100ms\"\nfail_after = 1\ngrace = 0\n\
         [[check]]\nname = \"shop\"\nurl = \"{url}/shop\"\n\
         [[webhook]]\nname = \"hook\"\nurl = \"{url}/hook\"\n\
         [[notify]]\nname = \"page\"\nexec = \"cat > event\"\n\
         [[notify]]\nname = \"later\"\nexec = \"true\"\nmin_duration = \"1h\"\n\
         [[notify]]\nname = \"ends\"\nexec = \"true\"\non = [\"recovered\"]\n"
    );
    fs::write(dir.path().join("httpok.toml"), text).unwrap();
    let _watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let mut shown = String::new();
    wait_until("explain says what became of it", LIMIT, || {
        let output = httpok(dir.path(), &["explain", "shop"]).output().unwrap();
        shown = String::from_utf8_lossy(&output.stdout).into_owned();
        shown.contains("delivered to page") && shown.contains("NOT delivered to hook")
    });
    for text in [
        "report 1 (down) goes to hook, later (held for ",
        "; not to ends (left out by its on)",
        "report 1 (down) was delivered to page",
        "report 1 (down) was NOT delivered to hook: ",
        "who are you?",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("delivered to later"), "{shown}");
    let output = httpok(dir.path(), &["explain", "shop", "--json"])
        .output()
        .unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json.to_string().contains("left out by its on"), "{json}");
}

#[test]
fn notify_test_goes_through_the_running_watchdog_over_its_socket_and_its_url() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    site.answer("/a", || says("200 OK", ""));
    site.answer("/hook", || says("403 Forbidden", "who are you?"));
    let url = site.origin();
    let port = free_port();
    let page = "[[notify]]\nname = \"page\"\nexec = \"cat > event\"\n";
    let text = |page: &str| {
        format!(
            "state_dir = \"state\"\n[serve]\nlisten = \"127.0.0.1:{port}\"\nline = false\napi_keys = [\"key\"]\n\
             [[webhook]]\nname = \"hook\"\nurl = \"{url}/hook\"\n{page}\
             [[check]]\nname = \"a\"\nurl = \"{url}/a\"\nevery = \"1s\"\n"
        )
    };
    let file = dir.path().join("httpok.toml");
    fs::write(&file, text("")).unwrap();
    fs::write(dir.path().join("key"), "key\n").unwrap();
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    wait_until("it watches", LIMIT, || site.count("/a") > 0);
    // what it is configured with just now, whatever the file says
    fs::write(&file, text(page)).unwrap();
    watchdog.signal(nix::sys::signal::Signal::SIGHUP);
    let test = |words: &[&str]| {
        let all = [&["notify", "test"], words].concat();
        let output = httpok(dir.path(), &all).output().unwrap();
        let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), texts[0].clone(), texts[1].clone())
    };
    let address = format!("http://127.0.0.1:{port}");
    let local = ["--state-dir", "state"];
    let remote = ["--url", &address, "--key-file", "key"];
    wait_until("the new notifier is there", LIMIT, || {
        test(&[&["page"][..], &local].concat()).0 == Some(0)
    });
    for place in [&local[..], &remote] {
        fs::remove_file(dir.path().join("event")).unwrap();
        let (code, out, err) = test(place);
        assert_eq!(code, Some(3), "{out}{err}");
        for line in ["page: taken\n", "hook: NOT taken: ", "403", "who are you?"] {
            assert!(out.contains(line), "{line} is missing from {out}{err}");
        }
        assert!(err.contains("1 notifier did not take it"), "{err}");
        let event = fs::read_to_string(dir.path().join("event")).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["check"], "httpok-test");
        let (code, _, err) = test(&[&["pager"], place].concat());
        assert_eq!(code, Some(3));
        assert!(
            err.contains("there is no notifier \"pager\"; there are: hook, page"),
            "{err}"
        );
    }
    let (code, _, err) = test(&["--url", &address]);
    assert_eq!(code, Some(3));
    assert!(err.contains("it needs a key"), "{err}");
}

#[test]
fn notify_test_shows_the_receivers_response() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::start();
    site.answer("/hook", || says("403 Forbidden", "who are you?"));
    let url = site.origin();
    let text = format!(
        "[mail]\nto = \"ops@example.org\"\nsendmail = \"cat > mail\"\n\
         [[webhook]]\nname = \"hook\"\nurl = \"{url}/hook\"\n\
         [[notify]]\nname = \"page\"\nexec = \"cat > event\"\n\
         [[check]]\nname = \"a\"\nurl = \"{url}/a\"\n"
    );
    fs::write(dir.path().join("httpok.toml"), text).unwrap();
    let test = |words: &[&str]| {
        let all = [&["notify", "test", "--config", "httpok.toml"], words].concat();
        let output = httpok(dir.path(), &all).output().unwrap();
        let texts = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), texts[0].clone(), texts[1].clone())
    };
    let (code, out, err) = test(&[]);
    assert_eq!(code, Some(3), "{out}{err}");
    for line in ["mail: taken\n", "page: taken\n", "hook: NOT taken: ", "403"] {
        assert!(out.contains(line), "{line} is missing from {out}");
    }
    assert!(out.contains("who are you?"), "{out}");
    assert!(err.contains("1 notifier did not take it"), "{err}");
    let mail = fs::read_to_string(dir.path().join("mail")).unwrap();
    assert!(mail.contains("httpok-test is down"), "{mail}");
    let event = fs::read_to_string(dir.path().join("event")).unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!(event["check"], "httpok-test");
    let (code, out, _) = test(&["page"]);
    assert_eq!((code, out.as_str()), (Some(0), "page: taken\n"));
    let (code, _, err) = test(&["pager"]);
    assert_eq!(code, Some(3));
    assert!(err.contains("there are: hook, mail, page"), "{err}");
}
