//! The process that the evidence is about, and the command lines of tools with its values filled in. How a tool
//! runs is in `tool`.

use crate::exec::CommandLine;
use crate::exec::template::{self, Placeholder, UnsafeValue};
use crate::health::ProcessName;

/// A process, and the check that restarts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaptureSubject<'a> {
    pub name: &'a ProcessName,
    pub pid: u32,
    pub check: &'a str,
}

impl CaptureSubject<'_> {
    /// The command line to run: `line` with `{name}`, `{check}` and `{pid}` filled in.
    pub(super) fn fill(&self, line: &CommandLine) -> Result<CommandLine, UnsafeValue> {
        template::fill(line, &self.placeholders())
    }

    /// `line` with the values filled in, for display only.
    pub(super) fn shown(&self, line: &CommandLine) -> String {
        template::shown(line, &self.placeholders())
    }

    fn placeholders(&self) -> [Placeholder<'static>; 3] {
        [
            ("{name}", self.name.namespec()),
            ("{check}", self.check.to_owned()),
            ("{pid}", self.pid.to_string()),
        ]
    }
}
