//! The services of a monitrc: each test of a port or URL becomes a check, and what starts the service becomes what is
//! restarted. What Monit does beyond that is named with its line.

use std::time::Duration;

use super::draft::{CheckDraft, Draft, list, quoted};

/// The pause between two cycles where the file does not say.
const CYCLE: u64 = 30;

/// A word of the file; what stood in quotes is one word.
#[derive(Clone, Debug, PartialEq)]
struct Word {
    text: String,
    line: usize,
    is_quoted: bool,
}

/// The words from one keyword to the next.
type Statement = Vec<Word>;

/// What is known of the service under way.
#[derive(Default)]
struct Service {
    name: String,
    host: String,
    /// What is restarted; nothing where no supervisor's command starts it.
    target: Option<String>,
    every: Option<u64>,
    grace: Option<u64>,
    /// `restarts`, and whether it is given up for good.
    budget: Option<String>,
    requires: Vec<String>,
    tests: Vec<(Statement, usize)>,
}

/// What `text` has for httpok.
pub fn take(text: &str, draft: &mut Draft) {
    let mut cycle = CYCLE;
    let mut service: Option<Service> = None;
    let mut services = Vec::new();
    for statement in statements(&words(text)) {
        let line = statement[0].line;
        match statement[0].text.to_lowercase().as_str() {
            "set" => set(&statement, &mut cycle, draft),
            "include" => draft.leave(line, "include: import that file, too"),
            "check" => {
                services.extend(service.take());
                service = begin(&statement, draft);
            }
            _ => match &mut service {
                Some(service) => add(service, statement, cycle, draft),
                None => draft.leave(
                    line,
                    &format!("{}: of a service that is not taken over", shown(&statement)),
                ),
            },
        }
    }
    services.extend(service);
    let checked: Vec<_> = services
        .iter()
        .filter(|service| !service.tests.is_empty())
        .map(|service| service.name.clone())
        .collect();
    for service in services {
        finish(service, &checked, draft);
    }
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let (word, after, is_quoted) = match first {
                '#' => break,
                '"' | '\'' => {
                    let inner = &rest[1..];
                    let end = inner.find(first).unwrap_or(inner.len());
                    (
                        &inner[..end],
                        inner.get(end + 1..).unwrap_or_default(),
                        true,
                    )
                }
                _ => {
                    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
                    let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                    (word, after, false)
                }
            };
            words.push(Word {
                text: word.to_owned(),
                line: at + 1,
                is_quoted,
            });
            rest = after.trim_start();
        }
    }
    words
}

/// Where a statement begins, the words before it being `last`.
fn begins(word: &Word, next: Option<&Word>, last: Option<&Word>) -> bool {
    if word.is_quoted {
        return false;
    }
    let lower = |word: Option<&Word>| {
        word.map(|word| word.text.to_lowercase())
            .unwrap_or_default()
    };
    let (next, last) = (lower(next), lower(last));
    match word.text.to_lowercase().as_str() {
        "set" | "include" | "if" | "else" | "depends" | "onreboot" | "noalert" | "mode" => {
            last != "then"
        }
        "check" => true,
        "start" | "stop" | "restart" => {
            next.starts_with("program") || (last != "then" && next == "=")
        }
        "every" => !matches!(last.as_str(), "repeat" | "not"),
        "not" => next == "every",
        "alert" => last != "then" && last != "set",
        "group" => last != "as" && last != "and",
        _ => false,
    }
}

fn statements(words: &[Word]) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let last = at.checked_sub(1).map(|before| &words[before]);
        match found.last_mut() {
            Some(statement) if !begins(word, words.get(at + 1), last) => {
                statement.push(word.clone())
            }
            _ => found.push(vec![word.clone()]),
        }
    }
    found
}

fn shown(statement: &[Word]) -> String {
    let words: Vec<_> = statement.iter().map(|word| word.text.as_str()).collect();
    let text = words.join(" ");
    match text.char_indices().nth(70) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// The word after `keyword`, and after the sign of equality where there is one.
fn after<'s>(statement: &'s [Word], keyword: &str) -> Option<&'s str> {
    let at = statement
        .iter()
        .position(|word| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword))?;
    let value = statement
        .get(at + 1..)?
        .iter()
        .find(|word| !matches!(word.text.as_str(), "=" | "=="))?;
    Some(&value.text)
}

fn has(statement: &[Word], keyword: &str) -> bool {
    statement
        .iter()
        .any(|word| !word.is_quoted && word.text.eq_ignore_ascii_case(keyword))
}

fn number(statement: &[Word], keyword: &str) -> Option<u64> {
    after(statement, keyword)?.parse().ok()
}

fn set(statement: &[Word], cycle: &mut u64, draft: &mut Draft) {
    let line = statement[0].line;
    let what = statement
        .get(1)
        .map(|word| word.text.to_lowercase())
        .unwrap_or_default();
    match what.as_str() {
        "daemon" => {
            *cycle = number(statement, "daemon")
                .filter(|&seconds| seconds > 0)
                .unwrap_or(CYCLE);
            draft.top("every", &quoted(&format!("{cycle}s")));
            draft.remark(line, "the pause between probes");
        }
        "alert" => match after(statement, "alert") {
            Some(to) if !draft.has("[mail]", "to") => {
                draft.table("[mail]", "to", &quoted(to));
                draft.remark(line, "who gets the mails");
            }
            _ => draft.leave(
                line,
                &format!(
                    "{}: all mails go to one list of addresses",
                    shown(statement)
                ),
            ),
        },
        "mailserver" => {
            let Some(host) = after(statement, "mailserver") else {
                return;
            };
            let scheme =
                match has(statement, "using") || has(statement, "ssl") || has(statement, "tls") {
                    true => "smtp+starttls",
                    false => "smtp",
                };
            let port = number(statement, "port").unwrap_or(25);
            let host = host.trim_end_matches(',');
            let user = after(statement, "username");
            let at = user
                .map(|user| format!("{}@", user.replace('@', "%40")))
                .unwrap_or_default();
            draft.table(
                "[mail]",
                "smtp",
                &quoted(&format!("{scheme}://{at}{host}:{port}")),
            );
            if let (Some(_), Some(password)) = (user, after(statement, "password")) {
                draft.table("[mail]", "password", &quoted(password));
            }
            draft.remark(line, "the mail server");
        }
        _ => draft.leave(line, &format!("{}: no counterpart", shown(statement))),
    }
}

fn begin(statement: &[Word], draft: &mut Draft) -> Option<Service> {
    let line = statement[0].line;
    let kind = statement
        .get(1)
        .map(|word| word.text.to_lowercase())
        .unwrap_or_default();
    let name = statement
        .get(2)
        .map(|word| word.text.clone())
        .unwrap_or_default();
    if !matches!(kind.as_str(), "process" | "host") || name.is_empty() {
        draft.leave(
            line,
            &format!(
                "{}: httpok watches services by their answers, not a {kind}",
                shown(statement)
            ),
        );
        return None;
    }
    let host = after(statement, "address").unwrap_or("127.0.0.1");
    Some(Service {
        name,
        host: host.to_owned(),
        ..Service::default()
    })
}

fn add(service: &mut Service, statement: Statement, cycle: u64, draft: &mut Draft) {
    let line = statement[0].line;
    let words: Vec<_> = statement
        .iter()
        .map(|word| word.text.to_lowercase())
        .collect();
    match words[0].as_str() {
        "start" | "restart" => {
            let quoted = statement.iter().find(|word| word.is_quoted);
            match quoted.and_then(|command| target(&command.text)) {
                Some(target) => {
                    draft.remark(line, &format!("{} is restarted as {target}", service.name));
                    service.target = Some(target);
                }
                None => draft.leave(
                    line,
                    &format!(
                        "{}: make it a [[program]], a unit of systemd, or name it in [supervisor.command], and restart that",
                        shown(&statement)
                    ),
                ),
            }
            service.grace = number(&statement, "timeout").or(service.grace);
        }
        "stop" => draft.remark(
            line,
            &format!("{} is stopped by its supervisor", service.name),
        ),
        "every" => match number(&statement, "every") {
            Some(cycles) => service.every = Some(cycles * cycle),
            None => draft.leave(line, &format!("{}: no times of the day", shown(&statement))),
        },
        "depends" => {
            let names = statement
                .iter()
                .skip(1)
                .filter(|word| !word.text.eq_ignore_ascii_case("on"));
            let names = names.flat_map(|word| word.text.split(','));
            let names = names.filter(|name| !name.is_empty()).map(str::to_owned);
            service.requires.extend(names);
        }
        "if" if is_budget(&statement) => {
            let count = words
                .get(1)
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or(5);
            let cycles = number(&statement, "within").unwrap_or(5);
            service.budget = Some(format!("{count}/{}s", cycles * cycle));
            draft.remark(line, &format!("restarts of {}", service.name));
        }
        "if" if is_test(&statement) => {
            service.tests.push((statement, line));
        }
        "if" if has(&statement, "exist") => {
            draft.leave(
                line,
                &format!(
                    "{}: a process that ended is started by its supervisor",
                    shown(&statement)
                ),
            );
        }
        _ => draft.leave(line, &format!("{}: no counterpart", shown(&statement))),
    }
}

/// `if 5 restarts within 10 cycles then unmonitor`.
fn is_budget(statement: &[Word]) -> bool {
    let count = statement
        .get(1)
        .is_some_and(|word| word.text.parse::<u32>().is_ok());
    let what = statement.get(2).map(|word| word.text.to_lowercase());
    count && matches!(what.as_deref(), Some("restart" | "restarts"))
}

/// `if failed port 80 ...`.
fn is_test(statement: &[Word]) -> bool {
    let is_peer = ["port", "unixsocket", "url"]
        .iter()
        .any(|word| has(statement, word));
    is_peer && has(statement, "failed")
}

/// What a start command starts, in the words of `restart`.
fn target(command: &str) -> Option<String> {
    let words: Vec<_> = command.split_whitespace().collect();
    let program = words.first()?.rsplit('/').next()?;
    let name = |name: &str| name.trim_end_matches(".service").to_owned();
    match (program, words.get(1..)?) {
        ("systemctl", [.., "start" | "restart", unit]) => Some(format!("systemd/{}", name(unit))),
        ("service", [unit, "start" | "restart"]) => Some(format!("systemd/{}", name(unit))),
        ("supervisorctl", [.., "start" | "restart", process]) => {
            Some(format!("supervisord/{process}"))
        }
        ("docker" | "podman", ["start" | "restart", container]) => {
            Some(format!("docker/{container}"))
        }
        (script, ["start" | "restart"]) if words[0].starts_with("/etc/init.d/") => {
            Some(format!("systemd/{}", name(script)))
        }
        _ => None,
    }
}

fn finish(service: Service, checked: &[String], draft: &mut Draft) {
    for (statement, line) in &service.tests {
        let mut check = CheckDraft {
            name: service.name.clone(),
            line: *line,
            ..CheckDraft::default()
        };
        if let Err(why) = test(&service, statement, &mut check, draft) {
            draft.leave(*line, &format!("{}: {why}", shown(statement)));
            continue;
        }
        if let Some(seconds) = service.every {
            check
                .lines
                .push(format!("every = {}", quoted(&format!("{seconds}s"))));
        }
        if let Some(seconds) = service.grace {
            check
                .lines
                .push(format!("grace = {}", quoted(&format!("{seconds}s"))));
        }
        if let Some(budget) = &service.budget {
            check.lines.push(format!("restarts = {}", quoted(budget)));
            check.lines.push("rearm = false".to_owned());
        }
        let (known, others): (Vec<_>, Vec<_>) = service
            .requires
            .iter()
            .cloned()
            .partition(|name| checked.contains(name) && *name != service.name);
        if !known.is_empty() {
            check.lines.push(format!("requires = {}", list(&known)));
        }
        for name in others {
            draft.leave(
                *line,
                &format!("depends on {name}: nothing that is checked"),
            );
        }
        draft.check(check);
    }
}

/// The check that one `if failed ... then ...` is.
fn test(
    service: &Service,
    statement: &[Word],
    check: &mut CheckDraft,
    draft: &mut Draft,
) -> Result<(), String> {
    let line = check.line;
    let protocol = after(statement, "protocol").or(after(statement, "proto"));
    let protocol = protocol.unwrap_or_default().to_lowercase();
    let secure = protocol == "https" || has(statement, "ssl") || has(statement, "tls");
    let is_http = matches!(protocol.as_str(), "http" | "https");
    let path = after(statement, "request").unwrap_or("/");
    let url = match (
        after(statement, "url"),
        after(statement, "unixsocket"),
        after(statement, "port"),
    ) {
        (Some(url), _, _) => url.to_owned(),
        (_, Some(socket), _) if is_http => {
            format!(
                "http+unix://{}{path}",
                socket.replace('%', "%25").replace('/', "%2F")
            )
        }
        (_, Some(socket), _) => format!("unix://{socket}"),
        (_, _, Some(port)) => {
            let port: u16 = port.parse().map_err(|_| "no number of a port".to_owned())?;
            let host = after(statement, "host").unwrap_or(&service.host);
            match (is_http, secure) {
                (true, false) => format!("http://{host}:{port}{path}"),
                (true, true) => format!("https://{host}:{port}{path}"),
                (false, _) => format!("tcp://{host}:{port}"),
            }
        }
        _ => return Err("neither a port nor a socket".to_owned()),
    };
    if has(statement, "udp") {
        return Err("UDP has no counterpart".to_owned());
    }
    if !is_http && !url.starts_with("http") {
        if !protocol.is_empty() {
            draft.leave(
                line,
                &format!(
                    "protocol {protocol}: only that connections are accepted; add send and expect"
                ),
            );
        }
        if secure {
            draft.leave(line, "TLS without HTTP: only that connections are accepted");
        }
    }
    let http = url.starts_with("http");
    check.lines.push(format!("url = {}", quoted(&url)));
    if http {
        let status = match after(statement, "status") {
            Some(code) => quoted(code),
            None => "[\"2xx\", \"3xx\"]".to_owned(),
        };
        check.lines.push(format!("status = {status}"));
        if url.starts_with("https") {
            check.lines.push(
                "insecure = true                     # Monit did not verify the certificate"
                    .to_owned(),
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
            let negated = statement
                .iter()
                .any(|word| !word.is_quoted && word.text == "!=");
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
    if let Some(timeout) = number(statement, "timeout").map(Duration::from_secs) {
        check.lines.push(format!(
            "timeout = {}",
            quoted(&format!("{}s", timeout.as_secs().max(1)))
        ));
    }
    check.lines.push(
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
        },
    );
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
    draft.remark(line, &format!("a check of {}", service.name));
    Ok(())
}
