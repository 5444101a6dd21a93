//! `httpok watch`: flags, or a configuration file, become settings. The watchdog itself is the daemon's.
//! Flags build the same specs as a file does, so that both have one set of rules and defaults.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::cli::args::{AskArgs, ConnectionArgs, MailArgs, PolicyArgs, WatchArgs};
use crate::cli::asked;
use crate::config::{
    self, Faults,
    notify::NotifySettings,
    settings::{CheckSettings, Settings},
    supervisor::{SupervisorSettings, supervisord_url},
};
use crate::daemon::former_names;
use crate::health::{Backend, Fails, Policy};
use crate::notify::policy::NotifierPolicy;
use crate::notify::spec::{MailSpec, MailVia};
use crate::secret::Secret;
use crate::supervisor::supervisord::SupervisordSpec;

/// So many fails in a row are not reached by one tick.
const NEVER: u32 = 1000;

/// Where supervisord usually listens, the first that exists.
const SOCKETS: [&str; 2] = ["/run/supervisor.sock", "/var/run/supervisor.sock"];

/// What the standalone watchdog knows beyond its settings. Plain data for the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// One tick, then the exit status of `check`.
    pub once: bool,
    /// Which watchdog this is: its configuration file, or what it asks.
    pub name: String,
    /// Checks that one tick only probes, because they restart programs of the file.
    pub only_probed: Vec<String>,
    /// Its configuration file, if it has one.
    pub config: Option<PathBuf>,
    /// What that file says and most likely does not mean.
    pub warnings: Vec<String>,
}

/// What `args` and the environment come to; `exists` says whether there is a file at a path.
///
/// # Errors
/// All that is wrong, ready to be printed.
pub fn settings(
    args: &WatchArgs,
    env: &dyn Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Result<(Settings, WatchOptions), String> {
    let mut warnings = Vec::new();
    let mut settings = match &args.config {
        Some(file) => {
            let read = config::try_here(file, env).map_err(|faults| faults.styled())?;
            warnings.extend(read.1.iter().flat_map(Faults::lines));
            warnings.extend(read.0.notify.hint().map(str::to_owned));
            read.0
        }
        None => Settings {
            checks: checks(args)?,
            supervisor: SupervisorSettings {
                supervisord: Some(supervisord(args, env, exists).map_err(usage)?),
                ..SupervisorSettings::default()
            },
            notify: notify(&args.mail),
            panic_threshold: args.panic_threshold.0,
            panic_window: args.panic_window,
            ..Settings::default()
        },
    };
    settings.dry_run |= args.dry_run;
    if let Some(dir) = &args.state_dir {
        settings.state_dir = Some(dir.clone());
    }
    if let Some(file) = &args.journal {
        settings.journal = Some(file.clone());
    }
    let only_probed = match args.once {
        true => only_probe_programs(&mut settings),
        false => Vec::new(),
    };
    let options = WatchOptions {
        only_probed,
        once: args.once,
        name: name(args, &settings),
        config: args.config.clone(),
        warnings,
    };
    Ok((settings, options))
}

/// Keeps the checks that restart programs of the file to their probe: one tick neither starts nor supervises these, so
/// that nothing may follow from their fails. Returns their names.
fn only_probe_programs(settings: &mut Settings) -> Vec<String> {
    let default = settings.supervisor.default;
    let mut names = Vec::new();
    for check in &mut settings.checks {
        let mut targets = check.restart.iter();
        if targets.any(|target| target.backend.unwrap_or(default) == Backend::Embedded) {
            // one tick does not come so far: no restart, and no report
            check.policy.fail = Fails::InARow(NEVER);
            check.restart.clear();
            names.push(check.name.clone());
        }
    }
    names
}

/// Which watchdog this is: its configuration file, or what it asks.
fn name(args: &WatchArgs, settings: &Settings) -> String {
    match &args.config {
        Some(file) => former_names::name_of_file(file),
        None => {
            let names: Vec<_> = settings
                .checks
                .iter()
                .map(|check| check.name.as_str())
                .collect();
            names.join(" ")
        }
    }
}

fn usage(why: String) -> String {
    format!("httpok watch: {why}")
}

fn checks(args: &WatchArgs) -> Result<Vec<CheckSettings>, String> {
    let (found, fault) = asked::checks(&args.urls, &args.ask, &args.wire);
    let mut names = BTreeSet::new();
    let mut checks = Vec::new();
    let mut faults = Vec::new();
    for check in found {
        match check {
            Err(why) => faults.push(usage(why)),
            Ok(check) if !names.insert(check.name.clone()) => {
                faults.push(usage(format!("{:?} is given twice", check.name)));
            }
            Ok(check) => checks.push(CheckSettings {
                every: args.every,
                policy: policy(&args.policy),
                restart: args.programs.clone(),
                ..check
            }),
        }
    }
    faults.extend(fault.map(usage));
    if faults.is_empty() {
        Ok(checks)
    } else {
        Err(faults.join("\n"))
    }
}

/// The check that flags come to, named after its URL. What it restarts is the caller's to say.
///
/// # Errors
/// Says what is wrong with the URL or an expectation.
pub fn check_of(
    ask: &AskArgs,
    wire: &ConnectionArgs,
    policy: &PolicyArgs,
    url: &str,
) -> Result<CheckSettings, String> {
    Ok(CheckSettings {
        policy: self::policy(policy),
        ..asked::check(url, ask, wire)?
    })
}

fn policy(args: &PolicyArgs) -> Policy {
    Policy {
        fail: Fails::InARow(args.fail_after),
        pass_after: args.pass_after,
        grace: args.grace,
        backoff: args.backoff,
        restarts: Some(args.max_restarts),
        rearm: Some(args.rearm),
        ..Policy::default()
    }
}

fn supervisord(
    args: &WatchArgs,
    env: &dyn Fn(&str) -> Option<String>,
    exists: impl Fn(&Path) -> bool,
) -> Result<SupervisordSpec, String> {
    let server = match (&args.supervisor, env("SUPERVISOR_SERVER_URL")) {
        (Some(server), _) => server.clone(),
        (None, Some(url)) => supervisord_url(&url)?,
        (None, None) => {
            let found = SOCKETS.into_iter().find(|path| exists(Path::new(path)));
            supervisord_url(&format!("unix://{}", found.unwrap_or(SOCKETS[0])))?
        }
    };
    if !server.username.is_empty() {
        return Ok(server);
    }
    let username = env("SUPERVISOR_USERNAME").unwrap_or_default();
    let password = env("SUPERVISOR_PASSWORD").unwrap_or_default();
    Ok(server.with_login(username, Secret::new(password)))
}

/// Where notifications go: to the addresses of `mail`, if it has any.
pub fn notify(mail: &MailArgs) -> NotifySettings {
    if mail.mail_to.is_empty() {
        return NotifySettings::default();
    }
    let mail = MailSpec {
        down_after: NotifierPolicy::FOR_PEOPLE.down_after,
        to: mail.mail_to.clone(),
        html: true,
        from: mail.from.clone(),
        via: match &mail.smtp {
            Some(smtp) => MailVia::Smtp(smtp.clone()),
            None => MailVia::Sendmail(mail.sendmail.clone()),
        },
    };
    NotifySettings {
        mail: Some(mail),
        ..NotifySettings::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, CliCommand};
    use crate::probe::IpFamily;
    use crate::probe::ProbeSpec as Probe;
    use crate::probe::line::Until;

    fn read(words: &[&str]) -> Result<(Settings, WatchOptions), String> {
        let line = ["httpok", "watch"].iter().chain(words);
        let cli = Cli::try_parse_from(line).map_err(|fault| fault.to_string())?;
        let CliCommand::Watch(args) = cli.command else {
            panic!("watch is watch");
        };
        settings(&args, &|_| None, |path| path == Path::new(SOCKETS[1]))
    }

    #[test]
    fn the_panic_gate_has_flags() {
        let minutes = |count: u64| std::time::Duration::from_secs(60 * count);
        for (words, threshold, window) in [
            (&[][..], Some(0.6), minutes(2)),
            (&["--panic-threshold", "100%"], Some(1.0), minutes(2)),
            (&["--panic-threshold=off"], None, minutes(2)),
            (&["--panic-window", "5m"], Some(0.6), minutes(5)),
        ] {
            let (settings, _) = read(&[words, &["http://h/"]].concat()).expect("right");
            let found = (settings.panic_threshold, settings.panic_window);
            assert_eq!(found, (threshold, window), "{words:?}");
        }
        for value in ["60", "0%", "101%", "nan%", ""] {
            let invalid = read(&["--panic-threshold", value, "http://h/"]).expect_err(value);
            assert!(invalid.contains("such as 60%, or off"), "{invalid}");
        }
    }

    #[test]
    fn flags_become_checks() {
        let words = "--every 10s -p web -p app:* --fail-after 2 --grace 0 --backoff 1s..8s -c 2xx -b fine \
                     --once --dry-run --mail-to a@b http://u:p@h/ http://i/";
        let (settings, options) =
            read(&words.split_whitespace().collect::<Vec<_>>()).expect("right");
        let [first, second] = settings.checks.as_slice() else {
            panic!("two checks");
        };
        let Probe::Http(http) = &first.probe else {
            panic!("an HTTP check");
        };
        assert_eq!(
            (first.name.as_str(), http.url.url.as_str()),
            ("http://***@h/", "http://h/")
        );
        assert!(http.user.is_some() && second.restart == first.restart);
        assert_eq!(first.every.as_secs(), 10);
        assert_eq!(first.policy.fail, Fails::InARow(2));
        assert_eq!(first.policy.backoff.max.as_secs(), 8);
        assert_eq!(first.expectation.status.to_string(), "2xx");
        assert_eq!(
            first
                .restart
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["web", "app:*"]
        );
        assert!(settings.dry_run && options.once && settings.notify.mail.is_some());
        let supervisord = settings.supervisor.supervisord.expect("there is a default");
        assert_eq!(supervisord.shown, "unix:///var/run/supervisor.sock");
    }

    #[test]
    fn plain_connections_have_their_options() {
        let words =
            r"--send ping\r\n --until close -b PONG -4 --max-body 9 tcp://h:1 --fail-after 2";
        let (settings, _) = read(&words.split_whitespace().collect::<Vec<_>>()).expect("right");
        let Probe::Line(line) = &settings.checks[0].probe else {
            panic!("a plain connection");
        };
        let sent = line.send.as_ref().expect("something").expose();
        assert_eq!((sent, &line.until), (&b"ping\r\n"[..], &Some(Until::Close)));
        assert_eq!((line.max_body, line.family), (9, Some(IpFamily::V4)));
        let (settings, _) =
            read(&["--http2", "--resolve", "h:80:::1", "http://h/"]).expect("right");
        let Probe::Http(http) = &settings.checks[0].probe else {
            panic!("an HTTP check");
        };
        assert!(http.http2 && http.resolve.len() == 1);
    }

    #[test]
    fn the_defaults_are_those_of_the_configuration() {
        let (settings, _) = read(&["http://h/"]).expect("right");
        let plain = CheckSettings::of_url("http://h/", "http://h/").expect("a URL");
        assert_eq!(settings.checks, [plain]);
    }

    #[test]
    fn invalid_flags_are_reported() {
        for (words, expected) in [
            ("h:80", "such as \"http://h:80\""),
            ("http://h/ http://h/", "given twice"),
            ("--config f http://h/", "cannot be used with"),
            ("--config f -t 5", "cannot be used with"),
            ("--config f --grace 5", "cannot be used with"),
            ("--config f -p web", "cannot be used with"),
            ("--smtp smtp://h http://h/", "--mail-to"),
            ("--fail-after 0 http://h/", "is not a count"),
            ("--backoff 5m..1s http://h/", "longer pause"),
            (
                "--supervisor tcp://h http://h/",
                "not the URL of a supervisord",
            ),
            (
                "--send x http://h/",
                "--send is for tcp:// and unix:// URLs",
            ),
            ("-c 200 tcp://h:1", "--code is for HTTP URLs"),
            ("--until text tcp://h:1", "waits for the texts of --body"),
            ("--until eof tcp://h:1", "expected line, close or text"),
            (r"--send \q tcp://h:1", "a backslash"),
            ("--config f --http2", "cannot be used with"),
            ("exec:true", "command = [...]"),
            ("", "URL"),
        ] {
            let why = read(&words.split_whitespace().collect::<Vec<_>>()).expect_err(words);
            assert!(why.contains(expected), "{words}: {why}");
        }
    }
}
