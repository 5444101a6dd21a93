//! A core file, by the user's command or by ourselves, within what is free and what is allowed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exec::CommandLine;
use crate::health::Capture;

use super::deadline::{Deadline, write};
use super::dump::{DUMP, RACE};
use super::folder::Folder;
use super::found::{head, nothing};
use super::spec::Dumper;
use super::stat;
use super::stem::Stem;
use super::subject::Subject;
use super::tool::{self, Ran};

/// What is kept of each of a dumper's outputs.
const MAX_OUTPUT: usize = 64 * 1024;

/// How often a process whose threads come and go is tried.
const TRIES: u32 = 5;

/// Limits on files are in units of so many bytes.
const UNIT: u64 = 512;

const MIB: u64 = 1 << 20;

const WHAT: &str = "core";

/// Makes a core of `subject`. What is made in vain is deleted.
pub(super) async fn capture(
    dumper: &Dumper,
    subject: &Subject<'_>,
    folder: &Folder,
    stem: &Stem,
    deadline: &Deadline,
) -> Capture {
    let pid = subject.pid;
    let room = match room(folder, pid).await {
        Ok(room) => room,
        Err(why) => return nothing(WHAT, why),
    };
    let core = core_of(dumper, folder, stem, pid);
    let before = stat::read(pid);
    let mut tries = 0;
    let ran = loop {
        let left = match deadline.left() {
            Ok(left) => left,
            Err(why) => return nothing(WHAT, why),
        };
        let ran = dump(dumper, &core, pid, room, left).await;
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
    let path = core.path.clone();
    let (failure, files) = match write(move || finish(&path, room, failure)).await {
        Ok(size) => (None, vec![(core.path.display().to_string(), size)]),
        Err(why) => (Some(why), Vec::new()),
    };
    Capture {
        what: WHAT.to_owned(),
        output: head(&ran.stdout.text()),
        errors: head(&errors),
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
struct Place {
    /// What the dumper is told.
    told: PathBuf,
    /// The file that it makes of that.
    path: PathBuf,
}

fn core_of(dumper: &Dumper, folder: &Folder, stem: &Stem, pid: u32) -> Place {
    let told = folder.path(&stem.with(".core"));
    let path = match dumper {
        Dumper::Builtin(_) => told.clone(),
        Dumper::Command(_) => folder.path(&stem.with(&format!(".core.{pid}"))),
    };
    Place { told, path }
}

async fn dump(dumper: &Dumper, core: &Place, pid: u32, room: u64, left: Duration) -> Ran {
    let told = core.told.to_string_lossy().into_owned();
    let words = match dumper {
        Dumper::Builtin(program) => vec![
            program.to_string_lossy().into_owned(),
            DUMP.to_owned(),
            pid.to_string(),
            told,
            room.to_string(),
        ],
        // A core is for nobody else's eyes, from its first byte on. A limit that is lower already stays.
        Dumper::Command(gcore) => vec![
            "/bin/sh".to_owned(),
            "-c".to_owned(),
            format!("umask 077; ulimit -f \"$3\" 2>/dev/null\n{gcore} \"$1\" \"$2\""),
            "sh".to_owned(),
            told,
            pid.to_string(),
            (room / UNIT).to_string(),
        ],
    };
    tool::run(CommandLine::Argv(words), left, MAX_OUTPUT).await
}

/// The size of the core that was made, in bytes; without one worth keeping, nothing is left. `gcore` says that
/// all is well even when it could not write the whole core.
fn finish(path: &Path, room: u64, failure: Option<String>) -> Result<u64, String> {
    let size = fs::symlink_metadata(path).map(|meta| meta.len());
    let failure = failure.or_else(|| match &size {
        Err(why) => Some(format!("no core was left at \"{}\": {why}", path.display())),
        Ok(size) if *size >= room => Some(format!(
            "it would have more than {} MiB, which is all that is allowed",
            room / MIB
        )),
        Ok(_) => None,
    });
    match (failure, size) {
        (None, Ok(size)) => {
            // whatever the dumper made of the mask
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
            Ok(size)
        }
        (failure, size) => {
            if size.is_ok() {
                let _ = fs::remove_file(path);
            }
            Err(failure.unwrap_or_default())
        }
    }
}
