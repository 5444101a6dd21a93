//! The original command line: `httpok [options] URL` under supervisord. Words and environment in, a
//! [`DropIn`] out; nothing here touches the world, so all of it is tested as a table. What it comes to
//! in the daemon's terms is in [`settings`](self::settings).

mod flags;
mod getopt;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::values;
use crate::config::settings::{Check, Http, Probe, Smtp, Supervisord, Tls};
use crate::health::{Budget, Expectation, ProcessName, StatusSet};
use crate::secret::{Secret, redact_url};

use flags::{FLAGS, Key};
use getopt::Given;

pub use flags::{HELP, USAGE};
pub use settings::ListenerOptions;

/// A body beyond this fails. The original had no limit; a body is only searched, not kept, so this one
/// is there for bodies without an end.
const MAX_BODY: u64 = 1 << 30;

/// What a command line of the original's kind asks for.
#[derive(Debug, PartialEq)]
pub enum Wish {
    /// `-h`.
    Help,
    /// `-V`.
    Version,
    /// Run as an event listener.
    Listen(Box<DropIn>),
}

/// Why it cannot be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command line is wrong; why, and what would be right.
    Usage(String),
    /// supervisord did not start us.
    NotAListener,
    /// supervisord started us, but its address or the URL is none that we can use.
    CannotListen(String),
}

/// An event listener as its command line and environment describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIn {
    /// What it watches.
    pub watched: Watched,
    /// `-n`.
    pub name: Option<String>,
    /// `-p`, in order, as typed.
    pub programs: Vec<String>,
    /// `-a`.
    pub any: bool,
    /// `-e` or `-E`, whichever came last.
    pub eager: bool,
    /// `-m`.
    pub email: Option<String>,
    /// `-s`.
    pub sendmail: String,
    /// `-g`.
    pub gcore: String,
    /// `-d`.
    pub coredir: Option<PathBuf>,
    /// `--smtp`: instead of `sendmail`.
    pub smtp: Option<Smtp>,
    /// `--from`.
    pub from: Option<String>,
    /// `--webhook`. It may hold a token.
    pub webhook: Option<Secret>,
    /// `--fail-after`.
    pub fail_after: u32,
    /// `--grace`.
    pub grace: Duration,
    /// `--max-restarts`.
    pub max_restarts: Option<Budget>,
    /// `--start-stopped`.
    pub start_stopped: bool,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// The supervisord that started us.
    pub server: Supervisord,
    /// Our own process, which is never touched.
    pub ourselves: Option<ProcessName>,
}

/// What a listener watches.
#[derive(Clone, Debug, PartialEq)]
pub enum Watched {
    /// The one URL of the command line.
    Url(Box<Question>),
    /// All checks of a configuration file.
    File(PathBuf),
}

/// How the URL is asked, and what a good answer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// As typed, but for its userinfo.
    pub url: String,
    /// How it is asked.
    pub http: Http,
    /// What is a good answer.
    pub expectation: Expectation,
}

/// Reads the words after the program's name, and the environment.
///
/// # Errors
/// In the original's order: a wrong command line first, then no supervisord, then a URL of a scheme that
/// cannot be asked.
pub fn parse(words: &[String], env: impl Fn(&str) -> Option<String>) -> Result<Wish, Refusal> {
    let (given, positional) =
        getopt::parse(&FLAGS, words).map_err(|fault| Refusal::Usage(fault.to_string()))?;
    // before the URL is looked for, so that `-h` works alone
    if given.iter().any(|option| option.key == Key::Help) {
        return Ok(Wish::Help);
    }
    if given.iter().any(|option| option.key == Key::Version) {
        return Ok(Wish::Version);
    }
    let mut draft = Draft::default();
    for option in &given {
        draft
            .take(option)
            .map_err(|why| Refusal::Usage(format!("option {}: {why}", option.spelled)))?;
    }
    let url = match &draft.config {
        None => Some(only_url(&positional)?),
        Some(_) => no_url(&given, &positional)?,
    };
    let server = server(&env)?;
    let asked = url
        .map(|url| Ok((redact_url(&url), askable(&url)?)))
        .transpose()?;
    let ourselves = env("SUPERVISOR_PROCESS_NAME").map(|name| {
        let group = env("SUPERVISOR_GROUP_NAME").unwrap_or_else(|| name.clone());
        ProcessName::supervisord(group, name)
    });
    Ok(Wish::Listen(Box::new(
        draft.finish(asked, server, ourselves)?,
    )))
}

fn only_url(positional: &[String]) -> Result<String, Refusal> {
    match positional {
        [url] => Ok(url.clone()),
        [] => Err(Refusal::Usage(
            "the URL is missing, such as http://localhost:8080/".to_owned(),
        )),
        [url, next, ..] => Err(Refusal::Usage(format!(
            "{next:?} comes after the URL {:?}: options go before it, and there is just one URL",
            redact_url(url)
        ))),
    }
}

/// With `--config` everything about the checks stands in the file.
fn no_url(given: &[Given<Key>], positional: &[String]) -> Result<Option<String>, Refusal> {
    if let Some(word) = positional.first() {
        return Err(Refusal::Usage(format!(
            "with --config there is no URL, but there is {word:?}"
        )));
    }
    let alone = [Key::Config, Key::DryRun, Key::StateDir];
    match given.iter().find(|option| !alone.contains(&option.key)) {
        None => Ok(None),
        Some(option) => Err(Refusal::Usage(format!(
            "option {} does not go with --config: it belongs into the file",
            option.spelled
        ))),
    }
}

fn server(env: &impl Fn(&str) -> Option<String>) -> Result<Supervisord, Refusal> {
    let Some(url) = env("SUPERVISOR_SERVER_URL") else {
        return Err(Refusal::NotAListener);
    };
    if !url.starts_with("unix://") && !url.starts_with("http://") {
        return Err(Refusal::CannotListen(format!(
            "Unknown protocol for serverurl {}: expected unix:// or http:// in SUPERVISOR_SERVER_URL",
            redact_url(&url)
        )));
    }
    Ok(Supervisord {
        url,
        username: env("SUPERVISOR_USERNAME").unwrap_or_default(),
        password: Secret::new(env("SUPERVISOR_PASSWORD").unwrap_or_default()),
    })
}

/// How `url` is asked when no option says anything else.
fn askable(url: &str) -> Result<Http, Refusal> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["http", "https", "http+unix"].contains(&scheme.to_ascii_lowercase().as_str()) {
        let hint = match scheme {
            "" => format!("did you mean http://{}", redact_url(url)),
            _ => "expected http or https".to_owned(),
        };
        return Err(Refusal::CannotListen(format!(
            "Bad scheme {scheme}: {hint}"
        )));
    }
    let check = Check::of_url("", url).map_err(Refusal::CannotListen)?;
    let Probe::Http(http) = check.probe;
    Ok(http)
}

/// The options so far; the last one of a kind wins, but for those that add up.
#[derive(Default)]
struct Draft {
    programs: Vec<String>,
    any: bool,
    not_eager: bool,
    name: Option<String>,
    timeout: Option<Duration>,
    codes: Vec<String>,
    body: Option<String>,
    not_body: Vec<String>,
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
    headers: Vec<(String, Secret)>,
    method: Option<String>,
    follow: bool,
    smtp: Option<Smtp>,
    from: Option<String>,
    webhook: Option<Secret>,
    dry_run: bool,
    state_dir: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl Draft {
    fn take(&mut self, option: &Given<Key>) -> Result<(), String> {
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
            Key::Name => self.name = Some(text()).filter(|name| !name.is_empty()),
            Key::FailAfter => self.fail_after = Some(values::count(value)?),
            Key::Grace => self.grace = values::duration(value)?,
            Key::MaxRestarts => self.max_restarts = Some(values::budget(value)?),
            Key::StartStopped => self.start_stopped = true,
            Key::Verify => self.verify = true,
            Key::Cacert => self.cacert = Some(value.into()),
            Key::Header => self.headers.push(values::header(value)?),
            Key::Method => self.method = Some(values::method(value)?),
            Key::Follow => self.follow = true,
            Key::NotBody => self.not_body.push(values::text(value)?),
            Key::Smtp => self.smtp = Some(values::smtp(value)?),
            Key::From => self.from = Some(values::text(value)?),
            Key::Webhook => {
                values::url(value)?;
                self.webhook = Some(Secret::new(value));
            }
            Key::DryRun => self.dry_run = true,
            Key::StateDir => self.state_dir = Some(value.into()),
            Key::Config => self.config = Some(value.into()),
        }
        Ok(())
    }

    fn finish(
        self,
        asked: Option<(String, Http)>,
        server: Supervisord,
        ourselves: Option<ProcessName>,
    ) -> Result<DropIn, Refusal> {
        let codes = match self.codes.as_slice() {
            [] => StatusSet::default(),
            words => StatusSet::from_words(words).map_err(Refusal::Usage)?,
        };
        let question = asked.map(|(url, http)| Question {
            url,
            http: Http {
                timeout: self.timeout.unwrap_or(http.timeout),
                method: self.method.unwrap_or(http.method),
                headers: self.headers,
                tls: Tls {
                    // the original never verified; to name roots asks for no less than to verify
                    insecure: !self.verify && self.cacert.is_none(),
                    cacert: self.cacert,
                },
                follow: self.follow,
                max_body: MAX_BODY,
                ..http
            },
            expectation: Expectation {
                status: codes,
                body: self.body.into_iter().collect(),
                not_body: self.not_body,
            },
        });
        Ok(DropIn {
            watched: match question {
                Some(question) => Watched::Url(Box::new(question)),
                None => Watched::File(self.config.unwrap_or_default()),
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

#[cfg(test)]
mod tests;
