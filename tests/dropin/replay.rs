//! The recording, played back: every command line of it in front of the recorded processes. First the original
//! itself, which proves the stage; then ours.

use std::fs;
use std::thread;

use serde_json::Value;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;

const PROCESSES: &str = "backoff=BACKOFF exited=EXITED fatal=FATAL grp:pa=RUNNING grp:pb=RUNNING \
    httpok=RUNNING missing=FATAL multi:multi_00=RUNNING multi:multi_01=RUNNING quick1=RUNNING \
    slowstart=STARTING stopped=STOPPED web=RUNNING";

/// The recording's stand-in for gcore. Its arguments are those of the true one.
const GCORE: &str = r#"[ "$1" = -o ] || exit 9
echo 'fake gcore stdout line 1'
echo "Saved corefile $2.$3"
echo 'fake gcore stderr' >&2"#;

struct Case {
    name: String,
    words: Vec<String>,
    stderr: String,
    mail: Option<String>,
}

fn cases() -> Vec<Case> {
    let fixture: Value =
        serde_json::from_str(include_str!("../fixtures/httpok/acts.json")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = fixture["cases"].as_array().unwrap().iter().map(|case| {
        let name = text(&case["name"]);
        let mut words = Vec::new();
        if !name.contains("nomail") {
            words.extend(["-m", "ops@example.com", "-s", "DIR/sendmail -t -i"].map(str::to_owned));
        }
        words.extend(case["argv"].as_array().unwrap().iter().map(|word| {
            let word = text(word).replace("FAKEGCORE", "DIR/gcore");
            word.replace("CORES", "DIR/cores")
        }));
        Case {
            name,
            words,
            stderr: text(&case["stderr"]).replace("CORES", "DIR/cores"),
            mail: case["mail"]
                .as_str()
                .map(|mail| mail.replace("CORES", "DIR/cores")),
        }
    });
    cases.collect()
}

fn stage() -> Stage {
    let stage = Stage::with(PROCESSES);
    stage.supervisord.change(|processes| {
        for entry in processes {
            match entry.name.as_str() {
                "pa" => entry.pid = 5359,
                "web" => entry.pid = 5397,
                _ => {}
            }
        }
    });
    stage.script("gcore", GCORE);
    fs::create_dir(stage.dir().join("cores")).unwrap();
    stage
}

/// Runs `work` on all cases, a few at a time.
fn each(cases: &[Case], work: impl Fn(&Case) + Sync) {
    thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(6)) {
            scope.spawn(|| part.iter().for_each(&work));
        }
    });
}

fn words(case: &Case) -> Vec<&str> {
    case.words.iter().map(String::as_str).collect()
}

#[test]
fn original_reproduces_the_recordings() {
    let chosen = [
        "act-500",
        "act-404-name",
        "no-progs-nomail",
        "group-shortname",
        "self-namespec",
        "states",
        "E-starting",
        "gcore",
        "c-302-ok",
    ];
    let mut cases = cases();
    cases.retain(|case| chosen.contains(&case.name.as_str()));
    assert_eq!(cases.len(), chosen.len());
    each(&cases, |case| {
        let stage = stage();
        let mut listener = EventListener::start(&mut stage.superlance(&words(case)));
        listener.tick();
        let end = listener.close();
        let said = stage.neutral(&end.err);
        // it does not survive the end of its input
        let said = said.split("Traceback").next().unwrap();
        assert_eq!(said, case.stderr, "{}", case.name);
        assert_eq!(stage.mails().first(), case.mail.as_ref(), "{}", case.name);
        assert_eq!(stage.mails().len(), usize::from(case.mail.is_some()));
    });
}

#[test]
fn recorded_command_lines_reproduce_the_recordings() {
    let cases = cases();
    assert_eq!(cases.len(), 25);
    each(&cases, |case| {
        let stage = stage();
        let end = stage.one_tick(&words(case));
        let (stderr, mail) = expected(case);
        assert_eq!(end.err, stderr, "{}", case.name);
        assert_eq!(stage.mails().first(), mail.as_ref(), "{}", case.name);
        assert_eq!(stage.mails().len(), usize::from(mail.is_some()));
    });
}

/// The recording, but for what is meant to be different.
fn expected(case: &Case) -> (String, Option<String>) {
    // what selected nothing selects now
    let none =
        |name: &str| format!("Programs not restarted because they did not exist: ['{name}']");
    let now = |text: &str| match case.name.as_str() {
        "group-star" => text.replace(
            &none("grp:*"),
            "grp:pa is in RUNNING state, restarting\ngrp:pa restarted\n\
             grp:pb is in RUNNING state, restarting\ngrp:pb restarted",
        ),
        "self-namespec" => text.replace(
            &none("web:web"),
            "web is in RUNNING state, restarting\nweb restarted",
        ),
        _ => text.to_owned(),
    };
    let mail = case.mail.as_deref().map(now);
    let mut stderr = now(&case.stderr);
    if !stderr.is_empty() {
        // the reason comes first, and a line end after the mail
        let reason = match &mail {
            Some(mail) => mail.lines().nth(3).unwrap(),
            None => "status contacting URL/500: 500 Internal Server Error",
        };
        stderr = format!("{reason}\n{stderr}");
    }
    if mail.is_some() {
        stderr.push('\n');
    }
    (stderr, mail)
}
