//! A test of a port, socket or URL (`if failed ... then ...`): the check that it becomes, key by key, and what of it has
//! no counterpart.

use super::Service;
use super::statement::{Word, after, has, number, operator};
use crate::cli::import::draft::{CheckDraft, Draft, quoted};

/// Adds to `check` what `statement` says.
///
/// # Errors
/// Says why it cannot be a check.
pub(super) fn add(
    service: &Service,
    statement: &[Word],
    check: &mut CheckDraft,
    draft: &mut Draft,
) -> Result<(), String> {
    let line = check.line;
    let peer = Peer::of(statement);
    let url = peer.url(service, statement)?;
    if has(statement, "udp") {
        return Err("UDP has no counterpart".to_owned());
    }
    let is_web = url.starts_with("http");
    check.lines.push(format!("url = {}", quoted(&url)));
    let mut assertions = Vec::new();
    match is_web {
        true => add_http(statement, &url, check, &mut assertions)?,
        false => {
            let is_asked = add_conversation(statement, check, &mut assertions)?;
            leave_protocol(&peer, is_asked, line, draft);
        }
    }
    if has(statement, "certificate") {
        match number(statement, "valid") {
            Some(days) if url.starts_with("https") => {
                assertions.push(format!("certificate expires > {days}d"));
            }
            _ => leave_word(service, "certificate", line, draft),
        }
    }
    if !assertions.is_empty() {
        let quoted: Vec<_> = assertions.iter().map(|one| quoted(one)).collect();
        check
            .lines
            .push(format!("expect = [{}]", quoted.join(", ")));
    }
    for word in ["checksum", "retry", "responsetime", "address", "ipv6"] {
        if has(statement, word) {
            leave_word(service, word, line, draft);
        }
    }
    if let Some(timeout) = number(statement, "timeout") {
        check.lines.push(format!(
            "timeout = {}",
            quoted(&format!("{}s", timeout.max(1)))
        ));
    }
    check.lines.push(threshold(statement));
    add_remedy(service, statement, check, draft);
    draft.remark(line, &format!("a check of {}", service.name));
    Ok(())
}

fn leave_word(service: &Service, word: &str, line: usize, draft: &mut Draft) {
    draft.leave(line, &format!("{word} of {}: not taken over", service.name));
}

/// What is sent over a plain connection, and what has to come back. Returns whether anything is.
///
/// # Errors
/// Says that it is more than one question and answer.
fn add_conversation(
    statement: &[Word],
    check: &mut CheckDraft,
    assertions: &mut Vec<String>,
) -> Result<bool, String> {
    let all = |keyword: &str| -> Vec<(usize, &str)> {
        let words = statement.iter().enumerate();
        let keywords =
            words.filter(|(_, word)| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword));
        keywords
            .filter_map(|(at, _)| Some((at, statement.get(at + 1)?.text.as_str())))
            .collect()
    };
    let (sent, expected) = (all("send"), all("expect"));
    match (sent.as_slice(), expected.as_slice()) {
        ([], []) => return Ok(false),
        ([], [(_, answer)]) => assertions.push(matches(answer, "=")),
        ([(at, question)], answers)
            if answers.len() <= 1 && answers.iter().all(|(answer, _)| answer > at) =>
        {
            // of Monit \0x0d, here \x0d
            let question = question.replace("\\0x", "\\x");
            check.lines.push(format!("send = {}", quoted(&question)));
            assertions.extend(answers.iter().map(|(_, answer)| matches(answer, "=")));
        }
        _ => return Err("more than one send and expect: use an exec check".to_owned()),
    }
    Ok(true)
}

/// That the body matches `pattern`, or does not.
fn matches(pattern: &str, operator: &str) -> String {
    let pattern = pattern.replace('/', "\\/");
    let not = if operator == "!=" { "not " } else { "" };
    format!("body {not}matches /{pattern}/")
}

/// The codes that `operator code` allows, as `status` has them.
///
/// # Errors
/// There are none.
fn codes(operator: &str, code: &str) -> Result<String, String> {
    let number = || {
        code.parse::<u16>()
            .ok()
            .filter(|code| (100..=599).contains(code))
    };
    let Some(number) = number() else {
        return Err(format!("status {operator} {code}: no code from 100 to 599"));
    };
    let below = |last: u16| (last >= 100).then(|| quoted(&format!("100-{last}")));
    let above = |first: u16| (first <= 599).then(|| quoted(&format!("{first}-599")));
    let ranges = match operator {
        "<" => [below(number - 1), None],
        "<=" => [below(number), None],
        ">" => [above(number + 1), None],
        ">=" => [above(number), None],
        "!=" => [below(number - 1), above(number + 1)],
        _ => return Ok(quoted(code)),
    };
    let ranges: Vec<_> = ranges.into_iter().flatten().collect();
    match ranges.is_empty() {
        true => Err(format!("status {operator} {code}: no code is")),
        false => Ok(format!("[{}]", ranges.join(", "))),
    }
}

/// Whether the server's certificate was verified: `ssl options {verify: enable}`.
fn verifies(statement: &[Word]) -> bool {
    let text: String = statement
        .iter()
        .map(|word| word.text.to_lowercase())
        .collect();
    text.contains("verify:enable")
}

/// `http headers [Host: shop.example.org, X-Probe: 1]` and `hostheader` as TOML.
fn headers(statement: &[Word]) -> Vec<String> {
    let is_headers = |word: &Word| !word.is_quoted && word.text.eq_ignore_ascii_case("headers");
    let mut found = Vec::new();
    if let Some(at) = statement.iter().position(is_headers) {
        let mut text = String::new();
        for word in &statement[at + 1..] {
            text.push(' ');
            text += &word.text;
            if word.text.ends_with(']') {
                break;
            }
        }
        let listed = text.trim().trim_start_matches('[').trim_end_matches(']');
        let pairs = listed.split(',').filter_map(|pair| pair.split_once(':'));
        found.extend(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())));
    }
    if let Some(host) = after(statement, "hostheader") {
        found.push(("Host".to_owned(), host.to_owned()));
    }
    found
        .iter()
        .map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)))
        .collect()
}

/// How the peer is spoken to.
struct Peer {
    protocol: String,
    is_secure: bool,
    is_http: bool,
}

impl Peer {
    fn of(statement: &[Word]) -> Self {
        let protocol = after(statement, "protocol").or(after(statement, "proto"));
        let protocol = protocol.unwrap_or_default().to_lowercase();
        Self {
            is_secure: protocol == "https"
                || ["ssl", "tls", "tcpssl"]
                    .iter()
                    .any(|word| has(statement, word)),
            is_http: matches!(protocol.as_str(), "http" | "https"),
            protocol,
        }
    }

    fn url(&self, service: &Service, statement: &[Word]) -> Result<String, String> {
        let path = after(statement, "request").unwrap_or("/");
        Ok(
            match (
                after(statement, "url"),
                after(statement, "unixsocket"),
                after(statement, "port"),
            ) {
                (Some(url), _, _) => url.to_owned(),
                (_, Some(socket), _) if self.is_http => {
                    format!(
                        "http+unix://{}{path}",
                        socket.replace('%', "%25").replace('/', "%2F")
                    )
                }
                (_, Some(socket), _) => format!("unix://{socket}"),
                (_, _, Some(port)) => {
                    let port: u16 = port.parse().map_err(|_| "no number of a port".to_owned())?;
                    let host = after(statement, "host").unwrap_or(&service.host);
                    match (self.is_http, self.is_secure) {
                        (true, false) => format!("http://{host}:{port}{path}"),
                        (true, true) => format!("https://{host}:{port}{path}"),
                        (false, _) => format!("tcp://{host}:{port}"),
                    }
                }
                _ => return Err("neither a port nor a socket".to_owned()),
            },
        )
    }
}

/// What a connection without HTTP does not do.
fn leave_protocol(peer: &Peer, is_asked: bool, line: usize, draft: &mut Draft) {
    if !peer.protocol.is_empty() && !is_asked {
        draft.leave(
            line,
            &format!(
                "protocol {}: only that connections are accepted; add send and expect",
                peer.protocol
            ),
        );
    }
    if peer.is_secure {
        draft.leave(line, "TLS without HTTP: only that connections are accepted");
    }
}

/// The keys of an HTTP check.
///
/// # Errors
/// Says which of them cannot be had.
fn add_http(
    statement: &[Word],
    url: &str,
    check: &mut CheckDraft,
    assertions: &mut Vec<String>,
) -> Result<(), String> {
    let status = match after(statement, "status") {
        Some(code) => codes(operator(statement, "status"), code)?,
        None => "[\"2xx\", \"3xx\"]".to_owned(),
    };
    check.lines.push(format!("status = {status}"));
    if url.starts_with("https") && !verifies(statement) {
        check.lines.push(
            "insecure = true                     # Monit did not verify the certificate".to_owned(),
        );
    }
    if let Some(method) = after(statement, "method") {
        check
            .lines
            .push(format!("method = {}", quoted(&method.to_uppercase())));
    }
    if let Some(user) = after(statement, "username") {
        check.lines.push(format!("user = {}", quoted(user)));
        let password = after(statement, "password").unwrap_or_default();
        check.lines.push(format!("password = {}", quoted(password)));
    }
    if let Some(content) = after(statement, "content") {
        assertions.push(matches(content, operator(statement, "content")));
    }
    let headers = headers(statement);
    if !headers.is_empty() {
        check
            .lines
            .push(format!("headers = {{ {} }}", headers.join(", ")));
    }
    Ok(())
}

/// How many fails of how many probes count.
fn threshold(statement: &[Word]) -> String {
    match (after(statement, "for"), number(statement, "within")) {
        (_, Some(of)) => {
            let times = statement
                .iter()
                .position(|word| word.text.eq_ignore_ascii_case("times"));
            let fails = times
                .and_then(|at| statement.get(at.checked_sub(1)?))
                .map_or("1", |word| &word.text);
            format!("fail_within = {}", quoted(&format!("{fails}/{of}")))
        }
        (Some(cycles), None) => format!("fail_after = {cycles}"),
        (None, None) => "fail_after = 1".to_owned(),
    }
}

/// What is restarted.
fn add_remedy(service: &Service, statement: &[Word], check: &mut CheckDraft, draft: &mut Draft) {
    let line = check.line;
    match after(statement, "then")
        .unwrap_or_default()
        .to_lowercase()
        .as_str()
    {
        "restart" | "start" => match &service.target {
            Some(target) => check.lines.push(format!("restart = [{}]", quoted(target))),
            None => draft.leave(
                line,
                &format!(
                    "restart of {}: nothing says through which supervisor; add restart = [...]",
                    service.name
                ),
            ),
        },
        "alert" | "" => {}
        action => draft.leave(
            line,
            &format!("then {action}: the check is reported, and nothing is restarted"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::take;
    use crate::cli::import::draft::Draft;

    #[test]
    fn tests_of_ports_become_the_same_checks_or_are_left() {
        for (test, expected, absent) in [
            (
                "port 443 type tcpssl protocol http",
                "url = \"https://127.0.0.1:443/\"",
                "http://",
            ),
            (
                "port 443 type TCPSSL protocol http",
                "url = \"https://127.0.0.1:443/\"",
                "http://",
            ),
            (
                "port 443 with ssl protocol http",
                "url = \"https://127.0.0.1:443/\"",
                "http://",
            ),
            ("port 443 protocol https", "insecure = true", "http://"),
            (
                "port 443 protocol https with ssl options {verify: enable}",
                "url = \"https://127.0.0.1:443/\"",
                "insecure",
            ),
            (
                "port 81 protocol http content != \"bad\"",
                "body not matches /bad/",
                "!=",
            ),
            (
                "port 81 protocol http content = \"good\"",
                "[\"body matches /good/\"]",
                "not matches",
            ),
            (
                "port 81 protocol http status<400",
                "status = [\"100-399\"]",
                "Not taken over",
            ),
            (
                "port 81 protocol http status !=200",
                "status = [\"100-199\", \"201-599\"]",
                "Not taken over",
            ),
            (
                "port 81 protocol http content!=\"bad\"",
                "body not matches /bad/",
                "!=",
            ),
            (
                "url http://127.0.0.1/?a=b content=\"x=y\"",
                "url = \"http://127.0.0.1/?a=b\"",
                "not matches",
            ),
            (
                "port 81 protocol http status = 204",
                "status = \"204\"",
                "Not taken over",
            ),
            (
                "port 81 protocol http status < 400",
                "status = [\"100-399\"]",
                "Not taken over",
            ),
            (
                "port 81 protocol http status != 200",
                "status = [\"100-199\", \"201-599\"]",
                "Not taken over",
            ),
            (
                "port 81 protocol http status > 399",
                "status = [\"400-599\"]",
                "Not taken over",
            ),
        ] {
            let text = made(&format!("if failed {test} then alert"));
            assert!(
                text.contains(expected) && !text.contains(absent),
                "{test}: {text}"
            );
        }
        let text = made("if not failed port 90 then alert");
        assert!(
            text.contains("m:2: if not failed port 90") && !text.contains("[[check]]"),
            "{text}"
        );
    }

    fn made(test: &str) -> String {
        let mut draft = Draft::new("m".to_owned());
        take(
            &format!("check process r with pidfile /x\n{test}\n"),
            &mut draft,
        );
        draft.finish()
    }
}
