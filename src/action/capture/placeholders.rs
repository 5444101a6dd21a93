//! What `{pid}`, `{name}` and `{check}` in a tool's command line stand for.

use crate::exec::CommandLine;
use crate::exec::template::{self, Place, UnsafeValue};

use super::subject::Subject;

/// `line` as it is run.
pub(super) fn fill(line: &CommandLine, subject: &Subject<'_>) -> Result<CommandLine, UnsafeValue> {
    template::fill(line, &places(subject))
}

/// `line` for people.
pub(super) fn shown(line: &CommandLine, subject: &Subject<'_>) -> String {
    template::shown(line, &places(subject))
}

fn places(subject: &Subject<'_>) -> [Place<'static>; 3] {
    [
        ("{name}", subject.name.namespec()),
        ("{check}", subject.check.to_owned()),
        ("{pid}", subject.pid.to_string()),
    ]
}
