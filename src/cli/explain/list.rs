//! The incidents of all checks as a table, newest first: which there were, and how to read on.

use anstyle::{AnsiColor, Style};

use crate::cli::render::columns::{Cell, Column, table};
use crate::cli::render::paint::Paint;
use crate::cli::render::visible;
use crate::cli::render::{span, stamp};
use crate::health::{Incident, Moment};

const COLUMNS: [Column; 6] = [
    Column {
        heading: "SINCE (UTC)",
        least: None,
        rank: 0,
    },
    Column {
        heading: "CHECK",
        least: Some(12),
        rank: 0,
    },
    Column {
        heading: "LASTED",
        least: None,
        rank: 2,
    },
    Column {
        heading: "ATTEMPTS",
        least: None,
        rank: 3,
    },
    Column {
        heading: "INCIDENT",
        least: None,
        rank: 1,
    },
    Column {
        heading: "WHY",
        least: Some(16),
        rank: 4,
    },
];

/// The table of `incidents`, at most `most` columns wide.
pub fn list(incidents: &[&Incident], paint: Paint, most: Option<usize>) -> String {
    let rows: Vec<_> = incidents.iter().map(|incident| row(incident)).collect();
    table(&COLUMNS, &rows, paint, most)
}

fn row(incident: &Incident) -> [Cell; 6] {
    let plain = Style::new();
    let lasted = match incident.ended {
        Some(ended) => (span(ended.since(incident.since)), plain),
        None => ("not over".to_owned(), AnsiColor::Red.on_default()),
    };
    [
        (date(incident.since), plain),
        (visible::line(&incident.check), plain.bold()),
        lasted,
        (incident.attempts.to_string(), plain),
        (visible::line(&incident.id), plain),
        (why(incident), plain),
    ]
}

fn date(moment: Moment) -> String {
    stamp(moment).trim_end_matches(" UTC").to_owned()
}

fn why(incident: &Incident) -> String {
    let Some(last) = incident.cause() else {
        return match incident.manual {
            true => "manual".to_owned(),
            false => "-".to_owned(),
        };
    };
    let detail = visible::line(&last.judgement.detail);
    match last.judgement.reason {
        Some(reason) => format!("{reason}: {detail}"),
        None => detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_incident_has_a_row() {
        let since = Moment::from_secs(1_777_605_124);
        let mut over = Incident::open("a1-1".to_owned(), "shop", since, since);
        over.ended = Some(Moment::from_secs(1_777_605_184));
        over.attempts = 2;
        let mut by_person = Incident::open("a1-2".to_owned(), "till", since, since);
        by_person.manual = true;
        assert_eq!(
            list(&[&by_person, &over], Paint { colour: false }, None),
            "SINCE (UTC)          CHECK  LASTED    ATTEMPTS  INCIDENT  WHY\n\
             2026-05-01 03:12:04  till   not over  0         a1-2      manual\n\
             2026-05-01 03:12:04  shop   1 m       2         a1-1      -\n"
        );
    }
}
