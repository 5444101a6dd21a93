//! What services and warm-ups of a written trace answer, as observations.

use super::trace_event::{SampleAnswer, TraceSample, WarmUps};
use crate::health::{
    Body, CheckResult, Event, Judgement, Observation, Phase, Reason, StatusLine, Ticket, Trouble,
};

/// What a warm-up comes to.
pub fn warmup_observation(go: WarmUps, late: bool) -> Observation {
    let code = match go {
        _ if late => {
            let detail = "no answer in time";
            let (reason, phase) = (Reason::FirstByteTimeout, Phase::FirstByte);
            return Observation::of_trouble(Trouble::new(reason, phase, detail));
        }
        WarmUps::Refused => {
            let (reason, phase) = (Reason::Refused, Phase::Connect);
            return Observation::of_trouble(Trouble::new(reason, phase, "connection refused"));
        }
        WarmUps::Answered => 200,
        WarmUps::Failed => 500,
    };
    Observation {
        status: Some(status(code)),
        ..Observation::default()
    }
}

fn status(code: u16) -> StatusLine {
    StatusLine {
        version: "HTTP/1.1".to_owned(),
        code,
        reason: String::new(),
    }
}

/// What a service says, as the event that ends a probe.
pub fn answer(check: String, ticket: Ticket, sample: TraceSample) -> Event {
    let duration = sample.took;
    match sample.answer {
        SampleAnswer::Status { code, body } => {
            let seen = Observation {
                duration,
                status: Some(status(code)),
                body: Some(Body {
                    size: body.len() as u64,
                    kept: body.into_bytes(),
                    ..Body::default()
                }),
                ..Observation::default()
            };
            Event::Observed {
                check,
                ticket,
                seen: Box::new(seen),
            }
        }
        SampleAnswer::Verdict {
            verdict,
            reason,
            detail,
        } => {
            let result = CheckResult {
                seen: Observation {
                    duration,
                    ..Observation::default()
                },
                judgement: Judgement {
                    verdict,
                    reason,
                    phase: reason.map(|_| Phase::FirstByte),
                    detail,
                    findings: Vec::new(),
                },
            };
            Event::Judged {
                check,
                ticket,
                result: Box::new(result),
            }
        }
    }
}
