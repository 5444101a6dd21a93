//! A group of three that is restarted one by one: the next one only when the check passes again.

use std::sync::{Arc, Mutex};

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::{Site, says};
use crate::smtp::SmtpServer;
use crate::support::supervisord::Supervisord;
use crate::support::wait_until;

/// How many lives each of the three has had.
type Lives = [usize; 3];

/// Three members that count their lives. One does not start while there is a file `broken-NUMBER`.
fn group() -> Stage {
    let text = "command=/bin/sh -c \"echo up >> %(here)s/app-%(process_num)s.lives; \
                test ! -e %(here)s/broken-%(process_num)s || exit 1; exec sleep 1000\"\n\
                process_name=%(process_num)s\nnumprocs=3\nstartsecs=1\nstartretries=0\n\
                stdout_logfile=NONE\nstderr_logfile=NONE";
    let stage = Stage {
        supervisord: Supervisord::with().program("app", text).start(),
        site: Site::start(),
    };
    for number in 0..3 {
        stage
            .supervisord
            .wait_for(&format!("app:{number}"), "RUNNING");
    }
    stage
}

fn lives(stage: &Stage) -> Lives {
    std::array::from_fn(|number| stage.lives(&format!("app-{number}")))
}

/// `/app` is well as long as `fits`; what it saw each time that it was asked.
fn well_if(stage: &Stage, fits: fn(Lives) -> bool) -> Arc<Mutex<Vec<(Lives, bool)>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let dir = stage.dir().to_owned();
    let rule = Arc::clone(&seen);
    stage.site.answer("/app", move || {
        let count = |number| {
            let file = dir.join(format!("app-{number}.lives"));
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().count()
        };
        let lives = std::array::from_fn(count);
        rule.lock().unwrap().push((lives, fits(lives)));
        match fits(lives) {
            true => says("200 OK", "all fine"),
            false => says("500 Oh", "out of order"),
        }
    });
    seen
}

fn configure(stage: &Stage, backoff: &str, rest: &str) {
    let text = format!(
        "[[check]]\nname = \"app\"\nurl = \"URL/app\"\nevery = \"200ms\"\nfail_after = 1\ngrace = 0\n\
         backoff = {{ min = \"{backoff}\", max = \"{backoff}\" }}\nrestarts = \"10/1h\"\nrestart = [\"app:*\"]\n{rest}"
    );
    stage.configure(&text);
}

#[test]
fn rolling_restart_verifies_each_member_before_the_next() {
    let stage = group();
    let seen = well_if(&stage, |lives| lives[0] >= 2);
    configure(&stage, "1h", "");
    let watchdog = stage.watch_file();
    wait_until("it is back", LIMIT, || {
        watchdog.err.text().contains("passes again")
    });
    assert_eq!(lives(&stage), [2, 2, 2]);
    let seen = seen.lock().unwrap().clone();
    for proof in [[2, 1, 1], [2, 2, 1], [2, 2, 2]] {
        assert!(seen.contains(&(proof, true)), "{proof:?}: {seen:?}");
    }
    let said = watchdog.err.text();
    assert_eq!(said.matches("restarting, attempt").count(), 1, "{said}");
    assert!(said.contains("going on with app:1"), "{said}");
}

#[test]
fn rolling_restart_ends_at_a_member_that_stays_down() {
    let stage = group();
    let server = SmtpServer::start(&[]);
    well_if(&stage, |_| false);
    std::fs::write(stage.dir().join("broken-0"), "").unwrap();
    let mail = format!(
        "[mail]\nto = [\"o@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    );
    configure(&stage, "1h", &mail);
    let watchdog = stage.watch_file();
    wait_until("it is told", LIMIT, || !server.taken().is_empty());
    assert_eq!(lives(&stage)[1..], [1, 1]);
    let said = watchdog.err.text();
    let stops = "stopping here: app:0 did not come back; left alone: app:1, app:2";
    assert!(said.contains(stops), "{said}");
    let mails = server.taken();
    for reported in [
        "app:0 NOT started",
        "app:1 left alone: app:0 did not come back",
        "app:2 left alone: app:0 did not come back",
    ] {
        assert!(
            mails[0].body.contains(reported),
            "{reported}: {}",
            mails[0].body
        );
    }
}

#[test]
fn rolling_restart_reaches_a_failing_last_member() {
    let stage = group();
    well_if(&stage, |lives| lives[2] >= 2);
    configure(&stage, "200ms", "");
    let watchdog = stage.watch_file();
    wait_until("it is back", LIMIT, || {
        watchdog.err.text().contains("passes again")
    });
    assert_eq!(lives(&stage), [2, 2, 2]);
    let said = watchdog.err.text();
    for reported in [
        "restarting, attempt 3",
        "after app:0 was restarted; left alone: app:1, app:2",
        "after app:1 was restarted; left alone: app:2",
    ] {
        assert!(said.contains(reported), "{reported}: {said}");
    }
    // and the story is told in its order
    let reported = stage.explained("app");
    let mut rest = reported.as_str();
    for line in [
        "restart, attempt 1",
        "restarted: app:0",
        "app:1 left alone: the check did not pass within",
        "restart, attempt 2",
        "restarted: app:1",
        "app:2 left alone: the check did not pass within",
        "restart, attempt 3",
        "restarted: app:2",
        "passes again",
    ] {
        let place = rest.find(line);
        let place = place.unwrap_or_else(|| panic!("{line:?} is missing: {reported}"));
        rest = &rest[place..];
    }
}

/// A supervisor that is not there keeps nobody from restarting what another one has.
#[test]
fn unreachable_supervisor_does_not_hide_the_others() {
    let stage = Stage::with(&["shop"]);
    let server = SmtpServer::start(&[]);
    stage.ill_until("shop", 2, says("500 Oh", "out of order"));
    let port = server.port;
    stage.configure(&format!(
        "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nevery = \"200ms\"\nfail_after = 1\ngrace = 0\n\
         restart = [\"docker/httpok-test-none\", \"shop\", \"gone\"]\n\
         [mail]\nto = [\"o@example.org\"]\nsmtp = \"smtp://127.0.0.1:{port}\"\n\
         [supervisor.docker]\nsocket = \"/nonexistent/docker.sock\"\n"
    ));
    let watchdog = stage.watch_file();
    wait_until("a mail", LIMIT, || server.taken().len() == 1);
    assert_eq!(stage.lives("shop"), 2);
    let said = watchdog.err.text();
    assert!(
        said.contains("cannot list the processes of docker"),
        "{said}"
    );
    let mails = server.taken();
    for reported in [
        "docker could not be asked, so its processes are left alone",
        "shop started",
        "no process is called gone",
    ] {
        assert!(
            mails[0].body.contains(reported),
            "{reported}: {}",
            mails[0].body
        );
    }
}
