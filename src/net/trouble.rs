//! What the system's errors and a deadline that passed mean: reasons of the closed list, in plain words.
//! The same for everything that connects; what only HTTP knows is said where HTTP is spoken.

use std::io;
use std::time::Duration;

use crate::health::{Phase, Reason, Trouble};

/// The deadline passed in `phase`. `waited` is how long that is in words.
pub fn of_timeout(phase: Phase, waited: Duration, place: &str) -> Trouble {
    let waited = humantime::format_duration(Duration::from_millis(waited.as_millis() as u64));
    let (reason, detail) = match phase {
        Phase::Dns => (Reason::Dns, format!("no address within {waited}")),
        Phase::Connect => (
            Reason::ConnectTimeout,
            format!("no connection within {waited} ({place})"),
        ),
        Phase::Tls => (
            Reason::TlsHandshake,
            format!("TLS handshake not done within {waited}"),
        ),
        Phase::FirstByte => (
            Reason::FirstByteTimeout,
            format!("no answer within {waited}"),
        ),
        Phase::Body => (
            Reason::BodyTimeout,
            format!("body not complete within {waited}"),
        ),
    };
    Trouble::new(reason, phase, detail)
}

/// The resolver has no address for `name`.
pub fn of_lookup(name: &str, fault: &io::Error) -> Trouble {
    let text = words(fault);
    let text = text.rsplit_once("information: ").map_or(&*text, |(_, t)| t);
    let reason = match io_reason(fault, Phase::Dns) {
        Some(reason) if reason.is_ours() => reason,
        _ => Reason::Dns,
    };
    let detail = format!("cannot look up {name:?}: {text}");
    Trouble::new(reason, Phase::Dns, detail)
}

/// The error of a connection to `place` that came as far as `phase`.
pub fn of_io(fault: &io::Error, phase: Phase, place: &str) -> Trouble {
    let mut detail = words(fault);
    if phase == Phase::Connect {
        detail = format!("{detail} ({place})");
    }
    let reason = io_reason(fault, phase).unwrap_or(match phase {
        Phase::Dns | Phase::Connect => Reason::Unreachable,
        Phase::Tls => Reason::TlsHandshake,
        Phase::FirstByte | Phase::Body => Reason::Closed,
    });
    Trouble::new(reason, phase, detail)
}

/// What the system's error says, wherever it happened; `None` when it says little.
pub fn io_reason(fault: &io::Error, phase: Phase) -> Option<Reason> {
    Some(match fault.raw_os_error() {
        // the last one: no local port is left, or no local address of that family
        Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL) => Reason::NoFds,
        Some(libc::ENOMEM | libc::ENOBUFS) => Reason::NoMemory,
        // a unix socket that is not there; one whose queue of connections is full
        Some(libc::ECONNREFUSED | libc::ENOENT) => Reason::Refused,
        Some(libc::EAGAIN) if phase == Phase::Connect => Reason::ConnectTimeout,
        // this machine does not let us ask, which says nothing about the service
        Some(libc::EACCES | libc::EPERM | libc::ENOTSOCK | libc::EPROTOTYPE) => Reason::Config,
        Some(
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::ENETDOWN
            | libc::EHOSTDOWN
            | libc::EAFNOSUPPORT,
        ) => Reason::Unreachable,
        Some(libc::ECONNRESET | libc::ECONNABORTED) => Reason::Reset,
        Some(libc::ETIMEDOUT) => match phase {
            Phase::Dns => Reason::Dns,
            Phase::Connect => Reason::ConnectTimeout,
            Phase::Tls => Reason::TlsHandshake,
            Phase::FirstByte => Reason::FirstByteTimeout,
            Phase::Body => Reason::BodyTimeout,
        },
        _ => return None,
    })
}

/// `fault` in lower case and without the number.
pub fn words(fault: &io::Error) -> String {
    let text = fault.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_connections_have_their_reasons() {
        for (code, reason, detail) in [
            (
                libc::ECONNREFUSED,
                Reason::Refused,
                "connection refused (here)",
            ),
            (
                libc::ENOENT,
                Reason::Refused,
                "no such file or directory (here)",
            ),
            (
                libc::EHOSTUNREACH,
                Reason::Unreachable,
                "no route to host (here)",
            ),
            (
                libc::ETIMEDOUT,
                Reason::ConnectTimeout,
                "connection timed out (here)",
            ),
            (libc::EMFILE, Reason::NoFds, "too many open files (here)"),
            (
                libc::ENOMEM,
                Reason::NoMemory,
                "cannot allocate memory (here)",
            ),
            (libc::EACCES, Reason::Config, "permission denied (here)"),
        ] {
            let fault = io::Error::from_raw_os_error(code);
            let trouble = of_io(&fault, Phase::Connect, "here");
            assert_eq!(trouble, Trouble::new(reason, Phase::Connect, detail));
        }
    }

    #[test]
    fn failed_lookup_is_unknown_only_for_local_causes() {
        let none =
            io::Error::other("failed to lookup address information: Name or service not known");
        let trouble = of_lookup("h", &none);
        assert_eq!(trouble.reason, Reason::Dns);
        assert_eq!(
            trouble.detail,
            "cannot look up \"h\": Name or service not known"
        );
        assert_eq!(
            of_lookup("h", &io::Error::from_raw_os_error(libc::EMFILE)).reason,
            Reason::NoFds
        );
        assert_eq!(
            of_lookup("h", &io::Error::from_raw_os_error(libc::ENOENT)).reason,
            Reason::Dns
        );
    }
}
