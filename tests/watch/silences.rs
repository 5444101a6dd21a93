//! Silences and maintenance windows under the real program: what is restarted, what is mailed, and when.

use std::process::Command;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::smtp::SmtpServer;
use crate::support::wait_until;

const SHOP: &str = "state_dir = \"state\"\n[defaults]\nevery = \"200ms\"\nfail_after = 2\ngrace = 0\n\
                    [[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n";

/// It begins every minute and lasts for longer: it is always open.
const WINDOW: &str = "[[maintenance]]\nchecks = [\"sh*\"]\nat = \"* * * * *\"\nfor = \"2m\"\n";

fn mail(server: &SmtpServer) -> String {
    format!(
        "[mail]\nto = [\"ops@example.org\"]\ndown_after = \"0s\"\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    )
}

fn subjects(server: &SmtpServer) -> Vec<String> {
    let mails = server.taken();
    mails
        .iter()
        .map(|mail| mail.header("Subject").to_owned())
        .collect()
}

/// A command to the watchdog of `stage`; what it printed.
fn command(stage: &Stage, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(words)
        .args(["--config", "httpok.toml"])
        .current_dir(stage.dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn silence_holds_mails_and_resume_sends_current_ones() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    // no restart cures it
    stage.ill_until("shop", 100, says("500 Oh", ""));
    let text = SHOP.replace("restart = ", "dry_run = true\nrestart = ");
    stage.site.answer("/shop", || says("200 OK", "all fine"));
    stage.configure(&[&text, &mail(&server)[..]].concat());
    let watchdog = stage.watch_file();
    watchdog
        .err
        .wait("it passes", |said| said.contains("INFO passes"));
    let said = command(
        &stage,
        &["silence", "sh*", "--for", "1h", "--reason", "deploy"],
    );
    assert!(
        said.contains("shop is probed, but not reported, until"),
        "{said}"
    );
    stage.site.answer("/shop", || says("500 Oh", ""));
    watchdog.err.wait("it is withheld", |said| {
        said.contains("not reported while it is silenced: down")
    });
    let shown = command(&stage, &["status"]);
    assert!(
        shown.contains("silenced until") && shown.contains("deploy"),
        "{shown}"
    );
    let shown = command(&stage, &["explain", "shop"]);
    assert!(
        shown.contains("not reported while it is silenced: down"),
        "{shown}"
    );
    assert_eq!(subjects(&server), Vec::<String>::new());
    let said = command(&stage, &["resume", "shop"]);
    assert!(said.contains("neither paused nor silenced"), "{said}");
    wait_until("it is mailed", LIMIT, || subjects(&server).len() == 1);
    // its end is told in a silence, too
    let _ = command(&stage, &["silence", "shop"]);
    stage.site.answer("/shop", || says("200 OK", "all fine"));
    wait_until("its end is mailed", LIMIT, || subjects(&server).len() == 2);
    let subjects = subjects(&server);
    assert!(subjects[0].contains("down"), "{subjects:?}");
    assert!(subjects[1].contains("recovered"), "{subjects:?}");
}

#[test]
fn maintenance_window_holds_restarts_and_mails_until_it_is_taken_out() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    stage.configure(&[SHOP, WINDOW, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    watchdog.err.wait("it is held", |said| {
        said.contains("no restart: the check is paused: maintenance (* * * * *)")
    });
    let said = watchdog.err.text();
    let begins = "maintenance (* * * * *): restarts and reports are held back";
    assert_eq!(said.matches(begins).count(), 1, "{said}");
    let shown = command(&stage, &["status"]);
    assert!(
        shown.contains("paused until") && shown.contains("and silenced"),
        "{shown}"
    );
    assert_eq!((stage.lives("shop"), subjects(&server).len()), (1, 0));
    // a window that is over, here by a reload
    stage.configure(&[SHOP, &mail(&server)].concat());
    watchdog.signal(Signal::SIGHUP);
    watchdog
        .err
        .wait("it passes again", |said| said.contains("passes again"));
    assert_eq!(stage.lives("shop"), 2);
    wait_until("down and recovered", LIMIT, || subjects(&server).len() == 2);
    assert!(watchdog.err.text().contains("maintenance is over"));
}

#[test]
fn incident_shorter_than_min_duration_is_not_reported() {
    let stage = Stage::with(&[]);
    let notify = "[[notify]]\nname = \"pager\"\nmin_duration = \"4s\"\n\
                  exec = [\"sh\", \"-c\", \"echo $HTTPOK_CHECK $HTTPOK_KIND >> told\"]\n";
    let check = "state_dir = \"state\"\n[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nevery = \"200ms\"\nfail_after = 2\n\
                 grace = 0\n";
    let answer = |status: &'static str| stage.site.answer("/shop", move || says(status, ""));
    answer("500 Oh");
    stage.configure(&[check, notify].concat());
    let watchdog = stage.watch_file();
    watchdog
        .err
        .wait("it is down", |said| said.contains("is down"));
    answer("200 OK");
    watchdog
        .err
        .wait("it is over", |said| said.contains("passes again"));
    answer("500 Oh");
    let told = || stage.supervisord.file("told");
    wait_until("the second one is reported", LIMIT, || !told().is_empty());
    answer("200 OK");
    wait_until("and its end", LIMIT, || told().lines().count() == 2);
    assert_eq!(told(), "shop down\nshop recovered\n");
    assert_eq!(watchdog.err.text().matches("passes again").count(), 2);
}

/// What a maintenance window withheld is sent after it, once, also when the watchdog is killed in between.
#[test]
fn report_withheld_in_a_maintenance_window_survives_a_kill_and_is_sent_once_after_a_reload() {
    let stage = Stage::with(&[]);
    let server = SmtpServer::start(&[]);
    stage.site.answer("/shop", || says("500 Oh", ""));
    let check = "[defaults]\nevery = \"200ms\"\nfail_after = 2\ngrace = 0\n\
                 [[check]]\nname = \"shop\"\nurl = \"URL/shop\"\n";
    let window =
        "[[maintenance]]\nat = \"* * * * *\"\nfor = \"2m\"\nrestart = true\nnotify = false\n";
    stage.configure(&[check, window, &mail(&server)].concat());
    let withheld = "not reported while it is silenced: down";
    let watchdog = stage.watch_file();
    watchdog
        .err
        .wait("it is withheld", |said| said.contains(withheld));
    watchdog.signal(Signal::SIGKILL);
    drop(watchdog.wait());
    let next = stage.watch_file();
    let probes = stage.site.count("/shop");
    wait_until("it is probed on", LIMIT, || {
        stage.site.count("/shop") > probes + 5
    });
    assert_eq!(subjects(&server).len(), 0, "{}", next.err.text());
    stage.configure(&[check, &mail(&server)].concat());
    next.signal(Signal::SIGHUP);
    wait_until("it is reported", LIMIT, || !subjects(&server).is_empty());
    let probes = stage.site.count("/shop");
    wait_until("it is probed on", LIMIT, || {
        stage.site.count("/shop") > probes + 5
    });
    let sent = subjects(&server);
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].contains("shop is down: status 500"), "{sent:?}");
}
