//! SIGHUP: a new file is taken when it is right, and the old one stays when it is not.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::hung_files::HungDirectory;
use crate::program::LIMIT;
use crate::smtp::SmtpServer;
use crate::support::wait_until;

const HEAD: &str = "[defaults]\nevery = \"200ms\"\nfail_after = 1000\ngrace = 0\nbackoff = { min = \"1h\", max = \"1h\" }\n";
const ILL: &str = "[[check]]\nname = \"ill\"\nurl = \"URL/500\"\n";
const WELL: &str = "[[check]]\nname = \"well\"\nurl = \"URL/ok\"\n";

/// The fails in a row that were counted last.
fn streak(said: &str) -> u32 {
    let last = said.rsplit_once("[fail ").map_or("0", |(_, rest)| rest);
    last.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_streak_of_an_unchanged_check_survives() {
    let stage = Stage::with(&[]);
    stage.configure(&[HEAD, ILL].concat());
    let watchdog = stage.watch_file();
    watchdog.err.wait("four fails", |said| streak(said) >= 4);
    // a bad file
    fs::write(
        stage.dir().join("httpok.toml"),
        "[[check]]\nnmae = \"ill\"\n",
    )
    .unwrap();
    watchdog.signal(Signal::SIGHUP);
    let said = watchdog
        .err
        .wait("it is refused", |said| said.contains("the old one stays"));
    let before = streak(&said);
    let said = watchdog
        .err
        .wait("it is watched on", |said| streak(said) >= before + 3);
    assert!(said.contains("nmae"), "and it says why: {said}");
    // a good one
    stage.configure(&[HEAD, ILL, WELL].concat());
    watchdog.signal(Signal::SIGHUP);
    wait_until("the new check is looked at", LIMIT, || {
        stage.site.count("/ok") > 2
    });
    let said = watchdog
        .err
        .wait("it is counted on", |said| streak(said) > before + 4);
    let counts: Vec<u32> = said
        .split("[fail ")
        .skip(1)
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(
        counts.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{counts:?}"
    );
    // one that changes it: it counts anew
    stage.configure(&[HEAD, &ILL.replace("/500", "/nope"), WELL].concat());
    let before = watchdog.err.text().len();
    watchdog.signal(Signal::SIGHUP);
    watchdog.err.wait("it counts anew", |said| {
        said[before..].contains("[fail 1 of 1000]")
    });
    // one without it
    stage.configure(&[HEAD, WELL].concat());
    watchdog.signal(Signal::SIGHUP);
    watchdog
        .err
        .wait("it is taken", |said| said.matches("is taken").count() == 3);
    let looks = stage.site.count("/ok");
    wait_until("only the other one", LIMIT, || {
        stage.site.count("/ok") > looks + 2
    });
    let nope = stage.site.count("/nope");
    wait_until("only the other one", LIMIT, || {
        stage.site.count("/ok") > looks + 5
    });
    assert_eq!(stage.site.count("/nope"), nope);
}

/// Reading the file again is no look: otherwise three reloads made a fail out of one bad moment.
#[test]
fn reload_causes_no_probe() {
    let stage = Stage::with(&[]);
    let text = [HEAD, ILL, WELL].concat();
    stage.configure(&text.replace("every = \"200ms\"", "every = \"1h\""));
    let watchdog = stage.watch_file();
    wait_until("both are looked at", LIMIT, || {
        stage.site.asked().len() == 2
    });
    for taken in 1..=3 {
        watchdog.signal(Signal::SIGHUP);
        let enough = |said: &str| said.matches("is taken").count() == taken;
        watchdog.err.wait("it is taken", enough);
    }
    // a check that is new is looked at soon, and nothing else was
    let new = WELL.replace("well", "new").replace("/ok", "/204");
    stage.configure(&(text.replace("every = \"200ms\"", "every = \"1h\"") + &new));
    watchdog.signal(Signal::SIGHUP);
    wait_until("the new one is looked at", LIMIT, || {
        stage.site.count("/204") == 1
    });
    assert_eq!((stage.site.count("/500"), stage.site.count("/ok")), (1, 1));
}

/// Whom to tell and how much to do at a time are part of the file, too.
#[test]
fn recipients_change_with_a_reload() {
    let stage = Stage::with(&[]);
    let servers = [SmtpServer::start(&[]), SmtpServer::start(&[])];
    let mail = |server: &SmtpServer| {
        format!(
            "[mail]\nto = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
            server.port
        )
    };
    stage.configure(&[HEAD, WELL, &mail(&servers[0])].concat());
    let watchdog = stage.watch_file();
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    let ill = format!("{ILL}fail_after = 2\n");
    stage.configure(&[HEAD, WELL, &ill, &mail(&servers[1])].concat());
    watchdog.signal(Signal::SIGHUP);
    wait_until("a mail", LIMIT, || {
        servers.iter().any(|server| !server.taken().is_empty())
    });
    assert_eq!(servers.map(|server| server.taken().len()), [0, 1]);
}

#[test]
fn check_that_is_removed_while_it_is_down_is_closed_with_a_mail() {
    let stage = Stage::with(&[]);
    let server = SmtpServer::start(&[]);
    let mail = format!(
        "[mail]\nto = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1:{}\"\n",
        server.port
    );
    let ill = format!("{ILL}fail_after = 2\n");
    stage.configure(&[HEAD, WELL, &ill, &mail].concat());
    let watchdog = stage.watch_file();
    wait_until("it is down", LIMIT, || server.taken().len() == 1);
    stage.configure(&[HEAD, WELL, &mail].concat());
    watchdog.signal(Signal::SIGHUP);
    wait_until("it is closed", LIMIT, || server.taken().len() == 2);
    let taken = server.taken();
    let subject = taken[1].header("Subject");
    assert!(subject.contains("is not watched any more"), "{subject}");
    assert_eq!(
        taken[1].header("In-Reply-To"),
        taken[0].header("Message-ID")
    );
}

#[test]
fn without_a_file_there_is_nothing_to_reload() {
    let stage = Stage::with(&[]);
    let watchdog = stage.watch(&["--every", "200ms", "URL/ok"]);
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    watchdog.signal(Signal::SIGHUP);
    watchdog
        .err
        .wait("it says so", |said| said.contains("nothing to reload"));
    let looks = stage.site.count("/ok");
    wait_until("it is watched on", LIMIT, || {
        stage.site.count("/ok") > looks + 1
    });
}

/// What a reload reads may hang: a name service, a disk.
#[test]
fn hung_reload_delays_no_check() {
    let stage = Stage::with(&[]);
    let hung = stage.dir().join("hung");
    fs::create_dir(&hung).unwrap();
    let ca = hung.join("ca.pem");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&ca, made.cert.pem()).unwrap();
    let tls =
        "[[check]]\nname = \"tls\"\nurl = \"https://127.0.0.1:1/\"\ncacert = \"hung/ca.pem\"\n";
    stage.configure(&[HEAD, WELL, tls].concat());
    let watchdog = stage.watch_file();
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    let hung = HungDirectory::on(&hung);
    watchdog.signal(Signal::SIGHUP);
    std::thread::sleep(std::time::Duration::from_millis(300));
    let probes = stage.site.count("/ok");
    wait_until("it is probed on", LIMIT, || {
        stage.site.count("/ok") > probes + 5
    });
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["status", "--json", "--state-dir"])
        .arg(stage.dir().join("state"))
        .output()
        .unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("\"tls\""), "{status}");
    assert!(!watchdog.err.text().contains("taken"), "it hangs");
    drop(hung);
    watchdog.signal(Signal::SIGTERM);
    assert!(watchdog.wait().status.success());
}

/// Some keys are fixed at the start. What else is new in such a file is not taken, either.
#[test]
fn reload_refuses_changes_of_fixed_keys() {
    let stage = Stage::with(&[]);
    let text = [HEAD, WELL].concat();
    stage.configure(&text);
    let watchdog = stage.watch_file();
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    for key in ["state_dir", "journal"] {
        let other = stage.dir().join("other").display().to_string();
        stage.configure(&format!("{key} = {other:?}\n{text}{ILL}"));
        watchdog.signal(Signal::SIGHUP);
        let said = watchdog
            .err
            .wait("it is named", |said| said.contains(&format!("`{key}` was")));
        assert!(said.contains("the old one stays"), "{said}");
    }
    let probes = stage.site.count("/ok");
    wait_until("the old ones are probed", LIMIT, || {
        stage.site.count("/ok") > probes + 5
    });
    assert_eq!(stage.site.count("/500"), 0);
}

/// Somebody is in the middle of changing the file, and wants to know how things are.
#[test]
fn status_finds_the_watchdog_of_a_file_that_is_wrong_now() {
    let stage = Stage::with(&[]);
    let state = stage.dir().join("elsewhere");
    let text = format!(
        "state_dir = {:?}\n{HEAD}{WELL}",
        state.display().to_string()
    );
    stage.configure(&text);
    let _watchdog = stage.watch_file();
    wait_until("it runs", LIMIT, || stage.site.count("/ok") > 0);
    stage.configure(&format!("{text}broken = 3\n"));
    let status = Command::new(env!("CARGO_BIN_EXE_httpok"))
        .args(["status", "--config", "httpok.toml"])
        .current_dir(stage.dir())
        .output()
        .unwrap();
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(
        shown.contains("well"),
        "{shown}{}",
        status.stderr.escape_ascii()
    );
}

/// As supervisord and web servers have them. Anything else would end a watchdog whose logs are rotated.
#[test]
fn signals_for_logs_open_the_journal_again_and_sigquit_stops() {
    let stage = Stage::with(&[]);
    stage.configure(&["journal = \"journal\"\n", HEAD, WELL].concat());
    let watchdog = stage.watch_file();
    let journal = stage.dir().join("journal");
    let begun = || {
        fs::read_to_string(&journal)
            .is_ok_and(|text| text.starts_with("{\"journal\":1,") && text.lines().count() > 3)
    };
    wait_until("it is written", LIMIT, begun);
    for (count, signal) in [(1, Signal::SIGUSR2), (2, Signal::SIGUSR1)] {
        fs::rename(&journal, stage.dir().join(format!("journal.{count}"))).unwrap();
        watchdog.signal(signal);
        watchdog.err.wait("it says so", |said| {
            said.matches("open the logs again").count() == count
        });
        wait_until("a new file is begun", LIMIT, begun);
    }
    watchdog.signal(Signal::SIGQUIT);
    assert!(watchdog.wait().status.success());
}

/// A file that is included is read again with the file that includes it.
#[test]
fn a_reload_reads_included_files_again() {
    let stage = Stage::with(&[]);
    fs::create_dir(stage.dir().join("conf.d")).unwrap();
    let more = |name: &str, path: &str| {
        let check = format!(
            "[[check]]\nname = \"{name}\"\nurl = \"{}{path}\"\n",
            stage.site.origin()
        );
        fs::write(stage.dir().join(format!("conf.d/{name}.toml")), check).unwrap();
    };
    more("first", "/ok");
    stage.configure(&["include = \"conf.d/*.toml\"\n", HEAD, ILL].concat());
    let watchdog = stage.watch_file();
    wait_until("the included check is probed", LIMIT, || {
        stage.site.count("/ok") > 1
    });
    // a changed one and a new one
    more("first", "/200");
    more("second", "/204");
    watchdog.signal(Signal::SIGHUP);
    wait_until("both are probed", LIMIT, || {
        stage.site.count("/200") > 1 && stage.site.count("/204") > 1
    });
    // a wrong one changes nothing, and is named
    fs::write(
        stage.dir().join("conf.d/second.toml"),
        "[[check]]\nnmae = 1\n",
    )
    .unwrap();
    watchdog.signal(Signal::SIGHUP);
    watchdog.err.wait("it is refused by name", |said| {
        said.contains("conf.d/second.toml:2:1") && said.contains("the old one stays")
    });
    let before = stage.site.count("/204");
    wait_until("the old check is probed on", LIMIT, || {
        stage.site.count("/204") > before + 1
    });
}
