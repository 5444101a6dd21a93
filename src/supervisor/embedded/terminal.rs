//! The terminal of `httpok run`, given to its command as a shell does: the command's group is in the foreground, reads what
//! is typed and gets Ctrl-C and Ctrl-Z; when it ends, is restarted or is suspended, httpok takes the terminal back.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;

use nix::unistd::getpgrp;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp,
};
use tokio::signal::unix::{SignalKind, signal};

use super::programs::Embedded;
use crate::health::ProcessName;

/// Our terminal, in which we are in the foreground.
#[derive(Debug)]
pub struct Terminal {
    fd: OwnedFd,
    modes: Termios,
    ours: Pid,
    /// The group that has it from us.
    given: Option<Pid>,
}

impl Terminal {
    /// That of standard input; none when that is no terminal, or we are in the background.
    pub fn of_stdin() -> Option<Self> {
        let stdin = io::stdin();
        let ours = Pid::from_raw(getpgrp().as_raw())?;
        if !isatty(&stdin) || tcgetpgrp(&stdin).ok()? != ours {
            return None;
        }
        // SAFETY: ignoring a signal has no handler. We set the foreground group, and write, from the background.
        unsafe {
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
        }
        Some(Self {
            modes: tcgetattr(&stdin).ok()?,
            fd: rustix::io::dup(&stdin).ok()?,
            ours,
            given: None,
        })
    }

    /// Follows the program `name`, which takes the terminal at its start, until this is dropped.
    pub async fn follow(&mut self, embedded: &Embedded, name: &ProcessName) -> Infallible {
        let mut changes = embedded.changes();
        let continued = signal(SignalKind::from_raw(libc::SIGCONT));
        let (Ok(mut stops), Ok(mut continued)) = (signal(SignalKind::child()), continued) else {
            return std::future::pending().await;
        };
        loop {
            let record = embedded
                .records()
                .into_iter()
                .find(|record| record.name == *name);
            let pid = record.filter(|record| !record.ended).and_then(|record| {
                let pid = i32::try_from(record.pid).ok()?;
                Pid::from_raw(pid)
            });
            match pid {
                Some(pid) => {
                    if tcgetpgrp(&self.fd).ok() == Some(pid) {
                        self.given = Some(pid);
                    }
                    if has_suspended(pid) {
                        let modes = self.suspend();
                        // the signal that stops us may reach another thread, a moment later
                        continued.recv().await;
                        self.resume(pid, modes);
                        continue;
                    }
                }
                None => self.take_back(),
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                _ = stops.recv() => {}
            }
        }
    }

    /// We are in the foreground again, with the modes that the terminal had, if the command was.
    pub fn take_back(&mut self) {
        if self.given.take().is_some() {
            // a terminal that is gone is nobody's
            let _ = tcsetpgrp(&self.fd, self.ours);
            let _ = tcsetattr(&self.fd, OptionalActions::Drain, &self.modes);
        }
    }

    /// The command was suspended with Ctrl-Z: so are we, and all of our group. The modes that the command had set.
    fn suspend(&mut self) -> Option<Termios> {
        let modes = tcgetattr(&self.fd).ok();
        self.take_back();
        let _ = kill_process_group(self.ours, Signal::STOP);
        modes
    }

    /// The shell lets us go on, in the foreground or not, and the command with us.
    fn resume(&mut self, pid: Pid, modes: Option<Termios>) {
        if tcgetpgrp(&self.fd).ok() == Some(self.ours) {
            if let Ok(modes) = tcgetattr(&self.fd) {
                self.modes = modes;
            }
            if tcsetpgrp(&self.fd, pid).is_ok() {
                self.given = Some(pid);
            }
            if let Some(modes) = modes {
                let _ = tcsetattr(&self.fd, OptionalActions::Drain, &modes);
            }
        }
        let _ = kill_process_group(pid, Signal::CONT);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.take_back();
    }
}

/// Whether the terminal has stopped our child `pid` since this was last asked. One that somebody stopped with SIGSTOP is
/// not suspended but hangs.
fn has_suspended(pid: Pid) -> bool {
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
    let status = waitid(WaitId::Pid(pid), options).ok().flatten();
    let signal = status.and_then(|status| status.stopping_signal());
    signal.is_some_and(|number| [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&number))
}
