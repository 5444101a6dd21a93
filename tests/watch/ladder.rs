//! Escalation: what each attempt does, against a real supervisord.

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::{Site, says};
use crate::smtp::SmtpServer;
use crate::support::supervisord::Supervisord;
use crate::support::wait_until;

const CHECK: &str = r#"
[defaults]
every = "200ms"
timeout = "500ms"
fail_after = 1
grace = 0
backoff = { min = "300ms", max = "300ms" }
[[check]]
name = "shop"
url = "URL/shop"
"#;

/// Writes down each life; on SIGQUIT it says what it does, and goes on.
const DUMPS: &str = "command=/bin/sh -c \"echo up >> %(here)s/%(program_name)s.lives; trap 'echo dump of all threads >&2' QUIT; \
                     while true; do sleep 0.1; done\"\nstartsecs=0";
const PLAIN: &str = "command=/bin/sh -c \"echo up >> %(here)s/%(program_name)s.lives; exec sleep 1000\"\nstartsecs=0";

fn stage(shop: &str) -> Stage {
    let supervisord = Supervisord::with()
        .program("db", PLAIN)
        .program("shop", shop)
        .start();
    let site = Site::start();
    site.answer("/shop", || says("500 Oh", ""));
    for name in ["db", "shop"] {
        supervisord.wait_for(name, "RUNNING");
    }
    Stage { supervisord, site }
}

fn mail(server: &SmtpServer) -> String {
    let port = server.port;
    format!("[mail]\nto = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{port}\"\n")
}

#[test]
fn each_attempt_takes_the_next_rung_and_the_end_is_one_mail() {
    let stage = stage(DUMPS);
    let server = SmtpServer::start(&[]);
    let ladder = r#"
[[check.ladder]]
signal = "QUIT"
[[check.ladder]]
restart = ["shop"]
[[check.ladder]]
restart = ["db", "shop"]
[[check.ladder]]
run = "echo moved {check} away; echo oh >&2; exit 3"
[[check.ladder]]
give_up = true
"#;
    stage.configure(&[CHECK, ladder, &mail(&server)].concat());
    let watchdog = stage.watch_file();
    wait_until("it is given up", LIMIT, || !server.taken().is_empty());
    let probes = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") > probes + 5
    });
    let said = watchdog.err.text();
    assert_eq!((stage.lives("shop"), stage.lives("db")), (3, 2), "{said}");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    let subject = taken[0].header("Subject");
    assert!(
        subject.contains("shop is NOT back after 4 attempts: status 500, gave up"),
        "{subject}"
    );
    let body = &taken[0].body;
    for text in [
        "shop was sent SIGQUIT",
        "dump of all threads",
        "FAILED, after",
        "moved shop away",
    ] {
        assert!(body.contains(text), "{text}: {body}");
    }
    drop(watchdog);
    let shown = stage.explained("shop");
    for text in [
        "attempt 1, rung 1 of 5: send SIGQUIT (the first attempt begins the ladder)",
        "attempt 2, rung 2 of 5: restart shop (what was done before did not help)",
        "rung 3 of 5: restart db, shop",
        "rung 4 of 5: run echo moved",
        "gave up, as rung 5 of 5 of its ladder says",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("used up"), "{shown}");
    assert!(
        shown.contains("3 restarts, 2 signals or commands, "),
        "{shown}"
    );
    assert!(shown.contains("sent: SIGQUIT to shop"), "{shown}");
    assert!(shown.contains("the command failed"), "{shown}");
    assert!(!shown.contains("nothing was restarted"), "{shown}");
}

#[test]
fn process_that_ends_with_its_signal_runs_again() {
    let stage = stage(&format!("{PLAIN}\nautorestart=false"));
    let ladder = "[[check.ladder]]\nsignal = \"QUIT\"\n[[check.ladder]]\nrestart = [\"shop\"]\n";
    stage.configure(&[CHECK, "restarts = \"1/1h\"\n", ladder].concat());
    let watchdog = stage.watch_file();
    wait_until("it was started again", LIMIT, || stage.lives("shop") == 2);
    stage.supervisord.wait_for("shop", "RUNNING");
    wait_until("its budget is used up", LIMIT, || {
        watchdog
            .err
            .text()
            .contains("gave up: the restarts are used up")
    });
    let said = watchdog.err.text();
    assert!(
        said.contains("shop ended with the signal, it is EXITED"),
        "{said}"
    );
    assert_eq!(stage.lives("shop"), 2, "{said}");
}

#[test]
fn killed_watchdog_takes_its_command_along_and_the_next_one_goes_on_with_the_next_rung() {
    let stage = stage(PLAIN);
    let ladder = r#"
[[check.ladder]]
run = "echo $$ > run.pid; sleep 1000"
timeout = "10m"
[[check.ladder]]
restart = ["shop"]
"#;
    stage.configure(&[CHECK, ladder].concat());
    let watchdog = stage.watch_file();
    let pid = || stage.supervisord.file("run.pid").trim().parse::<u32>().ok();
    wait_until("the command runs", LIMIT, || pid().is_some());
    watchdog.signal(Signal::SIGKILL);
    drop(watchdog.wait());
    let pid = pid().expect("a pid");
    wait_until("the command is gone", LIMIT, || {
        !std::path::Path::new(&format!("/proc/{pid}")).exists()
    });
    let _next = stage.watch_file();
    wait_until("it is restarted", LIMIT, || stage.lives("shop") == 2);
    assert_eq!(stage.supervisord.file("run.pid").trim(), pid.to_string());
}
