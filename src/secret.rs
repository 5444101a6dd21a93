//! Text that must not be seen: in logs, mails, pages, and `Debug` output it is `***`.

use std::fmt;

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
