//! The commands' end of the control socket: asks one watchdog, or finds those in a state directory. Blocks,
//! with a deadline.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{ControlCommand, ControlReply, ReplyLine, RequestLine, VERSION};
use super::remote::Remote;
use super::socket;
use crate::json;
use crate::sorted;

/// How long it may take to be let in, and to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

/// No answer is longer, in bytes.
const LONGEST: u64 = 64 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no socket, or no watchdog listens on it.
    #[error("no watchdog answers")]
    Nobody,
    /// It is there and cannot be talked to.
    #[error("{0}")]
    Trouble(String),
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::Nobody,
            io::ErrorKind::PermissionDenied => Self::Trouble(
                "permission denied: only its own user and root may talk to it".to_owned(),
            ),
            _ => Self::Trouble(error.to_string()),
        }
    }
}

/// How a watchdog is reached.
#[derive(Clone, Debug)]
pub enum ControlTarget {
    /// Over its socket on this host.
    Socket(PathBuf),
    /// Over HTTP.
    Remote(Remote),
}

impl fmt::Display for ControlTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Remote(remote) => remote.fmt(f),
        }
    }
}

/// Asks the watchdog at `target`.
///
/// # Errors
/// When it does not answer, or not in words that we know.
pub fn ask(target: &ControlTarget, ask: ControlCommand) -> Result<ControlReply, ClientError> {
    match target {
        ControlTarget::Socket(path) => ask_socket(path, ask),
        ControlTarget::Remote(remote) => remote.ask(ask),
    }
}

fn ask_socket(path: &Path, ask: ControlCommand) -> Result<ControlReply, ClientError> {
    let mut stream = socket::connect(path, HEARD_WITHIN).map_err(|why| late(why, None))?;
    let pid = socket::listener(&stream);
    let deadline = ask.deadline();
    stream.set_read_timeout(Some(deadline))?;
    stream.set_write_timeout(Some(HEARD_WITHIN))?;
    let request = RequestLine {
        version: VERSION,
        ask,
    };
    let mut line = serde_json::to_vec(&request).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|why| late(why, pid))?;
    let mut answer = Vec::new();
    let read = BufReader::new(stream.take(LONGEST)).read_until(b'\n', &mut answer);
    read.map_err(|why| late(why, pid))?;
    if answer.is_empty() {
        return Err(ClientError::Trouble(
            "it hung up without an answer".to_owned(),
        ));
    }
    match json::from_bytes::<ReplyLine>(&answer) {
        Ok(reply) => Ok(reply.answer),
        Err(why) => Err(ClientError::Trouble(format!(
            "its answer is not understood (is it another version of httpok?): {why}"
        ))),
    }
}

/// What an error of the socket of the watchdog with `pid` means: most often that it does not answer.
fn late(why: io::Error, pid: Option<u32>) -> ClientError {
    if !matches!(
        why.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        return why.into();
    }
    let is_stopped = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    ClientError::Trouble(match pid {
        Some(pid) if is_stopped(pid) => format!(
            "the watchdog does not answer: its process {pid} was stopped by a signal; kill -CONT {pid} lets it go on"
        ),
        Some(pid) => {
            format!("the watchdog does not answer: its process {pid} hangs, or is very busy")
        }
        None => "the watchdog does not answer: it hangs, or is very busy".to_owned(),
    })
}

/// The control sockets in `dir`, by name; none where it does not exist. Whether a watchdog answers there is not known.
///
/// # Errors
/// That the directory cannot be read.
pub fn sockets(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("control-") && name.ends_with(".sock")
        })
        .collect();
    sorted::plain(&mut found);
    Ok(found)
}
