//! One line of a trace that a person wrote: what happens, and when. Pure.

use super::fields::TraceFields;
use super::trace_event::{
    Processes, Restarts, SampleAnswer, TraceEvent, TraceSample, TraceStep, WarmUps,
};
use super::written_slot;
use crate::health::{Reason, Verdict};

/// One thing that happens.
pub fn step(fields: &mut TraceFields, known: &[&str]) -> Option<TraceStep> {
    if !fields.has("at") {
        fields.invalid("\"at\" is missing: expected when it happens, such as \"10s\" or 10");
    }
    let at = fields.span("at");
    let what = if fields.has("pause") {
        fields.check("pause", known).map(|check| TraceEvent::Pause {
            check,
            reason: fields.text("reason").unwrap_or_default(),
            lasting: fields.span("for"),
        })
    } else if fields.has("silence") {
        let check = fields.check("silence", known);
        check.map(|check| TraceEvent::Silence {
            check,
            reason: fields.text("reason").unwrap_or_default(),
            lasting: fields.span("for"),
        })
    } else if fields.has("resume") {
        fields.check("resume", known).map(TraceEvent::Resume)
    } else if fields.has("reset") {
        fields.check("reset", known).map(TraceEvent::Reset)
    } else if fields.has("manual_restart") {
        let check = fields.check("manual_restart", known);
        check.map(TraceEvent::ManualRestart)
    } else if fields.has("by_hand") {
        // the first name of "manual_restart"
        fields
            .check("by_hand", known)
            .map(TraceEvent::ManualRestart)
    } else if fields.has("restart") {
        let words = [("succeeds", Restarts::Succeed), ("fails", Restarts::Fail)];
        let go = fields.word("restart", &words);
        let check = fields.check("check", known);
        let process = fields.text("process");
        go.map(|go| TraceEvent::Restarts { check, process, go })
    } else if fields.has("warmup") {
        let words = [
            ("answered", WarmUps::Answered),
            ("refused", WarmUps::Refused),
            ("failed", WarmUps::Failed),
        ];
        let go = fields.word("warmup", &words);
        let took = fields.span("took").unwrap_or_default();
        let check = fields.check("check", known);
        if check.is_none() {
            fields.invalid("\"check\" is missing: expected whose warm-ups");
        }
        go.zip(check)
            .map(|(go, check)| TraceEvent::WarmUps { check, go, took })
    } else if fields.has("processes") {
        let words = [
            ("replaced", Processes::Replaced),
            ("stopped", Processes::Stopped),
            ("running", Processes::Running),
        ];
        let are = fields.word("processes", &words);
        let check = fields.check("check", known);
        if check.is_none() {
            fields.invalid("\"check\" is missing: expected whose processes");
        }
        are.zip(check)
            .map(|(are, check)| TraceEvent::Processes { check, are })
    } else if fields.has("slot") {
        written_slot::slot(fields, known)
    } else if fields.has("shutdown") {
        fields.word_true("shutdown").then_some(TraceEvent::Shutdown)
    } else {
        sample(fields, known)
    };
    Some(TraceStep {
        at: at?,
        what: what?,
    })
}

fn sample(fields: &mut TraceFields, known: &[&str]) -> Option<TraceEvent> {
    if !fields.has("check") {
        fields.invalid(
            "nothing happens: expected \"check\" with a \"verdict\" or a \"code\", or one of \"pause\", \
             \"resume\", \"reset\", \"manual_restart\", \"restart\", \"processes\", \"warmup\", \
             \"slot\", \"shutdown\"",
        );
        return None;
    }
    let check = fields.check("check", known);
    let took = fields.span("took").unwrap_or_default();
    let answer = match fields.has("code") {
        true => answered(fields),
        false => judged(fields),
    };
    let sample = TraceSample {
        answer: answer?,
        took,
    };
    Some(TraceEvent::Sample {
        check: check?,
        sample,
    })
}

/// What the check itself judges.
fn answered(fields: &mut TraceFields) -> Option<SampleAnswer> {
    let judged = [fields.text("verdict"), fields.text("reason")];
    if judged.iter().any(Option::is_some) {
        fields.invalid(
            "a \"code\" is judged by the check: expected no \"verdict\" and \"reason\" beside it",
        );
    }
    let code = fields.code("code");
    let body = fields.text("body").unwrap_or_default();
    code.map(|code| SampleAnswer::Status { code, body })
}

/// What is judged already.
fn judged(fields: &mut TraceFields) -> Option<SampleAnswer> {
    let verdicts = Verdict::ALL.map(|verdict| (verdict.as_str(), verdict));
    let reasons = Reason::ALL.map(|reason| (reason.as_str(), reason));
    let named = fields.has("verdict") || fields.has("reason");
    let reason = fields.word("reason", &reasons);
    let verdict = fields.word("verdict", &verdicts);
    let detail = fields.text("detail").unwrap_or_default();
    if !named {
        fields.invalid("\"verdict\" is missing: expected pass, fail and so on, or a \"code\"");
    }
    let verdict = match (verdict, reason) {
        (Some(Verdict::Pass), Some(reason)) => {
            fields.invalid(format!("a pass has no reason, and {reason} is one"));
            return None;
        }
        (Some(verdict), _) => verdict,
        (None, Some(reason)) if reason.is_ours() => Verdict::Unknown,
        (None, Some(_)) => Verdict::Fail,
        (None, None) => return None,
    };
    Some(SampleAnswer::Verdict {
        verdict,
        reason,
        detail,
    })
}
