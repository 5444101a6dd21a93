//! A program on a terminal of its own: what it writes there, in a window of a chosen size.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::support::wait_until;

const LIMIT: Duration = Duration::from_secs(60);

/// How long the reader may take for the rest, however busy the machine, when children of the program live on.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// A program that runs on a terminal.
pub struct Terminal {
    child: Child,
    terminal: File,
    written: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts `command` with its three streams on a terminal of this size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let size = window(columns, rows);
        let (mut master, mut slave) = (-1, -1);
        // SAFETY: the pointers are to live values; name and attributes may be missing
        let made = unsafe {
            libc::openpty(
                &raw mut master,
                &raw mut slave,
                std::ptr::null_mut(),
                std::ptr::null(),
                &raw const size,
            )
        };
        assert_eq!(made, 0, "a terminal");
        // SAFETY: both were made above and belong to nobody else
        let (mut master, slave) =
            unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let copy = || slave.try_clone().expect("a copy");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        let child = command.spawn().expect("the program starts");
        // the command holds copies, too: without them the end of the program is the end of its output
        drop((command, slave));
        let written = Arc::new(Mutex::new(Vec::new()));
        let (kept, control) = (Arc::clone(&written), master.try_clone().expect("a copy"));
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // when nobody has the other side any more it is an error, not an end
            while let Ok(count @ 1..) = master.read(&mut chunk) {
                kept.lock().expect("no panic").extend(&chunk[..count]);
            }
        });
        Self {
            child,
            terminal: control,
            written,
            reader,
        }
    }

    /// All that was written so far, with line ends as the program wrote them.
    pub fn text(&self) -> String {
        let written = self.written.lock().expect("no panic");
        String::from_utf8_lossy(&written).replace("\r\n", "\n")
    }

    /// Types `text`, as on a keyboard.
    pub fn type_text(&self, text: &str) {
        let written = (&self.terminal).write_all(text.as_bytes());
        written.expect("the terminal takes it");
    }

    /// Waits until what was written fits.
    pub fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) {
        let deadline = std::time::Instant::now() + LIMIT;
        while !fits(&self.text()) {
            assert!(
                std::time::Instant::now() < deadline,
                "not in time: {what}\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Gives the window another size, and says so to the program.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = window(columns, rows);
        // SAFETY: the descriptor is open, and the request reads one window size
        let set =
            unsafe { libc::ioctl(self.terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(set, 0, "another size");
        self.signal(nix::sys::signal::Signal::SIGWINCH);
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).expect("it lives");
    }

    /// Waits for the end; how it ended and all that was written.
    pub fn end(mut self) -> (ExitStatus, String) {
        let mut status = None;
        wait_until("the program has ended", LIMIT, || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        });
        // the reader ends when nobody has the terminal any more; what the program left behind may have it for longer
        let until = Instant::now() + LEFT_BEHIND;
        wait_until("all is read", LIMIT, || {
            self.reader.is_finished() || Instant::now() > until
        });
        (status.expect("it has ended"), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn window(columns: u16, rows: u16) -> libc::winsize {
    libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
