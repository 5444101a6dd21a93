//! The process id in a pid file, if that process lives. Another program owns the file: it may be anything, and the
//! process in it may have ended long ago.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sys::signal::Signal as Number;
use nix::unistd::Uid;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use crate::blocking;
use crate::health::Signal;
use crate::safe_path::SafeDir;
use crate::supervisor::embedded::{started, uptime};

/// A pid file is no longer: a number, and perhaps a line or two.
const MOST: u64 = 256;

/// A process that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveProcess {
    pub pid: u32,
    /// When it was started, in clock ticks since boot.
    pub started: u64,
    /// In seconds.
    pub uptime: u64,
}

impl LiveProcess {
    /// Which process it is, also when another one gets its pid.
    pub fn life(self) -> String {
        format!("{} {}", self.pid, self.started)
    }
}

/// Sends `alive` a signal, and no other process that has got its pid since.
pub fn signal(alive: LiveProcess, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(alive.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    let number: Number = signal.to_string().parse()?;
    let number = rustix::process::Signal::from_named_raw(number as i32);
    let held = pidfd_open(pid, PidfdFlags::empty())?;
    if started(alive.pid)? != alive.started {
        return Err(io::Error::other("it has ended"));
    }
    let number = number.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_send_signal(held, number)?)
}

/// The process of the pid file `path`. Reading is done beside everything else: the disk may hang.
pub async fn read_pid_file(path: String) -> Option<LiveProcess> {
    let read = blocking::run("pidfile", move || alive(read(path.into())?));
    read.await.ok().flatten()
}

/// The pid in the file, if its writer has authority over that process: evidence is taken of it, and signals are sent
/// to it, with our rights.
fn read(path: PathBuf) -> Option<u32> {
    let (dir, name) = SafeDir::of_file(&path).ok()?;
    let file = dir.read(&name).ok()?;
    let meta = file.metadata().ok()?;
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    // 0 and 1 are no service's, and the kernel's are positive
    if pid <= 1 || i32::try_from(pid).is_err() {
        return None;
    }
    let is_trusted = meta.uid() == 0 || meta.uid() == Uid::effective().as_raw();
    let is_everybodys = meta.mode() & 0o002 != 0;
    let owner = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    (!is_everybodys && (is_trusted || owner == meta.uid())).then_some(pid)
}

fn alive(pid: u32) -> Option<LiveProcess> {
    let started = started(pid).ok()?;
    Some(LiveProcess {
        pid,
        started,
        uptime: uptime(started).as_secs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pidfile_of_a_dead_process_gives_no_pid() {
        let dir = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let path = dir.path().join("x.pid");
        let text = path.to_str().unwrap().to_owned();
        for (written, pid) in [
            (format!("{own}\n"), Some(own)),
            (format!("  {own}\nhost\n"), Some(own)),
            (String::new(), None),
            ("0\n".to_owned(), None),
            ("-1\n".to_owned(), None),
            ("4294967295\n".to_owned(), None),
            ("abc\n".to_owned(), None),
            (format!("{own}{}", "0".repeat(5000)), None),
        ] {
            std::fs::write(&path, &written).unwrap();
            let found = read_pid_file(text.clone()).await.map(|alive| alive.pid);
            assert_eq!(found, pid, "{written}");
        }
        assert_eq!(read_pid_file(format!("{text}.no")).await, None);
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_pid_file(fifo.to_str().unwrap().to_owned()).await, None);
        assert_eq!(read_pid_file("/dev/zero".to_owned()).await, None);
    }

    /// Needs root, as the tests of the other supervisors do.
    #[tokio::test]
    async fn pidfile_of_another_user_names_only_processes_of_that_user() {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        const NOBODY: Option<u32> = Some(65534);
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let found = async |name: &str| read_pid_file(at(name)).await.map(|alive| alive.pid);
        let own = std::process::id();
        let mut theirs = std::process::Command::new("sleep");
        std::os::unix::process::CommandExt::uid(&mut theirs, 65534);
        let mut theirs = theirs.arg("60").spawn().unwrap();
        for (name, pid) in [("ours", own), ("planted", own), ("theirs", theirs.id())] {
            fs::write(at(name), format!("{pid}\n")).unwrap();
        }
        for name in ["planted", "theirs"] {
            chown(at(name), NOBODY, NOBODY).unwrap();
        }
        assert_eq!(found("ours").await, Some(own));
        assert_eq!(found("planted").await, None);
        assert_eq!(found("theirs").await, Some(theirs.id()));
        // nor through a link, nor by way of a file that everybody may write
        let place = dir.path().join("place");
        fs::create_dir(&place).unwrap();
        chown(&place, NOBODY, NOBODY).unwrap();
        symlink("../ours", place.join("link")).unwrap();
        std::os::unix::fs::lchown(place.join("link"), NOBODY, NOBODY).unwrap();
        assert_eq!(found("place/link").await, None);
        fs::set_permissions(at("ours"), fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(found("ours").await, None);
        theirs.kill().unwrap();
        theirs.wait().unwrap();
    }
}
