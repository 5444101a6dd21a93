//! A certificate's bytes, read for people. No opinion: trust is decided in [`super::tls`].

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::escape::visible;
use crate::health::{Certificate, bounded};

/// More names than this are not kept.
const NAMES_MAX: usize = 100;

/// The facts in `der`; `None` when it is no certificate.
pub fn read(der: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let tbs = certificate.tbs_certificate();
    let names = tbs.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.map(|(_, names)| names.0).unwrap_or_default();
    Some(Certificate {
        subject: bounded(visible(&tbs.subject().to_string())),
        issuer: bounded(visible(&tbs.issuer().to_string())),
        names: names
            .iter()
            .filter_map(host)
            .map(|name| bounded(visible(&name)))
            .take(NAMES_MAX)
            .collect(),
        not_before: seconds(tbs.validity().not_before),
        not_after: seconds(tbs.validity().not_after),
        verified: false,
    })
}

/// `name` when it is one that a URL's host can be.
fn host(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(address) => {
            let bytes = address.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
            let v6 = <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).to_string());
            v4.or(v6).ok()
        }
        _ => None,
    }
}

fn seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_and_garbage_is_none() {
        let mut params =
            rcgen::CertificateParams::new(["a.example".to_owned(), "192.0.2.1".to_owned()])
                .expect("good names");
        params.not_before = rcgen::date_time_ymd(2001, 2, 3);
        params.not_after = rcgen::date_time_ymd(2031, 2, 3);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "a, b");
        let key = rcgen::KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate");
        let read = read(der.der()).expect("it is one");
        assert_eq!(read.subject, read.issuer);
        assert!(read.subject.contains("CN=a\\, b"), "{}", read.subject);
        assert_eq!(read.names, ["a.example", "192.0.2.1"]);
        assert_eq!(
            (read.not_before, read.not_after),
            (981_158_400, 1_927_843_200)
        );
        let name = rcgen::SanType::DnsName("a\nINFO\0".try_into().expect("ASCII"));
        params.subject_alt_names = vec![name];
        let hostile = params.self_signed(&key).expect("a certificate");
        let names = super::read(hostile.der()).expect("it is one").names;
        assert_eq!(names, ["a\\nINFO\\x00"]);
        assert_eq!(super::read(b"garbage"), None);
        assert_eq!(super::read(&der.der()[..100]), None);
    }
}
