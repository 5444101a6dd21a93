//! The inside of `gcore = "builtin"`: this program, started once more, writes a core of another process. In a
//! process of its own, because then a crash or a kill cannot leave the other one stopped: the kernel lets go of it
//! when its debugger ends.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use crate::safe_path::SafeDir;

use super::elf;

/// The internal subcommand `__dump PID FILE MAX_BYTES`. Only httpok itself calls it.
pub const DUMP: &str = "__dump";

/// Exit status: the threads changed, so that another try may succeed.
pub(super) const RACE: i32 = 75;

/// Exit status: it cannot be done.
const FAILED: i32 = 1;

/// Why no core was written.
#[derive(Debug)]
pub(super) enum DumpFailure {
    /// The threads of the process changed while they were stopped one by one.
    #[allow(
        dead_code,
        reason = "not constructed in a build that cannot write cores"
    )]
    Race,
    Other(String),
}

impl fmt::Display for DumpFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Race => f.write_str("its threads come and go too fast"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// Writes a core of the process PID into the new FILE, as the arguments after [`DUMP`] say. Returns the exit status;
/// errors go to standard error.
pub fn run_dump(arguments: &[OsString]) -> i32 {
    let number = |word: &OsString| word.to_str()?.parse::<u64>().ok();
    let asked = match arguments {
        [pid, file, room] => number(pid)
            .and_then(|pid| i32::try_from(pid).ok())
            .zip(number(room))
            .map(|(pid, room)| (pid, Path::new(file), room)),
        _ => None,
    };
    let result = match asked {
        Some((pid, file, room)) => dump(pid, file, room),
        None => Err(DumpFailure::Other("not for people".to_owned())),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            match failure {
                DumpFailure::Race => RACE,
                DumpFailure::Other(_) => FAILED,
            }
        }
    }
}

fn dump(pid: i32, path: &Path, room: u64) -> Result<(), DumpFailure> {
    let failed = |why| DumpFailure::Other(format!("cannot make \"{}\": {why}", path.display()));
    let (directory, name) = SafeDir::of_file(path).map_err(failed)?;
    let file = directory.create_new(&name, 0o600).map_err(failed)?;
    let result = elf::write(pid, file, room);
    if result.is_err() {
        let _ = directory.remove(&name);
    }
    result
}
