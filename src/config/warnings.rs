//! Warnings: settings that are valid and most likely not meant. A password that is sent in the clear, and an assertion
//! of `degraded` that no good answer meets.

use std::net::IpAddr;

use super::fleet_warnings::fleet_warnings;
use super::settings::{CheckSettings, RungSpec, Settings};
use crate::notify::spec::{MailVia, NotifierVia, Security, Topic};
use crate::secret::login_end;

impl Settings {
    /// What is most likely not meant, and what would be better.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.sent_in_the_clear();
        warnings.extend(fleet_warnings(self));
        for check in &self.checks {
            let name = &check.name;
            warnings.extend(ladder_warnings(check));
            let degraded = check.expectation.degraded.iter();
            let reversed = degraded.filter(|assertion| assertion.fails_for_good_answer());
            warnings.extend(reversed.map(|assertion| {
                format!(
                    "check {name:?}: degraded = ['{assertion}'] warns of every good answer: degraded holds what good \
                     answers meet, such as 'certificate expires > 14d'"
                )
            }));
        }
        for notifier in &self.notify.notifiers {
            let takes = |topic| {
                notifier
                    .route
                    .on
                    .as_ref()
                    .is_none_or(|on| on.contains(&topic))
            };
            let holds = !notifier.policy.down_after.is_zero();
            if holds && takes(Topic::Down) && takes(Topic::Recovered) && !takes(Topic::Cured) {
                let (name, span) = (&notifier.name, notifier.policy.down_after);
                warnings.push(format!(
                    "notify {name:?}: a restart that helps within {span:?} is reported as \"cured\" alone, which this \
                     notifier does not get: add \"cured\" to on, or set down_after = \"0s\""
                ));
            }
        }
        warnings
    }

    /// What is sent in the clear to another machine, and what would be better.
    fn sent_in_the_clear(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mails = self.notify.notifiers.iter();
        let mails = mails.filter_map(|notifier| match &notifier.via {
            NotifierVia::Mail(mail) => Some(mail),
            NotifierVia::Webhook(_) | NotifierVia::Command(_) => None,
        });
        for mail in self.notify.mail.iter().chain(mails) {
            if let MailVia::Smtp(server) = &mail.via
                && server.security == Security::Plain
                && server.user.is_some()
                && !is_here(&server.host)
            {
                let host = &server.host;
                warnings.push(format!(
                    "mail: the password for {host:?} is sent in the clear: use smtps:// or smtp+starttls://"
                ));
            }
        }
        let webhooks = self.notify.notifiers.iter();
        let webhooks = webhooks.filter_map(|notifier| match &notifier.via {
            NotifierVia::Webhook(webhook) => Some(webhook),
            NotifierVia::Mail(_) | NotifierVia::Command(_) => None,
        });
        for webhook in self.notify.webhooks.iter().chain(webhooks) {
            let url = &webhook.url;
            let has_login = login_end(url.url.expose()).is_some();
            if !url.is_secure && has_login && !is_here(&url.host) {
                let host = &url.host;
                warnings.push(format!(
                    "webhook: the password for {host:?} is sent in the clear: use https://"
                ));
            }
        }
        warnings
    }
}

/// What is most likely not meant in the ladder of `check`.
fn ladder_warnings(check: &CheckSettings) -> Vec<String> {
    let name = &check.name;
    let mut warnings = Vec::new();
    let signals = |rung: &RungSpec| matches!(rung, RungSpec::Signal(_));
    let restarts = |rung: &RungSpec| matches!(rung, RungSpec::Restart(_));
    let last = check.ladder.iter().rposition(signals);
    let gives_up = matches!(check.ladder.last(), Some(RungSpec::GiveUp));
    if let Some(last) = last
        && gives_up
        && !check.ladder[last..].iter().any(restarts)
    {
        warnings.push(format!(
            "check {name:?}: a process may end late with the signal of its ladder, and no later rung restarts it: add \
             a rung with restart before give_up"
        ));
    }
    let acting = check.ladder.len() - usize::from(gives_up);
    if let Some(budget) = check.policy.restarts
        && acting > budget.count as usize
    {
        let (count, window) = (budget.count, humantime::format_duration(budget.window));
        warnings.push(format!(
            "check {name:?}: its ladder has {acting} rungs that do something, and restarts = \"{count}/{window}\" may \
             give up before the last one"
        ));
    }
    warnings
}

/// Whether it is this machine.
pub fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use crate::config;

    /// The columns: keys of a notifier by mail, and whether they are warned of.
    #[test]
    fn notifier_that_misses_cured_restarts_is_warned_of() {
        for (keys, warned) in [
            ("on = [\"down\", \"recovered\"]", true),
            (
                "on = [\"down\", \"recovered\", \"gave_up\"]\ndown_after = \"5s\"",
                true,
            ),
            ("on = [\"down\", \"recovered\"]\ndown_after = \"0s\"", false),
            ("on = [\"down\", \"recovered\", \"cured\"]", false),
            ("on = [\"gave_up\"]", false),
            ("", false),
        ] {
            let text = format!(
                "[[check]]\nname = \"a\"\nurl = \"http://h/\"\n[[notify]]\nname = \"b\"\n\
                 mail = {{ to = [\"a@b\"] }}\n{keys}\n"
            );
            let settings = config::parse(&text, "httpok.toml", &|_| None);
            let warnings = settings.expect("it is right").warnings();
            let found = warnings.iter().any(|one| one.contains("\"cured\" alone"));
            assert_eq!(found, warned, "{keys}: {warnings:?}");
        }
    }
}
