//! What a person reads, checked by meaning.

use std::time::Duration;

use httpok::health::{
    ActionStep, Body, Budget, CallError, Capture, CheckResult, DownState, Expectation, FailedStart,
    Gate, Halt, IncidentEvent, Observation, Outcome, Phase, ProcessName, ProcessState, Reason,
    Report, ReportKind, Skip,
};
use httpok::notify::report::MailFormat;
use httpok::secret::redact_url;

use crate::{answered, entry, listed, render_context, report, step, troubled};

fn hang() -> CheckResult {
    troubled(
        Reason::FirstByteTimeout,
        Phase::FirstByte,
        "no answer within 3s",
    )
}

/// A whole episode up to the restart.
fn restarted() -> Vec<crate::IncidentEntry> {
    let steps = vec![
        step(
            31,
            900,
            Some("shop"),
            ActionStep::Captured(Capture {
                what: "gcore".into(),
                output: "Saved corefile /var/cores/shop.41".into(),
                errors: String::new(),
                failure: None,
                files: vec![("/var/cores/shop.41".into(), 3 << 20)],
            }),
        ),
        step(
            31,
            20,
            Some("shop"),
            ActionStep::Captured(Capture {
                what: "py-spy dump --pid 41".into(),
                output: "Thread 1 (idle)\n\x1b[2Jlock.acquire".into(),
                errors: "1 thread is not shown\n".into(),
                failure: None,
                files: vec![],
            }),
        ),
        step(
            32,
            0,
            Some("shop"),
            ActionStep::Restarting { pid: Some(41) },
        ),
        step(37, 5000, Some("shop"), ActionStep::Stopped { error: None }),
        step(37, 4, Some("shop"), ActionStep::Started { error: None }),
        step(
            38,
            1000,
            Some("shop"),
            ActionStep::Settled {
                state: ProcessState::Running,
                pid: Some(52),
            },
        ),
    ];
    vec![
        listed(10, hang()),
        listed(20, hang()),
        listed(30, hang()),
        entry(38, IncidentEvent::Acted(Outcome { steps })),
    ]
}

fn not_started(process: &str, stopped: bool) -> DownState {
    DownState::NotStarted(FailedStart {
        process: process.into(),
        stopped,
        why: "SPAWN_ERROR: no file".into(),
    })
}

/// A budget that earlier incidents have used up.
#[test]
fn giving_up_without_a_restart_names_the_budget_and_what_used_it_up() {
    let kind = ReportKind::GaveUp {
        rearm: None,
        budget: Some(Budget {
            count: 2,
            window: Duration::from_secs(600),
        }),
        used: vec![
            entry(0, IncidentEvent::GaveUp).at,
            entry(1, IncidentEvent::GaveUp).at,
        ],
    };
    let mut report = report(kind, vec![listed(10, hang())]);
    report.incident.attempts = 0;
    report.incident.opened = entry(10, IncidentEvent::GaveUp).at;
    let message = MailFormat::Full.render(&report, &render_context());
    let said = "shop is down: first_byte_timeout, gave up before a restart: 2 in 10 m are used up";
    assert!(message.subject.ends_with(said), "{}", message.subject);
    let row = message.text.lines().find(|line| line.starts_with("budget"));
    let row = row.unwrap_or_default();
    assert!(
        row.starts_with("budget 2 in 10 m (restarts), used up at ")
            && row.ends_with("; 0 of them in this incident"),
        "{}",
        message.text
    );
}

#[test]
fn subjects_name_the_state() {
    let down = |state| ReportKind::Down {
        state,
        update: false,
    };
    let seconds = Duration::from_secs;
    let table = [
        (
            ReportKind::Cured {
                down: seconds(40),
                after: seconds(12),
            },
            "shop was down: first_byte_timeout, restarted, back after 12 s",
        ),
        (
            down(DownState::NotBack { after: seconds(30) }),
            "shop is down: first_byte_timeout, restarted, NOT back after 30 s",
        ),
        (
            down(DownState::NotifyOnly),
            "shop is down: first_byte_timeout, no restart is configured",
        ),
        (
            down(DownState::NothingRestarted),
            "shop is down: first_byte_timeout, nothing could be restarted",
        ),
        (
            down(not_started("shop", true)),
            "shop is down: stopped for a restart and does not start: SPAWN_ERROR: no file",
        ),
        (
            down(not_started("app:1", true)),
            "shop is down: app:1 was stopped for a restart and does not start: SPAWN_ERROR: no file",
        ),
        (
            down(not_started("app:1", false)),
            "shop is down: app:1 does not start: SPAWN_ERROR: no file",
        ),
        (
            down(DownState::Held(Gate::Requires { check: "db".into() })),
            "shop is down: first_byte_timeout, not restarted: \"db\", which it requires, is failing too",
        ),
        (
            ReportKind::Recovered { down: seconds(184) },
            "shop recovered after 3 m 4 s and 1 restart",
        ),
        (
            ReportKind::GaveUp {
                rearm: None,
                budget: None,
                used: Vec::new(),
            },
            "shop is NOT back after 1 restart: first_byte_timeout, gave up",
        ),
        (
            ReportKind::Reminder {
                down: seconds(7500),
            },
            "shop is still down after 2 h 5 m: first_byte_timeout",
        ),
    ];
    for (kind, said) in table {
        let message =
            MailFormat::Full.render(&report(kind, vec![listed(10, hang())]), &render_context());
        assert_eq!(message.subject, format!("[httpok box1.example.org] {said}"));
        assert!(
            message.text.starts_with(&format!("{said}.\n")),
            "{}",
            message.text
        );
    }
}

#[test]
fn first_lines_name_problem_place_time_and_next_step() {
    let kind = ReportKind::Down {
        state: DownState::NotBack {
            after: Duration::from_secs(22),
        },
        update: false,
    };
    let text = MailFormat::Full
        .render(&report(kind, restarted()), &render_context())
        .text;
    let head: Vec<_> = text.lines().take(7).collect();
    assert_eq!(
        head,
        [
            "shop is down: first_byte_timeout, restarted, NOT back after 22 s.",
            "",
            "host   box1.example.org",
            "url    http://127.0.0.1:8080/health",
            "why    first_byte_timeout: no answer within 3s",
            "since  2026-05-01T03:12:14Z, for 50 s from the first fail",
            "to do  check it soon: the restart did not help so far",
        ]
    );
}

#[test]
fn body_lists_what_was_seen_and_each_step() {
    let kind = ReportKind::Cured {
        down: Duration::from_secs(12),
        after: Duration::from_secs(12),
    };
    let text = MailFormat::Full
        .render(&report(kind, restarted()), &render_context())
        .text;
    for part in [
        "What was seen at 2026-05-01T03:12:34Z\n  fail: first_byte_timeout, in phase first_byte\n",
        "\n  connect        0.3 ms\n  first_byte    3.001 s  <- here\n  total         3.002 s\n",
        "What was done\n  action that ended at 2026-05-01T03:12:42Z\n",
        "    03:12:35  gcore of shop kept, took 900.0 ms\n",
        "    03:12:36  shop is RUNNING, pid 41: to be restarted\n",
        "    03:12:41  shop stopped, took 5.000 s\n",
        "    03:12:41  shop started, took 4.0 ms\n",
        "    03:12:42  shop is RUNNING, pid 52, took 1.000 s\n",
        "Evidence\n  /var/cores/shop.41  3.0 MiB\n  py-spy dump --pid 41:\n  | Thread 1 (idle)\n  | \\x1b[2Jlock.acquire\n  | 1 thread is not shown\n",
        "History, newest last\n  xxxR\n  (x fail, R action)\n",
        "More: httpok explain shop",
    ] {
        assert!(text.contains(part), "{part:?} is missing from\n{text}");
    }
}

#[test]
fn rolling_restart_is_reported_in_order_with_processes_that_failed() {
    let name = |name: &str| step(0, 0, Some(name), ActionStep::Missing { targets: vec![] }).process;
    let process = name("b").expect("a name");
    let started = |text| step(40, 4, Some(text), ActionStep::Started { error: None });
    let runs = ActionStep::Settled {
        state: ProcessState::Running,
        pid: Some(52),
    };
    let fatal = ActionStep::Settled {
        state: ProcessState::Fatal,
        pid: None,
    };
    let left = Skip::Halted(Halt::NotBack { process });
    let acted = |steps| entry(40, IncidentEvent::Acted(Outcome { steps }));
    let first = acted(vec![started("a"), step(41, 0, Some("a"), runs.clone())]);
    let second = acted(vec![
        started("b"),
        step(42, 0, Some("b"), fatal),
        step(42, 0, Some("c"), ActionStep::Skipped(left.clone())),
    ]);
    let halted = acted(vec![step(43, 0, Some("c"), ActionStep::Skipped(left))]);
    let later = acted(vec![started("b"), step(44, 0, Some("b"), runs)]);
    let seen = || listed(10, hang());
    let reported = |entries| {
        let after = Duration::from_secs(4);
        let kind = ReportKind::Cured { down: after, after };
        let report = report(kind, entries);
        MailFormat::Full.render(&report, &render_context()).text
    };

    let text = reported(vec![seen(), first.clone(), second.clone(), halted.clone()]);
    let mut rest = text.as_str();
    for part in [
        "was down: first_byte_timeout, restarted but for b, back after 4 s.",
        "to do  look at b: not running again, though the check passes",
        "a is RUNNING, pid 52",
        "b is FATAL",
        "c left alone: b did not come back",
        "  and no further, at ",
        "c left alone: b did not come back",
        "  xRR\n",
    ] {
        let place = rest.find(part);
        rest = &rest[place.unwrap_or_else(|| panic!("{part:?} is missing from\n{text}"))..];
    }
    let text = reported(vec![seen(), first, second, halted, later]);
    assert!(text.contains("restarted, back after 4 s"), "{text}");
    assert!(text.contains("to do  nothing now"), "{text}");
}

/// A restart of an earlier run can go on after the check passes.
#[test]
fn recovery_names_what_does_not_run_again_yet() {
    let after = Duration::from_secs(4);
    let kind = ReportKind::Cured { down: after, after };
    let mut report = report(kind, vec![listed(10, hang())]);
    let text = |report: &Report| MailFormat::Full.render(report, &render_context()).text;
    assert!(text(&report).contains("to do  nothing now"));
    report.unfinished = vec![ProcessName::supervisord("web", "web")];
    let text = text(&report);
    for part in [
        "was down: first_byte_timeout, restarted but for web, back after 4 s.",
        "to do  look at web: not running again, though the check passes",
        "what does not run again is started by itself until it does",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_answer_is_shown_with_expectations_headers_and_a_bounded_excerpt() {
    let expectation = Expectation {
        body: vec!["all fine".into()],
        ..Expectation::default()
    };
    let body = b"<h1>Oops</h1>\r\n\x1b]0;owned\x07\nthree\nfour\nfive\nSIX";
    let mut look = answered(500, "Internal Server Error", body, &expectation);
    look.seen.headers = vec![
        ("Server".into(), "gunicorn".into()),
        ("Set-Cookie".into(), "session=hunter2".into()),
        ("Location".into(), "http://me:hunter2@h/x".into()),
        (
            "X-Request-Id".into(),
            format!("a\x1b[2J{}", "b".repeat(9000)),
        ),
    ];
    let kind = ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    };
    let text = MailFormat::Full
        .render(&report(kind, vec![listed(30, look)]), &render_context())
        .text;
    for part in [
        "\n  NOT  expected status 200\n       got      500 Internal Server Error\n",
        "\n  NOT  expected body contains \"all fine\"\n",
        "\n  HTTP/1.1 500 Internal Server Error\n  server: gunicorn\n  location: http://***@h/x\n",
        "x-request-id: a\\x1b[2Jb",
        "\n  | <h1>Oops</h1>\n  | \\x1b]0;owned\\x07\n  | three\n  | four\n  | five\n",
        "peer       127.0.0.1:8080",
    ] {
        assert!(text.contains(part), "{part:?} is missing from\n{text}");
    }
    for secret in ["hunter2", "SIX", "\x1b", "\x07"] {
        assert!(!text.contains(secret), "{secret:?} is in\n{text}");
    }
    assert!(text.lines().all(|line| line.len() < 600), "{text}");
}

#[test]
fn a_huge_body_of_one_line_is_cut() {
    let mut look = answered(500, "", b"", &Expectation::default());
    look.seen.body = Some(Body {
        kept: vec![b'z'; 65_536],
        size: 10 << 20,
        found: vec![],
        ..Body::default()
    });
    let kind = ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    };
    let message = MailFormat::Full.render(&report(kind, vec![listed(30, look)]), &render_context());
    assert_eq!(message.text.matches('z').count(), 512);
    assert!(message.text.contains("body, 10.0 MiB:"), "{}", message.text);
    assert!(message.event.to_string().len() < 5000);
}

#[test]
fn report_names_the_gate_and_the_next_step() {
    let mut entries = restarted();
    entries.push(listed(50, hang()));
    for left in [8, 5, 2] {
        let left = Duration::from_secs(left);
        entries.push(entry(50, IncidentEvent::Held(Gate::Backoff { left })));
    }
    let kind = ReportKind::Down {
        state: DownState::NotBack {
            after: Duration::from_secs(22),
        },
        update: false,
    };
    let text = MailFormat::Full
        .render(&report(kind, entries), &render_context())
        .text;
    assert!(
        text.contains(
            "What held a restart back\n  03:12:54  the next attempt is due in 8 s (said 3 times)"
        ),
        "{text}"
    );
    assert!(
        text.contains("What happens next\n  the next attempt is due at 2026-05-01T03:12:56Z"),
        "{text}"
    );
    let gave_up = ReportKind::GaveUp {
        rearm: Some(Duration::from_secs(1800)),
        budget: None,
        used: Vec::new(),
    };
    let text = MailFormat::Full
        .render(&report(gave_up, restarted()), &render_context())
        .text;
    assert!(
        text.contains("no restart before 2026-05-01T03:43:04Z (30 m from now)"),
        "{text}"
    );
    assert!(text.contains("httpok reset shop"), "{text}");
}

#[test]
fn failed_steps_say_why() {
    let refused = || CallError::Unreachable {
        detail: "connection refused".into(),
    };
    let steps = vec![
        step(
            31,
            1,
            None,
            ActionStep::Missing {
                targets: vec!["shop2".into()],
            },
        ),
        step(31, 1, Some("a"), ActionStep::Skipped(Skip::Ourselves)),
        step(
            31,
            1,
            Some("b"),
            ActionStep::Skipped(Skip::Replaced {
                probed: Some(3),
                found: None,
            }),
        ),
        step(
            31,
            1,
            Some("c"),
            ActionStep::Stopped {
                error: Some(refused()),
            },
        ),
        step(
            31,
            1,
            Some("c"),
            ActionStep::Started {
                error: Some(refused()),
            },
        ),
        step(
            31,
            30_000,
            Some("d"),
            ActionStep::Captured(Capture {
                what: "gcore".into(),
                output: String::new(),
                errors: String::new(),
                failure: Some("killed after 30s".into()),
                files: vec![],
            }),
        ),
    ];
    let entries = vec![
        listed(30, hang()),
        entry(31, IncidentEvent::Acted(Outcome { steps })),
    ];
    let kind = ReportKind::Down {
        state: DownState::NothingRestarted,
        update: false,
    };
    let text = MailFormat::Full
        .render(&report(kind, entries), &render_context())
        .text;
    for part in [
        "no process is called shop2\n",
        "a left alone: it is the watchdog itself\n",
        "b left alone: it was restarted by someone else since the probe (pid 3 then, none now)\n",
        "c NOT stopped, after 1.0 ms: connection refused\n",
        "c NOT started, after 1.0 ms: connection refused\n",
        "gcore of d NOT kept, after 30.000 s: killed after 30s\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing from\n{text}");
    }
    assert!(!text.contains("Evidence"), "{text}");
}

#[test]
fn recovery_shows_the_pass_and_the_fail_before_it() {
    let mut entries = restarted();
    let expectation = Expectation::default();
    entries.push(listed(50, answered(200, "OK", b"fine", &expectation)));
    entries.push(entry(50, IncidentEvent::Recovered));
    let kind = ReportKind::Recovered {
        down: Duration::from_secs(40),
    };
    let mut report = report(kind, entries);
    report.incident.ended = Some(httpok::health::Moment::from_secs(50));
    let text = MailFormat::Full.render(&report, &render_context()).text;
    for part in [
        "shop recovered after 40 s and 1 restart.\n",
        "\nwhy    first_byte_timeout: no answer within 3s\nsince  2026-05-01T03:12:14Z, for 40 s from the first fail\n",
        "\nnow    pass: status 200 OK, in 13.0 ms\nto do  nothing now; look for the cause later, or it may come again\n",
        "\n  xxxR.\n  (x fail, R action, . pass)\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing from\n{text}");
    }
}

/// It came back by itself, and nothing was done about it.
#[test]
fn recovery_without_a_restart_leaves_nothing_to_do() {
    let kind = ReportKind::Recovered {
        down: Duration::from_secs(40),
    };
    let mut report = report(kind, vec![listed(30, hang())]);
    report.incident.attempts = 0;
    let text = MailFormat::Full.render(&report, &render_context()).text;
    for part in ["shop recovered after 40 s.\n", "\nto do  nothing\n"] {
        assert!(text.contains(part), "{part:?} is missing from\n{text}");
    }
}

/// It may be delivered half a minute later, when the rung is over and the next one was taken.
#[test]
fn report_of_a_rung_says_what_follows() {
    let kind = ReportKind::Down {
        state: DownState::Escalating {
            does: "send SIGQUIT".to_owned(),
        },
        update: false,
    };
    let message =
        MailFormat::Full.render(&report(kind, vec![listed(10, hang())]), &render_context());
    assert!(
        message.subject.ends_with("escalating: send SIGQUIT"),
        "{}",
        message.subject
    );
    for part in [
        "to do  nothing yet: its ladder goes on by itself while it fails\n",
        "What happens next\n  while it fails, each attempt takes the next rung",
    ] {
        assert!(message.text.contains(part), "{part:?}: {}", message.text);
    }
}

#[test]
fn stopped_program_is_left_to_who_stopped_it() {
    let gate = Gate::Stopped {
        processes: vec!["shop".to_owned()],
    };
    let kind = ReportKind::Down {
        state: DownState::Held(gate),
        update: false,
    };
    let message =
        MailFormat::Full.render(&report(kind, vec![listed(10, hang())]), &render_context());
    let said = "not restarted: shop is STOPPED: it is left alone until somebody starts it";
    assert!(message.subject.ends_with(said), "{}", message.subject);
    for part in [
        "to do  nothing, if somebody stopped it on purpose; otherwise start it\n",
        "What happens next\n  nothing but watching until it is started",
    ] {
        assert!(message.text.contains(part), "{part:?}: {}", message.text);
    }
}

#[test]
fn degraded_and_unknown_reports_name_their_probe() {
    let mut entries = restarted();
    let blind = troubled(Reason::NoFds, Phase::Connect, "too many open files");
    entries.push(listed(50, blind));
    let message = MailFormat::Full.render(&report(ReportKind::Unknown, entries), &render_context());
    assert!(
        message.subject.ends_with("shop cannot be checked: no_fds"),
        "{}",
        message.subject
    );
    assert!(
        message
            .text
            .contains("\n  unknown: no_fds, in phase connect\n  too many open files\n")
    );

    let mut degraded = answered(200, "OK", b"", &Expectation::default());
    degraded.judgement.verdict = httpok::health::Verdict::Degraded;
    degraded.judgement.detail = "expected duration < 200ms, got 213ms".into();
    let message = MailFormat::Full.render(
        &report(ReportKind::Degraded, vec![listed(9, degraded)]),
        &render_context(),
    );
    assert!(
        message
            .subject
            .ends_with("shop is degraded: expected duration < 200ms, got 213ms"),
        "{}",
        message.subject
    );
}

#[test]
fn report_without_any_probe_is_sent() {
    for kind in [
        ReportKind::Unknown,
        ReportKind::Recovered {
            down: Duration::ZERO,
        },
        ReportKind::Action,
    ] {
        let message = MailFormat::Full.render(&report(kind, vec![]), &render_context());
        assert!(message.subject.contains("shop"), "{}", message.subject);
        assert!(
            message.text.contains("What happens next"),
            "{}",
            message.text
        );
    }
}

#[test]
fn names_are_escaped_and_secrets_masked() {
    let look = CheckResult {
        seen: Observation {
            url: redact_url("http://me:hunter2@h/"),
            ..hang().seen
        },
        ..hang()
    };
    let kind = ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    };
    let mut report = report(kind, vec![listed(1, look)]);
    report.url = "http://me:hunter2@h/".into();
    report.incident.check = "my shop's\r\nBcc: victim@example.com".into();
    let message = MailFormat::Full.render(&report, &render_context());
    assert!(
        !message.subject.contains(['\r', '\n']),
        "{:?}",
        message.subject
    );
    assert!(
        message.text.contains("url    http://***@h/"),
        "{}",
        message.text
    );
    assert!(
        message.text.contains("httpok explain 'my shop'\\''s"),
        "{}",
        message.text
    );
    let all = serde_json::to_string(&message).expect("JSON");
    assert!(!all.contains("hunter2"), "{all}");
    let back: httpok::notify::Notification =
        serde_json::from_str(&all).expect("it can wait on disk");
    assert_eq!(back, message);
}

/// A failure without a status line, such as that of a heartbeat, is named in the subject.
#[test]
fn reported_failure_is_named_in_the_subject() {
    let seen = troubled(
        Reason::Status,
        Phase::FirstByte,
        "reported 1s ago: disk full",
    );
    let kind = ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    };
    let message = MailFormat::Full.render(&report(kind, vec![listed(10, seen)]), &render_context());
    assert!(
        message.subject.contains("shop is down: ") && message.subject.contains("disk full"),
        "{}",
        message.subject
    );
}

#[test]
fn undelivered_report_is_mentioned_in_the_next() {
    let reported = |report| IncidentEvent::Delivered {
        report,
        kind: ReportKind::Unknown,
        notifier: "pager".into(),
        failure: Some("mail.example.org is down".into()),
        refused: None,
    };
    let mut entries = restarted();
    entries.extend([entry(40, reported(3)), entry(41, reported(5))]);
    let kind = ReportKind::Recovered {
        down: Duration::from_secs(50),
    };
    let message = MailFormat::Full.render(&report(kind, entries), &render_context());
    assert!(
        message
            .text
            .contains("report 3 (unknown) was not delivered to pager: mail.example.org is down"),
        "{}",
        message.text
    );
}

/// A service that is slow to start refuses connections at first; that is not why it was restarted.
#[test]
fn cause_is_what_failed_before_the_restart() {
    let refused = troubled(Reason::Refused, Phase::Connect, "connection refused");
    let mut entries = restarted();
    entries.push(listed(41, refused.clone()));
    let span = Duration::from_secs;
    for (kind, said) in [
        (
            ReportKind::Cured {
                down: span(40),
                after: span(12),
            },
            "was down: first_byte_timeout, restarted",
        ),
        (
            // what is so now
            ReportKind::Down {
                state: DownState::NotBack { after: span(30) },
                update: true,
            },
            "is down: refused, restarted, NOT back",
        ),
    ] {
        let message = MailFormat::Full.render(&report(kind, entries.clone()), &render_context());
        assert!(message.subject.contains(said), "{}", message.subject);
    }
    let recovered = report(ReportKind::Recovered { down: span(40) }, entries);
    let message = MailFormat::Full.render(&recovered, &render_context());
    assert!(
        message
            .text
            .contains("why    first_byte_timeout: no answer within 3s"),
        "{}",
        message.text
    );
}

#[test]
fn process_that_somebody_stopped_is_reported_as_such() {
    let skip = ActionStep::Skipped(Skip::NotRunning {
        state: ProcessState::Stopped,
    });
    let outcome = Outcome {
        steps: vec![step(31, 0, Some("shop"), skip)],
    };
    let entries = vec![listed(30, hang()), entry(31, IncidentEvent::Acted(outcome))];
    let kind = ReportKind::Down {
        state: DownState::NothingRestarted,
        update: false,
    };
    let message = MailFormat::Full.render(&report(kind, entries), &render_context());
    let said = "shop is down: first_byte_timeout, not restarted: shop is STOPPED";
    assert!(message.subject.ends_with(said), "{}", message.subject);
    assert!(
        message
            .text
            .contains("nothing, if somebody stopped it on purpose"),
        "{}",
        message.text
    );
}

#[test]
fn recovered_says_when_the_check_was_only_removed() {
    let down = Duration::from_secs(40);
    let kind = || ReportKind::Recovered { down };
    let entries = |more| [vec![listed(30, hang())], more].concat();
    let removed = entries(vec![entry(40, IncidentEvent::CheckRemoved)]);
    for (entries, expected) in [(removed, true), (entries(vec![]), false)] {
        let message = MailFormat::Full.render(&report(kind(), entries), &render_context());
        let found = message.event["details"]["removed"].as_bool();
        assert_eq!(found.unwrap_or(false), expected, "{}", message.event);
    }
}

#[test]
fn reminder_after_giving_up_promises_no_attempt() {
    let given_up = entry(40, IncidentEvent::GaveUp);
    let again = entry(50, IncidentEvent::Rearmed);
    let hang = listed(30, hang());
    let kind = || ReportKind::Reminder {
        down: Duration::from_secs(7500),
    };
    for (entries, expected) in [
        (vec![hang.clone(), given_up.clone()], true),
        (vec![hang.clone(), given_up, again], false),
        (vec![hang], false),
    ] {
        let message = MailFormat::Full.render(&report(kind(), entries), &render_context());
        let found = message
            .text
            .contains("it was given up, so nothing is restarted for now");
        assert_eq!(found, expected, "{}", message.text);
    }
}
