//! A test of a port, socket or URL (`if failed ... then ...`): the check that it becomes, key by key, and what of it has
//! no counterpart.

use super::Service;
use super::statement::{Word, after, has, number};
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
    if has(statement, "not") {
        return Err("a peer that must not answer has no counterpart".to_owned());
    }
    if let Some(sign) = next(statement, "status").filter(|sign| sign.starts_with(['<', '>', '!'])) {
        return Err(format!(
            "status {sign} has no counterpart: list the good ones in status"
        ));
    }
    if has(statement, "udp") {
        return Err("UDP has no counterpart".to_owned());
    }
    let is_web = url.starts_with("http");
    if !is_web {
        leave_protocol(&peer, line, draft);
    }
    check.lines.push(format!("url = {}", quoted(&url)));
    if is_web {
        add_http(statement, &url, check);
    }
    for word in [
        "checksum",
        "retry",
        "certificate",
        "responsetime",
        "address",
        "headers",
    ] {
        if has(statement, word) {
            draft.leave(
                line,
                &format!(
                    "{word} of {}: no counterpart, or an assertion of expect",
                    service.name
                ),
            );
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
fn leave_protocol(peer: &Peer, line: usize, draft: &mut Draft) {
    if !peer.protocol.is_empty() {
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
fn add_http(statement: &[Word], url: &str, check: &mut CheckDraft) {
    let status = match after(statement, "status") {
        Some(code) => quoted(code),
        None => "[\"2xx\", \"3xx\"]".to_owned(),
    };
    check.lines.push(format!("status = {status}"));
    let words: Vec<_> = statement
        .iter()
        .map(|word| word.text.to_lowercase())
        .collect();
    let is_verified = words.concat().contains("verify:enable");
    if url.starts_with("https") && !is_verified {
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
        let negated = next(statement, "content") == Some("!=");
        let pattern = content.replace('/', "\\/");
        let not = if negated { "not " } else { "" };
        check.lines.push(format!(
            "expect = [{}]",
            quoted(&format!("body {not}matches /{pattern}/"))
        ));
    }
    if let Some(host) = after(statement, "hostheader") {
        check
            .lines
            .push(format!("headers = {{ Host = {} }}", quoted(host)));
    }
}

/// The word right after `keyword`, a sign of comparison or not.
fn next<'s>(statement: &'s [Word], keyword: &str) -> Option<&'s str> {
    let is_keyword = |word: &Word| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword);
    let at = statement.iter().position(is_keyword)?;
    Some(&statement.get(at + 1)?.text)
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
                "port 81 protocol http status = 204",
                "status = \"204\"",
                "Not taken over",
            ),
            (
                "port 81 protocol http status < 400",
                "Not taken over",
                "[[check]]",
            ),
            (
                "port 81 protocol http status != 200",
                "Not taken over",
                "[[check]]",
            ),
            (
                "port 81 protocol http status > 399",
                "Not taken over",
                "[[check]]",
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
