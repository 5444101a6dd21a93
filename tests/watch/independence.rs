//! Nothing waits for anything else: neither for services that hang, nor for a mail server that is dead, and no
//! check drifts. Told from the moments in which the service was asked.

use std::time::Duration;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::smtp::SmtpServer;
use crate::support::wait_until;

const EVERY: Duration = Duration::from_millis(200);
/// What a busy machine may add. What these tests are about would add twice as much.
const SLACK: Duration = Duration::from_secs(1);

/// Asserts that `path` was asked in step: each time within the slack of its own moment, counted from the first.
fn in_step(stage: &Stage, path: &str, times: usize) {
    wait_until("it was asked often enough", LIMIT, || {
        stage.site.count(path) >= times
    });
    let mut asked = stage.site.asked();
    asked.retain(|asked| asked.path == path);
    for (number, look) in (0..).zip(&asked) {
        let late = (look.at - asked[0].at).checked_sub(EVERY * number);
        // what is early stands beside a first one that was late
        let off = late.unwrap_or_else(|| EVERY * number - (look.at - asked[0].at));
        assert!(off < SLACK, "look {number} of {path} is off by {off:?}");
    }
}

#[test]
fn hung_services_delay_no_other_check() {
    let stage = Stage::with(&["shop"]);
    // as long as half its period, so that a drift would show
    stage.site.answer("/victim", || {
        std::thread::sleep(EVERY / 2);
        says("200 OK", "")
    });
    let mut text = String::from(
        "panic_threshold = \"100%\"\n[defaults]\nevery = \"200ms\"\ntimeout = \"20s\"\n",
    );
    for number in 0..5 {
        let url = ["/hang", "/hangbody", "/headerdrip", "/drip", "/hang"][number];
        text += &format!(
            "[[check]]\nname = \"hang{number}\"\nurl = \"URL{url}\"\nrestart = [\"shop\"]\n"
        );
    }
    text += "[[check]]\nname = \"victim\"\nurl = \"URL/victim\"\nrestart = [\"shop\"]\n";
    stage.configure(&text);
    let _watchdog = stage.watch_file();
    in_step(&stage, "/victim", 20);
    assert_eq!(
        stage.site.count("/hang"),
        2,
        "and each of them is asked once at a time"
    );
}

#[test]
fn dead_mail_server_delays_no_check() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&["--hang"]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    // two of three fail at the same time, whichever is first
    let text = "panic_threshold = false\n\
        [defaults]\nevery = \"200ms\"\nfail_after = 1\ngrace = 0\nbackoff = { min = \"200ms\", max = \"200ms\" }\n\
        [[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nrestart = [\"shop\"]\n\
        [[check]]\nname = \"reported\"\nurl = \"URL/500\"\n\
        [[check]]\nname = \"victim\"\nurl = \"URL/ok\"\n";
    let mail = format!(
        "[mail]\nto = [\"o@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    );
    stage.configure(&(text.to_owned() + &mail));
    let watchdog = stage.watch_file();
    wait_until("it is restarted", LIMIT, || stage.lives("shop") == 2);
    in_step(&stage, "/ok", 15);
    let said = watchdog
        .err
        .wait("it is back", |said| said.contains("passes again"));
    assert!(
        !said.contains("told mail"),
        "and nothing was told yet: {said}"
    );
}

/// A supervisord that takes its time to stop one process holds up no other check.
#[test]
fn slow_restart_delays_no_other_check() {
    let stage = Stage::with(&[]);
    let slow = "command=/bin/sh -c \"trap '' TERM; while :; do sleep 0.1; done\"\nstartsecs=0\nstopwaitsecs=2";
    let supervisord = crate::support::supervisord::Supervisord::with()
        .program("slow", slow)
        .start();
    let stage = Stage {
        supervisord,
        ..stage
    };
    stage.supervisord.wait_for("slow", "RUNNING");
    let text = "[defaults]\nevery = \"200ms\"\nfail_after = 1\ngrace = 0\n\
        [[check]]\nname = \"slow\"\nurl = \"URL/500\"\nrestart = [\"slow\"]\n\
        [[check]]\nname = \"victim\"\nurl = \"URL/ok\"\nrestart = [\"other\"]\n";
    stage.configure(text);
    let watchdog = stage.watch_file();
    in_step(&stage, "/ok", 15);
    watchdog
        .err
        .wait("it is restarted", |said| said.contains("slow started"));
}
