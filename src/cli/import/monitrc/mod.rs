//! The services of a monitrc: each test of a port or URL becomes a check, and what starts the service becomes what is
//! restarted. What Monit does beyond that is named with its line.

mod headers;
mod mail_server;
mod options;
mod peer;
mod port_test;
mod statement;
mod words;

use super::draft::{CheckDraft, Draft, list, quoted};
use statement::{Statement, Word, after, has, number, shown, statements, whole};

/// The pause between two cycles where the file does not say.
const CYCLE: u64 = 30;

/// What is known of the service under way.
#[derive(Default)]
struct Service {
    name: String,
    host: String,
    /// What is restarted; nothing where no supervisor's command starts it.
    target: Option<String>,
    /// Whether certificates are verified where a test does not say it.
    verifies: bool,
    every: Option<u64>,
    grace: Option<u64>,
    /// `restarts`, and whether it is given up for good.
    budget: Option<String>,
    requires: Vec<String>,
    tests: Vec<(Statement, usize)>,
}

/// What holds for all services.
struct Globals {
    /// The pause between two cycles.
    cycle: u64,
    verifies: bool,
}

/// What `text` has for httpok.
pub fn take(text: &str, draft: &mut Draft) {
    let mut globals = Globals {
        cycle: CYCLE,
        verifies: false,
    };
    let mut service: Option<Service> = None;
    let mut services = Vec::new();
    for statement in statements(text) {
        let line = statement[0].line;
        draft.statement(line, &whole(&statement));
        match statement[0].text.to_lowercase().as_str() {
            "set" => set(&statement, &mut globals, draft),
            "include" => draft.leave(line, "include: import that file, too"),
            "check" => {
                services.extend(service.take());
                service = begin(&statement, &globals, draft);
            }
            _ => match &mut service {
                Some(service) => add(service, statement, globals.cycle, draft),
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
        .map(|service| (service.name.clone(), service.tests.len()))
        .collect();
    for service in services {
        finish(service, &checked, draft);
    }
}

fn set(statement: &[Word], globals: &mut Globals, draft: &mut Draft) {
    let line = statement[0].line;
    draft.at(line);
    let what = statement
        .get(1)
        .map(|word| word.text.to_lowercase())
        .unwrap_or_default();
    match what.as_str() {
        "daemon" => {
            globals.cycle = number(statement, "daemon")
                .filter(|&seconds| seconds > 0)
                .unwrap_or(CYCLE);
            draft.top("every", &quoted(&format!("{}s", globals.cycle)));
            draft.remark(line, "the pause between probes");
            if has(statement, "delay") {
                draft.leave(line, "start delay: the first probes are at once; see grace");
            }
        }
        "alert" => match after(statement, "alert") {
            Some(to) => {
                draft.add_to_list("[mail]", "to", to);
                draft.remark(line, "the recipients of mails");
                if statement.iter().any(|word| word.text.contains('{')) {
                    draft.leave(
                        line,
                        &format!("{}: its events are not filtered; see on", shown(statement)),
                    );
                }
            }
            None => draft.leave(line, &format!("{}: it names nobody", shown(statement))),
        },
        "ssl" | "tls" => {
            let text: String = statement
                .iter()
                .map(|word| word.text.to_lowercase())
                .collect();
            globals.verifies = text.contains("verify:enable");
            draft.leave(
                line,
                &format!(
                    "{}: what certificates are verified against is said by cacert",
                    shown(statement)
                ),
            );
        }
        "mailserver" => mail_server::take(statement, draft),
        _ => draft.leave(line, &format!("{}: no counterpart", shown(statement))),
    }
}

fn begin(statement: &[Word], globals: &Globals, draft: &mut Draft) -> Option<Service> {
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
    let host = after(statement, "address").unwrap_or("localhost");
    Some(Service {
        name,
        host: host.to_owned(),
        verifies: globals.verifies,
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
        "if" if is_budget(&statement) && !gives_up(&statement) => draft.leave(
            line,
            &format!(
                "{}: a check that restarts too often is given up, nothing else",
                shown(&statement)
            ),
        ),
        "if" if is_budget(&statement) && service.budget.is_some() => {
            draft.leave(
                line,
                &format!("{}: the first one counts", shown(&statement)),
            );
        }
        "if" if is_budget(&statement) => {
            let count = words
                .get(1)
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or(5);
            let cycles = cycles(&statement).unwrap_or(5);
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

/// The number of cycles that a statement about restarts says.
fn cycles(statement: &[Word]) -> Option<u64> {
    let is_unit = |word: &Word| matches!(word.text.to_lowercase().as_str(), "cycle" | "cycles");
    let at = statement.iter().position(is_unit)?;
    statement.get(at.checked_sub(1)?)?.text.parse().ok()
}

/// Whether a statement about restarts ends them.
fn gives_up(statement: &[Word]) -> bool {
    let action = after(statement, "then").unwrap_or_default();
    ["unmonitor", "timeout", "stop"]
        .iter()
        .any(|one| action.eq_ignore_ascii_case(one))
}

/// `if failed port 80 ...`.
fn is_test(statement: &[Word]) -> bool {
    let is_peer = ["port", "unixsocket", "url"]
        .iter()
        .any(|word| has(statement, word));
    let failed = statement
        .iter()
        .position(|word| word.text.eq_ignore_ascii_case("failed"));
    let is_negated = failed
        .and_then(|at| statement.get(at.checked_sub(1)?))
        .is_some_and(|word| word.text.eq_ignore_ascii_case("not"));
    is_peer && failed.is_some() && !is_negated
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

fn finish(service: Service, checked: &[(String, usize)], draft: &mut Draft) {
    for (statement, line) in &service.tests {
        let mut check = CheckDraft {
            name: service.name.clone(),
            line: *line,
            ..CheckDraft::default()
        };
        if let Err(why) = port_test::add(&service, statement, &mut check, draft) {
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
        let (known, others): (Vec<_>, Vec<_>) =
            service.requires.iter().cloned().partition(|name| {
                checked.iter().any(|(one, _)| one == name) && *name != service.name
            });
        // a service of several tests is several checks
        let tests = |name: &String| {
            let count = checked
                .iter()
                .find(|(one, _)| one == name)
                .map_or(0, |(_, count)| *count);
            let first = std::iter::once(name.clone());
            first
                .chain((2..=count).map(|number| format!("{name}-{number}")))
                .collect::<Vec<_>>()
        };
        let required: Vec<_> = known.iter().flat_map(tests).collect();
        if !required.is_empty() {
            check.lines.push(format!("requires = {}", list(&required)));
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
