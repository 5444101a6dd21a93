//! Keeps evidence of a process before it is restarted, within bounds: a core file by the user's `gcore`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exec::{self, Command, ExecError, Finished, Line, Output};
use crate::health::{Capture, ProcessName};

/// What is kept of a tool's output.
const MAX_OUTPUT: usize = 64 * 1024;

/// Which evidence is kept, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSpec {
    /// The directory for core files; `None` makes none.
    pub cores: Option<PathBuf>,
    /// The user's command line that writes a core: `DIR/NAME` and the pid are appended.
    pub gcore: String,
    /// For all evidence of one process together.
    pub timeout: Duration,
}

/// Keeps evidence of `name` with `pid`. Never longer than the spec's timeout.
pub(super) async fn capture(
    spec: &CaptureSpec,
    name: &ProcessName,
    pid: u32,
    _check: &str,
) -> Capture {
    let Some(dir) = &spec.cores else {
        return Capture {
            what: "gcore".to_owned(),
            output: String::new(),
            errors: String::new(),
            failure: Some("no directory for cores is set".to_owned()),
            files: Vec::new(),
        };
    };
    let prefix = dir.join(name.namespec().replace('/', "_"));
    let command = Command {
        program: gcore_line(&spec.gcore, &prefix, pid),
        stdin: None,
        timeout: spec.timeout,
        max_output: MAX_OUTPUT,
        env: Vec::new(),
    };
    let (stdout, stderr, failure) = match exec::run(&command).await {
        Ok(Finished {
            status,
            stdout,
            stderr,
            ..
        }) => {
            let failure = (!status.success()).then(|| status.to_string());
            (stdout, stderr, failure)
        }
        Err(ExecError::TimedOut {
            after,
            stdout,
            stderr,
        }) => {
            let failure = format!("not done within {}s, so it was killed", after.as_secs_f32());
            (stdout, stderr, Some(failure))
        }
        Err(error @ (ExecError::Spawn { .. } | ExecError::Lost { .. })) => (
            Output::default(),
            Output::default(),
            Some(error.to_string()),
        ),
    };
    Capture {
        what: "gcore".to_owned(),
        output: stdout.text(),
        errors: stderr.text(),
        failure,
        files: files(&prefix, pid),
    }
}

/// The user's own command line with two arguments behind it. They are handed over as positional parameters:
/// no name is ever pasted into a shell's text.
fn gcore_line(gcore: &str, prefix: &Path, pid: u32) -> Line {
    Line::Argv(vec![
        "/bin/sh".to_owned(),
        "-c".to_owned(),
        format!("{gcore} \"$1\" \"$2\""),
        "sh".to_owned(),
        prefix.to_string_lossy().into_owned(),
        pid.to_string(),
    ])
}

/// The core that `gcore -o` leaves: it appends the pid to the name.
fn files(prefix: &Path, pid: u32) -> Vec<(String, u64)> {
    let path = PathBuf::from(format!("{}.{pid}", prefix.display()));
    std::fs::metadata(&path)
        .map(|meta| vec![(path.display().to_string(), meta.len())])
        .unwrap_or_default()
}
