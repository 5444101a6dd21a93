//! What gRPC's health service answered, and what that means: SERVING is the only good answer. The names are those of
//! `grpc.health.v1` and of gRPC's status codes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::verdict::{Finding, Verdict};

/// An answer of gRPC's health service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcAnswer {
    /// The status of the call; 0 is OK.
    pub code: u32,
    /// What the server says about the status.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The serving status, where the call is OK: 1 is SERVING.
    pub serving: Option<u64>,
}

/// The serving statuses, by number.
const SERVING: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// The status codes of calls, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl GrpcAnswer {
    /// The answer beside the one that is expected.
    pub(super) fn finding(&self) -> Finding {
        Finding {
            expected: SERVING[1].to_owned(),
            actual: self.to_string(),
            met: self.code == 0 && self.serving == Some(1),
            otherwise: Verdict::Fail,
        }
    }

    /// What a person may not guess from the code.
    fn hint(&self) -> &'static str {
        match self.code {
            5 => "the server does not know this service",
            12 => "the server has no grpc.health.v1.Health",
            _ => "",
        }
    }
}

impl fmt::Display for GrpcAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(serving) = self.serving {
            let known = usize::try_from(serving).ok().and_then(|at| SERVING.get(at));
            return match known {
                Some(name) => f.write_str(name),
                None => write!(f, "serving status {serving}"),
            };
        }
        write!(f, "grpc-status {}", self.code)?;
        if let Some(name) = CODES.get(self.code as usize) {
            write!(f, " {name}")?;
        }
        match (self.hint(), self.message.as_str()) {
            ("", "") => Ok(()),
            (hint, "") => write!(f, ": {hint}"),
            ("", message) => write!(f, ": {message}"),
            (hint, message) => write!(f, ": {hint} ({message})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_serving_is_good_and_every_other_answer_has_a_name() {
        for (code, message, serving, met, words) in [
            (0, "", Some(1), true, "SERVING"),
            (0, "", Some(0), false, "UNKNOWN"),
            (0, "", Some(2), false, "NOT_SERVING"),
            (0, "", Some(3), false, "SERVICE_UNKNOWN"),
            (0, "", Some(77), false, "serving status 77"),
            (
                5,
                "",
                None,
                false,
                "grpc-status 5 NOT_FOUND: the server does not know this service",
            ),
            (
                12,
                "Method not found!",
                None,
                false,
                "grpc-status 12 UNIMPLEMENTED: the server has no grpc.health.v1.Health (Method not found!)",
            ),
            (
                14,
                "draining",
                None,
                false,
                "grpc-status 14 UNAVAILABLE: draining",
            ),
            (16, "", None, false, "grpc-status 16 UNAUTHENTICATED"),
            (99, "", None, false, "grpc-status 99"),
        ] {
            let answer = GrpcAnswer {
                code,
                message: message.to_owned(),
                serving,
            };
            assert_eq!(
                (answer.finding().met, answer.to_string().as_str()),
                (met, words)
            );
        }
    }
}
