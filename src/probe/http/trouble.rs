//! From an error of the HTTP client to a reason of the closed list, with the deepest cause in plain words.
//! Which words other crates use for their errors is known here and nowhere else.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::http2::HeadTooLarge;
use super::tls_trouble::of_tls;
use crate::health::counted;
use crate::health::{Phase, Reason, Trouble};
use crate::net::http1::HttpError;
use crate::net::trouble::{io_reason, of_io};

/// The error of a request over HTTP/1 that came as far as `phase`.
pub fn of_http1(error: HttpError, phase: Phase) -> Trouble {
    let (reason, detail) = match error {
        HttpError::Io(fault) => return of_broken(&fault, phase),
        HttpError::Closed => (Reason::Closed, error.to_string()),
        HttpError::TooLarge(detail) => (Reason::TooLarge, detail),
        HttpError::Malformed(detail) => (Reason::Malformed, detail),
        HttpError::Truncated => (Reason::Truncated, error.to_string()),
    };
    Trouble::new(reason, phase, detail)
}

/// The error that a body over HTTP/1 ended with after `got` bytes.
pub fn of_body(error: HttpError, got: u64, announced: Option<u64>) -> Trouble {
    match error {
        HttpError::Truncated => truncated(got, announced),
        HttpError::Io(fault) => {
            let mut trouble = of_broken(&fault, Phase::Body);
            if trouble.phase == Phase::Body {
                trouble.detail += &format!(" after {} of body", counted(got, "byte", "bytes"));
            }
            trouble
        }
        other => of_http1(other, Phase::Body),
    }
}

/// The error of a request over HTTP/2 that got no head.
pub fn of_http2(error: &hyper::Error) -> Trouble {
    let phase = Phase::FirstByte;
    if let Some(too_large) = find::<HeadTooLarge>(error) {
        return Trouble::new(Reason::TooLarge, phase, too_large.to_string());
    }
    match http2_end(error) {
        Some(Http2End::Broken(fault)) => of_broken(fault, phase),
        Some(Http2End::Ended(how)) => {
            let detail = format!("{how} without a complete answer");
            Trouble::new(Reason::Closed, phase, detail)
        }
        None => Trouble::new(
            Reason::Malformed,
            phase,
            format!("not HTTP/2: {}", deepest(error)),
        ),
    }
}

/// The error that a body over HTTP/2 ended with after `got` bytes.
pub fn of_http2_body(error: &hyper::Error, got: u64, announced: Option<u64>) -> Trouble {
    match http2_end(error) {
        Some(Http2End::Broken(fault)) => of_body(HttpError::Io(copy(fault)), got, announced),
        Some(Http2End::Ended(how)) => {
            let mut trouble = truncated(got, announced);
            trouble.detail += &format!(" ({how})");
            trouble
        }
        None => Trouble::new(
            Reason::Malformed,
            Phase::Body,
            format!("not HTTP/2: {}", deepest(error)),
        ),
    }
}

/// How a peer that speaks HTTP/2 ended an answer.
enum Http2End<'a> {
    /// The connection broke.
    Broken(&'a io::Error),
    /// The peer ended the stream or the connection, in words.
    Ended(String),
}

/// How the peer ended it; `None` when we did, because it broke the rules.
fn http2_end(error: &hyper::Error) -> Option<Http2End<'_>> {
    let closed = || Http2End::Ended("connection closed".to_owned());
    let Some(cause) = find::<h2::Error>(error) else {
        let ended = error.is_canceled() || error.is_closed() || error.is_incomplete_message();
        return match system_error(error) {
            Some(fault) if fault.kind() == ErrorKind::UnexpectedEof => Some(closed()),
            Some(fault) => Some(Http2End::Broken(fault)),
            None => ended.then(closed),
        };
    };
    if let Some(fault) = cause.get_io() {
        return Some(match fault.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => closed(),
            _ => Http2End::Broken(fault),
        });
    }
    let reason = cause.reason().filter(|_| cause.is_remote())?;
    let what = if cause.is_go_away() {
        "connection"
    } else {
        "stream"
    };
    Some(Http2End::Ended(format!(
        "{what} ended by the peer: {}",
        reason.description()
    )))
}

pub fn truncated(got: u64, announced: Option<u64>) -> Trouble {
    let detail = match announced {
        Some(announced) => {
            let announced = counted(announced, "byte", "bytes");
            format!("expected {announced} of body, got {got}")
        }
        None => format!("the body broke off after {}", counted(got, "byte", "bytes")),
    };
    Trouble::new(Reason::Truncated, Phase::Body, detail)
}

/// A connection that broke in `phase`: by TLS, or by the system.
pub(super) fn of_broken(error: &io::Error, phase: Phase) -> Trouble {
    if let Some(tls) = find::<rustls::Error>(error) {
        let trouble = of_tls(tls);
        return match phase {
            // TLS 1.3: what the peer thinks of us comes after the handshake
            Phase::FirstByte => trouble,
            phase => Trouble::new(
                io_reason(error, phase).unwrap_or(Reason::Malformed),
                phase,
                trouble.detail,
            ),
        };
    }
    of_io(system_error(error).unwrap_or(error), phase, "")
}

/// An error like `fault`, which cannot be cloned.
fn copy(fault: &io::Error) -> io::Error {
    match fault.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(fault.kind(), fault.to_string()),
    }
}

/// `text` of another crate without what is meant for its programmers.
pub(super) fn plain(text: &str) -> String {
    let end = text.find(['{', '(']).unwrap_or(text.len());
    text[..end].trim_end_matches([' ', ':']).to_lowercase()
}

/// `error` and its causes. An [`io::Error`] hides the one that it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), |error| cause(*error))
}

pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The deepest error of the system among the causes.
pub(super) fn system_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .last()
}

/// The deepest of the causes, in its own words.
fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    #[test]
    fn errors_of_the_system_have_their_reasons() {
        for (code, phase, reason, detail) in [
            (
                libc::ECONNRESET,
                Phase::Tls,
                Reason::Reset,
                "connection reset by peer",
            ),
            (libc::EPIPE, Phase::Tls, Reason::TlsHandshake, "broken pipe"),
            (libc::EPIPE, Phase::FirstByte, Reason::Closed, "broken pipe"),
            (
                libc::ETIMEDOUT,
                Phase::FirstByte,
                Reason::FirstByteTimeout,
                "connection timed out",
            ),
        ] {
            // as they come up through TLS: wrapped, more than once
            let wrapped = io::Error::other(io::Error::other(os(code)));
            let trouble = of_broken(&wrapped, phase);
            assert_eq!(trouble, Trouble::new(reason, phase, detail));
        }
        let reset = of_body(HttpError::Io(os(libc::ECONNRESET)), 5, Some(100));
        assert_eq!(reset.reason, Reason::Reset);
        assert_eq!(
            reset.detail,
            "connection reset by peer after 5 bytes of body"
        );
    }
}
