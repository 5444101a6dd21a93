//! What `{pid}`, `{name}` and `{check}` in a tool's command line stand for.

use crate::exec::CommandLine;
use crate::exec::template::{self, Placeholder, UnsafeValue};

use super::subject::CaptureSubject;

/// `line` as it is run.
pub(super) fn fill(
    line: &CommandLine,
    subject: &CaptureSubject<'_>,
) -> Result<CommandLine, UnsafeValue> {
    template::fill(line, &places(subject))
}

/// `line` for people.
pub(super) fn shown(line: &CommandLine, subject: &CaptureSubject<'_>) -> String {
    template::shown(line, &places(subject))
}

fn places(subject: &CaptureSubject<'_>) -> [Placeholder<'static>; 3] {
    [
        ("{name}", subject.name.namespec()),
        ("{check}", subject.check.to_owned()),
        ("{pid}", subject.pid.to_string()),
    ]
}
