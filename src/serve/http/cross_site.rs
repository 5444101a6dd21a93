//! Requests that another site has a browser send. A browser adds the key that its user gave it for Basic authentication
//! to whatever a page of any site asks for; it adds no header of ours and no Bearer key. So a request that changes
//! something and has no other key must show that it comes from our own pages, or from no browser.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN};

use super::key;

const SITE: &str = "sec-fetch-site";

/// The types of a body that a page may have sent to another site without asking that site first.
const SIMPLE: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
];

/// Why a request with `headers`, which changes something, is refused.
pub fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(key::HEADER) || !is_basic(headers) {
        return None;
    }
    let text = |name: &str| headers.get(name).map(|value| value.as_bytes());
    let site = text(SITE).map(<[u8]>::to_ascii_lowercase);
    match site.as_deref() {
        Some(b"same-origin") => return None,
        Some(b"none") | None => {}
        Some(_) => return Some(OTHER_SITE),
    }
    if let Some(origin) = text(ORIGIN.as_str()) {
        return (!is_of_host(origin, text(HOST.as_str()))).then_some(OTHER_SITE);
    }
    let is_simple = |kind: &[u8]| {
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
        let kind = kind.trim_ascii();
        SIMPLE
            .iter()
            .any(|simple| kind.eq_ignore_ascii_case(simple.as_bytes()))
    };
    text(CONTENT_TYPE.as_str())
        .is_some_and(is_simple)
        .then_some(FORM)
}

const OTHER_SITE: &str = "a page of another site has sent this: changes with a browser's login are made by our own pages \
     only; a program sends its key as X-API-Key";
const FORM: &str = "this may have been sent by a page of another site: expected Content-Type: application/json, or the \
     key as X-API-Key";

fn is_basic(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next();
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
    })
}

/// Whether `origin`, such as `https://h:8443`, is what was asked as `host`.
fn is_of_host(origin: &[u8], host: Option<&[u8]>) -> bool {
    let after = |scheme: &[u8]| origin.strip_prefix(scheme);
    let authority = after(b"http://").or_else(|| after(b"https://"));
    authority
        .zip(host)
        .is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_logins_change_nothing_for_other_sites() {
        let basic = ("authorization", "Basic eDprMQ==");
        let bearer = ("authorization", "Bearer k1");
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (headers, is_refused) in [
            // no browser sends these by itself
            (&[("x-api-key", "k1")][..], false),
            (&[bearer, ("origin", "http://evil.example")], false),
            (&[basic, ("x-api-key", "k1"), form], false),
            // curl
            (&[basic], false),
            (&[basic, ("content-type", "application/json")], false),
            (&[basic, form], true),
            (&[basic, ("content-type", "Text/Plain; charset=x")], true),
            // browsers
            (&[basic, ("origin", "http://evil.example")], true),
            (&[basic, ("origin", "null")], true),
            (&[basic, ("origin", "http://h:9181")], false),
            (&[basic, ("origin", "https://H:9181"), form], false),
            (&[basic, ("origin", "http://h")], true),
            (&[basic, ("origin", "http://h:9181.evil.example")], true),
            (&[basic, ("sec-fetch-site", "cross-site")], true),
            (&[basic, ("sec-fetch-site", "same-site")], true),
            (&[basic, ("sec-fetch-site", "same-origin"), form], false),
            (&[basic, ("sec-fetch-site", "none"), form], true),
            (
                &[
                    ("authorization", "basic x"),
                    ("sec-fetch-site", "CROSS-SITE"),
                ],
                true,
            ),
        ] {
            let mut map = HeaderMap::new();
            map.insert(HOST, "h:9181".parse().expect("a value"));
            for (name, value) in headers {
                map.insert(*name, value.parse().expect("a value"));
            }
            assert_eq!(refusal(&map).is_some(), is_refused, "{headers:?}");
        }
    }
}
