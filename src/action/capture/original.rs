//! The original's evidence: a core by the user's `gcore`, with its file's name and its output as they always
//! were.

use std::path::{Path, PathBuf};

use crate::exec::CommandLine;
use crate::health::{Capture, ProcessName};

use super::found::nothing;
use super::spec::{CaptureSpec, Dumper};
use super::{stat, tool};

/// What is kept of each of `gcore`'s outputs.
const MAX_OUTPUT: usize = 64 * 1024;

/// Makes a core of `name` with `pid`. Never longer than the spec's timeout.
pub(super) async fn capture(
    spec: &CaptureSpec,
    dir: &Path,
    name: &ProcessName,
    pid: u32,
) -> Capture {
    let Some(Dumper::Command(gcore)) = &spec.core else {
        return nothing("gcore", "no command makes a core".to_owned());
    };
    let prefix = dir.join(name.namespec().replace('/', "_"));
    let before = stat::read(pid);
    let ran = tool::run(line(gcore, &prefix, pid), spec.timeout, MAX_OUTPUT).await;
    if ran.failure.is_some() {
        stat::wake(pid, before).await;
    }
    Capture {
        what: "gcore".to_owned(),
        output: ran.stdout.text(),
        errors: ran.stderr.text(),
        failure: ran.failure,
        files: files(&prefix, pid),
    }
}

/// The user's own command line with two arguments behind it. They are handed over as positional parameters:
/// no name is ever pasted into a shell's text.
fn line(gcore: &str, prefix: &Path, pid: u32) -> CommandLine {
    CommandLine::Argv(vec![
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
