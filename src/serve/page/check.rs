//! The page of one check: its facts, its incidents, and what can be done about it.

use askama::Template;

use super::row::{CheckRow, heartbeat_text, millis, span};
use super::{Frame, page};
use crate::clock::WallClock;
use crate::health::{CheckView, Incident, Spending, Verdict, counted};
use crate::serve::reply::Reply;
use crate::serve::view::{View, one_line};

struct PageAction {
    word: &'static str,
    label: &'static str,
    about: &'static str,
}

struct IncidentLine {
    id: String,
    text: String,
}

#[derive(Template)]
#[template(path = "check.html")]
struct CheckPage<'a> {
    host: &'a str,
    watchdog: &'a str,
    pid: u32,
    uptime: &'a str,
    version: &'a str,
    row: CheckRow,
    /// Empty: nothing can be done from here.
    token: &'a str,
    actions: Vec<PageAction>,
    facts: Vec<(&'static str, String)>,
    incidents: Vec<IncidentLine>,
}

/// The page of one check.
pub fn check(view: &View, check: &CheckView, incidents: &[Incident], token: Option<&str>) -> Reply {
    let frame = Frame::of(view);
    page(&CheckPage {
        host: &frame.host,
        watchdog: &frame.watchdog,
        pid: frame.pid,
        uptime: &frame.uptime,
        version: frame.version,
        row: CheckRow::of(check, view.snapshot.at),
        token: token.unwrap_or_default(),
        actions: actions(check),
        facts: facts(view, check),
        incidents: incidents
            .iter()
            .map(|incident| IncidentLine {
                id: incident.id.clone(),
                text: duration_text(view, incident),
            })
            .collect(),
    })
}

fn actions(check: &CheckView) -> Vec<PageAction> {
    let mut actions = Vec::new();
    if check.pause.is_some() || check.silence.is_some() {
        actions.push(PageAction {
            word: "resume",
            label: "Resume",
            about: "Let it be restarted and reported again",
        });
    }
    if check.pause.is_none() {
        actions.push(PageAction {
            word: "pause",
            label: "Pause",
            about: "Probe it, but restart nothing",
        });
    }
    if check.silence.is_none() {
        actions.push(PageAction {
            word: "silence",
            label: "Silence",
            about: "Probe and restart it, but report nothing",
        });
    }
    if !check.targets.is_empty() {
        actions.push(PageAction {
            word: "restart",
            label: "Restart now",
            about: "Restart its processes",
        });
    }
    actions.push(PageAction {
        word: "reset",
        label: "Reset",
        about: "Begin back-off and budget anew",
    });
    actions
}

fn facts(view: &View, check: &CheckView) -> Vec<(&'static str, String)> {
    let now = view.snapshot.at;
    let listed = |words: &[String]| match words {
        [] => "nothing".to_owned(),
        words => words.join(", "),
    };
    let budget = |spending: &Spending| {
        let window = std::time::Duration::try_from_secs_f64(spending.window).unwrap_or_default();
        format!("{} of {} in {}", spending.spent, spending.of, span(window))
    };
    let streak = &check.streak;
    let verdicts = Verdict::ALL.into_iter().filter_map(|verdict| {
        let count = check.counts.probes.of(verdict);
        (count > 0).then(|| format!("{count} {verdict}"))
    });
    let mut facts = vec![
        match (&check.heartbeat, &check.program) {
            (Some(heartbeat), _) => {
                let every = std::time::Duration::try_from_secs_f64(heartbeat.every);
                let every = span(every.unwrap_or_default());
                let known = heartbeat_text(heartbeat, now).unwrap_or_default();
                ("Heartbeat", format!("one is due every {every}; {known}"))
            }
            (None, Some(program)) => ("Program", program.name.clone()),
            (None, None) => ("Asks", check.url.clone()),
        },
        (
            "Last probe",
            match &check.last {
                Some(last) if !check.is_probed() => {
                    format!("{}, {} ago", last.verdict, span(now.since(last.at)))
                }
                Some(last) => format!(
                    "{} after {}, {} ago",
                    last.verdict,
                    millis(last.took),
                    span(now.since(last.at))
                ),
                None => "none yet".to_owned(),
            },
        ),
        (
            "Down after",
            format!(
                "{} in a row, now {}",
                counted(streak.fail_after, "fail", "fails"),
                streak.fails
            ),
        ),
        ("Restarts", listed(&check.targets)),
        ("Restarts so far", {
            let tally = &check.counts;
            let rungs = match tally.escalated + tally.escalated_in_vain {
                0 => String::new(),
                rungs => format!(
                    ", {}",
                    counted(rungs, "signal or command", "signals or commands")
                ),
            };
            format!("{} done, {} failed{rungs}", tally.restarted, tally.failed)
        }),
        ("Needs", listed(&check.requires)),
        (
            "Probes since the start",
            verdicts.collect::<Vec<_>>().join(", "),
        ),
    ];
    if let Some(restarts) = &check.restarts {
        facts.push(("Budget", budget(restarts)));
    }
    if let Some(next) = view.next.of(&check.name) {
        facts.push(("Next probe", format!("in {}", span(next.since(now)))));
    }
    if let Some(expires) = check.seen.and_then(|seen| seen.certificate_expires) {
        let now = i64::try_from(now.as_millis() / 1000).unwrap_or_default();
        let left = u64::try_from(expires - now).map(std::time::Duration::from_secs);
        facts.push((
            "Certificate",
            left.map_or("expired".to_owned(), |left| {
                format!("expires in {}", span(left))
            }),
        ));
    }
    if check.dry_run {
        facts.push(("Dry run", "nothing is touched".to_owned()));
    }
    facts
        .into_iter()
        .map(|(name, text)| (name, one_line(&text)))
        .collect()
}

pub(super) fn duration_text(view: &View, incident: &Incident) -> String {
    let began = humantime::format_rfc3339_seconds(WallClock::AT_START.at(incident.since));
    let lasted = match incident.ended {
        Some(ended) => format!("over after {}", span(ended.since(incident.since))),
        None => format!("open for {}", span(view.snapshot.at.since(incident.since))),
    };
    let attempts = match incident.attempts {
        0 => "no restart".to_owned(),
        1 => "1 restart".to_owned(),
        many => format!("{many} restarts"),
    };
    format!("{began}, {lasted}, {attempts}")
}
