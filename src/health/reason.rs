//! Why a check did not pass, and how far the probe had come. Both lists are closed: they are label
//! values in metrics and keys in JSON, so a new member is a change of contract.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stages of one probe, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Looking up the name.
    Dns,
    /// Opening the connection, or starting the command.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request sent to the end of the answer's head.
    FirstByte,
    /// Reading the answer's body.
    Body,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 5] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::FirstByte,
        Self::Body,
    ];

    /// The name in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first_byte",
            Self::Body => "body",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a check did not pass. The service's reasons come first; the last five are the watchdog's own
/// trouble, which makes a verdict `unknown` and never counts towards a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The name did not resolve.
    Dns,
    /// Nobody listens there.
    Refused,
    /// No route, or the network says no.
    Unreachable,
    /// The connection was not opened within the deadline.
    ConnectTimeout,
    /// The handshake failed or was not done within the deadline.
    TlsHandshake,
    /// The certificate's chain leads to no trusted root.
    TlsUntrusted,
    /// The certificate is not valid now.
    TlsExpired,
    /// The certificate is for another name.
    TlsName,
    /// The connection was closed without an answer.
    Closed,
    /// The connection was reset.
    Reset,
    /// The answer's head was not complete within the deadline.
    FirstByteTimeout,
    /// The answer's body was not complete within the deadline.
    BodyTimeout,
    /// The body ended before its announced end.
    Truncated,
    /// The answer is not the protocol asked for.
    Malformed,
    /// The answer is larger than allowed.
    TooLarge,
    /// Too many redirects, or one that may not be followed.
    RedirectLoop,
    /// The status is not among the expected ones.
    Status,
    /// An expectation of the answer's content was not met.
    Assertion,
    /// The next heartbeat is overdue.
    NoHeartbeat,
    /// A heartbeat reported a failure.
    Reported,
    /// A program of ours is FATAL: its starts failed, and its supervisor has given it up.
    Fatal,
    /// A program of ours ends again and again, soon after each start.
    CrashLoop,
    /// A program of ours has ended otherwise than expected, and its supervisor does not start it again.
    Exited,
    /// Ours: out of file descriptors.
    NoFds,
    /// Ours: out of memory.
    NoMemory,
    /// Ours: a command could not be started.
    Spawn,
    /// Ours: the probe was given up or broke down.
    Cancelled,
    /// Ours: the check asks for something that cannot be done.
    Config,
}

impl Reason {
    /// Every reason, in the order of the contract.
    pub const ALL: [Self; 28] = [
        Self::Dns,
        Self::Refused,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::TlsHandshake,
        Self::TlsUntrusted,
        Self::TlsExpired,
        Self::TlsName,
        Self::Closed,
        Self::Reset,
        Self::FirstByteTimeout,
        Self::BodyTimeout,
        Self::Truncated,
        Self::Malformed,
        Self::TooLarge,
        Self::RedirectLoop,
        Self::Status,
        Self::Assertion,
        Self::NoHeartbeat,
        Self::Reported,
        Self::Fatal,
        Self::CrashLoop,
        Self::Exited,
        Self::NoFds,
        Self::NoMemory,
        Self::Spawn,
        Self::Cancelled,
        Self::Config,
    ];

    /// The name in JSON, metrics, mails and `act_on`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsHandshake => "tls_handshake",
            Self::TlsUntrusted => "tls_untrusted",
            Self::TlsExpired => "tls_expired",
            Self::TlsName => "tls_name",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::RedirectLoop => "redirect_loop",
            Self::Status => "status",
            Self::Assertion => "assertion",
            Self::NoHeartbeat => "no_heartbeat",
            Self::Reported => "reported",
            Self::Fatal => "fatal",
            Self::CrashLoop => "crash_loop",
            Self::Exited => "exited",
            Self::NoFds => "no_fds",
            Self::NoMemory => "no_memory",
            Self::Spawn => "spawn",
            Self::Cancelled => "cancelled",
            Self::Config => "config",
        }
    }

    /// What it means, for the manual.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Dns => "the name did not resolve",
            Self::Refused => "nobody listens there",
            Self::Unreachable => "no route, or the network says no",
            Self::ConnectTimeout => "the connection was not opened within the deadline",
            Self::TlsHandshake => "the handshake failed or was not done within the deadline",
            Self::TlsUntrusted => "the certificate's chain leads to no trusted root",
            Self::TlsExpired => "the certificate is not valid now",
            Self::TlsName => "the certificate is for another name",
            Self::Closed => "the connection was closed without an answer",
            Self::Reset => "the connection was reset",
            Self::FirstByteTimeout => "the answer's head was not complete within the deadline",
            Self::BodyTimeout => "the answer's body was not complete within the deadline",
            Self::Truncated => "the body ended before its announced end",
            Self::Malformed => "the answer is not the protocol asked for",
            Self::TooLarge => "the answer is larger than allowed",
            Self::RedirectLoop => "too many redirects, or one that may not be followed",
            Self::Status => "the status is not among the expected ones",
            Self::Assertion => "an expectation of the answer's content was not met",
            Self::NoHeartbeat => "the next heartbeat is overdue",
            Self::Reported => "a heartbeat reported a failure",
            Self::Fatal => "a program of [[program]] could not be started and was given up",
            Self::CrashLoop => {
                "a program of [[program]] ends again and again, soon after each start"
            }
            Self::Exited => {
                "a program of [[program]] has ended, not as expected, and is not started again"
            }
            Self::NoFds => "out of file descriptors",
            Self::NoMemory => "out of memory",
            Self::Spawn => "a command could not be started",
            Self::Cancelled => "the probe was given up or broke down",
            Self::Config => "the check asks for something that cannot be done",
        }
    }

    /// The reason with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether it is about a program of ours, and not about what a service answers.
    pub const fn is_of_program(self) -> bool {
        matches!(self, Self::Fatal | Self::CrashLoop | Self::Exited)
    }

    /// Whether this is the watchdog's own trouble, which says nothing about the service.
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::NoFds | Self::NoMemory | Self::Spawn | Self::Cancelled | Self::Config
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_are_the_json_names() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.as_str()), Some(reason));
            let json = serde_json::to_string(&reason).expect("a unit variant serializes");
            assert_eq!(json, format!("\"{reason}\""));
        }
        assert_eq!(Reason::from_name("timeout"), None);
    }

    #[test]
    fn exactly_the_last_five_reasons_are_unknown() {
        let ours: Vec<_> = Reason::ALL.into_iter().filter(|r| r.is_ours()).collect();
        assert_eq!(ours, Reason::ALL[23..]);
    }
}
