//! The page of the configuration file, from the descriptions of its keys.

use super::super::roff::Roff;
use crate::config::keys::{Default, Key, ROOT, Section, sections};
use crate::notify;
use crate::notify::spec::Topic;

const VALUES: [(&str, &str); 5] = [
    (
        "duration",
        "A string of numbers with units, such as \"10s\", \"1m 30s\" or \"500ms\"; or a number of seconds, such as 90 or 0.5.",
    ),
    (
        "size",
        "A string with a unit, such as \"64KiB\", \"16MiB\" or \"2GiB\"; or a number of bytes.",
    ),
    (
        "budget",
        "So many within so long, such as \"5/10m\": a string.",
    ),
    (
        "path",
        "A string; a relative path starts at the directory of the file.",
    ),
    ("one or a list", "A single value stands for a list of one."),
];

/// What each kind of report means.
const KINDS: [(&str, &str); 9] = [
    (
        "down",
        "It is down: so many fails in a row. details.state says what becomes of it: restarting, held (and details.gate by what), not_back (a restart did not cure it), nothing_restarted, not_started, dry_run, or notify_only when it restarts nothing.",
    ),
    (
        "cured",
        "A restart has cured it, before anything but that it is being restarted was reported: the one report of such an incident for notifiers that wait for the outcome.",
    ),
    (
        "recovered",
        "It passes again after it was reported as down.",
    ),
    (
        "gave_up",
        "The restarts that it may have are used up and it is still down. details.rearm: after so many seconds it is tried again.",
    ),
    ("reminder", "It is still down, said again every so often."),
    (
        "degraded",
        "It answers, but not as it should. Nothing is restarted for that.",
    ),
    (
        "recovered_degraded",
        "It passes again after it was reported as degraded.",
    ),
    (
        "unknown",
        "For a long time its state could not be found out, because of trouble of the watchdog's own.",
    ),
    (
        "action",
        "Of the drop-in listener alone: what each restart did, as the original mails it.",
    ),
];

pub fn write(page: &mut Roff) {
    page.heading("DESCRIPTION");
    page.text(
        "The file is TOML in UTF-8, of at most 32 MiB together with those that it includes. httpok config check reads it as httpok watch does and reports all that \
         is wrong with it at once, and warns of what is most likely not meant. A wrong value is never replaced by a default. \
         SIGHUP and httpok reload read it again; a file with a fault then changes nothing. httpok config example prints a file with every key, httpok config \
         schema a JSON Schema for editors.",
    );
    page.text(
        "Values of some keys may hold ${env:NAME}, the environment variable of this name, and ${file:PATH}, the content of \
         this file without its last line end; $${ is a plain ${. Such values are never shown.",
    );
    page.heading("VALUES");
    for (term, meaning) in VALUES {
        page.term(term, meaning);
    }
    for place in sections() {
        let title = match place.way.split_last() {
            None => "KEYS OF THE WHOLE FILE".to_owned(),
            Some(((_, true), _)) => format!("[[{}]]", place.section.path),
            Some(((_, false), _)) => format!("[{}]", place.section.path),
        };
        page.heading(&title);
        page.text(place.section.says);
        write_keys(page, place.section);
    }
    page.heading("REPORTS");
    page.text(
        "The kinds of reports: \"kind\" in JSON, HTTPOK_KIND for commands. examples/report.schema.json describes the JSON.",
    );
    for (kind, says) in KINDS {
        page.term(kind, says);
    }
    page.text("The words of on in [[notify]], which choose among them:");
    for topic in Topic::ALL {
        page.term(topic.as_str(), topic.says());
    }
    page.text(
        "A report that is not taken is tried again after 5 s, 10 s, 20 s and so on, at last once an hour, each pause with some \
         jitter, and given up after 5 days and at least 20 tries; httpok status then says so, httpok notify send tries it once \
         more and httpok notify drop deletes it. What the receiver refuses for good (a permanent error of SMTP, an exit status \
         such as EX_NOUSER, most 4xx of HTTP) is given up at once. Where a mail server takes a mail for some recipients and asks for the others to be \
         tried later, only these wait, and later reports do not wait for them. Reports of a watchdog that is killed are delivered by its \
         next run.",
    );
    page.text("A command (exec) gets, empty where there is none:");
    for (word, says) in notify::command::VARIABLES.map(|(word, _, says)| (word, says)) {
        page.term(&format!("HTTPOK_{word}"), says);
    }
    page.heading("FILES");
    page.term(
        "/etc/httpok/httpok.toml",
        "The file of the packaged service.",
    );
    page.heading("EXAMPLES");
    page.text("A web application under supervisord, with reports by mail:");
    page.code(include_str!("../../../../examples/minimal.toml"));
}

fn write_keys(page: &mut Roff, section: &'static Section) {
    for key in section.all() {
        // a table of the whole file has its own section below
        if section.path == ROOT.path && key.kind.is_table() && key.name != "defaults" {
            continue;
        }
        page.term(key.name, key.says);
        page.more(&facts(key));
    }
}

/// Type, default, example and so on, in one line.
fn facts(key: &Key) -> String {
    let mut facts = vec![format!("Type: {}.", key.kind.name())];
    match key.default {
        Default::Required => facts.push("Required.".to_owned()),
        Default::Nothing => {}
        Default::Is(value) => facts.push(format!("Default: {value}.")),
        Default::Words(words) => facts.push(format!("Default: {words}.")),
    }
    if !key.only.is_empty() {
        facts.push(format!("For {} checks.", key.only));
    }
    if !key.instead_of.is_empty() {
        facts.push(format!("Excludes {}.", key.instead_of));
    }
    if !key.example.is_empty() && key.default != Default::Is(key.example) {
        facts.push(format!("Example: {} = {}.", key.name, key.example));
    }
    facts.push(format!("Since {}.", key.since));
    facts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Signal;

    #[test]
    fn the_page_names_every_key_under_its_section() {
        let mut roff = Roff::titled("X", 5);
        write(&mut roff);
        let page = roff.finish();
        for place in sections() {
            for key in place.section.all() {
                let is_heading = place.way.is_empty() && key.kind.is_table();
                let name = key.name.replace('-', "\\-");
                let named = match is_heading {
                    true => {
                        page.contains(&format!("[{name}]"))
                            || page.contains(&format!("\\fB{name}\\fR"))
                    }
                    false => page.contains(&format!("\\fB{name}\\fR")),
                };
                assert!(named, "{}.{name}", place.section.path);
            }
        }
    }

    #[test]
    fn the_page_says_what_each_word_of_on_means_and_which_signals_a_rung_sends() {
        let mut roff = Roff::titled("X", 5);
        write(&mut roff);
        let page = roff.finish();
        for topic in Topic::ALL {
            let term = format!("\\fB{}\\fR\n{}", topic.as_str(), &topic.says()[..13]);
            assert!(page.contains(&term.replace('-', "\\-")), "{term}");
        }
        let (_, ladder) = page.split_once("[[check.ladder]]").expect("its section");
        let (_, signal) = ladder.split_once("\\fBsignal\\fR").expect("its key");
        let (signal, _) = signal.split_once(".TP").expect("its end");
        for name in Signal::NAMES {
            assert!(signal.contains(name), "{name}: {signal}");
        }
    }

    #[test]
    fn the_page_says_what_each_kind_of_report_means() {
        use crate::health::{DownState, ReportKind};
        use std::time::Duration;
        let after = Duration::ZERO;
        let kinds = [
            ReportKind::Action,
            ReportKind::Down {
                state: DownState::NotifyOnly,
                update: false,
            },
            ReportKind::Cured { down: after, after },
            ReportKind::Recovered { down: after },
            ReportKind::GaveUp {
                rearm: None,
                budget: None,
                used: Vec::new(),
            },
            ReportKind::Reminder { down: after },
            ReportKind::Degraded,
            ReportKind::RecoveredDegraded { lasted: after },
            ReportKind::Unknown,
        ];
        let schema = include_str!("../../../../examples/report.schema.json");
        for kind in &kinds {
            let word = kind.as_str();
            assert!(KINDS.iter().any(|(known, _)| *known == word), "{word}");
            let listed = [format!(" {word},"), format!(" {word};")];
            assert!(
                listed.iter().any(|text| schema.contains(text)),
                "{word} in the schema"
            );
        }
        assert_eq!(KINDS.len(), kinds.len());
    }
}
