//! The original's evidence: a core by the user's `gcore`, with its file's name and its output as they always
//! were.

use std::io;
use std::path::Path;

use crate::exec::CommandLine;
use crate::health::{Capture, ProcessName};

use super::deadline::Deadline;
use super::found::nothing;
use super::spec::{CaptureSpec, Dumper};
use super::staging::Staging;
use super::{stat, tool};

/// What is kept of each of `gcore`'s outputs.
const MAX_OUTPUT: usize = 64 * 1024;

/// Makes a core of `name` with `pid`. Never longer than the spec's timeout.
pub(super) async fn capture(
    spec: &CaptureSpec,
    dir: &Path,
    (name, pid): (&ProcessName, u32),
    deadline: &Deadline,
) -> Capture {
    let Some(Dumper::Command(gcore)) = &spec.core else {
        return nothing(Capture::ORIGINAL, "no command makes a core".to_owned());
    };
    let file = name.namespec().replace('/', "_");
    let staging = match Staging::new(dir) {
        Ok(staging) => Some(staging),
        // the command will say so
        Err(why) if why.kind() == io::ErrorKind::NotFound => None,
        Err(why) => return nothing(Capture::ORIGINAL, why.to_string()),
    };
    let prefix = match &staging {
        Some(staging) => staging.path(&file),
        None => dir.join(&file),
    };
    let before = stat::read(pid);
    let ran = tool::run(
        line(gcore, &prefix, pid),
        spec.timeout,
        MAX_OUTPUT,
        deadline,
    )
    .await;
    if ran.failure.is_some() {
        stat::wake(pid, before).await;
    }
    let said = |text: String| match &staging {
        Some(staging) => text.replace(
            &*staging.dumper_dir().to_string_lossy(),
            &dir.join("").to_string_lossy(),
        ),
        None => text,
    };
    let core = format!("{file}.{pid}");
    let kept = staging.as_ref().and_then(|staging| {
        let size = staging.open(&core).ok()?.metadata().ok()?.len();
        staging.release(&core).ok()?;
        Some(size)
    });
    Capture {
        what: Capture::ORIGINAL.to_owned(),
        output: said(ran.stdout.text()),
        errors: said(ran.stderr.text()),
        failure: ran.failure,
        // gcore -o appends the pid to the name
        files: kept
            .map(|size| (dir.join(&core).display().to_string(), size))
            .into_iter()
            .collect(),
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
