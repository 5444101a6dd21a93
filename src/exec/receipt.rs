//! A receipt: a locked file that a child keeps locked while it runs, also when httpok is killed meanwhile, and into which it
//! writes when it has succeeded. Its input is whole from the beginning: nobody may be left to write the rest of it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use nix::fcntl::Flock;

use super::CommandLine;

/// The file. Clones are the same one; the last one unlocks it, unless the child still has it.
#[derive(Clone, Debug)]
pub struct Receipt(Arc<Flock<File>>);

impl Receipt {
    /// What a child writes that has succeeded.
    pub const TAKEN: &str = "taken";

    /// A file that is locked.
    pub fn new(file: Flock<File>) -> Self {
        Self(Arc::new(file))
    }

    /// `program`, and behind it the receipt, by the number that its descriptor has here and in the child.
    pub(super) fn wrapped(&self, program: &CommandLine) -> CommandLine {
        let (taken, fd) = (Self::TAKEN, self.raw_fd());
        let then = format!("|| exit; echo {taken} > /proc/self/fd/{fd}");
        let words = match program {
            // on lines of its own: it may end in a comment
            CommandLine::Shell(line) => vec![format!("(\n{line}\n) {then}")],
            CommandLine::Argv(words) => {
                let script = [format!("\"$@\" {then}"), "sh".to_owned()];
                script.into_iter().chain(words.iter().cloned()).collect()
            }
        };
        let shell = ["/bin/sh", "-c"].map(str::to_owned);
        CommandLine::Argv(shell.into_iter().chain(words).collect())
    }

    /// For [`hand_down`].
    pub(super) fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Lets the new process have the receipt. To be called in it: makes one system call.
pub(super) fn hand_down(receipt: RawFd) -> io::Result<()> {
    // SAFETY: integers.
    match unsafe { libc::fcntl(receipt, libc::F_SETFD, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A file in memory with these bytes, to be read from its beginning.
pub(super) fn input(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: the name is a C string, and the descriptor is nobody else's.
    let mut file = unsafe {
        let fd = libc::memfd_create(c"message".as_ptr(), libc::MFD_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        File::from(OwnedFd::from_raw_fd(fd))
    };
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use nix::fcntl::FlockArg;

    use super::*;
    use crate::exec::{Command, run};

    #[tokio::test]
    async fn receipt_is_written_after_success_and_changes_no_exit_status() {
        let words =
            |words: &[&str]| CommandLine::Argv(words.iter().map(|&w| w.to_owned()).collect());
        let shell = |line: &str| CommandLine::Shell(line.to_owned());
        for (program, code, output) in [
            (shell("cat; exit 0 # the end"), 0, "message"),
            (shell("cat; exit 75"), 75, "message"),
            (shell("exec cat"), 0, "message"),
            (words(&["cat"]), 0, "message"),
            (words(&["printf", "%s", "$(a) 'b'"]), 0, "$(a) 'b'"),
            (words(&["false"]), 1, ""),
        ] {
            let file = tempfile::tempfile().unwrap();
            let mut copy = file.try_clone().unwrap();
            let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
            let command = Command {
                program: program.clone(),
                stdin: Some(b"message".to_vec()),
                timeout: Duration::from_secs(20),
                max_output: 100,
                env: Vec::new(),
                ends_with_us: false,
                receipt: Some(Receipt::new(lock)),
            };
            let finished = run(&command).await.unwrap();
            assert_eq!(
                finished.status.code(),
                Some(code),
                "{program:?}: {finished:?}"
            );
            assert_eq!(finished.stdout.text(), output, "{program:?}");
            let mut text = String::new();
            copy.seek(SeekFrom::Start(0)).unwrap();
            copy.read_to_string(&mut text).unwrap();
            let expected = if code == 0 { "taken\n" } else { "" };
            assert_eq!(text, expected, "{program:?}");
        }
    }
}
