//! URLs taken apart. An error never repeats a URL's user or password.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::secret::{self, Secret, without_login};

/// A URL taken apart.
pub struct Address {
    /// In lower case.
    pub scheme: String,
    /// Without user and password, otherwise as it was written.
    pub url: String,
    /// User and, when given, password.
    pub user: Option<(String, Option<Secret>)>,
    /// Without the brackets of an IPv6 address; percent-encoded where the scheme is not the web's.
    pub host: String,
    pub port: Option<u16>,
    pub path: String,
}

impl Address {
    /// Takes `text` apart; `example` is what would be right.
    ///
    /// # Errors
    /// Says what a URL looks like.
    pub fn parse(text: &str, example: &str) -> Result<Self, String> {
        let shown = without_login(text);
        let invalid = |what: &str| format!("{shown:?} {what}: expected a URL such as {example:?}");
        // the parser forgives blanks and slashes that a probe, or a reader, would stumble over
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(invalid("has blanks or control characters in it"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(match text.split(['/', ':']).next() {
                Some(host) if !host.is_empty() && !shown.contains('@') => {
                    let scheme = example.split("://").next().unwrap_or("http");
                    // a colon or a slash too few, as in http//host and http:/host
                    let rest = ["https", "http"].iter().find_map(|scheme| {
                        let rest = shown.strip_prefix(scheme)?.strip_prefix([':', '/'])?;
                        Some((scheme, rest.trim_start_matches('/')))
                    });
                    if let Some((scheme, rest)) = rest {
                        return Err(format!(
                            "{shown:?} is not a URL: did you mean \"{scheme}://{rest}\"?"
                        ));
                    }
                    format!(
                        "{shown:?} is not a URL: expected a scheme before it, such as \"{scheme}://{shown}\""
                    )
                }
                _ => invalid("is not a URL"),
            });
        };
        // of "http:///u:p@h" the parser makes the host "h"; we would take it for a path
        if scheme.to_ascii_lowercase().starts_with("http") && rest.starts_with(['/', '\\']) {
            return Err(invalid("names no host"));
        }
        let url = Url::parse(text).map_err(|why| invalid(&format!("is not a URL ({why})")))?;
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let user = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let decoded = |part| {
                    percent_decoded(part).ok_or_else(|| invalid("has a user that is not UTF-8"))
                };
                let password = password.map(decoded).transpose()?.map(Secret::new);
                if let Some(password) = &password {
                    secret::conceal_login(user, password.expose());
                }
                Some((decoded(user)?, password))
            }
        };
        Ok(Self {
            scheme: url.scheme().to_owned(),
            url: without_userinfo(text),
            user,
            host: host.to_owned(),
            port: url.port(),
            path: url.path().to_owned(),
        })
    }
}

/// `url` as it was written, but for its user and password.
fn without_userinfo(url: &str) -> String {
    let start = url.find("//").map_or(0, |at| at + 2);
    let (scheme, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let from = rest[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[from..])
}

/// `text` with its `%XX` decoded, when that is UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}
