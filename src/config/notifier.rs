//! `[[notify]]`: who gets which reports, and when.

use std::time::Duration;

use humantime::format_duration;

use super::diagnostics::Diagnostic;
use super::notify::{NotifySettings, mail_spec, notifier_name, own_down_after};
use super::table::TomlTable;
use super::value::TomlValue;
use super::webhook::read_webhook;
use crate::notify::spec::{MailSpec, NotifierPolicy, NotifierSpec, NotifierVia, Route, Topic};

/// What lasts as long as this is reported.
const LONGEST_LEAST: Duration = Duration::from_secs(86_400);

/// Each notifier of the file with the place of its name; `others` are `[mail]` and `[[webhook]]`, which get everything.
pub fn read_notifiers<'a>(
    table: &TomlTable<'a>,
    others: &NotifySettings,
) -> Vec<(NotifierSpec, Option<TomlValue<'a>>)> {
    let tables = table.tables("notify").into_iter();
    tables
        .flat_map(|table| {
            let read = read_notifier(&table, others);
            let name = table.get("name");
            read.into_iter().map(move |spec| (spec, name.clone()))
        })
        .collect()
}

/// The ways of one `[[notify]]`: mostly one.
fn read_notifier(table: &TomlTable<'_>, others: &NotifySettings) -> Vec<NotifierSpec> {
    let name = table.required("name", "\"on-call\"");
    let called = name.as_ref().and_then(|name| name.parsed(notifier_name));
    let on = table.get("on");
    let topics = on.as_ref().map(|value| value.each(topic));
    for (key, what) in [("on", "reports"), ("checks", "checks")] {
        if let Some(value) = table.get(key).filter(TomlValue::is_empty_list) {
            value.reject(Diagnostic::new(
                format!("a notifier that gets nothing: a list of no {what}"),
                format!("leave the key out for all {what}, or leave out this [[notify]]"),
            ));
        }
    }
    let route = Route {
        on: topics,
        checks: patterns(table, "checks"),
        not_checks: patterns(table, "not_checks"),
        pairs: false,
    };
    let held = own_down_after(table);
    let least = table.get("min_duration");
    let min_duration = least.as_ref().and_then(min_duration).unwrap_or_default();
    let mut ways = Vec::new();
    if let Some(mail) = table.table("mail") {
        let spec = mail_spec(&mail);
        warn_of_second_mail(&mail, &spec, others);
        ways.push(("mail", NotifierVia::Mail(spec)));
        mail.finish();
    }
    if let Some(webhook) = table.table("webhook") {
        let spec = read_webhook(&webhook, None);
        if let Some(spec) = &spec
            && others.webhooks.iter().any(|other| other.url == spec.url)
            && let Some(url) = webhook.get("url")
        {
            url.warn(
                "every report is sent there already, by a [[webhook]]",
                "leave out one of them: a [[webhook]] gets all reports",
            );
        }
        webhook.finish();
        let pairs = spec.as_ref().is_some_and(|spec| spec.format.pairs());
        if let (Some(value), true) = (&on, pairs) {
            check_pairs(value);
        }
        let is_repeated = spec.as_ref().is_some_and(|spec| spec.format.is_repeated());
        if let (Some(value), true) = (&least, is_repeated) {
            value.reject(Diagnostic::new(
                "min_duration for Alertmanager, which is sent what is open again and again",
                "leave it out, and say group_wait in the route of Alertmanager",
            ));
        }
        ways.extend(spec.map(|spec| ("webhook", NotifierVia::Webhook(spec))));
    }
    if let Some(exec) = table.get("exec") {
        let command = exec.command();
        ways.extend(command.map(|command| ("exec", NotifierVia::Command(command))));
    }
    let has_way = ["mail", "webhook", "exec"]
        .iter()
        .any(|&key| table.own(key).is_some());
    if !has_way {
        table.reject(Diagnostic::new(
            "a notifier that nothing is sent through",
            "add mail = { to = [\"ops@example.org\"] }, webhook = { url = \"https://hooks.example.org/x\" } or \
             exec = [\"/usr/local/bin/page\"]",
        ));
    }
    table.finish();
    let Some(called) = called else {
        return Vec::new();
    };
    let is_only = ways.len() == 1;
    let notifiers = ways.into_iter().map(|(way, via)| {
        let held = held.unwrap_or(via.down_after());
        if let Some(on) = &on {
            warn_of_cured(on, &route, held);
        }
        if let (Some(value), Some(reminder)) = (&least, others.reminder) {
            warn_of_reminder(value, &route, min_duration, reminder);
        }
        NotifierSpec {
            name: match is_only {
                true => called.clone(),
                false => format!("{called}/{way}"),
            },
            route: Route {
                pairs: matches!(&via, NotifierVia::Webhook(spec) if spec.format.pairs()),
                ..route.clone()
            },
            policy: NotifierPolicy {
                down_after: held,
                min_duration,
            },
            via,
        }
    });
    notifiers.collect()
}

/// That a restart helps while "down" is held is reported as "cured" alone.
fn warn_of_cured(on: &TomlValue<'_>, route: &Route, held: Duration) {
    let takes = |topic| route.on.as_ref().is_some_and(|on| on.contains(&topic));
    if !held.is_zero() && takes(Topic::Down) && takes(Topic::Recovered) && !takes(Topic::Cured) {
        let span = format_duration(held);
        on.warn(
            format!(
                "a restart that helps within {span} is reported as \"cured\" alone, which this notifier does not get"
            ),
            "add \"cured\" to on, or set down_after = \"0s\"",
        );
    }
}

fn topic(value: &TomlValue<'_>) -> Option<Topic> {
    let word = value.text()?;
    let found = Topic::ALL.into_iter().find(|topic| topic.as_str() == word);
    if found.is_none() {
        value.none_of("report", &word, &Topic::ALL.map(Topic::as_str));
    }
    found
}

/// Reports what never ends: the receiver would show it for ever.
fn check_pairs(on: &TomlValue<'_>) {
    on.each(|value| {
        let word = value.plain()?;
        let ends = Topic::OF_INCIDENTS
            .iter()
            .any(|topic| topic.as_str() == word);
        if !ends && Topic::ALL.iter().any(|topic| topic.as_str() == word) {
            value.reject(Diagnostic::new(
                format!("{word:?} has no end that this format could report"),
                "expected down, gave_up, reminder, recovered or cured here; send it through another notifier",
            ));
        }
        None::<()>
    });
}

fn patterns(table: &TomlTable<'_>, key: &'static str) -> Vec<String> {
    let value = table.get(key);
    value.map_or_else(Vec::new, |value| value.each(TomlValue::some_text))
}

/// That this is said already, and sooner, by a reminder.
fn warn_of_reminder(value: &TomlValue<'_>, route: &Route, least: Duration, reminder: Duration) {
    let takes = |topic| route.on.as_ref().is_none_or(|on| on.contains(&topic));
    if least > reminder && takes(Topic::Reminder) {
        value.warn(
            format!(
                "a reminder is sent after {}, before an incident is old enough to be reported here",
                format_duration(reminder)
            ),
            "expected at most the reminder of [mail], or an on without \"reminder\"",
        );
    }
}

/// That all who get these mails get them already.
fn warn_of_second_mail(table: &TomlTable<'_>, spec: &MailSpec, others: &NotifySettings) {
    let known = others.mail.iter().flat_map(|mail| &mail.to);
    let known: Vec<_> = known.collect();
    if !spec.to.is_empty()
        && spec.to.iter().all(|to| known.contains(&to))
        && let Some(to) = table.get("to")
    {
        to.warn(
            "every report is sent there already, by [mail]",
            "leave out one of them: [mail] gets all reports",
        );
    }
}

fn min_duration(value: &TomlValue<'_>) -> Option<Duration> {
    let span = value.duration()?;
    if span > LONGEST_LEAST {
        value.reject(Diagnostic::new(
            "incidents of a day and more would not be reported",
            "expected at most 24h",
        ));
        return None;
    }
    Some(span)
}
