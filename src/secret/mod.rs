//! Text that must not be seen: in logs, mails, pages, and `Debug` output it is `***`.

mod mask;

use std::fmt;

pub use mask::{
    conceal, conceal_header, conceal_login, conceal_variable, mask, mask_json, names_a_secret,
    register, registered,
};

/// A secret. There is no way to print it but [`Secret::expose`], which is for the wire alone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Bytes to send, which may hold a password. [`SecretBytes::expose`] is for the wire alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Hides `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, for the wire.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `url` with its userinfo replaced by `***@`. Works on any text with `//` and `@` in its authority, so
/// that a URL that does not parse is hidden just as well.
pub fn redact_url(url: &str) -> String {
    let Some(start) = url.find("//").map(|at| at + 2) else {
        return url.to_owned();
    };
    let authority = &url[start..];
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    match authority[..end].rfind('@') {
        None => url.to_owned(),
        Some(at) => format!("{}***@{}", &url[..start], &authority[at + 1..]),
    }
}

/// `url` without what may be a user and a password in it, whether it is a URL or only nearly one.
pub fn without_login(url: &str) -> String {
    match login_end(url) {
        None => url.to_owned(),
        Some(end) => {
            let start = url[..end].find("://").map_or(0, |at| at + 3);
            format!("{}***{}", &url[..start], &url[end..])
        }
    }
}

/// Where the `@` is that may end a user and a password: the last one, when a colon comes before it.
pub fn login_end(text: &str) -> Option<usize> {
    text.rfind('@').filter(|&at| text[..at].contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "*** *** Some(***)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn urls_lose_their_userinfo_only() {
        for (url, redacted) in [
            ("http://u:p@h:1/x?a@b", "http://***@h:1/x?a@b"),
            ("http://u@h", "http://***@h"),
            ("http://u:p@x@h/", "http://***@h/"),
            ("http://h/x@y", "http://h/x@y"),
            ("http://h?x@y", "http://h?x@y"),
            ("nonsense", "nonsense"),
            ("http://h#@", "http://h#@"),
        ] {
            assert_eq!(redact_url(url), redacted);
        }
    }
}
