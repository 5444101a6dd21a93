//! The options of the original's command line while they are read: each one is taken as it comes, with
//! the values that Python would have read, and in the end they are a [`DropIn`].

use std::path::PathBuf;
use std::time::Duration;

use http::Method;

use crate::cli::values;
use crate::health::{Assertion, Budget, Expectation, ProcessName, StatusSet};
use crate::net::http::{Header, method};
use crate::notify::spec::{SmtpSpec, WebhookUrl};
use crate::probe::http::{HttpSpec, TlsSpec};
use crate::supervisor::supervisord::SupervisordSpec;

use super::flags::Key;
use super::getopt::GivenOption;
use super::request::{DropIn, DropInProbe, DropInRefusal, WatchedUrls};

/// A body beyond this fails. The original had no limit; a body is only searched, not kept, so this one
/// is there for bodies without an end.
const MAX_BODY: u64 = 1 << 30;

/// The original waits so long after a refused connection before it tries again, within its timeout.
const RETRY_REFUSED: Duration = Duration::from_secs(10);

/// The options so far; the last one of a kind wins, but for those that add up.
#[derive(Default)]
pub struct DropInDraft {
    programs: Vec<String>,
    any: bool,
    not_eager: bool,
    name: Option<String>,
    timeout: Option<Duration>,
    codes: Vec<String>,
    body: Option<String>,
    not_body: Vec<String>,
    expect: Vec<Assertion>,
    sendmail: Option<String>,
    email: Option<String>,
    gcore: Option<String>,
    coredir: Option<PathBuf>,
    fail_after: Option<u32>,
    grace: Duration,
    max_restarts: Option<Budget>,
    start_stopped: bool,
    verify: bool,
    cacert: Option<PathBuf>,
    headers: Vec<Header>,
    method: Option<Method>,
    follow: bool,
    smtp: Option<SmtpSpec>,
    from: Option<String>,
    webhook: Option<WebhookUrl>,
    dry_run: bool,
    state_dir: Option<PathBuf>,
    /// `--config`: then there is no URL.
    pub config: Option<PathBuf>,
}

impl DropInDraft {
    /// Takes `option`; its fault says what would be right.
    pub fn take(&mut self, option: &GivenOption<Key>) -> Result<(), String> {
        let value = option.value.as_str();
        let text = || value.to_owned();
        match option.key {
            Key::Help | Key::Version => {}
            Key::Program => self.programs.push(text()),
            Key::Any => self.any = true,
            Key::Timeout => self.timeout = Some(python_seconds(value)?),
            Key::Code => self.codes.push(code_word(value)?),
            Key::Body => self.body = Some(text()).filter(|body| !body.is_empty()),
            Key::Sendmail => self.sendmail = Some(text()),
            Key::Email => self.email = Some(text()).filter(|address| !address.is_empty()),
            Key::Gcore => self.gcore = Some(text()),
            Key::Coredir => self.coredir = Some(value.into()).filter(|_| !value.is_empty()),
            Key::Eager => self.not_eager = false,
            Key::NotEager => self.not_eager = true,
            Key::Name => self.name = Some(text()),
            Key::FailAfter => self.fail_after = Some(values::count(value)?),
            Key::Grace => self.grace = values::duration(value)?,
            Key::MaxRestarts => self.max_restarts = Some(values::budget(value)?),
            Key::StartStopped => self.start_stopped = true,
            Key::Verify => self.verify = true,
            Key::Cacert => self.cacert = Some(value.into()),
            Key::Header => self.headers.push(values::header(value)?),
            Key::Method => self.method = Some(method(value)?),
            Key::Follow => self.follow = true,
            Key::NotBody => self.not_body.push(values::text(value)?),
            Key::Expect => self.expect.push(values::assertion(value)?),
            Key::Smtp => self.smtp = Some(values::smtp(value)?),
            Key::From => self.from = Some(values::text(value)?),
            Key::Webhook => self.webhook = Some(WebhookUrl::parse(value)?),
            Key::DryRun => self.dry_run = true,
            Key::StateDir => self.state_dir = Some(value.into()),
            Key::Config => self.config = Some(value.into()),
        }
        Ok(())
    }

    /// The listener that all options together describe; `asked` is its URL without userinfo, and how
    /// that is asked by default.
    pub fn finish(
        self,
        asked: Option<(String, HttpSpec)>,
        server: SupervisordSpec,
        ourselves: Option<ProcessName>,
    ) -> Result<DropIn, DropInRefusal> {
        let codes = match self.codes.as_slice() {
            [] => StatusSet::default(),
            words => StatusSet::from_words(words).map_err(DropInRefusal::Usage)?,
        };
        let question = asked.map(|(url, http)| DropInProbe {
            url,
            http: HttpSpec {
                timeout: self.timeout.unwrap_or(http.timeout),
                method: self.method.unwrap_or(http.method),
                headers: self.headers,
                tls: TlsSpec {
                    // the original never verified; to name roots asks for no less than to verify
                    insecure: !self.verify && self.cacert.is_none(),
                    cacert: self.cacert,
                    as_original: true,
                    ..TlsSpec::default()
                },
                follow: self.follow,
                max_body: MAX_BODY,
                user_agent: "httpok",
                retry_refused: Some(RETRY_REFUSED),
                ..http
            },
            expectation: Expectation {
                status: codes,
                body: self.body.into_iter().collect(),
                not_body: self.not_body,
                expect: self.expect,
                ..Expectation::default()
            },
        });
        Ok(DropIn {
            watched: match question {
                Some(question) => WatchedUrls::Url(Box::new(question)),
                None => WatchedUrls::File(self.config.unwrap_or_default()),
            },
            name: self.name,
            programs: self.programs,
            any: self.any,
            eager: !self.not_eager,
            email: self.email,
            sendmail: self
                .sendmail
                .unwrap_or_else(|| "/usr/sbin/sendmail -t -i".to_owned()),
            gcore: self.gcore.unwrap_or_else(|| "/usr/bin/gcore -o".to_owned()),
            coredir: self.coredir,
            smtp: self.smtp,
            from: self.from,
            webhook: self.webhook,
            fail_after: self.fail_after.unwrap_or(1),
            grace: self.grace,
            max_restarts: self.max_restarts,
            start_stopped: self.start_stopped,
            dry_run: self.dry_run,
            state_dir: self.state_dir,
            server,
            ourselves,
        })
    }
}

/// `-t`: what Python's `int` reads, which the original took, or else a duration; more than nothing.
fn python_seconds(text: &str) -> Result<Duration, String> {
    match python_int(text) {
        Some(seconds) if seconds < 0 => Err(format!(
            "{text:?} is negative: expected more than 0 seconds"
        )),
        Some(seconds) => values::timeout(&seconds.to_string()),
        None => values::timeout(text),
    }
}

/// `-c`: what Python's `int` reads, or a class or range.
fn code_word(text: &str) -> Result<String, String> {
    let word = match python_int(text) {
        Some(code) => code.to_string(),
        None => text.to_owned(),
    };
    StatusSet::from_words(&[&word])?;
    Ok(word)
}

/// The number that Python's `int(text)` gives: blanks around it, a sign, single underscores between its
/// digits. `None` where Python raises, and beyond 18 digits.
fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let groups: Vec<&str> = digits.split('_').collect();
    let plain = groups
        .iter()
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = groups.concat();
    if !plain || digits.len() > 18 {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    Some(if negative { -number } else { number })
}
