//! Notifications to the service manager, by systemd's protocol: ready, reloading, stopping, a status line, and the
//! watchdog keep-alive. The keep-alive is sent by the loop itself, so that the manager notices a loop that hangs.
//! Whatever the manager does, nothing here waits or fails.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::health::{ConfigView, Totals, counted};

/// The variables that the service manager sets for this process alone.
const SOCKET: &str = "NOTIFY_SOCKET";
const WATCHDOG_SPAN: &str = "WATCHDOG_USEC";
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// How long after a change the status line is sent: when thousands of checks change, they are counted together.
const SOON: Duration = Duration::from_millis(100);

/// Names of so many checks that are down fit into a line.
const NAMED: usize = 5;

/// The service manager, or none.
#[derive(Debug, Default)]
pub struct SdNotify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it expects a keep-alive, at least.
    every: Option<Duration>,
    next: Option<Instant>,
    status: String,
    /// When the status line is to be sent anew.
    status_due: Option<Instant>,
}

impl SdNotify {
    /// The manager that `env` names, if it does. One that cannot be reached counts as none.
    pub fn of(env: impl Fn(&str) -> Option<OsString>) -> Self {
        let number = |name| env(name)?.to_str()?.parse::<u64>().ok();
        let meant = number(WATCHDOG_PID).is_none_or(|pid| pid == u64::from(std::process::id()));
        let span = number(WATCHDOG_SPAN).filter(|&span| meant && span > 0);
        let socket = env(SOCKET).and_then(|name| connect(name.as_bytes()).ok());
        Self {
            every: span
                .filter(|_| socket.is_some())
                .map(|span| Duration::from_micros(span) / 2),
            socket,
            next: None,
            status: String::new(),
            status_due: None,
        }
    }

    /// The manager of this process. Its variables are removed from our environment, so that no child sends messages
    /// in our name, and the manager does not wait for one.
    ///
    /// # Safety
    /// No other thread may run yet: the environment is changed.
    pub unsafe fn take_from_environment() -> Self {
        let sd_notify = Self::of(|name| std::env::var_os(name));
        for name in [SOCKET, WATCHDOG_SPAN, WATCHDOG_PID] {
            // SAFETY: the caller's promise
            unsafe { std::env::remove_var(name) };
        }
        sd_notify
    }

    /// The loop runs: from now on the manager expects keep-alives.
    pub fn ready(&mut self) {
        self.send("READY=1");
        self.next = self.every.map(|every| Instant::now() + every);
    }

    /// New settings are about to be read; [`SdNotify::ready`] ends that.
    pub fn reloading(&self) {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
        let now = now.map(Duration::from).unwrap_or_default();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The status line may be another one now: [`SdNotify::run`] says when to set it.
    pub fn status_changed(&mut self) {
        if self.socket.is_some() {
            self.status_due.get_or_insert_with(|| Instant::now() + SOON);
        }
    }

    /// Sends the status line when it has changed.
    pub fn set_status(&mut self, status: String) {
        self.status_due = None;
        if self.socket.is_some() && status != self.status {
            self.send(&format!("STATUS={status}"));
            self.status = status;
        }
    }

    /// Whether anybody listens.
    pub const fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Gives the next sign of life when it is due, and returns when the status line is; may be dropped halfway and called
    /// again.
    pub async fn run(&mut self) {
        loop {
            let due = self.status_due.into_iter().chain(self.next).min();
            let Some(due) = due else {
                return std::future::pending().await;
            };
            sleep_until(due).await;
            let now = Instant::now();
            if let (Some(next), Some(every)) = (self.next, self.every)
                && next <= now
            {
                self.send("WATCHDOG=1");
                self.next = Some(now + every);
            }
            if self.status_due.take_if(|due| *due <= now).is_some() {
                return;
            }
        }
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // full, or gone: the next message may get through, and there is no one to report to
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}

/// A socket that never blocks, and the manager's: a path, or after an `@` a name in the abstract space.
fn connect(name: &[u8]) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        // another kind of socket, as in virtual machines
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

/// How the checks stand, in one line: `5 checks: 4 up, 1 down (shop)`; and that a new configuration was refused.
pub fn status(totals: &Totals, down: &[&str], config: &ConfigView) -> String {
    let mut names = down[..down.len().min(NAMED)].join(", ");
    if down.len() > NAMED {
        names += ", ...";
    }
    let parts = [
        (totals.up, "up".to_owned()),
        (totals.down, format!("down ({names})")),
        (totals.pending, "pending".to_owned()),
        (totals.paused, "paused".to_owned()),
        (totals.silenced, "silenced".to_owned()),
        (totals.gave_up, "given up".to_owned()),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let checks = counted(totals.checks, "check", "checks");
    let refused = match config.refused.is_some() {
        true => "; the new configuration was refused",
        false => "",
    };
    format!("{checks}: {}{refused}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::health::{Moment, RefusedConfig};

    /// A manager's socket with an abstract name, and the environment that names it.
    fn manager(watchdog: &'static str) -> (UnixDatagram, SdNotify) {
        let name = format!("httpok-{}-{:x}", std::process::id(), fastrand::u64(..));
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        socket.set_nonblocking(true).expect("set");
        let sd_notify = SdNotify::of(|key| match key {
            SOCKET => Some(format!("@{name}").into()),
            WATCHDOG_SPAN => Some(watchdog.into()),
            _ => None,
        });
        (socket, sd_notify)
    }

    fn received(socket: &UnixDatagram) -> Vec<String> {
        let mut chunk = [0; 256];
        std::iter::from_fn(|| socket.recv(&mut chunk).ok().map(|n| chunk[..n].to_vec()))
            .map(|bytes| String::from_utf8(bytes).expect("text"))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alives_are_sent_at_half_the_watchdog_interval() {
        let (socket, mut sd_notify) = manager("10000000");
        tokio::select! {
            biased;
            () = sd_notify.run() => panic!("not before we are ready"),
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
        sd_notify.ready();
        let begun = Instant::now();
        let within = Duration::from_secs(16);
        assert!(timeout(within, sd_notify.run()).await.is_err());
        assert_eq!(begun.elapsed().as_secs(), 16);
        assert_eq!(
            received(&socket),
            ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_the_status_are_said_together_and_between_keep_alives() {
        let (socket, mut sd_notify) = manager("10000000");
        sd_notify.ready();
        let begun = Instant::now();
        for at in [4950, 6000] {
            sleep_until(begun + Duration::from_millis(at)).await;
            for _ in 0..1000 {
                sd_notify.status_changed();
            }
            sd_notify.run().await;
            assert_eq!(begun.elapsed(), Duration::from_millis(at) + SOON);
            sd_notify.set_status(at.to_string());
        }
        let expected = ["READY=1", "WATCHDOG=1", "STATUS=4950", "STATUS=6000"];
        assert_eq!(received(&socket), expected);
        assert!(
            timeout(Duration::from_secs(3), sd_notify.run())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_status_is_sent_once() {
        let (socket, mut sd_notify) = manager("0");
        for text in ["a", "a", "b", "a"] {
            sd_notify.set_status(text.to_owned());
        }
        sd_notify.stopping();
        assert_eq!(
            received(&socket),
            ["STATUS=a", "STATUS=b", "STATUS=a", "STOPPING=1"]
        );
        sd_notify.reloading();
        assert!(received(&socket)[0].starts_with("RELOADING=1\nMONOTONIC_USEC="));
        assert_eq!(sd_notify.every, None);
    }

    #[test]
    fn unresponsive_manager_delays_nothing() {
        let (socket, mut sd_notify) = manager("0");
        for number in 0..10_000 {
            sd_notify.set_status(number.to_string());
        }
        let said = received(&socket).len();
        assert!((1..10_000).contains(&said), "{said}");
        drop(socket);
        sd_notify.stopping();
    }

    #[test]
    fn a_refused_configuration_is_part_of_the_status() {
        let totals = Totals {
            checks: 1,
            up: 1,
            ..Totals::default()
        };
        let at = Moment::default();
        let mut config = ConfigView {
            taken: at,
            refused: None,
        };
        assert_eq!(status(&totals, &[], &config), "1 check: 1 up");
        config.refused = Some(RefusedConfig {
            at,
            why: "no such file".to_owned(),
        });
        let said = "1 check: 1 up; the new configuration was refused";
        assert_eq!(status(&totals, &[], &config), said);
    }

    #[test]
    fn variables_for_another_process_are_ignored() {
        let env = |pid: u32| {
            move |key: &str| match key {
                SOCKET => Some(OsString::from("@somewhere")),
                WATCHDOG_SPAN => Some("2000000".into()),
                WATCHDOG_PID => Some(pid.to_string().into()),
                _ => None,
            }
        };
        let us = std::process::id();
        assert_eq!(SdNotify::of(env(us)).every, Some(Duration::from_secs(1)));
        assert_eq!(SdNotify::of(env(us + 1)).every, None);
        assert!(!SdNotify::of(|_| None).is_there());
        assert!(!SdNotify::of(|_| Some(OsString::new())).is_there());
    }
}
