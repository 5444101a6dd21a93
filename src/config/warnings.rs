//! Warnings that need more than one key: settings of a check, or of several sections, that are valid and most likely not
//! meant. What one key shows is warned of where it is read; what is missing on this machine, in `here`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::Method;
use humantime::format_duration;

use super::diagnostics::Diagnostic;
use super::requires::CheckDraft;
use super::settings::{CheckSettings, RungSpec};
use super::table::TomlTable;
use super::value::TomlValue;
use crate::health::suggest::nearest;
use crate::health::{Assertion, glob};
use crate::probe::spec::ProbeSpec;
use crate::serve::spec::ServeSpec;
use crate::sorted;
use crate::supervisor::embedded::spec::Program;

/// What has no effect in a check that restarts nothing.
const OF_RESTARTS: [&str; 4] = ["start_stopped", "backoff", "restarts", "rearm"];

/// What has no effect without TLS.
const OF_TLS: [&str; 5] = ["cacert", "cert", "key", "insecure", "http2"];

/// Warns of what is most likely not meant in `check`, whose keys `table` has.
pub fn warn_of_check(table: &TomlTable<'_>, check: &CheckSettings) {
    warn_of_timeout(table, check);
    warn_of_rearm(table, check);
    warn_of_ladder(table, check);
    if check.restart.is_empty() && check.ladder.is_empty() {
        for key in OF_RESTARTS {
            if let Some(value) = table.own(key) {
                value.warn(
                    format!("{key:?} in a check that restarts nothing"),
                    "add restart = [\"NAME\"] with what is to be restarted, or leave it out",
                );
            }
        }
    }
    if let ProbeSpec::Http(http) = &check.probe {
        if http.method == Method::HEAD
            && let Some(value) = table.get("body").or_else(|| table.get("not_body"))
        {
            value.warn(
                "an answer to HEAD has no body",
                "leave method out to ask with GET, or judge the status and headers alone",
            );
        }
        if let Some(value) = table.get("expect") {
            value.each(|item| {
                let read = Assertion::parse(item.plain()?).ok()?;
                read.excludes(&check.expectation.status).then(|| {
                    item.warn(
                        format!(
                            "no answer meets both this and status = {}",
                            check.expectation.status
                        ),
                        "say the status once: status = [204], without an assertion",
                    );
                })
            });
        }
        let may_leave = http.follow || http.ready.is_some();
        if http.url.url.scheme() == "http" && !may_leave {
            for key in OF_TLS {
                if let Some(value) = table.own(key) {
                    value.warn(
                        format!("{key:?} has no effect on an http:// URL"),
                        "use https://, or leave it out",
                    );
                }
            }
        }
    }
}

/// A probe that takes longer than the pause between two: a hang is noticed late.
fn warn_of_timeout(table: &TomlTable<'_>, check: &CheckSettings) {
    let timeout = match &check.probe {
        ProbeSpec::Http(spec) => spec.timeout,
        ProbeSpec::Line(spec) => spec.timeout,
        ProbeSpec::Exec(spec) => spec.timeout,
        ProbeSpec::Grpc(spec) => spec.http.timeout,
        ProbeSpec::Heartbeat(_) => return,
    };
    let own = table.get("timeout");
    let is_late = match &own {
        Some(_) => timeout >= check.every,
        None => timeout > check.every,
    };
    if !is_late {
        return;
    }
    let (timeout, every) = (format_duration(timeout), format_duration(check.every));
    if let Some(value) = own.or_else(|| table.get("every")) {
        value.warn(
            format!(
                "a probe may take {timeout}, and the next one is due after {every}: a service that hangs is noticed late"
            ),
            "expected a timeout below every, such as every = \"10s\" and timeout = \"3s\"",
        );
    }
}

/// A check that is armed again while its restarts are still used up: it waits for them.
fn warn_of_rearm(table: &TomlTable<'_>, check: &CheckSettings) {
    let (Some(budget), Some(rearm)) = (check.policy.restarts, check.policy.rearm) else {
        return;
    };
    if rearm >= budget.window || check.restart.is_empty() && check.ladder.is_empty() {
        return;
    }
    let (rearm, window) = (format_duration(rearm), format_duration(budget.window));
    if let Some(value) = table.get("rearm") {
        value.warn(
            format!(
                "tried again {rearm} after it is given up, which restarts = \"{}/{window}\" may not allow yet: then it \
                 waits until it does",
                budget.count
            ),
            format!("expected rearm to be at least as long as the time in restarts, such as \"{window}\""),
        );
    }
}

fn warn_of_ladder(table: &TomlTable<'_>, check: &CheckSettings) {
    let Some(ladder) = table.own("ladder") else {
        return;
    };
    if ladder.is_empty_list() {
        ladder.warn(
            "a ladder without rungs",
            "leave it out, or say what is done at each attempt: [[check.ladder]] with signal, restart, run or give_up",
        );
    }
    let signals = |rung: &RungSpec| matches!(rung, RungSpec::Signal(_));
    let restarts = |rung: &RungSpec| matches!(rung, RungSpec::Restart(_));
    let last = check.ladder.iter().rposition(signals);
    let gives_up = matches!(check.ladder.last(), Some(RungSpec::GiveUp));
    let rungs = table.tables("ladder");
    if let Some(last) = last
        && gives_up
        && !check.ladder[last..].iter().any(restarts)
        && let Some(rung) = rungs.get(last)
    {
        rung.warn(Diagnostic::new(
            "a process may end late with this signal, and no later rung restarts it",
            "add a rung with restart before give_up",
        ));
    }
    let acting = check.ladder.len() - usize::from(gives_up);
    if let Some(budget) = check.policy.restarts
        && acting > budget.count as usize
        && let Some(rung) = rungs.get(budget.count as usize)
    {
        let (count, window) = (budget.count, format_duration(budget.window));
        rung.warn(Diagnostic::new(
            format!(
                "the check may give up before this rung: restarts = \"{count}/{window}\", and {acting} rungs do something"
            ),
            format!("expected restarts = \"{acting}/{window}\" or more, or fewer rungs"),
        ));
    }
}

/// Warns of every pattern of the file that matches none of `drafts` and `programs`.
pub fn warn_of_patterns(root: &TomlTable<'_>, drafts: &[CheckDraft<'_>], programs: &[Program]) {
    let of_checks = drafts.iter().map(|draft| draft.check.name.clone());
    let of_programs = programs.iter().flat_map(|program| {
        let name = program.full_name().namespec();
        [format!("program/{name}"), name]
    });
    let names = sorted::set(of_checks.chain(of_programs));
    for table in root.tables("maintenance") {
        warn_of_pattern(table.get("checks"), &names);
    }
    for table in root.tables("notify") {
        warn_of_pattern(table.get("checks"), &names);
        // what a pattern excludes may be on other hosts that have the same file
        let excluded = table.get("not_checks");
        let is_literal =
            |value: &TomlValue<'_>| !value.plain().is_some_and(|p| p.contains(['*', '?']));
        if let Some(value) = excluded {
            value.each(|item| {
                warn_of_pattern(Some(item.clone()).filter(is_literal), &names);
                None::<()>
            });
        }
    }
}

fn warn_of_pattern(value: Option<TomlValue<'_>>, names: &BTreeSet<String>) {
    let Some(value) = value else { return };
    value.each(|item| {
        let pattern = item.plain().filter(|pattern| !pattern.is_empty())?;
        if glob::among(pattern, names).next().is_some() {
            return None;
        }
        let near = || {
            let known: Vec<_> = names.iter().map(String::as_str).collect();
            nearest(pattern, &known)
        };
        let is_shown = !item.parse_context.is_crowded_with_warnings();
        let help = match is_shown.then(near).flatten() {
            Some(near) => format!("did you mean {near:?}?"),
            None => "expected the name of a check, in which * and ? may stand".to_owned(),
        };
        item.warn(format!("{pattern:?} matches no check"), help);
        None::<()>
    });
}

/// Warns of tokens for heartbeats that nothing takes, because nothing is served.
pub fn warn_of_tokens(drafts: &[CheckDraft<'_>], serve: &ServeSpec) {
    if serve.listen.is_some() {
        return;
    }
    for token in drafts.iter().filter_map(|draft| draft.token.as_ref()) {
        token.warn(
            "a token for requests that nothing serves",
            "add listen to [serve], or leave it out: httpok beat needs none on this host",
        );
    }
}

/// Whether what is sent to `host` stays on this machine.
pub fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
