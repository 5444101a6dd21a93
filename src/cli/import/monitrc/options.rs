//! The options of a test of a port, socket or URL, as Monit reads them: words that mean nothing are passed over, and of
//! an option that is there twice the last one counts. A word that is not known is an error, so that none is lost.

use super::headers;
use super::statement::Word;
use super::words::{Compared, Token, Words};

/// Fails that count, and of how many probes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub fails: u64,
    pub of: u64,
}

/// What a test says.
#[derive(Default)]
pub(super) struct Options<'s> {
    pub url: Option<&'s str>,
    pub unixsocket: Option<&'s str>,
    pub host: Option<&'s str>,
    pub port: Option<&'s str>,
    pub protocol: String,
    pub is_udp: bool,
    pub is_secure: bool,
    /// Whether the certificate is verified, where the test says it.
    pub verifies: Option<bool>,
    pub valid_days: Option<u64>,
    pub request: Option<&'s str>,
    pub status: Option<Compared<'s>>,
    pub content: Option<Compared<'s>>,
    pub method: Option<&'s str>,
    pub username: Option<&'s str>,
    pub password: Option<&'s str>,
    pub headers: Vec<(String, String)>,
    /// What is sent, `true`, and expected, in order.
    pub conversation: Vec<(bool, &'s str)>,
    pub timeout: Option<u64>,
    pub rate: Option<Rate>,
    /// What is done at a fail.
    pub action: String,
    /// Options without a counterpart.
    pub left: Vec<&'static str>,
    /// Options that are there twice.
    pub repeated: Vec<&'static str>,
}

impl Options<'_> {
    pub fn is_http(&self) -> bool {
        self.url.is_some() || matches!(self.protocol.as_str(), "http" | "https")
    }

    /// Whether the protocol has options of its own, which are not known here.
    fn has_others(&self) -> bool {
        !self.is_http() && !matches!(self.protocol.as_str(), "" | "default")
    }
}

/// What `statement` says.
///
/// # Errors
/// Says what of it is not understood.
pub(super) fn read(statement: &[Word]) -> Result<Options<'_>, String> {
    let mut found = Options::default();
    // `if failed`
    let begin = statement
        .iter()
        .position(|word| word.text.eq_ignore_ascii_case("failed"))
        .map_or(0, |at| at + 1);
    let mut words = Words::new(statement, begin);
    while let Some(word) = words.next() {
        let keyword = word.keyword();
        match keyword.as_str() {
            "then" => {
                found.action = words.next().map(|word| word.keyword()).unwrap_or_default();
                return Ok(found);
            }
            "http" if words.is_next("headers") => {}
            "headers" => {
                let (more, read) = headers::read(words.rest())?;
                words.pass(read);
                found.headers.extend(more);
            }
            _ => option(&keyword, word, &mut words, &mut found)?,
        }
    }
    Ok(found)
}

/// One option, whose first word is `word`.
fn option<'s>(
    keyword: &str,
    word: Token<'s>,
    words: &mut Words<'s>,
    found: &mut Options<'s>,
) -> Result<(), String> {
    let mut value = || words.next().map(|word| word.text).unwrap_or_default();
    match keyword {
        "url" => set(&mut found.url, value(), "url", &mut found.repeated),
        "unixsocket" => found.unixsocket = Some(value()),
        // of another protocol, after the port, it is something else
        "host" if found.port.is_none() => found.host = Some(value()),
        "port" => found.port = Some(value()),
        "protocol" | "proto" => {
            found.protocol = value().to_lowercase();
            found.is_secure |= found.protocol == "https";
        }
        "type" => match value().to_lowercase().as_str() {
            "udp" => found.is_udp = true,
            "tcpssl" => found.is_secure = true,
            _ => {}
        },
        "sslauto" => {}
        "sslv2" | "sslv3" | "tlsv1" | "tlsv11" | "tlsv12" | "tlsv13" => {
            found.left.push("version of TLS");
        }
        "ssl" | "tls" => found.is_secure = true,
        "certificate" => return certificate(words, found),
        "certmd5" => {
            value();
            found.left.push("certificate");
        }
        "request" => {
            let request = value();
            set(&mut found.request, request, "request", &mut found.repeated);
        }
        "status" => {
            let compared = words.compared();
            set(&mut found.status, compared, "status", &mut found.repeated);
        }
        "content" => {
            let compared = words.compared();
            set(&mut found.content, compared, "content", &mut found.repeated);
        }
        "method" => set(&mut found.method, value(), "method", &mut found.repeated),
        "username" => set(
            &mut found.username,
            value(),
            "username",
            &mut found.repeated,
        ),
        "password" => set(
            &mut found.password,
            value(),
            "password",
            &mut found.repeated,
        ),
        "hostheader" => found.headers.push(("Host".to_owned(), value().to_owned())),
        "send" => found.conversation.push((true, value())),
        "expect" => found.conversation.push((false, value())),
        "timeout" => {
            let seconds = words.number();
            let seconds = seconds.ok_or("timeout: no number of seconds")?;
            set(&mut found.timeout, seconds, "timeout", &mut found.repeated);
        }
        "checksum" => {
            words.compared();
            found.left.push("checksum");
        }
        "responsetime" => {
            words.compared();
            words.skip(&["milliseconds", "millisecond", "ms"]);
            found.left.push("responsetime");
        }
        "retry" => {
            value();
            found.left.push("retry");
        }
        "address" => {
            value();
            found.left.push("address");
        }
        "ipv4" => found.left.push("ipv4"),
        "ipv6" => found.left.push("ipv6"),
        braced if braced.starts_with('{') => tls_options(word, words, found)?,
        number if number.parse::<u64>().is_ok() => {
            found.rate = Some(rate(number, words)?);
        }
        _ if found.has_others() => words.pass_parameter(),
        _ if word.is_quoted => return Err("a text in quotes that no option has".to_owned()),
        _ => return Err(format!("{:?} is not understood", word.text)),
    }
    Ok(())
}

fn set<T>(option: &mut Option<T>, value: T, name: &'static str, repeated: &mut Vec<&'static str>) {
    if option.replace(value).is_some() && !repeated.contains(&name) {
        repeated.push(name);
    }
}

/// `certificate valid > 30 days`, `certificate checksum SHA1 "..."`. Either makes the connection one of TLS.
fn certificate(words: &mut Words<'_>, found: &mut Options<'_>) -> Result<(), String> {
    found.is_secure = true;
    let what = words.next().map(|word| word.keyword()).unwrap_or_default();
    match what.as_str() {
        "valid" => {
            let (sign, days) = words.compared();
            let days = days.parse().ok().filter(|_| matches!(sign, "=" | ">"));
            let days = days.ok_or("certificate valid: no number of days")?;
            words.skip(&["day", "days"]);
            set(
                &mut found.valid_days,
                days,
                "certificate valid",
                &mut found.repeated,
            );
        }
        "checksum" => {
            words.skip(&["md5", "sha1"]);
            words.compared();
            found.left.push("certificate checksum");
        }
        what => return Err(format!("certificate {what:?} is not understood")),
    }
    Ok(())
}

/// `{verify: enable, selfsigned: allow}`.
fn tls_options<'s>(
    first: Token<'s>,
    words: &mut Words<'s>,
    found: &mut Options<'s>,
) -> Result<(), String> {
    let mut text = first.text.to_owned();
    while !text.ends_with('}') {
        let word = words.next_raw().ok_or("{ without }")?;
        text += &word.text;
    }
    for option in text.trim_matches(['{', '}']).split(',') {
        let (key, value) = option.split_once(':').unwrap_or((option, ""));
        match (
            key.trim().to_lowercase().as_str(),
            value.trim().to_lowercase().as_str(),
        ) {
            ("", _) => {}
            ("verify", value) => found.verifies = Some(value == "enable"),
            ("version", "auto") => {}
            ("version", _) => found.left.push("version of TLS"),
            ("selfsigned", "reject") => {}
            ("selfsigned", _) => found.left.push("selfsigned"),
            _ => found.left.push("ssl options"),
        }
    }
    Ok(())
}

/// `3 cycles`, or `3 times within 5 cycles`.
fn rate(first: &str, words: &mut Words<'_>) -> Result<Rate, String> {
    let number = |text: &str| text.parse::<u64>().ok();
    let fails = number(first).unwrap_or_default();
    let second = words.number();
    let cycles = words.next().map(|word| word.keyword()).unwrap_or_default();
    if !matches!(cycles.as_str(), "cycle" | "cycles") {
        return Err(format!("{first}: expected a number of cycles"));
    }
    let of = second.unwrap_or(fails);
    Ok(Rate { fails, of })
}
