//! Prints decisions: one line each, runs of equal ones folded, and a summary. Or one JSON object each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::cli::render::visible;
use crate::health::{Decision, Effect, Moment, Note};

/// Collects what is printed.
#[derive(Debug, Default)]
pub struct TracePrinter {
    json: bool,
    origin: Option<Moment>,
    text: String,
    last: Option<Folded>,
    attempts: u32,
    restarted: u32,
    gave_up: u32,
    held: u32,
    reports: BTreeMap<&'static str, u32>,
    differences: u32,
}

#[derive(Debug)]
struct Folded {
    line: String,
    more: u32,
    until: Moment,
}

/// How a decision compares with the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// There is nothing to compare with, or it is the same.
    Same,
    /// It is decided now and was not then.
    Now,
    /// It was decided then and is not now.
    Recorded,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Now => "now",
            Self::Recorded => "then",
        }
    }
}

impl TracePrinter {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            ..Self::default()
        }
    }

    /// The moment that is printed as zero.
    pub fn begin(&mut self, at: Moment) {
        self.origin.get_or_insert(at);
    }

    /// Prints what was decided.
    pub fn effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Note(note) = effect {
                self.note(note, Side::Same);
            }
        }
    }

    pub fn note(&mut self, note: &Note, side: Side) {
        if side != Side::Recorded {
            self.count(&note.decision);
        }
        self.differences += u32::from(side != Side::Same);
        if self.json {
            let seconds = note.at.since(self.origin.unwrap_or(note.at)).as_secs_f64();
            let line = json!({
                "at": seconds,
                "check": note.check,
                "decision": note.decision,
                "said": note.decision.to_string(),
                "side": side.as_str(),
            });
            // writing to a String cannot fail
            let _ = writeln!(self.text, "{line}");
            return;
        }
        let mark = match side {
            Side::Same => "",
            Side::Now => "+ now  ",
            Side::Recorded => "- then ",
        };
        let said = visible::line(&words(&note.decision));
        let line = format!("{mark}{}: {said}", visible::line(&note.check));
        self.line(note.at, line);
    }

    /// A line that is no decision.
    pub fn remark(&mut self, at: Moment, text: &str) {
        if !self.json {
            self.line(at, format!("({text})"));
        }
    }

    fn line(&mut self, at: Moment, line: String) {
        if let Some(last) = self.last.as_mut().filter(|last| last.line == line) {
            last.more += 1;
            last.until = at;
            return;
        }
        self.unfold();
        let _ = writeln!(self.text, "{} {line}", self.offset(at));
        self.last = Some(Folded {
            line,
            more: 0,
            until: at,
        });
    }

    fn unfold(&mut self) {
        let Some(last) = self.last.take() else {
            return;
        };
        if last.more > 0 {
            let until = self.offset(last.until);
            let _ = writeln!(self.text, "{until} ... {} more times the same", last.more);
        }
    }

    fn offset(&self, at: Moment) -> String {
        let since = at.since(self.origin.unwrap_or(at));
        format!("+{:.1}s", since.as_secs_f64())
    }

    fn count(&mut self, decision: &Decision) {
        match decision {
            Decision::Acting { .. } => self.attempts += 1,
            Decision::Acted { outcome } => {
                self.restarted += u32::try_from(outcome.restarted().count()).unwrap_or(u32::MAX);
            }
            Decision::GaveUp | Decision::GaveUpAtRung(_) => self.gave_up += 1,
            Decision::Held(_) => self.held += 1,
            Decision::Reporting { kind, .. } => {
                *self.reports.entry(kind.as_str()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// All of it, with the summary.
    pub fn finish(mut self) -> String {
        self.unfold();
        if self.json {
            return self.text;
        }
        let reports: Vec<_> = self
            .reports
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let reports = match reports.is_empty() {
            true => "0".to_owned(),
            false => reports.join(", "),
        };
        let _ = write!(
            self.text,
            "\nattempts: {}, restarted: {}, held back: {}, given up: {}, reports: {reports}",
            self.attempts, self.restarted, self.held, self.gave_up
        );
        if self.differences > 0 {
            let _ = write!(self.text, "\ndecisions that differ: {}", self.differences);
        }
        self.text
    }
}

/// A decision, without what a trace does not know.
fn words(decision: &Decision) -> String {
    let Decision::Judged {
        verdict,
        reason,
        detail,
        counted,
        ..
    } = decision
    else {
        return decision.to_string();
    };
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let detail = match detail.is_empty() || detail.starts_with("status ") {
        true => String::new(),
        false => format!(": {detail}"),
    };
    format!("{verdict}{reason}{detail}{counted}")
}
