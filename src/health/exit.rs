//! What a command's exit code means, as for the plugins of Nagios.

use super::body::Body;
use super::verdict::{Finding, Verdict};

/// 0 is fine, 1 a warning, 3 says that the command does not know; anything else is a fail, also the end
/// by a signal.
const fn verdict(code: i32) -> Verdict {
    match code {
        0 => Verdict::Pass,
        1 => Verdict::Degraded,
        3 => Verdict::Unknown,
        _ => Verdict::Fail,
    }
}

/// The exit code beside the one that is expected; with what the command printed, which is its grounds.
pub fn finding(code: i32, body: Option<&Body>) -> Finding {
    Finding {
        expected: "exit 0".to_owned(),
        actual: code_text(code, body),
        met: code == 0,
        otherwise: verdict(code),
    }
}

/// The exit code and the first line of what was printed.
pub fn code_text(code: i32, body: Option<&Body>) -> String {
    match body.and_then(Body::first_line) {
        Some(line) => format!("exit {code}: {line}"),
        None => format!("exit {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_nagios() {
        for (code, is) in [
            (0, Verdict::Pass),
            (1, Verdict::Degraded),
            (2, Verdict::Fail),
            (3, Verdict::Unknown),
            (4, Verdict::Fail),
            (127, Verdict::Fail),
            (137, Verdict::Fail),
        ] {
            assert_eq!(verdict(code), is, "{code}");
        }
    }
}
