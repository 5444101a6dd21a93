//! From an error of the HTTP client to a reason of the closed list, with the deepest cause in plain words.
//! Which words other crates use for their errors is known here and nowhere else.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;

use super::wire::Flood;
use crate::health::{Certificate, Phase, Reason, Trouble};
use crate::probe::trouble::{io_reason, of_io, words};

/// The error of an attempt that was connected and came as far as `phase`.
pub fn of_attempt(error: &(dyn Error + 'static), phase: Phase) -> Trouble {
    if let Some(flood) = find::<Flood>(error) {
        return Trouble::new(Reason::TooLarge, Phase::FirstByte, flood.to_string());
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return Trouble::new(Reason::TlsHandshake, Phase::Tls, tls_words(tls));
    }
    if let Some(trouble) = find_map(error, of_head) {
        return trouble;
    }
    if let Some(fault) = system_error(error) {
        return of_io(fault, phase, "");
    }
    let reason = match phase {
        Phase::Tls => Reason::TlsHandshake,
        Phase::Dns | Phase::Connect | Phase::FirstByte | Phase::Body => Reason::Malformed,
    };
    Trouble::new(reason, phase, deepest(error))
}

/// The error that a body ended with after `got` bytes.
pub fn of_body(error: &(dyn Error + 'static), got: u64, announced: Option<u64>) -> Trouble {
    let trouble = |reason, detail: String| Trouble::new(reason, Phase::Body, detail);
    let incomplete = find_map(error, |http: &hyper::Error| {
        http.is_incomplete_message().then_some(())
    });
    let fault = system_error(error);
    let cut = fault.is_some_and(|fault| fault.kind() == ErrorKind::UnexpectedEof);
    if incomplete.is_some() || cut {
        let detail = match announced {
            Some(announced) => format!("expected {announced} bytes of body, got {got}"),
            None => format!("the body broke off after {got} bytes"),
        };
        return trouble(Reason::Truncated, detail);
    }
    match fault.and_then(|fault| io_reason(fault, Phase::Body).map(|reason| (reason, fault))) {
        Some((reason, fault)) => {
            let detail = format!("{} after {got} bytes of body", words(fault));
            trouble(reason, detail)
        }
        None => trouble(Reason::Malformed, deepest(error)),
    }
}

/// The peer's certificate is not accepted for `host`.
pub fn of_distrust(error: &rustls::Error, leaf: Option<&Certificate>, host: &str) -> Trouble {
    use CertificateError as Fault;
    let trouble = |reason, detail| Trouble::new(reason, Phase::Tls, detail);
    let rustls::Error::InvalidCertificate(fault) = error else {
        return trouble(Reason::TlsUntrusted, error.to_string());
    };
    match (fault, leaf) {
        (Fault::Expired | Fault::ExpiredContext { .. }, leaf) => {
            let when = leaf.map(|leaf| format!(" on {}", date(leaf.not_after)));
            let when = when.unwrap_or_default();
            trouble(Reason::TlsExpired, format!("certificate expired{when}"))
        }
        (Fault::NotValidYet | Fault::NotValidYetContext { .. }, leaf) => {
            let when = leaf.map(|leaf| format!(" before {}", date(leaf.not_before)));
            let when = when.unwrap_or_default();
            trouble(Reason::TlsExpired, format!("certificate not valid{when}"))
        }
        (Fault::NotValidForName | Fault::NotValidForNameContext { .. }, leaf) => {
            let names = leaf.map(|leaf| leaf.names.join(", ")).unwrap_or_default();
            let names = if names.is_empty() { "no name" } else { &names };
            let detail = format!("certificate is not for {host:?} but for {names}");
            trouble(Reason::TlsName, detail)
        }
        (Fault::UnknownIssuer, Some(leaf)) => {
            let issuer = &leaf.issuer;
            let detail = format!("certificate is issued by an unknown authority, {issuer:?}");
            trouble(Reason::TlsUntrusted, detail)
        }
        (Fault::BadSignature, Some(leaf)) => {
            let issuer = &leaf.issuer;
            let detail = format!("certificate is not signed by its issuer, {issuer:?}");
            trouble(Reason::TlsUntrusted, detail)
        }
        _ => trouble(Reason::TlsUntrusted, error.to_string()),
    }
}

/// What an error of the HTTP codec says about the answer's head.
fn of_head(error: &hyper::Error) -> Option<Trouble> {
    let trouble = |reason, detail: String| Some(Trouble::new(reason, Phase::FirstByte, detail));
    if error.is_parse_too_large() {
        let detail = "the answer's head has too many headers or bytes";
        return trouble(Reason::TooLarge, detail.to_owned());
    }
    if error.is_parse() {
        return trouble(Reason::Malformed, format!("not HTTP: {error}"));
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        let detail = "connection closed without a complete answer";
        return trouble(Reason::Closed, detail.to_owned());
    }
    None
}

fn tls_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => format!("the peer does not speak TLS: {error}"),
        rustls::Error::AlertReceived(alert) => {
            format!("the peer refuses the handshake: {alert:?}")
        }
        _ => error.to_string(),
    }
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

fn find_map<E: Error + 'static, T>(
    error: &(dyn Error + 'static),
    read: impl Fn(&E) -> Option<T>,
) -> Option<T> {
    causes(error).find_map(|cause| cause.downcast_ref().and_then(&read))
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
pub fn deepest(error: &(dyn Error + 'static)) -> String {
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
    fn system_errors_have_their_reasons() {
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
            // as the HTTP client hands them up: wrapped, more than once
            let wrapped = io::Error::other(io::Error::other(os(code)));
            let trouble = of_attempt(&wrapped, phase);
            assert_eq!(trouble, Trouble::new(reason, phase, detail));
        }
        let reset = of_body(&os(libc::ECONNRESET), 5, Some(100));
        assert_eq!(reset.reason, Reason::Reset);
        assert_eq!(
            reset.detail,
            "connection reset by peer after 5 bytes of body"
        );
    }

    #[test]
    fn tls_errors_are_told_in_words() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let trouble = of_attempt(&io::Error::other(alert), Phase::FirstByte);
        assert_eq!(
            (trouble.reason, trouble.phase),
            (Reason::TlsHandshake, Phase::Tls)
        );
        assert_eq!(
            trouble.detail,
            "the peer refuses the handshake: HandshakeFailure"
        );
        let leaf = Certificate {
            subject: String::new(),
            issuer: "CN=i".to_owned(),
            names: Vec::new(),
            not_before: 0,
            not_after: i64::MAX,
        };
        let expired = CertificateError::Expired.into();
        let trouble = of_distrust(&expired, Some(&leaf), "h");
        assert_eq!(
            trouble.detail,
            "certificate expired on 9999-12-31T23:59:59Z"
        );
        assert_eq!(
            of_distrust(&expired, None, "h").detail,
            "certificate expired"
        );
        let name = CertificateError::NotValidForName.into();
        let trouble = of_distrust(&name, Some(&leaf), "h");
        assert_eq!(
            trouble.detail,
            "certificate is not for \"h\" but for no name"
        );
    }
}
