//! The process id in a pid file, if that process lives. Another program owns the file: it may be anything, and the
//! process in it may have ended long ago.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::blocking;
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

/// The process of the pid file `path`. Reading is done beside everything else: the disk may hang.
pub async fn read_pid_file(path: String) -> Option<LiveProcess> {
    let read = blocking::run("pidfile", move || alive(read(path.into())?));
    read.await.ok().flatten()
}

fn read(path: PathBuf) -> Option<u32> {
    let file = OpenOptions::new()
        .read(true)
        // a pipe without a writer must not block the reader
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
        .ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    // 0 and 1 are no service's, and the kernel's are positive
    (pid > 1 && i32::try_from(pid).is_ok()).then_some(pid)
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
}
