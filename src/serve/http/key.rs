//! Keys: which requests may see what is not public. A key is compared in a time that does not depend on how much of it
//! is right, and a person's browser may send it as the password of HTTP Basic authentication.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::hmac;

use crate::secret::Secret;

/// The header of Halon's monitor.
pub const HEADER: &str = "x-api-key";

/// What a browser asks its user for.
pub const CHALLENGE: &str = "Basic realm=\"httpok\", charset=\"UTF-8\"";

/// The keys that are known, as tags under a secret of this run, which all have the same length.
#[derive(Debug)]
pub struct ApiKeys {
    under: hmac::Key,
    tags: Vec<hmac::Tag>,
}

impl ApiKeys {
    pub fn new(keys: &[Secret]) -> Self {
        let mut secret = [0; 32];
        // without randomness from the system the comparison is still right, and the keys are as good as they are
        let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut secret);
        let under = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = |key: &Secret| hmac::sign(&under, key.expose().as_bytes());
        Self {
            tags: keys.iter().map(tag).collect(),
            under,
        }
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether a request with `headers` has one of them.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        // every key is compared with every other, whichever is right
        given(headers)
            .iter()
            .fold(false, |known, key| known | self.knows(key))
    }

    fn knows(&self, key: &[u8]) -> bool {
        self.tags.iter().fold(false, |known, tag| {
            known | hmac::verify(&self.under, key, tag.as_ref()).is_ok()
        })
    }

    /// A token for the forms of this run's pages, which other sites cannot read.
    pub fn form_token(&self) -> String {
        let tag = hmac::sign(&self.under, b"form");
        tag.as_ref()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The keys that a request with `headers` brings.
fn given(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let by_header = headers.get_all(HEADER).iter();
    let mut given: Vec<Vec<u8>> = by_header.map(|value| value.as_bytes().to_vec()).collect();
    given.extend(headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.trim().as_bytes().to_vec()),
            "basic" => {
                let login = STANDARD.decode(rest.trim()).ok()?;
                let colon = login.iter().position(|byte| *byte == b':')?;
                Some(login[colon + 1..].to_vec())
            }
            _ => None,
        }
    }));
    given
}

/// Whether a request with `headers` brings any key at all.
pub fn is_given(headers: &HeaderMap) -> bool {
    given(headers).iter().any(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_api_key_works_in_each_of_three_forms() {
        let keys = ApiKeys::new(&["old".into(), "new key".into()]);
        let basic = |login: &str| format!("Basic {}", STANDARD.encode(login));
        for (name, value, admitted) in [
            ("X-API-Key", "old".to_owned(), true),
            ("x-api-key", "new key".to_owned(), true),
            ("X-API-Key", "new".to_owned(), false),
            ("X-API-Key", "olds".to_owned(), false),
            ("X-API-Key", String::new(), false),
            ("Authorization", "Bearer old".to_owned(), true),
            ("Authorization", "bearer new key".to_owned(), true),
            ("Authorization", basic("anyone:new key"), true),
            ("Authorization", basic(":old"), true),
            ("Authorization", basic("old"), false),
            ("Authorization", basic("old:"), false),
            ("Authorization", "Basic !".to_owned(), false),
            ("Authorization", "Digest old".to_owned(), false),
            ("Cookie", "old".to_owned(), false),
        ] {
            let mut headers = HeaderMap::new();
            let value = value.parse().expect("a value");
            headers.insert(
                hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                value,
            );
            assert_eq!(keys.admit(&headers), admitted, "{name}: {:?}", headers);
        }
        assert!(!keys.admit(&HeaderMap::new()));
        assert!(!ApiKeys::new(&[]).admit(&HeaderMap::new()));
    }
}
