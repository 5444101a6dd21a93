//! Reads a trace: a journal, decisions that `explain --trace` wrote, or hand-written samples, one JSON
//! object a line. All that is wrong is said at once, each with its line. Pure.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::fields::TraceFields;
use super::trace_event::{SampleAnswer, TraceEvent, TraceSample, TraceStep};
use super::written;
use crate::daemon::journal::{JournalEntry, JournalStart, VERSION};
use crate::health::{Counted, Decision, Moment, Note, Verdict};
use crate::json;

/// The history sums passes up. So many of a run are played: what comes of more is the same.
const MOST_PASSES: u64 = 1000;

/// More faults than these are not shown.
const MOST_FAULTS: usize = 50;

/// What a trace is.
#[derive(Debug)]
pub enum Trace {
    /// A journal.
    RecordedLine(Vec<RecordedLine>),
    /// Samples, and what else happens, in order.
    Written(Vec<TraceStep>),
}

/// A line of a journal.
#[derive(Debug)]
pub enum RecordedLine {
    Beginning(Box<JournalStart>),
    Entry(Box<JournalEntry>),
    /// Lines that were lost there.
    Lost(u64),
}

/// Reads `text`, which is that of `file`; `known` are the checks that there are.
///
/// # Errors
/// All that is wrong with it, ready to be printed.
pub fn parse(text: &str, file: &str, known: &[&str]) -> Result<Trace, String> {
    let mut reader = Reader {
        known,
        recorded: Vec::new(),
        written: Vec::new(),
        origin: None,
        faults: Vec::new(),
    };
    let is_line = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let numbered = (1..).zip(text.lines());
    let mut lines = numbered.filter(|(_, line)| is_line(line)).peekable();
    while let Some((number, line)) = lines.next() {
        let faults = match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(object) => reader.line(object),
            Err(_) if reader.is_torn(lines.peek().map(|(_, next)| *next), text) => {
                reader.record(Ok(RecordedLine::Lost(1)))
            }
            Err(why) => vec![format!("expected one JSON object a line: {why}")],
        };
        let faults = faults.iter().map(|why| format!("{file}:{number}: {why}"));
        reader.faults.extend(faults);
    }
    reader.finish(file)
}

struct Reader<'a> {
    known: &'a [&'a str],
    recorded: Vec<RecordedLine>,
    written: Vec<TraceStep>,
    /// When the first decision was, where they are what the trace is made of.
    origin: Option<Moment>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn finish(mut self, file: &str) -> Result<Trace, String> {
        if self.faults.is_empty() && !self.recorded.is_empty() && !self.written.is_empty() {
            self.faults.push(format!(
                "{file}: it mixes a journal with samples: expected one of them"
            ));
        }
        if self.faults.is_empty() && self.recorded.is_empty() && self.written.is_empty() {
            self.faults.push(format!(
                "{file}: nothing happens in it: expected lines such as \
                 {{\"at\":\"10s\",\"check\":\"shop\",\"verdict\":\"fail\"}}"
            ));
        }
        if !self.faults.is_empty() {
            let more = self.faults.len().saturating_sub(MOST_FAULTS);
            self.faults.truncate(MOST_FAULTS);
            if more > 0 {
                self.faults.push(format!("({more} more lines are wrong)"));
            }
            return Err(self.faults.join("\n"));
        }
        if self.recorded.is_empty() {
            return Ok(Trace::Written(self.written));
        }
        Ok(Trace::RecordedLine(self.recorded))
    }

    /// Whether a line that is no JSON is one whose writer was killed, or found the disk full: `next` follows it.
    fn is_torn(&self, next: Option<&str>, text: &str) -> bool {
        let is_begin = |next: &str| {
            ["{\"journal\":", "{\"lost\":"]
                .iter()
                .any(|begin| next.starts_with(begin))
        };
        !self.recorded.is_empty() && next.map_or(!text.ends_with('\n'), is_begin)
    }

    /// One line; what is wrong with it.
    fn line(&mut self, object: Map<String, Value>) -> Vec<String> {
        if object.contains_key("journal") {
            return self.beginning(object);
        }
        if object.contains_key("event") {
            let entry = typed::<JournalEntry>(object, "a journal entry");
            return self.record(entry.map(|entry| RecordedLine::Entry(Box::new(entry))));
        }
        if let Some(lost) = object.get("lost") {
            let lost = lost.as_u64().unwrap_or_default();
            return self.record(Ok(RecordedLine::Lost(lost)));
        }
        if object.contains_key("decision") {
            return match typed::<Note>(object, "a decision") {
                Ok(note) => self.decision(note),
                Err(why) => vec![why],
            };
        }
        let mut fields = TraceFields::new(object);
        let step = written::step(&mut fields, self.known);
        fields.finish();
        if let (true, Some(step)) = (fields.faults.is_empty(), step) {
            self.push(step, &mut fields.faults);
        }
        fields.faults
    }

    fn beginning(&mut self, object: Map<String, Value>) -> Vec<String> {
        if object["journal"] != VERSION {
            let found = &object["journal"];
            return vec![format!(
                "a journal of version {found}: this httpok knows {VERSION}"
            )];
        }
        let begun = typed::<JournalStart>(object, "a journal's beginning");
        self.record(begun.map(|begun| RecordedLine::Beginning(Box::new(begun))))
    }

    fn record(&mut self, line: Result<RecordedLine, String>) -> Vec<String> {
        match line {
            Ok(line) => {
                self.recorded.push(line);
                Vec::new()
            }
            Err(why) => vec![why],
        }
    }

    /// What an earlier decision says about the world; the others are made anew.
    fn decision(&mut self, note: Note) -> Vec<String> {
        if let Decision::Passed {
            count,
            since,
            shortest,
            ..
        } = note.decision
        {
            let passes = (0..count.min(MOST_PASSES)).map(|index| {
                let span = note.at.since(since).as_secs_f64();
                let share = index as f64 / count.min(MOST_PASSES).saturating_sub(1).max(1) as f64;
                Note {
                    at: since + Duration::from_secs_f64(span * share),
                    check: note.check.clone(),
                    decision: pass(shortest),
                }
            });
            return passes.flat_map(|pass| self.decision(pass)).collect();
        }
        let origin = *self.origin.get_or_insert(note.at);
        let check = note.check;
        let what = match note.decision {
            Decision::Judged {
                verdict,
                reason,
                detail,
                took,
                ..
            } => TraceEvent::Sample {
                check: check.clone(),
                sample: TraceSample {
                    answer: SampleAnswer::Verdict {
                        verdict,
                        reason,
                        detail,
                    },
                    took,
                },
            },
            Decision::Paused { reason, until } => TraceEvent::Pause {
                check: check.clone(),
                reason,
                lasting: until.map(|until| until.since(note.at)),
            },
            Decision::Silenced { reason, until } => TraceEvent::Silence {
                check: check.clone(),
                reason,
                lasting: until.map(|until| until.since(note.at)),
            },
            Decision::MaintenanceBegan(window) => TraceEvent::Maintenance {
                check: check.clone(),
                window: Some(window),
            },
            Decision::MaintenanceOver => TraceEvent::Maintenance {
                check: check.clone(),
                window: None,
            },
            Decision::Resumed => TraceEvent::Resume(check.clone()),
            Decision::Reset => TraceEvent::Reset(check.clone()),
            Decision::RestartRequested => TraceEvent::ManualRestart(check.clone()),
            _ => return Vec::new(),
        };
        let mut faults = Vec::new();
        if !self.known.contains(&check.as_str()) {
            let known = self.known.iter().copied();
            faults.push(crate::cli::control::find::no_such_check(&check, known));
        }
        // a decision is made when the probe ends, which began before
        let took = match &what {
            TraceEvent::Sample { sample, .. } => sample.took,
            _ => Duration::ZERO,
        };
        let at = note.at.since(origin).saturating_sub(took);
        let at = self.written.last().map_or(at, |last| last.at.max(at));
        self.push(TraceStep { at, what }, &mut faults);
        faults
    }

    fn push(&mut self, step: TraceStep, faults: &mut Vec<String>) {
        if let Some(last) = self.written.last().filter(|last| last.at > step.at) {
            faults.push(format!(
                "\"at\" is {:?}, which is before the line above it ({:?}): expected the order of time",
                step.at, last.at
            ));
        }
        self.written.push(step);
    }
}

/// A pass without anything to report.
fn pass(took: Duration) -> Decision {
    Decision::Judged {
        verdict: Verdict::Pass,
        reason: None,
        phase: None,
        detail: String::new(),
        took,
        counted: Counted::No,
    }
}

fn typed<T: DeserializeOwned>(object: Map<String, Value>, what: &str) -> Result<T, String> {
    json::from_value(&Value::Object(object))
        .map_err(|why| format!("not {what} that this httpok knows: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_lines_of_a_journal_are_lost_ones_and_others_are_faults() {
        let begin = r#"{"journal":1,"at":0,"seed":1,"memories":{}}"#;
        let entry = r#"{"at":1,"event":"shutdown","effects":[]}"#;
        for (lines, torn) in [
            (vec![begin, entry, r#"{"at":2,"eve"#], true),
            (vec![begin, r#"{"at":2,"eve"#, begin, entry, ""], true),
            (
                vec![begin, r#"{"at":2,"eve"#, "", r#"{"lost":3}"#, entry, ""],
                true,
            ),
            (vec![begin, r#"{"at":2,"eve"#, entry, ""], false),
            (vec![begin, r#"{"at":2,"eve"#, ""], false),
            (vec![r#"{"journal":1"#], false),
        ] {
            let parsed = parse(&lines.join("\n"), "t.jsonl", &[]);
            assert_eq!(parsed.is_ok(), torn, "{lines:?}: {parsed:?}");
            if let Ok(Trace::RecordedLine(lines)) = parsed {
                let is_lost = |line: &RecordedLine| matches!(line, RecordedLine::Lost(_));
                assert!(lines.iter().any(is_lost));
            }
        }
    }

    #[test]
    fn all_errors_are_reported_at_once_with_lines() {
        let text = r#"
            {"at":"0s","check":"shop","verdict":"fail","reason":"first_byte_timeout"}
            # a comment
            {"at":10,"check":"shpo","verdict":"fail"}
            {"at":"soon","check":"shop","code":500}
            {"at":10,"check":"shop","verdict":"failed"}
            {"at":10,"check":"shop","reason":"slow"}
            {"at":10,"check":"shop","verdict":"pass","reason":"refused"}
            {"at":10,"check":"shop","code":99}
            {"at":10,"check":"shop","code":500,"verdict":"fail"}
            {"at":10,"check":"shop"}
            {"at":10}
            {"check":"shop","verdict":"pass"}
            {"at":10,"check":"shop","verdict":"pass","tok":1}
            {"at":10,"restart":"maybe"}
            {"at":10,"processes":"stopped"}
            {"at":10,"pause":"shop","for":-3}
            {"at":5,"check":"shop","verdict":"pass"}
            {"at":1,"check":"shop","verdict":"pass"}
            [1]
            {"journal":7}
            {"event":{"dance":1},"at":1,"effects":[]}"#;
        let why = parse(text, "t.jsonl", &["shop"]).expect_err("much is wrong");
        let expected = [
            "t.jsonl:4: there is no check \"shpo\": did you mean \"shop\"?",
            "t.jsonl:5: \"at\": \"soon\" is not a duration",
            "t.jsonl:6: \"verdict\" is \"failed\": expected one of pass, degraded",
            "t.jsonl:7: \"reason\" is \"slow\": expected one of dns, refused",
            "t.jsonl:8: a pass has no reason",
            "t.jsonl:9: \"code\" is 99: expected a status code",
            "t.jsonl:10: a \"code\" is judged by the check",
            "t.jsonl:11: \"verdict\" is missing",
            "t.jsonl:12: nothing happens: expected \"check\"",
            "t.jsonl:13: \"at\" is missing",
            "t.jsonl:14: \"tok\" is not a key here: did you mean \"took\"?",
            "t.jsonl:15: \"restart\" is \"maybe\": expected one of succeeds, fails",
            "t.jsonl:16: \"check\" is missing",
            "t.jsonl:17: \"for\": \"-3\" is not a duration",
            "t.jsonl:19: \"at\" is 1s, which is before the line above it (5s)",
            "t.jsonl:20: expected one JSON object a line",
            "t.jsonl:21: a journal of version 7",
            "t.jsonl:22: not a journal entry that this httpok knows",
        ];
        let said: Vec<_> = why.lines().collect();
        assert_eq!(said.len(), expected.len(), "{why}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said}\n{expected}");
        }
    }

    #[test]
    fn empty_trace_is_refused() {
        for text in ["", "\n# nothing\n"] {
            let why = parse(text, "-", &[]).expect_err("nothing");
            assert!(why.contains("nothing happens"), "{why}");
        }
    }
}
