//! From an error of TLS to a reason of the closed list: handshakes, and certificates that are not trusted.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;

use super::trouble::{find, plain, system_error};
use crate::health::{Certificate, Phase, Reason, Trouble};
use crate::net::trouble::of_io;

/// How one certificate is trusted.
const SELF_SIGNED: &str = "certificate is self-signed: to trust it as it is, give it with --cacert FILE, or in a file with cacert";
const AUTHORITY: &str = "certificate is an authority's, not a server's: to trust it as it is, give it with --cacert FILE, or in a file with \
                         cacert";

/// The error that a TLS handshake ended with.
pub fn of_handshake(error: &io::Error) -> Trouble {
    match find::<rustls::Error>(error) {
        Some(tls) => of_tls(tls),
        None => of_io(system_error(error).unwrap_or(error), Phase::Tls, ""),
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
        Fault::UnknownIssuer if is_self_signed(leaf) => untrusted(SELF_SIGNED.to_owned()),
        Fault::UnknownIssuer => untrusted(format!(
            "certificate is issued by an unknown authority{issued_by}"
        )),
        Fault::BadSignature => untrusted(format!(
            "certificate is not signed by its issuer{issued_by}"
        )),
        Fault::Revoked => untrusted("certificate is revoked".to_owned()),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => {
            untrusted("certificate is not for servers (its extended key usage says so)".to_owned())
        }
        Fault::UnhandledCriticalExtension => limit("a critical extension"),
        Fault::BadEncoding => match leaf {
            // it can be read, but not by the TLS library
            Some(_) => limit("the encoding or version of a certificate"),
            None => untrusted("certificate cannot be read".to_owned()),
        },
        other => match format!("{other:?}") {
            text if text.contains("CaUsedAsEndEntity") => untrusted(
                match is_self_signed(leaf) {
                    true => SELF_SIGNED,
                    false => AUTHORITY,
                }
                .to_owned(),
            ),
            text if text.contains("UnsupportedSignature") => {
                limit("the signature algorithm of a certificate")
            }
            text if text.contains("UnsupportedCertVersion") => {
                limit("a certificate of X.509 before version 3")
            }
            text => untrusted(format!(
                "certificate is not accepted: {}",
                spaced(innermost(&text))
            )),
        },
    }
}

/// Whether it names itself as its issuer.
fn is_self_signed(leaf: Option<&Certificate>) -> bool {
    leaf.is_some_and(|leaf| leaf.subject == leaf.issuer)
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

/// What went wrong in TLS itself, but for the trust in a certificate. That there is no cipher, curve, signature or
/// version that both sides know is a limit of our library before it is a fault of the service.
pub(super) fn of_tls(error: &rustls::Error) -> Trouble {
    use rustls::AlertDescription as Alert;
    const LIMIT: &str = "beyond what httpok's TLS library can do";
    let (reason, detail) = match error {
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => (
            Reason::TlsHandshake,
            "the peer does not speak TLS".to_owned(),
        ),
        rustls::Error::AlertReceived(
            alert
            @ (Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity),
        ) => {
            let alert = spaced(&format!("{alert:?}"));
            let detail = format!(
                "the peer refuses the handshake: {alert}: it may want a version, cipher, curve or certificate that is {LIMIT}"
            );
            (Reason::Config, detail)
        }
        rustls::Error::AlertReceived(alert) if is_about_client(*alert) => {
            let alert = spaced(&format!("{alert:?}"));
            let detail = format!(
                "the peer does not accept the certificate of httpok, or wants one: {alert}: see cert and key"
            );
            (Reason::Config, detail)
        }
        rustls::Error::AlertReceived(alert) => {
            let alert = spaced(&format!("{alert:?}"));
            (
                Reason::TlsHandshake,
                format!("the peer refuses the handshake: {alert}"),
            )
        }
        rustls::Error::PeerIncompatible(why) => {
            let why = spaced(&format!("{why:?}"));
            (
                Reason::Config,
                format!("no way to speak TLS with the peer: {why}: {LIMIT}"),
            )
        }
        rustls::Error::PeerMisbehaved(why) => {
            let why = spaced(&format!("{why:?}"));
            (
                Reason::TlsHandshake,
                format!("the peer breaks the rules of TLS: {why}"),
            )
        }
        other => (Reason::TlsHandshake, plain(&other.to_string())),
    };
    Trouble::new(reason, Phase::Tls, detail)
}

/// Whether a server says by `alert` that it does not accept the client's certificate: to restart it cannot help.
const fn is_about_client(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        alert,
        Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired
            // it cannot verify what the client signed
            | Alert::DecryptError
    )
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

fn date(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    // the latest date that can be written; a certificate may claim a later one
    let latest = Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since.min(latest)).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::trouble::of_broken;
    use super::*;

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
    fn tls_errors_have_plain_messages() {
        use rustls::{AlertDescription, PeerIncompatible};
        let (theirs, ours) = (Reason::TlsHandshake, Reason::Config);
        for (error, reason, detail) in [
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                ours,
                "the peer refuses the handshake: handshake failure: it may want a version, cipher, curve or certificate \
                 that is beyond what httpok's TLS library can do",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::UnknownCA),
                ours,
                "the peer does not accept the certificate of httpok, or wants one: unknown ca: see cert and key",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                ours,
                "the peer does not accept the certificate of httpok, or wants one: certificate required: see cert and key",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::InternalError),
                theirs,
                "the peer refuses the handshake: internal error",
            ),
            (
                PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(),
                ours,
                "no way to speak TLS with the peer: server tls version is disabled by our config: beyond what \
                 httpok's TLS library can do",
            ),
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                theirs,
                "the peer does not speak TLS",
            ),
            (
                rustls::Error::DecryptError,
                theirs,
                "cannot decrypt peer's message",
            ),
        ] {
            let trouble = of_broken(&io::Error::other(error), Phase::FirstByte);
            assert_eq!(trouble, Trouble::new(reason, Phase::Tls, detail));
        }
    }

    #[test]
    fn untrusted_certificate_is_named_and_unsupported_one_is_unknown() {
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
            (other("CaUsedAsEndEntity"), Reason::TlsUntrusted, AUTHORITY),
            (
                other("UnsupportedCertVersion"),
                Reason::Config,
                "cannot check the certificate: a certificate of X.509 before version 3 is beyond what httpok's TLS library can do",
            ),
        ] {
            let trouble = of_distrust(&fault.into(), &chain, "h");
            assert_eq!((trouble.reason, trouble.detail.as_str()), (reason, detail));
        }
        let own = [certificate("CN=i", i64::MAX)];
        for fault in [CertificateError::UnknownIssuer, other("CaUsedAsEndEntity")] {
            let trouble = of_distrust(&fault.into(), &own, "h");
            assert_eq!(trouble.reason, Reason::TlsUntrusted);
            assert_eq!(trouble.detail, SELF_SIGNED);
        }
        let alone = of_distrust(&CertificateError::Expired.into(), &[], "h");
        assert_eq!(alone.detail, "certificate expired");
    }
}
