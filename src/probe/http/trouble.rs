//! From an error of the HTTP client to a reason of the closed list, with the deepest cause in plain words.
//! Which words other crates use for their errors is known here and nowhere else.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;

use super::http2::HeadTooLarge;
use crate::health::{Certificate, Phase, Reason, Trouble};
use crate::net::http1::HttpError;
use crate::net::trouble::{io_reason, of_io};

/// The error that a TLS handshake ended with.
pub fn of_handshake(error: &io::Error) -> Trouble {
    match find::<rustls::Error>(error) {
        Some(tls) => of_tls(tls),
        None => of_io(system_error(error).unwrap_or(error), Phase::Tls, ""),
    }
}

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
                trouble.detail += &format!(" after {got} bytes of body");
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

fn truncated(got: u64, announced: Option<u64>) -> Trouble {
    let detail = match announced {
        Some(announced) => format!("expected {announced} bytes of body, got {got}"),
        None => format!("the body broke off after {got} bytes"),
    };
    Trouble::new(Reason::Truncated, Phase::Body, detail)
}

/// A connection that broke in `phase`: by TLS, or by the system.
fn of_broken(error: &io::Error, phase: Phase) -> Trouble {
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

/// The peer's certificates, leaf first, are not accepted for `host`.
pub fn of_distrust(error: &rustls::Error, chain: &[Certificate], host: &str) -> Trouble {
    use CertificateError as Fault;
    let leaf = chain.first();
    let trouble = |reason, detail| Trouble::new(reason, Phase::Tls, detail);
    let untrusted = |detail| trouble(Reason::TlsUntrusted, detail);
    let limit = |what: &str| {
        let detail = format!(
            "cannot check the certificate: {what} is beyond what httpok's TLS library can do"
        );
        trouble(Reason::Config, detail)
    };
    let issued_by = leaf.map_or_else(String::new, |leaf| format!(", {:?}", leaf.issuer));
    let rustls::Error::InvalidCertificate(fault) = error else {
        return untrusted(plain(&error.to_string()));
    };
    match fault {
        Fault::Expired => expired(chain, None),
        Fault::ExpiredContext { not_after, .. } => {
            expired(chain, i64::try_from(not_after.as_secs()).ok())
        }
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            let when = leaf.map(|leaf| format!(" before {}", date(leaf.not_before)));
            let when = when.unwrap_or_default();
            trouble(Reason::TlsExpired, format!("certificate not valid{when}"))
        }
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            let names = leaf.map(|leaf| leaf.names.join(", ")).unwrap_or_default();
            let names = if names.is_empty() { "no name" } else { &names };
            let detail = format!("certificate is not for {host:?} but for {names}");
            trouble(Reason::TlsName, detail)
        }
        Fault::UnknownIssuer => untrusted(format!(
            "certificate is issued by an unknown authority{issued_by}"
        )),
        Fault::BadSignature => untrusted(format!(
            "certificate is not signed by its issuer{issued_by}"
        )),
        Fault::Revoked => untrusted("certificate is revoked".to_owned()),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => untrusted(
            "certificate is not for servers (its extended key usage says so)".to_owned(),
        ),
        Fault::UnhandledCriticalExtension => limit("a critical extension"),
        Fault::BadEncoding => match leaf {
            // it can be read, but not by the TLS library
            Some(_) => limit("the encoding or version of a certificate"),
            None => untrusted("certificate cannot be read".to_owned()),
        },
        other => match format!("{other:?}") {
            text if text.contains("CaUsedAsEndEntity") => untrusted(
                "certificate is an authority's, not a server's: give it as cacert to trust it as it is"
                    .to_owned(),
            ),
            text if text.contains("UnsupportedSignature") => {
                limit("the signature algorithm of a certificate")
            }
            text if text.contains("UnsupportedCertVersion") => limit("a certificate of X.509 before version 3"),
            text => untrusted(format!("certificate is not accepted: {}", spaced(innermost(&text)))),
        },
    }
}

/// The certificate that ended at `not_after` if that is known, or else the first that is over.
fn expired(chain: &[Certificate], not_after: Option<i64>) -> Trouble {
    let position = chain
        .iter()
        .position(|one| not_after.is_none_or(|end| one.not_after == end));
    let at = position.unwrap_or(0);
    let what = match at {
        0 => "certificate".to_owned(),
        _ => format!("the issuer's certificate {:?}", chain[at].subject),
    };
    let when = chain
        .get(at)
        .map(|one| format!(" on {}", date(one.not_after)));
    let detail = format!("{what} expired{}", when.unwrap_or_default());
    Trouble::new(Reason::TlsExpired, Phase::Tls, detail)
}

/// The last word of nested ones: `Other(OtherError(CaUsed))` is `CaUsed`.
fn innermost(text: &str) -> &str {
    let text = text.trim_end_matches([')', ' ', '}']);
    let word = text.split('{').next().unwrap_or_default();
    word.rsplit('(').next().unwrap_or_default().trim()
}

/// What went wrong in TLS itself, but for the trust in a certificate.
fn of_tls(error: &rustls::Error) -> Trouble {
    let detail = match error {
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => {
            "the peer does not speak TLS".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!(
                "the peer refuses the handshake: {}",
                spaced(&format!("{alert:?}"))
            )
        }
        rustls::Error::PeerIncompatible(why) => {
            format!(
                "no way to speak TLS with the peer: {}",
                spaced(&format!("{why:?}"))
            )
        }
        rustls::Error::PeerMisbehaved(why) => {
            format!(
                "the peer breaks the rules of TLS: {}",
                spaced(&format!("{why:?}"))
            )
        }
        other => plain(&other.to_string()),
    };
    Trouble::new(Reason::TlsHandshake, Phase::Tls, detail)
}

/// `name`, which is one word of a program, as words: `HandshakeFailure` is `handshake failure`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    let name = name.split(['(', '{', ' ']).next().unwrap_or_default();
    let mut before = ' ';
    for c in name.chars() {
        let begins =
            c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if begins || (c.is_ascii_digit() && before.is_ascii_lowercase()) {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
        before = c;
    }
    words
}

/// `text` of another crate without what is meant for its programmers.
fn plain(text: &str) -> String {
    let end = text.find(['{', '(']).unwrap_or(text.len());
    text[..end].trim_end_matches([' ', ':']).to_lowercase()
}

fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    // the latest date that can be written; a certificate may claim a later one
    let latest = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since.min(latest)).to_string()
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

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The deepest error of the system among the causes.
fn system_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
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

    fn certificate(subject: &str, not_after: i64) -> Certificate {
        Certificate {
            subject: subject.to_owned(),
            issuer: "CN=i".to_owned(),
            names: Vec::new(),
            not_before: 0,
            not_after,
            verified: false,
        }
    }

    #[test]
    fn tls_errors_are_said_in_plain_words() {
        use rustls::{AlertDescription, PeerIncompatible};
        for (error, detail) in [
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                "the peer refuses the handshake: handshake failure",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                "the peer refuses the handshake: unknown ca",
            ),
            (
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(),
                "no way to speak TLS with the peer: server tls version is disabled by our config",
            ),
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "the peer does not speak TLS",
            ),
            (rustls::Error::DecryptError, "cannot decrypt peer's message"),
        ] {
            let trouble = of_broken(&io::Error::other(error), Phase::FirstByte);
            assert_eq!(
                (trouble.reason, trouble.phase),
                (Reason::TlsHandshake, Phase::Tls)
            );
            assert_eq!(trouble.detail, detail);
        }
    }

    #[test]
    fn distrust_names_the_certificate_and_what_is_our_limit_is_unknown() {
        use rustls::pki_types::UnixTime;
        let at = |secs| UnixTime::since_unix_epoch(Duration::from_secs(secs));
        let chain = [
            certificate("CN=leaf", i64::MAX),
            certificate("CN=mid", 86_400),
        ];
        let over = CertificateError::ExpiredContext {
            time: at(100_000),
            not_after: at(86_400),
        };
        let other = |text: &'static str| {
            CertificateError::Other(rustls::OtherError(std::sync::Arc::new(io::Error::other(
                text,
            ))))
        };
        for (fault, reason, detail) in [
            (
                CertificateError::Expired,
                Reason::TlsExpired,
                "certificate expired on 9999-12-31T23:59:59Z",
            ),
            (
                over,
                Reason::TlsExpired,
                "the issuer's certificate \"CN=mid\" expired on 1970-01-02T00:00:00Z",
            ),
            (
                CertificateError::NotValidForName,
                Reason::TlsName,
                "certificate is not for \"h\" but for no name",
            ),
            (
                CertificateError::UnknownIssuer,
                Reason::TlsUntrusted,
                "certificate is issued by an unknown authority, \"CN=i\"",
            ),
            (
                other("CaUsedAsEndEntity"),
                Reason::TlsUntrusted,
                "certificate is an authority's, not a server's: give it as cacert to trust it as it is",
            ),
            (
                other("UnsupportedCertVersion"),
                Reason::Config,
                "cannot check the certificate: a certificate of X.509 before version 3 is beyond what httpok's TLS library can do",
            ),
        ] {
            let trouble = of_distrust(&fault.into(), &chain, "h");
            assert_eq!((trouble.reason, trouble.detail.as_str()), (reason, detail));
        }
        let alone = of_distrust(&CertificateError::Expired.into(), &[], "h");
        assert_eq!(alone.detail, "certificate expired");
    }
}
