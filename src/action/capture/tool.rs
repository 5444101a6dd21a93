//! Runs the user's tools, and describes what they print and how they end.

use std::time::Duration;

use crate::exec::{self, Command, CommandLine, ExecError, Finished, Output};

use super::deadline::{Deadline, ENDING};
use super::found::{Evidence, head};
use crate::exec::template::{self, Placeholder, UnsafeValue};
use crate::health::{ProcessName, seconds};

/// What is kept of each of a tool's two outputs.
const MAX_OUTPUT: usize = 1 << 20;

/// How a tool ended.
pub(in crate::action) struct ToolRun {
    pub stdout: Output,
    pub stderr: Output,
    /// Its exit status, unless that was 0.
    pub code: Option<i32>,
    /// Why it is not to be trusted.
    pub failure: Option<String>,
}

/// Runs `program` to its end, or until it is killed with all it started: after `timeout`, or when the watchdog ends.
pub(in crate::action) async fn run(
    program: CommandLine,
    timeout: Duration,
    max_output: usize,
    deadline: &Deadline,
) -> ToolRun {
    let command = Command {
        program,
        stdin: None,
        timeout,
        max_output,
        ends_with_us: true,
        receipt: None,
        env: Vec::new(),
    };
    let Some(ended) = deadline.until_shutdown(exec::run(&command)).await else {
        return ToolRun {
            stdout: Output::default(),
            stderr: Output::default(),
            code: None,
            failure: Some(format!("{ENDING}, so it was killed")),
        };
    };
    match ended {
        Ok(Finished {
            status,
            stdout,
            stderr,
            ..
        }) => ToolRun {
            stdout,
            stderr,
            code: status.code().filter(|&code| code != 0),
            failure: (!status.success()).then(|| status.to_string()),
        },
        Err(ExecError::TimedOut {
            after,
            stdout,
            stderr,
        }) => ToolRun {
            stdout,
            stderr,
            code: None,
            failure: Some(format!(
                "not done within {}s, so it was killed",
                seconds(after)
            )),
        },
        Err(error @ (ExecError::Spawn { .. } | ExecError::Lost { .. })) => ToolRun {
            stdout: Output::default(),
            stderr: Output::default(),
            code: None,
            failure: Some(error.to_string()),
        },
    }
}

/// What the tool `line` says about `subject`.
pub(super) async fn collect(
    line: &CommandLine,
    subject: &CaptureSubject<'_>,
    deadline: &Deadline,
) -> Evidence {
    let what = subject.shown(line);
    let left = match deadline.left() {
        Ok(left) => left,
        Err(why) => return Evidence::nothing(&what, why),
    };
    let line = match subject.fill(line) {
        Ok(line) => line,
        Err(why) => return Evidence::nothing(&what, why.to_string()),
    };
    let ran = run(line, left, MAX_OUTPUT, deadline).await;
    let mut text = whole(&ran.stdout);
    let errors = whole(&ran.stderr);
    let brief = head(&text);
    if !errors.is_empty() {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("-- on its standard error\n");
        text.push_str(&errors);
    }
    Evidence {
        what,
        text,
        brief,
        failure: ran.failure.map(|failure| because(failure, &errors)),
        errors,
    }
}

fn whole(output: &Output) -> String {
    let mut text = output.text();
    if output.is_truncated() {
        text.push_str("\n(and more, which was not kept)\n");
    }
    text
}

/// A failure with the last line that the tool printed, if any: warnings may precede it.
pub(super) fn because(failure: String, errors: &str) -> String {
    match errors.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{failure}: {}", line.trim()),
        None => failure,
    }
}

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
