//! URLs as they are shown: without users, passwords, and parameters whose names say that they are secrets.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use super::mask::{conceal, names_a_secret};

/// What stands for a secret.
const MASK: &str = "***";

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

/// `url` as everybody may see it: without userinfo, and with `***` for the values of parameters that hold secrets.
pub fn shown_url(url: &str) -> String {
    let mut shown = redact_url(url);
    for part in secret_parameters(&shown).into_iter().rev() {
        shown.replace_range(part, MASK);
    }
    shown
}

/// From now on the values of the parameters of `url` that hold secrets are masked, wherever they come back.
pub fn conceal_url(url: &str) {
    for part in secret_parameters(url) {
        let value = &url[part];
        conceal(value);
        conceal(&percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy());
    }
}

/// Where the values of the parameters of `url` are that hold secrets by their names, in order.
pub fn secret_parameters(url: &str) -> Vec<Range<usize>> {
    let Some(begin) = url.find('?').filter(|&at| !url[..at].contains('#')) else {
        return Vec::new();
    };
    let end = url[begin..].find('#').map_or(url.len(), |at| begin + at);
    let mut start = begin + 1;
    let mut parts = Vec::new();
    for pair in url[start..end].split('&') {
        let pair_end = start + pair.len();
        // some servers take a semicolon between parameters; others take it as a part of a secret
        for piece in pair.split(';') {
            if let Some((name, _)) = piece.split_once('=')
                && start + name.len() + 1 < pair_end
                && names_a_secret(&percent_decode_str(name).decode_utf8_lossy())
            {
                parts.push(start + name.len() + 1..pair_end);
                break;
            }
            start += piece.len() + 1;
        }
        start = pair_end + 1;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn shown_urls_have_no_secrets() {
        for (url, shown) in [
            (
                "http://u:p@h/x?api_key=K&page=2&password=hunter2#a",
                "http://***@h/x?api_key=***&page=2&password=***#a",
            ),
            ("http://h/?api%5Fkey=K%20", "http://h/?api%5Fkey=***"),
            ("http://h/?a=1;sig=K;b&c=2", "http://h/?a=1;sig=***&c=2"),
            ("http://h/?token=", "http://h/?token="),
            ("http://h/?tokens", "http://h/?tokens"),
            ("http://h/x#?token=1", "http://h/x#?token=1"),
            ("http://h/?page=2", "http://h/?page=2"),
            ("/ready?access_token=\u{e9}&x", "/ready?access_token=***&x"),
            ("exec:/bin/true", "exec:/bin/true"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }

    #[test]
    fn secrets_of_a_url_are_masked_where_they_come_back() {
        conceal_url("http://h/?x_token=url-secret%2F4711&page=page-4711");
        let masked = crate::secret::mask("url-secret/4711, url-secret%2F4711, page-4711");
        assert_eq!(masked, "***, ***, page-4711");
    }
}
