//! A core file, by the user's command or by ourselves, within what is free and what is allowed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::exec::CommandLine;
use crate::health::Capture;

use super::deadline::{Deadline, write};
use super::dump::{DUMP, RACE};
use super::folder::Folder;
use super::found::{head, nothing};
use super::spec::Dumper;
use super::staging::Staging;
use super::stat;
use super::stem::Stem;
use super::tool::CaptureSubject;
use super::tool::{self, ToolRun};

/// What is kept of each of a dumper's outputs.
const MAX_OUTPUT: usize = 64 * 1024;

/// How often a core is tried while the threads of the process change.
const TRIES: u32 = 5;

/// Limits on files are in units of so many bytes.
const UNIT: u64 = 512;

const MIB: u64 = 1 << 20;

const WHAT: &str = "core";

/// Makes a core of `subject`. An incomplete core is deleted.
pub(super) async fn capture(
    dumper: &Dumper,
    subject: &CaptureSubject<'_>,
    folder: &Folder,
    stem: &Stem,
    deadline: &Deadline,
) -> Capture {
    let pid = subject.pid;
    let room = match room(folder, pid).await {
        Ok(room) => room,
        Err(why) => return nothing(WHAT, why),
    };
    let staging = {
        let folder = folder.clone();
        write(move || folder.staging().map_err(|why| why.to_string())).await
    };
    let staging = match staging {
        Ok(staging) => Arc::new(staging),
        Err(why) => return nothing(WHAT, why),
    };
    let core = core_of(dumper, &staging, stem, pid);
    let before = stat::read(pid);
    let mut tries = 0;
    let ran = loop {
        let left = match deadline.left() {
            Ok(left) => left,
            Err(why) => return nothing(WHAT, why),
        };
        let ran = dump(dumper, &core, pid, room, (left, deadline)).await;
        tries += 1;
        if ran.code != Some(RACE) || tries == TRIES {
            break ran;
        }
    };
    let errors = ran.stderr.text();
    let failure = ran.failure.map(|failure| tool::because(failure, &errors));
    if failure.is_some() {
        stat::wake(pid, before).await;
    }
    let requested = staging.dumper_dir();
    let name = core.name.clone();
    let shown = folder.path(&name).display().to_string();
    let finished = write(move || finish(&staging, (&name, &shown), room, failure)).await;
    // what a dumper says of a directory that is gone when it is read
    let said = |text: String| {
        let folder = folder.path("");
        text.replace(&*requested.to_string_lossy(), &folder.to_string_lossy())
    };
    let (failure, files) = match finished {
        Ok(size) => {
            let path = folder.path(&core.name);
            (None, vec![(path.display().to_string(), size)])
        }
        Err(why) => (Some(why), Vec::new()),
    };
    Capture {
        what: WHAT.to_owned(),
        output: head(&said(ran.stdout.text())),
        errors: head(&said(errors)),
        failure,
        files,
    }
}

/// How large a core may become, unless the process is too big for that.
async fn room(folder: &Folder, pid: u32) -> Result<u64, String> {
    let folder = folder.clone();
    let room = write(move || folder.room()).await? / UNIT * UNIT;
    match resident(pid).filter(|resident| *resident > room) {
        None => Ok(room),
        Some(resident) => Err(format!(
            "the process has {} MiB in memory, and a core may have {} MiB",
            resident / MIB,
            room / MIB
        )),
    }
}

/// What the process has in memory, in bytes: its core will hardly be smaller.
fn resident(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    let page = page
        .ok()
        .flatten()
        .and_then(|page| u64::try_from(page).ok());
    Some(pages * page?)
}

/// Where a core is to be.
struct CorePaths {
    /// The path that is passed to the dumper.
    requested: PathBuf,
    /// The name of the file that the dumper makes of it.
    name: String,
}

fn core_of(dumper: &Dumper, staging: &Staging, stem: &Stem, pid: u32) -> CorePaths {
    let requested = stem.with(".core");
    CorePaths {
        requested: staging.path(&requested),
        name: match dumper {
            Dumper::Builtin(_) => requested,
            Dumper::Command(_) => stem.with(&format!(".core.{pid}")),
        },
    }
}

async fn dump(
    dumper: &Dumper,
    core: &CorePaths,
    pid: u32,
    room: u64,
    (left, deadline): (Duration, &Deadline),
) -> ToolRun {
    let requested = core.requested.to_string_lossy().into_owned();
    let arguments = match dumper {
        Dumper::Builtin(program) => vec![
            program.to_string_lossy().into_owned(),
            DUMP.to_owned(),
            pid.to_string(),
            requested,
            room.to_string(),
        ],
        // A core is private from its first byte on. A lower limit that is set already stays.
        Dumper::Command(gcore) => vec![
            "/bin/sh".to_owned(),
            "-c".to_owned(),
            format!("umask 077; ulimit -f \"$3\" 2>/dev/null\n{gcore} \"$1\" \"$2\""),
            "sh".to_owned(),
            requested,
            pid.to_string(),
            (room / UNIT).to_string(),
        ],
    };
    tool::run(CommandLine::Argv(arguments), left, MAX_OUTPUT, deadline).await
}

/// The size of the core that was made, in bytes; without one worth keeping, nothing is left. `gcore` says that
/// all is well even when it could not write the whole core.
fn finish(
    staging: &Staging,
    (name, shown): (&str, &str),
    room: u64,
    failure: Option<String>,
) -> Result<u64, String> {
    let opened = staging.open(name).and_then(|file| {
        let size = file.metadata()?.len();
        Ok((file, size))
    });
    let failure = failure.or_else(|| match &opened {
        Err(why) => Some(format!("no core was left at \"{shown}\": {why}")),
        Ok((_, size)) if *size >= room => Some(format!(
            "it would have more than {} MiB, which is all that is allowed",
            room / MIB
        )),
        Ok(_) => None,
    });
    let kept = match (failure, opened) {
        (Some(why), _) => Err(why),
        (None, Ok((file, size))) => staging
            .keep(name, &file)
            .map(|()| size)
            .map_err(|why| format!("\"{shown}\" cannot be kept: {why}")),
        (None, Err(why)) => Err(why.to_string()),
    };
    if kept.is_err() {
        staging.discard(name);
    }
    kept
}
