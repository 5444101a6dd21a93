//! Reports that wait for a receiver, and mails that are not taken for everybody: what `status`, `explain` and `notify
//! test` say of them.

use std::process::Command;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::site::says;
use crate::smtp::SmtpServer;
use crate::support::wait_until;

const CHECK: &str = "[[check]]\nname = \"shop\"\nurl = \"URL/shop\"\nevery = \"200ms\"\n\
                     fail_after = 1\ngrace = 0\n";

fn run(stage: &Stage, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(args)
        .env("STATE_DIRECTORY", stage.dir().join("state"))
        .current_dir(stage.dir())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.code(),
        text + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn report_that_its_receiver_does_not_take_is_said_with_its_answer_and_next_try() {
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/shop", || says("500 Oh", ""));
    stage
        .site
        .answer("/hook", || says("503 Overloaded", "come back later"));
    let hook = "[[notify]]\nname = \"pager\"\n[notify.webhook]\nurl = \"URL/hook\"\n";
    stage.configure(&format!("{CHECK}{hook}"));
    let _watchdog = stage.watch_file();
    wait_until("it was tried", LIMIT, || {
        stage
            .explained("shop")
            .contains("report 1 waits for pager since")
    });
    let said = stage.explained("shop");
    for part in ["503", "1 try, the next"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (_, status) = run(&stage, &["status", "--config", "httpok.toml"]);
    assert!(status.contains("1 report waits for pager for"), "{status}");
    assert!(
        status.contains("503") && status.contains("next try"),
        "{status}"
    );
    stage.site.answer("/hook", || says("200 OK", ""));
    wait_until("it is taken", LIMIT, || {
        let said = stage.explained("shop");
        said.contains("was delivered to pager") && !said.contains("waits for pager")
    });
}

/// As a greylisting server or a full mailbox: whoever is well is not kept waiting, and nobody gets a mail twice.
#[test]
fn recipient_that_is_deferred_gets_the_mail_later_and_delays_no_other() {
    let stage = Stage::with(&["shop"]);
    let grey = stage.dir().join("grey");
    std::fs::write(&grey, "450 4.2.0 greylisted").unwrap();
    let server = SmtpServer::start(&["--rcpt", &format!("late@example.org=@{}", grey.display())]);
    stage.site.answer("/shop", || says("500 Oh", ""));
    stage.configure(&format!(
        "{CHECK}[mail]\nto = [\"late@example.org\", \"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n\
         down_after = 0\n",
        server.port
    ));
    let _watchdog = stage.watch_file();
    wait_until("it waits", LIMIT, || {
        let said = stage.explained("shop");
        said.contains("but NOT to everybody") && said.contains("report 1 waits for mail since")
    });
    let said = stage.explained("shop");
    assert!(said.contains("4.2.0 greylisted (tried again)"), "{said}");
    stage.site.answer("/shop", || says("200 OK", ""));
    wait_until("the others get the next report", LIMIT, || {
        server.taken().len() == 2
    });
    std::fs::remove_file(&grey).unwrap();
    wait_until("it gets both", LIMIT, || {
        let said = stage.explained("shop");
        server.taken().len() == 4 && !said.contains("waits for mail")
    });
    let got: Vec<_> = server
        .taken()
        .iter()
        .map(|mail| mail.facts["to"][0].as_str().unwrap_or_default().to_owned())
        .collect();
    let (late, ops) = ("late@example.org", "ops@example.org");
    assert_eq!(got, [ops, ops, late, late]);
    let id = |n: usize| server.taken()[n].header("Message-ID").to_owned();
    assert_eq!(
        (id(0), id(1)),
        (id(2), id(3)),
        "the same mails, in their order"
    );
    let said = stage.explained("shop");
    assert!(
        said.contains("was delivered to mail (late@example.org)"),
        "{said}"
    );
}

#[test]
fn mail_that_is_not_taken_for_everybody_says_for_whom_and_is_not_sent_again() {
    let server = SmtpServer::start(&["--rcpt", "gone@example.org=550 no such user"]);
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/shop", || says("500 Oh", ""));
    let mail = format!(
        "[mail]\nto = [\"gone@example.org\", \"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    );
    stage.configure(&format!("{CHECK}{mail}"));
    let watchdog = stage.watch_file();
    wait_until("it is noted", LIMIT, || {
        stage.explained("shop").contains("but NOT to everybody")
    });
    let said = stage.explained("shop");
    assert!(
        said.contains("recipient \"gone@example.org\" not taken: 550 no such user"),
        "{said}"
    );
    assert!(watchdog.err.text().contains("but not for everybody"));
    let status = || run(&stage, &["status", "--config", "httpok.toml"]).1;
    wait_until("it is given up for the other", LIMIT, || {
        status().contains("1 for mail given up")
    });
    let probes = stage.site.count("/shop");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/shop") > probes + 5
    });
    assert_eq!(server.taken().len(), 1, "those who got it get it once");
    let (code, tested) = run(&stage, &["notify", "test", "--config", "httpok.toml"]);
    assert_eq!(code, Some(3), "{tested}");
    let words = "mail: taken, but NOT for everybody: recipient \"gone@example.org\" not taken: 550";
    assert!(tested.contains(words), "{tested}");
}
