//! The original's words, compared with what it printed and mailed under a real supervisord.

use std::io::Write as _;
use std::process::{Command, Stdio};

use httpok::health::{
    ActionStep, CallError, Capture, CheckResult, Expectation, IncidentEvent, Moment, Outcome,
    Phase, ProcessState, Reason, ReportKind, Skip, Step,
};
use httpok::notify::mail::OriginalMailer;
use httpok::notify::report::MailFormat;
use httpok::notify::sendmail::Pipe;
use httpok::notify::superlance::{self, OriginalMail};
use serde_json::Value;

use crate::{answered, entry, listed, render_context, report, step, troubled};

/// The processes of the recording, in the order supervisord lists them.
const PROCESSES: [(&str, ProcessState); 13] = [
    ("backoff", ProcessState::Backoff),
    ("exited", ProcessState::Exited),
    ("fatal", ProcessState::Fatal),
    ("grp:pa", ProcessState::Running),
    ("grp:pb", ProcessState::Running),
    ("httpok", ProcessState::Running),
    ("missing", ProcessState::Fatal),
    ("multi:multi_00", ProcessState::Running),
    ("multi:multi_01", ProcessState::Running),
    ("quick1", ProcessState::Running),
    ("slowstart", ProcessState::Starting),
    ("stopped", ProcessState::Stopped),
    ("web", ProcessState::Running),
];

/// A recorded command line, as far as it matters here.
#[derive(Default)]
struct Line {
    listener: OriginalMail,
    url: String,
    body: Option<String>,
    codes: Vec<String>,
    cores: bool,
    lazy: bool,
}

fn parse(argv: &[Value]) -> Line {
    let mut line = Line::default();
    let mut words = argv.iter().map(|word| word.as_str().expect("a text"));
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("a value").to_owned();
        match word {
            "-p" => line.listener.targets.push(value()),
            "-n" => line.listener.name = Some(value()),
            "-b" => line.body = Some(value()),
            "-c" => line.codes.push(value()),
            "-d" => line.cores = !value().is_empty(),
            "-g" => drop(value()),
            "-E" => line.lazy = true,
            "-e" => line.lazy = false,
            url => url.clone_into(&mut line.url),
        }
    }
    line
}

/// The answer that the recording's server gave, and what was expected of it.
fn look(line: &Line) -> CheckResult {
    let mut expectation = Expectation {
        body: line.body.clone().into_iter().collect(),
        ..Expectation::default()
    };
    if !line.codes.is_empty() {
        expectation.status = line.codes.clone().try_into().expect("codes");
    }
    let (code, reason) = match line.url.as_str() {
        "URL/500" => (500, "Internal Server Error"),
        "URL/302" => (302, "Found"),
        "URL/nope" => (404, "Not Found"),
        "URL/204" => (204, "No Content"),
        "URL/ok" => (200, "OK"),
        "URL/emptyreason" => (503, ""),
        other => panic!("no answer is known for {other}"),
    };
    answered(code, reason, b"it works", &expectation)
}

/// What an action on the recorded processes does, by the original's rules.
fn steps(line: &Line) -> Vec<Step> {
    let targets = &line.listener.targets;
    let named = |target: &String, name: &str| {
        *target == name || Some(target.as_str()) == name.split_once(':').map(|(_, short)| short)
    };
    let mut steps = Vec::new();
    for (name, state) in PROCESSES {
        if !targets.iter().any(|target| named(target, name)) {
            continue;
        }
        let mut push = |action| steps.push(step(1, 5, Some(name), action));
        if state != ProcessState::Running {
            push(ActionStep::Skipped(Skip::NotRunning { state }));
            continue;
        }
        if line.cores {
            let pid = if name == "web" { 5397 } else { 5359 };
            push(ActionStep::Captured(Capture {
                what: "gcore".into(),
                output: format!("fake gcore stdout line 1\nSaved corefile CORES/{name}.{pid}\n"),
                errors: "fake gcore stderr\n".into(),
                failure: None,
                files: vec![(format!("CORES/{name}.{pid}"), 9)],
            }));
        }
        push(ActionStep::Restarting { pid: Some(1) });
        push(ActionStep::Stopped { error: None });
        push(ActionStep::Started { error: None });
        push(ActionStep::Settled {
            state,
            pid: Some(2),
        });
    }
    let missing: Vec<_> = targets
        .iter()
        .filter(|target| !PROCESSES.iter().any(|(name, _)| named(target, name)))
        .cloned()
        .collect();
    if !missing.is_empty() {
        steps.push(step(1, 0, None, ActionStep::Missing { targets: missing }));
    }
    steps
}

#[test]
fn every_recorded_action_is_printed_byte_for_byte() {
    let fixture = include_str!("../fixtures/httpok/acts.json");
    let fixture: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
    let cases = fixture["cases"].as_array().expect("cases");
    let (mut mails, mut quiet) = (0, 0);
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let line = parse(case["argv"].as_array().expect("words"));
        let recorded = case["stderr"].as_str().expect("a text");
        let (look, steps) = (look(&line), steps(&line));
        let running = steps
            .iter()
            .any(|step| matches!(step.action, ActionStep::Restarting { .. }));
        if look.judgement.reason.is_none() || (line.lazy && !running) {
            assert_eq!(recorded, "", "{name}: nothing was done");
            quiet += 1;
            continue;
        }
        let mut printed = vec![line.listener.heading() + "\n"];
        for step in &steps {
            printed.extend(superlance::aside(step).map(str::to_owned));
            printed.extend(superlance::lines(step).into_iter().map(|line| line + "\n"));
        }
        let mut printed = printed.concat().into_bytes();
        if let Some(recorded) = case["mail"].as_str() {
            let mut report = report(
                ReportKind::Action,
                vec![
                    listed(1, look),
                    entry(2, IncidentEvent::Acted(Outcome { steps })),
                ],
            );
            report.url.clone_from(&line.url);
            let message = MailFormat::Original(line.listener).render(&report, &render_context());
            let mail = OriginalMailer {
                to: "ops@example.com".into(),
                pipe: Pipe {
                    command: "cat >&2".into(),
                    deadline: httpok::notify::MAIL_DEADLINE,
                },
            }
            .bytes(&message);
            assert_eq!(String::from_utf8_lossy(&mail), recorded, "{name}: mail");
            printed.extend(superlance::mailed(&mail));
            assert_eq!(printed.pop(), Some(b'\n'), "our own line end");
            mails += 1;
        }
        assert_eq!(
            String::from_utf8_lossy(&printed),
            recorded,
            "{name}: stderr"
        );
    }
    assert_eq!(
        (cases.len(), mails, quiet),
        (25, 19, 5),
        "all were compared"
    );
}

#[test]
fn faults_are_printed_as_python_does() {
    let fault = |code, text: &str| CallError::Fault {
        code,
        text: text.into(),
    };
    let unreachable = CallError::Unreachable {
        detail: "connection refused".into(),
    };
    let table = [
        (
            ActionStep::Stopped {
                error: Some(fault(70, "NOT_RUNNING: web")),
            },
            "Failed to stop process web: <Fault 70: 'NOT_RUNNING: web'>",
        ),
        (
            ActionStep::Started {
                error: Some(fault(20, "NO_FILE: can't find command '/x'")),
            },
            "Failed to start process web: <Fault 20: \"NO_FILE: can't find command '/x'\">",
        ),
        (
            ActionStep::ListFailed {
                error: fault(6, "SHUTDOWN_STATE"),
            },
            "Exception retrieving process info <Fault 6: 'SHUTDOWN_STATE'>, not acting",
        ),
        (
            ActionStep::Started {
                error: Some(unreachable),
            },
            "Failed to start process web: connection refused",
        ),
        (
            ActionStep::Settled {
                state: ProcessState::Fatal,
                pid: None,
            },
            "web in FATAL state after its start, NOT RUNNING",
        ),
        (
            ActionStep::Skipped(Skip::Replaced {
                probed: Some(4),
                found: Some(5),
            }),
            "web was replaced since the check (pid 4, now 5), NOT restarting",
        ),
        (
            ActionStep::Skipped(Skip::Ourselves),
            "web is this listener, NOT restarting",
        ),
        (
            ActionStep::Skipped(Skip::DryRun),
            "web is in RUNNING state, NOT restarting (dry run)",
        ),
        (
            ActionStep::Starting {
                state: ProcessState::Exited,
            },
            "web is in EXITED state, starting",
        ),
    ];
    for (action, line) in table {
        assert_eq!(superlance::lines(&step(1, 0, Some("web"), action)), [line]);
    }
    let failed = ActionStep::Captured(Capture {
        what: "gcore".into(),
        output: String::new(),
        errors: String::new(),
        failure: Some("exit status 1".into()),
        files: vec![],
    });
    let failed = step(1, 0, Some("web"), failed);
    assert_eq!(superlance::aside(&failed), None);
    assert_eq!(
        superlance::lines(&failed),
        [
            "gcore output for web:\n\n ",
            "Failed to capture gcore of web: exit status 1"
        ]
    );
    assert_eq!(
        superlance::heading(true, &[]),
        "Restarting all running processes"
    );
}

#[test]
fn trouble_is_bad_status_and_secrets_stay_out() {
    let look = troubled(Reason::Refused, Phase::Connect, "Connection refused");
    let url = "http://me:hunter2@h:1/x";
    assert_eq!(
        superlance::reason(url, &look),
        "error contacting http://***@h:1/x:\n\n Connection refused"
    );
    assert_eq!(
        superlance::subject(None, url, &look),
        "httpok: http://***@h:1/x: bad status returned"
    );
    // a body that broke off is an error, although a status was seen
    let mut look = answered(200, "OK", b"it", &Expectation::default());
    look.seen.trouble = troubled(Reason::Truncated, Phase::Body, "2 of 100 bytes")
        .seen
        .trouble;
    look.judgement = Expectation::default().judge(&look.seen);
    assert!(superlance::reason("u", &look).starts_with("error contacting u:\n\n 2 of"));
    assert!(superlance::subject(None, "u", &look).ends_with("bad status returned"));
}

#[test]
fn values_cannot_inject_headers() {
    let listener = OriginalMail {
        name: Some("x\nBcc: victim@example.com\r\n\r\nhello".into()),
        ..OriginalMail::default()
    };
    let look = answered(500, "Oops", b"", &Expectation::default());
    let report = report(ReportKind::Action, vec![listed(1, look)]);
    let message = MailFormat::Original(listener).render(&report, &render_context());
    let mail = superlance::mail("a@b\nCc: c@d", &message.subject, &message.text);
    let mail = String::from_utf8(mail).expect("UTF-8");
    let (headers, _) = crate::smtp::parse(&mail, "\n");
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["To", "Subject"]);
    assert_eq!(report.at, Moment::from_secs(60));
}

/// Every character that this Python knows, and some texts, through its own `repr`. All in hexadecimal, so that
/// nothing on the way can change a byte.
#[test]
fn repr_matches_python() {
    let program = "
import sys, unicodedata
for code in range(0x110000):
    if unicodedata.category(chr(code)) not in ('Cn', 'Cs'):
        print(chr(code).encode().hex(), repr(chr(code)).encode().hex())
for line in sys.stdin:
    print(line.strip(), repr(bytes.fromhex(line).decode()).encode().hex())
";
    let samples = [
        "plain",
        "it's",
        "a\"b",
        "it's \"both\"",
        "\\",
        "tab\there",
        "a\nb\rc",
        "\x00\x07\x1b\x7f",
        "café",
        "\u{80}\u{a0}\u{ad}",
        "\u{200b}\u{202e}\u{2028}",
        "日本 ✓",
        "e\u{301}\u{301}",
        "\u{1f600}",
        "\u{e000}\u{10ffff}",
        "\u{feff}",
        "\\'",
        "\\x41",
        "'\u{300}",
    ];
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = python.stdin.take().expect("it is piped");
    for text in samples {
        writeln!(stdin, "{}", hex(text)).expect("it reads at the end");
    }
    drop(stdin);
    let output = python.wait_with_output().expect("it ends");
    let output = String::from_utf8(output.stdout).expect("ASCII");
    let mut compared = 0;
    for line in output.lines() {
        let (text, repr) = line.split_once(' ').expect("two words");
        let text = unhex(text);
        let ours = superlance::python_repr(&text);
        assert_eq!(ours, unhex(repr), "{}", text.escape_unicode());
        compared += 1;
    }
    assert!(compared > 280_000, "only {compared} texts were compared");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> String {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    let bytes = (0..text.len()).step_by(2).map(byte).collect();
    String::from_utf8(bytes).expect("UTF-8")
}
