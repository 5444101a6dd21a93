//! The original command line: `httpok [options] URL` under supervisord. Words and environment in, a
//! [`DropIn`] out; nothing here touches the world, so all of it is tested as a table. What it comes to
//! in the daemon's terms is in [`settings`](self::settings).

mod draft;
mod flags;
pub mod getopt;
mod request;
mod settings;

use crate::health::ProcessName;
use crate::probe::http::HttpSpec;
use crate::secret::{Secret, redact_url};
use crate::supervisor::supervisord::SupervisordSpec;

use draft::DropInDraft;
use getopt::GivenOption;

pub use flags::{FLAGS, HELP, Key, USAGE};
pub use request::{DropIn, DropInRefusal, DropInRequest, WatchedUrls};
pub use settings::ListenerOptions;

/// Reads the words after the program's name, and the environment.
///
/// # Errors
/// In the original's order: a wrong command line first, then no supervisord, then a URL of a scheme that
/// cannot be asked.
pub fn parse(
    words: &[String],
    env: impl Fn(&str) -> Option<String>,
) -> Result<DropInRequest, DropInRefusal> {
    let (given, positional) =
        getopt::parse(&FLAGS, words).map_err(|fault| DropInRefusal::Usage(fault.to_string()))?;
    // before the URL is looked for, so that `-h` works alone
    if given.iter().any(|option| option.key == Key::Help) {
        return Ok(DropInRequest::Help);
    }
    if given.iter().any(|option| option.key == Key::Version) {
        return Ok(DropInRequest::Version);
    }
    let mut draft = DropInDraft::default();
    for option in &given {
        draft
            .take(option)
            .map_err(|why| DropInRefusal::Usage(format!("option {}: {why}", option.spelled)))?;
    }
    let url = match &draft.config {
        None => Some(only_url(&positional)?),
        Some(_) => no_url(&given, &positional)?,
    };
    let server = server(&env)?;
    let asked = url
        .map(|url| Ok((redact_url(&url), usable_url(&url)?)))
        .transpose()?;
    let ourselves = env("SUPERVISOR_PROCESS_NAME").map(|name| {
        let group = env("SUPERVISOR_GROUP_NAME").unwrap_or_else(|| name.clone());
        ProcessName::supervisord(group, name)
    });
    Ok(DropInRequest::Listen(Box::new(
        draft.finish(asked, server, ourselves)?,
    )))
}

fn only_url(positional: &[String]) -> Result<String, DropInRefusal> {
    match positional {
        [url] => Ok(url.clone()),
        [] => Err(DropInRefusal::Usage(
            "the URL is missing, such as http://localhost:8080/".to_owned(),
        )),
        [url, next, ..] => Err(DropInRefusal::Usage(format!(
            "{next:?} comes after the URL {:?}: options go before it, and there is just one URL",
            redact_url(url)
        ))),
    }
}

/// With `--config` everything about the checks stands in the file.
fn no_url(
    given: &[GivenOption<Key>],
    positional: &[String],
) -> Result<Option<String>, DropInRefusal> {
    if let Some(word) = positional.first() {
        return Err(DropInRefusal::Usage(format!(
            "with --config there is no URL, but there is {word:?}"
        )));
    }
    let alone = [Key::Config, Key::DryRun, Key::StateDir];
    match given.iter().find(|option| !alone.contains(&option.key)) {
        None => Ok(None),
        Some(option) => Err(DropInRefusal::Usage(format!(
            "option {} does not go with --config: it belongs into the file",
            option.spelled
        ))),
    }
}

fn server(env: &impl Fn(&str) -> Option<String>) -> Result<SupervisordSpec, DropInRefusal> {
    let Some(url) = env("SUPERVISOR_SERVER_URL") else {
        return Err(DropInRefusal::NotAListener);
    };
    if !url.starts_with("unix://") && !url.starts_with("http://") {
        return Err(DropInRefusal::CannotListen(format!(
            "Unknown protocol for serverurl {}: expected unix:// or http:// in SUPERVISOR_SERVER_URL",
            redact_url(&url)
        )));
    }
    let username = env("SUPERVISOR_USERNAME").unwrap_or_default();
    let password = Secret::new(env("SUPERVISOR_PASSWORD").unwrap_or_default());
    SupervisordSpec::new(&url, username, password)
        .map_err(|error| DropInRefusal::CannotListen(error.to_string()))
}

/// How `url` is asked when no option says anything else.
fn usable_url(url: &str) -> Result<HttpSpec, DropInRefusal> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["http", "https", "http+unix"].contains(&scheme.to_ascii_lowercase().as_str()) {
        let hint = match scheme {
            "" => format!("did you mean http://{}", redact_url(url)),
            _ => "expected http or https".to_owned(),
        };
        return Err(DropInRefusal::CannotListen(format!(
            "Bad scheme {scheme}: {hint}"
        )));
    }
    let spec = HttpSpec::of_url(url).map_err(DropInRefusal::CannotListen)?;
    // the original asks for the URL, and names it in mails, as it is given; a user and password are not shown
    let as_given = spec.user.is_none().then(|| url.to_owned());
    Ok(HttpSpec { as_given, ..spec })
}

#[cfg(test)]
mod tests;
