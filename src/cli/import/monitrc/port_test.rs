//! A test of a port, socket or URL (`if failed ... then ...`): the check that it becomes, key by key, and what of it has
//! no counterpart.

use std::collections::BTreeSet;

use super::Service;
use super::options::{self, Options, Rate};
use super::peer::url;
use super::statement::Word;
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
    let options = options::read(statement)?;
    let url = url(service, &options)?;
    if options.is_udp {
        return Err("UDP has no counterpart".to_owned());
    }
    check.lines.push(format!("url = {}", quoted(&url)));
    let mut assertions = Vec::new();
    match options.is_http() {
        true => {
            let verifies = options.verifies.unwrap_or(service.verifies);
            add_http(&options, verifies, &url, check, &mut assertions)?;
        }
        false => {
            let is_asked = add_conversation(&options, check, &mut assertions)?;
            leave_protocol(&options, is_asked, line, draft);
        }
    }
    match options.valid_days {
        Some(days) if url.starts_with("https") => {
            assertions.push(format!("certificate expires > {days}d"));
        }
        Some(_) => leave_word(service, "certificate", line, draft),
        None => {}
    }
    if !assertions.is_empty() {
        let quoted: Vec<_> = assertions.iter().map(|one| quoted(one)).collect();
        check
            .lines
            .push(format!("expect = [{}]", quoted.join(", ")));
    }
    for word in &options.left {
        leave_word(service, word, line, draft);
    }
    for word in &options.repeated {
        let text = format!(
            "{word} of {}: as in Monit the last one counts",
            service.name
        );
        draft.leave(line, &text);
    }
    if let Some(timeout) = options.timeout {
        check.lines.push(format!(
            "timeout = {}",
            quoted(&format!("{}s", timeout.max(1)))
        ));
    }
    check.lines.push(threshold(options.rate));
    add_remedy(service, &options.action, check, draft);
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
    options: &Options<'_>,
    check: &mut CheckDraft,
    assertions: &mut Vec<String>,
) -> Result<bool, String> {
    match options.conversation.as_slice() {
        [] => return Ok(false),
        [(false, answer)] => assertions.push(matches(answer, "=")),
        [(true, question), answers @ ..]
            if answers.len() <= 1 && answers.iter().all(|(is_sent, _)| !is_sent) =>
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
    // in quotes of Monit a backslash may stand twice
    let pattern = pattern.replace("\\\\", "\\").replace('/', "\\/");
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

/// `options.headers` as TOML.
///
/// # Errors
/// Says which of them is there twice.
fn headers(options: &Options<'_>) -> Result<String, String> {
    let mut names = BTreeSet::new();
    let mut lines = Vec::new();
    for (name, value) in &options.headers {
        if !names.insert(name.to_lowercase()) {
            return Err(format!("header {name:?} is sent twice"));
        }
        lines.push(format!("{} = {}", quoted(name), quoted(value)));
    }
    Ok(lines.join(", "))
}

/// What a connection without HTTP does not do.
fn leave_protocol(options: &Options<'_>, is_asked: bool, line: usize, draft: &mut Draft) {
    if !options.protocol.is_empty() && !is_asked {
        draft.leave(
            line,
            &format!(
                "protocol {}: only that connections are accepted; add send and expect",
                options.protocol
            ),
        );
    }
    if options.is_secure {
        draft.leave(line, "TLS without HTTP: only that connections are accepted");
    }
}

/// The keys of an HTTP check.
///
/// # Errors
/// Says which of them cannot be had.
fn add_http(
    options: &Options<'_>,
    verifies: bool,
    url: &str,
    check: &mut CheckDraft,
    assertions: &mut Vec<String>,
) -> Result<(), String> {
    let status = match options.status {
        Some((sign, code)) => codes(sign, code)?,
        None => "[\"2xx\", \"3xx\"]".to_owned(),
    };
    check.lines.push(format!("status = {status}"));
    if url.starts_with("https") && !verifies {
        check.lines.push(
            "insecure = true                     # Monit did not verify the certificate".to_owned(),
        );
    }
    if let Some(method) = options.method {
        check
            .lines
            .push(format!("method = {}", quoted(&method.to_uppercase())));
    }
    if let Some(user) = options.username {
        check.lines.push(format!("user = {}", quoted(user)));
        let password = options.password.unwrap_or_default();
        check.lines.push(format!("password = {}", quoted(password)));
    }
    if let Some((sign, content)) = options.content {
        assertions.push(matches(content, sign));
    }
    let headers = headers(options)?;
    if !headers.is_empty() {
        check.lines.push(format!("headers = {{ {headers} }}"));
    }
    Ok(())
}

/// How many fails of how many probes count.
fn threshold(rate: Option<Rate>) -> String {
    match rate {
        None => "fail_after = 1".to_owned(),
        Some(Rate { fails, of }) if fails == of => format!("fail_after = {fails}"),
        Some(Rate { fails, of }) => {
            format!("fail_within = {}", quoted(&format!("{fails}/{of}")))
        }
    }
}

/// What is restarted.
fn add_remedy(service: &Service, action: &str, check: &mut CheckDraft, draft: &mut Draft) {
    let line = check.line;
    match action {
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
                "url = \"https://localhost:443/\"",
                "http://",
            ),
            (
                "port 443 type TCPSSL protocol http",
                "url = \"https://localhost:443/\"",
                "http://",
            ),
            (
                "port 443 with ssl protocol http",
                "url = \"https://localhost:443/\"",
                "http://",
            ),
            ("port 443 protocol https", "insecure = true", "http://"),
            (
                "port 443 protocol https with ssl options {verify: enable}",
                "url = \"https://localhost:443/\"",
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
