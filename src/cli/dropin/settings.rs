//! A listener's command line in the daemon's terms: one check with the original's policy, and what only
//! the drop-in listener has to know.

use std::time::Duration;

use crate::action::{CaptureSpec, Dumper};
use crate::config::notify::NotifySettings;
use crate::config::settings::{CheckSettings, Settings};
use crate::config::supervisor::SupervisorSettings;
use crate::health::{Backend, Fails, Policy, ProcessName, Target};
use crate::notify::policy::NotifierPolicy;
use crate::notify::spec::{MailSpec, MailVia, WebhookSpec};
use crate::probe::ProbeSpec;

use super::request::{DropIn, DropInProbe, WatchedUrls};

/// An original check is asked at every tick, whatever the ticks' period.
const EVERY: Duration = Duration::ZERO;

/// How long all evidence of one restart may take, in a listener without a configuration file.
const CAPTURE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the cheap evidence of one process may take there: the original restarts at once.
const CHEAP_TIMEOUT: Duration = Duration::from_secs(5);

/// What the drop-in listener knows beyond its settings. Plain data for the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerOptions {
    /// The URL for messages, without userinfo.
    pub url: String,
    /// `-n`: stands in the mail's subject.
    pub name: Option<String>,
    /// `-p`, as typed: the original's messages repeat it.
    pub programs: Vec<String>,
    /// `-a`: every process but ourselves.
    pub any: bool,
    /// Look even when no selected process is RUNNING.
    pub eager: bool,
    /// `-m`.
    pub mail_to: Option<String>,
    /// `-s`.
    pub sendmail: String,
    /// An https URL whose certificate is not verified: to be said once.
    pub unverified: bool,
    /// Our own process, which is never touched.
    pub ourselves: Option<ProcessName>,
}

impl DropIn {
    /// The daemon's terms for a listener with one URL.
    ///
    /// For [`WatchedUrls::File`] the checks are those of the file, which is the caller's to read.
    pub fn into_settings(self) -> (Settings, ListenerOptions) {
        let mut options = self.options();
        let check = match &self.watched {
            WatchedUrls::File(_) => None,
            WatchedUrls::Url(question) => {
                options.url.clone_from(&question.url);
                options.unverified =
                    question.http.tls.insecure && question.http.url.url.scheme() == "https";
                Some(self.check(question))
            }
        };
        let settings = Settings {
            state_dir: self.state_dir.clone(),
            journal: None,
            panic_threshold: None,
            max_concurrent_restarts: 1,
            max_restarts: None,
            dry_run: self.dry_run,
            checks: check.into_iter().collect(),
            supervisor: SupervisorSettings {
                default: Backend::Supervisord,
                supervisord: Some(self.server.clone()),
                ..SupervisorSettings::default()
            },
            notify: NotifySettings {
                mail: self.mail(),
                webhooks: self.webhook.iter().cloned().map(WebhookSpec::new).collect(),
                ..NotifySettings::default()
            },
            ..Settings::default()
        };
        (settings, options)
    }

    fn options(&self) -> ListenerOptions {
        ListenerOptions {
            url: String::new(),
            name: self.name.clone(),
            programs: self.programs.clone(),
            any: self.any,
            eager: self.eager,
            mail_to: self.email.clone(),
            sendmail: self.sendmail.clone(),
            unverified: false,
            ourselves: self.ourselves.clone(),
        }
    }

    fn check(&self, question: &DropInProbe) -> CheckSettings {
        // `new` rather than `parse`: the original knows no supervisor's word before a slash
        let restart = self.programs.iter().map(Target::new).collect();
        CheckSettings {
            name: (self.name.clone().filter(|name| !name.is_empty()))
                .unwrap_or_else(|| question.url.clone()),
            probe: ProbeSpec::Http(question.http.clone()),
            every: EVERY,
            expectation: question.expectation.clone(),
            policy: Policy {
                fail: Fails::InARow(self.fail_after),
                grace: self.grace,
                restarts: self.max_restarts,
                ..Policy::drop_in()
            },
            restart,
            ladder: Vec::new(),
            start_stopped: self.start_stopped,
            requires: Vec::new(),
            fleet: None,
            dry_run: self.dry_run,
            capture: Some(match self.coredir.clone() {
                Some(cores) => CaptureSpec {
                    original: true,
                    dir: Some(cores),
                    core: Some(Dumper::Command(self.gcore.clone())),
                    timeout: CAPTURE_TIMEOUT,
                    // the original deleted no core file of anyone
                    keep: u32::MAX,
                    max_bytes: u64::MAX,
                    ..CaptureSpec::default()
                },
                None => CaptureSpec {
                    timeout: CHEAP_TIMEOUT,
                    ..CaptureSpec::default()
                },
            }),
            warmup: None,
        }
    }

    fn mail(&self) -> Option<MailSpec> {
        let to = self.email.clone()?;
        Some(MailSpec {
            down_after: NotifierPolicy::FOR_PEOPLE.down_after,
            to: vec![to],
            html: false,
            from: self.from.clone(),
            via: match &self.smtp {
                Some(smtp) => MailVia::Smtp(smtp.clone()),
                None => MailVia::Sendmail(self.sendmail.clone()),
            },
        })
    }
}
