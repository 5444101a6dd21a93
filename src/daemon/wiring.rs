//! The one place where settings become live parts: definitions for the decision core, probes, supervisors,
//! notifiers. Only here do `config` and the adapters meet.

mod programs;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::action::{CaptureSpec, RungCommand};
use crate::clock::WallClock;
use crate::config::settings::{CheckSettings, RungSpec, Settings};
use crate::exec::template;
use crate::fleet::spec::FleetSpec;
use crate::health::{
    self, Backend, CheckRules, Limits, NotifyMode, Pool, ProcessName, Remedy, Rung, Selection,
    Target, WarmUp,
};
use crate::notify::policy::NotifierPolicy;
use crate::notify::report::MailFormat;
use crate::notify::route::Route;
use crate::notify::spec::{MailSpec, MailVia, NotifierVia, PingSpec};
use crate::notify::{
    COMMAND_DEADLINE, MAIL_DEADLINE, Notifier, RenderContext, WEBHOOK_DEADLINE,
    command as command_notifier, mail, sendmail, smtp, webhook,
};
use crate::probe::http::RulesPool;
use crate::probe::{Probe, ProbeSpec};
use crate::safe_path;
use crate::secret;
use crate::serve;
use crate::serve::spec::ServeSpec;
use crate::sorted;
use crate::supervisor::{Supervisors, command, docker, supervisord, systemd};
use crate::tick::maintenance::MaintenanceSpec;

use super::due::CheckPeriod;
use super::executor::Clients;
use super::notification_queue::{Notifiers, Recipient};
use super::programs::Definitions;
use super::state_dir;

/// How a watchdog behaves beyond its settings: what the original command line asks for.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The format of notifications.
    pub words: MailFormat,
    /// Restart every process but ourselves.
    pub all: bool,
    /// Ask even when no selected process is RUNNING.
    pub eager: bool,
    /// Our own process, which is never touched.
    pub ourselves: Option<ProcessName>,
    /// Standard output belongs to supervisord's protocol: nothing else may be written there.
    pub stdout_is_protocol: bool,
    /// Which watchdog this is: the same in every run, and no other's on this host.
    pub key: String,
    /// The configuration file of a standalone watchdog: only one may run at a time.
    pub config: Option<PathBuf>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            words: MailFormat::Full,
            all: false,
            eager: true,
            ourselves: None,
            stdout_is_protocol: false,
            key: "watch".to_owned(),
            config: None,
        }
    }
}

/// Everything a watchdog is made of.
pub struct Parts {
    /// Which watchdog this is: the same in every run, and no other's on this host.
    pub key: String,
    /// The configuration file of a standalone watchdog.
    pub config: Option<PathBuf>,
    /// Where it keeps what must outlive it.
    pub state_dir: PathBuf,
    /// Where every event is written, if anywhere.
    pub journal: Option<PathBuf>,
    pub checks: Vec<Arc<health::Check>>,
    pub limits: Limits,
    pub clients: Clients,
    pub programs: Definitions,
    pub notifiers: Notifiers,
    pub words: MailFormat,
    pub render_context: RenderContext,
    pub due: Vec<CheckPeriod>,
    pub maintenance: Vec<MaintenanceSpec>,
    pub ping: Option<PingSpec>,
    pub fleet: Option<FleetSpec>,
    pub serve: serve::ServeSetup,
}

/// Makes live parts of `settings`. Nothing is connected yet.
///
/// # Errors
/// Says which check or notifier cannot be made, and why.
pub fn wire(settings: &Settings, run_options: &RunOptions) -> anyhow::Result<Parts> {
    let mut probes = BTreeMap::new();
    let mut captures = Captures::default();
    let mut warmups = BTreeMap::new();
    let commands = commands(settings);
    let warms_up = warms_up(&|name| std::env::var(name).ok());
    let shown = |url: &str| match &run_options.words {
        MailFormat::Full => {
            secret::conceal_url(url);
            secret::shown_url(url)
        }
        // its mails name the URL as it was given
        MailFormat::Original(_) => url.to_owned(),
    };
    let mut checks = Vec::new();
    let mut pool = Pool::default();
    let mut asked = RulesPool::default();
    let mut due: Vec<CheckPeriod> = Vec::with_capacity(settings.checks.len());
    for check in &settings.checks {
        let name: Arc<str> = check.name.as_str().into();
        due.push((Arc::clone(&name), check.every));
        if let ProbeSpec::Heartbeat(spec) = &check.probe {
            let rules = CheckRules {
                heartbeat: Some(spec.every),
                ..rules_of(check, settings, run_options)
            };
            checks.push(define(check, &spec.url(), pool.share(rules)));
            captures.add(&name, check);
            continue;
        }
        let mut probe = Probe::new(check.probe.clone(), &check.expectation.body_needs())
            .map_err(|why| anyhow::anyhow!("check {:?}: {why}", check.name))?;
        probe.share_rules(&mut asked);
        let mut rules = rules_of(check, settings, run_options);
        if let Some(http) = check.warmup.as_ref().filter(|_| warms_up) {
            let probe = Probe::warm_up(http.as_ref().clone())
                .map_err(|why| anyhow::anyhow!("warm-up of check {:?}: {why}", check.name))?;
            rules.warmup = Some(WarmUp {
                url: shown(probe.url()),
                timeout: http.timeout,
            });
            warmups.insert(Arc::clone(&name), Arc::new(probe));
        }
        checks.push(define(check, &shown(probe.url()), pool.share(rules)));
        probes.insert(Arc::clone(&name), Arc::new(probe));
        captures.add(&name, check);
    }
    let known = checks.iter().map(|check| &**check);
    for check in programs::checks(settings, run_options, known) {
        due.push((check.name.as_str().into(), programs::every(run_options)));
        checks.push(Arc::new(check));
    }
    let state_dir = state_dir(settings, &|name| std::env::var(name).ok());
    let evidence = state_dir.join("evidence");
    let render_context = RenderContext {
        host: hostname(),
        clock: WallClock::AT_START,
    };
    // Notes and intents in it say which processes are stopped and started.
    safe_path::check_private_contents(&state_dir, &["programs-"])
        .map_err(|why| anyhow::anyhow!("the state directory cannot be trusted: {why}"))?;
    Ok(Parts {
        key: run_options.key.clone(),
        config: run_options.config.clone(),
        state_dir,
        journal: settings.journal.clone(),
        limits: Limits {
            panic_threshold: settings.panic_threshold,
            panic_window: settings.panic_window,
            max_concurrent_restarts: settings.max_concurrent_restarts,
            max_restarts: settings.max_restarts,
            reminder: settings.notify.reminder,
            // known by the source of ticks
            once: false,
        },
        clients: Clients {
            probes,
            warmups,
            captures: captures.by_check,
            commands,
            evidence,
            supervisors: supervisors(settings),
        },
        programs: programs::definitions(settings, run_options),
        notifiers: notifiers(settings, run_options, &render_context.host)?,
        words: run_options.words.clone(),
        render_context,
        due,
        maintenance: settings.maintenance.clone(),
        ping: settings.notify.ping.clone(),
        fleet: settings.fleet.clone(),
        serve: serve::ServeSetup::new(serve_spec(settings))?,
        checks,
    })
}

/// What is kept as evidence, by check.
#[derive(Default)]
struct Captures {
    by_check: BTreeMap<Arc<str>, Arc<CaptureSpec>>,
    pool: Pool<CaptureSpec>,
}

impl Captures {
    fn add(&mut self, name: &Arc<str>, check: &CheckSettings) {
        if let Some(spec) = &check.capture {
            let shared = self.pool.share(spec.clone());
            self.by_check.insert(Arc::clone(name), shared);
        }
    }
}

/// What is served, with the tokens of checks that send heartbeats.
fn serve_spec(settings: &Settings) -> ServeSpec {
    let tokens = settings
        .checks
        .iter()
        .filter_map(|check| match &check.probe {
            ProbeSpec::Heartbeat(spec) => Some((check.name.clone(), spec.token.clone()?)),
            ProbeSpec::Http(_) | ProbeSpec::Line(_) | ProbeSpec::Exec(_) | ProbeSpec::Grpc(_) => {
                None
            }
        });
    ServeSpec {
        heartbeat_tokens: sorted::map(tokens),
        ..settings.serve.clone()
    }
}

/// Whether programs are warmed up: `HTTPOK_AUTOWARMUP` can turn that off.
fn warms_up(env: &dyn Fn(&str) -> Option<String>) -> bool {
    let word = env("HTTPOK_AUTOWARMUP").unwrap_or_default();
    !["0", "false", "no", "off"].contains(&word.trim().to_ascii_lowercase().as_str())
}

/// One check as the decision core knows it.
fn define(check: &CheckSettings, url: &str, rules: Arc<CheckRules>) -> Arc<health::Check> {
    Arc::new(health::Check {
        name: check.name.clone(),
        url: url.to_owned(),
        probe: fingerprint(&check.probe),
        rules,
    })
}

/// What is expected of it, and what is done about it.
fn rules_of(check: &CheckSettings, settings: &Settings, run_options: &RunOptions) -> CheckRules {
    let remedy_of = |targets: &[Target]| Remedy {
        selection: match run_options.all {
            true => Selection::All,
            false => Selection::Targets(targets.to_vec()),
        },
        default: settings.supervisor.default,
        start_stopped: check.starts_stopped(),
        eager: run_options.eager,
        // the original takes its processes as supervisord lists them
        by_name: check.policy.notify == NotifyMode::EveryAction,
        ourselves: run_options.ourselves.clone(),
    };
    let rung = |rung: &RungSpec| match rung {
        RungSpec::Signal(signal) => Rung::Signal(*signal),
        RungSpec::Restart(targets) => Rung::Restart(remedy_of(targets)),
        RungSpec::Run(run) => Rung::Run {
            command: template::shown(&run.command, &[("{check}", check.name.clone())]),
        },
        RungSpec::GiveUp => Rung::GiveUp,
    };
    CheckRules {
        expectation: check.expectation.clone(),
        policy: check.policy.clone(),
        remedy: remedy_of(check.own_targets()),
        ladder: check.ladder.iter().map(rung).collect(),
        requires: check.requires.clone(),
        dry_run: settings.dry_run || check.dry_run,
        capture: check.capture.is_some(),
        warmup: None,
        heartbeat: None,
        program: None,
        fleet: check.fleet.clone(),
    }
}

/// What the rungs of ladders run, by check and number.
fn commands(settings: &Settings) -> BTreeMap<String, BTreeMap<u32, RungCommand>> {
    let of = |check: &CheckSettings| {
        let rungs = (0..).zip(&check.ladder);
        let runs = rungs.filter_map(|(number, rung)| match rung {
            RungSpec::Run(command) => Some((number, command.clone())),
            RungSpec::Signal(_) | RungSpec::Restart(_) | RungSpec::GiveUp => None,
        });
        (check.name.clone(), sorted::map(runs))
    };
    let with_ladder = settings.checks.iter();
    let with_ladder = with_ladder.filter(|check| !check.ladder.is_empty());
    sorted::map(with_ladder.map(of))
}

/// Stands for a probe, in few bytes. Secrets print as `***`: a changed secret alone changes no check.
fn fingerprint(probe: &ProbeSpec) -> String {
    let text = format!("{probe:?}");
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn supervisors(settings: &Settings) -> Supervisors {
    let specs = &settings.supervisor;
    let mut supervisors = Supervisors::default();
    if let Some(spec) = &specs.supervisord {
        let client =
            supervisord::SupervisordClient::new(spec.clone(), supervisord::Deadlines::default());
        supervisors.insert(Backend::Supervisord, client);
    }
    // it is where it always is: to name one of its units is enough
    if specs.systemd.is_some() || is_named(Backend::Systemd, settings) {
        let client = systemd::SystemdClient::new(specs.systemd.clone().unwrap_or_default());
        supervisors.insert(Backend::Systemd, client);
    }
    // its socket has a usual place, so that a target is enough
    if specs.docker.is_some() || is_named(Backend::Docker, settings) {
        let spec = specs.docker.clone().unwrap_or_default();
        let docker_host = std::env::var("DOCKER_HOST").ok();
        let client = docker::DockerClient::new(&spec.socket(docker_host.as_deref()));
        supervisors.insert(Backend::Docker, client);
    }
    if let Some(spec) = &specs.command {
        let client = command::CommandClient::new(spec.clone());
        supervisors.insert(Backend::Command, client);
    }
    supervisors
}

/// Whether any check restarts processes of `backend`.
fn is_named(backend: Backend, settings: &Settings) -> bool {
    let default = settings.supervisor.default;
    let mut targets = settings.checks.iter().flat_map(|check| &check.restart);
    targets.any(|target| target.backend.unwrap_or(default) == backend)
}

/// Where notifications go, by the notifiers' names.
///
/// # Errors
/// Says which notifier cannot be made, or has another's name.
pub fn notifiers(
    settings: &Settings,
    run_options: &RunOptions,
    host: &str,
) -> anyhow::Result<Notifiers> {
    let mut notifiers = Notifiers::new();
    let notify = &settings.notify;
    let holding = |down_after| NotifierPolicy {
        down_after,
        ..NotifierPolicy::default()
    };
    let mut add = |name: String, route: Route, policy: NotifierPolicy, via: &NotifierVia| {
        let (address, notifier) = match via {
            NotifierVia::Mail(spec) => {
                (mail_address(spec), mail_notifier(spec, run_options, host)?)
            }
            NotifierVia::Webhook(spec) => {
                let notifier = webhook::WebhookNotifier::new(spec.clone(), WEBHOOK_DEADLINE);
                (spec.address(), Notifier::Webhook(notifier))
            }
            NotifierVia::Command(line) => {
                let notifier = command_notifier::CommandNotifier {
                    command: line.clone(),
                    deadline: COMMAND_DEADLINE,
                };
                (format!("exec {line:?}"), Notifier::Command(notifier))
            }
        };
        let recipient = Recipient {
            address,
            route,
            policy,
            notifier,
        };
        if notifiers.insert(name.clone(), recipient).is_some() {
            anyhow::bail!("two notifiers are called {name:?}: give each a `name` of its own");
        }
        Ok(())
    };
    if let Some(spec) = &notify.mail {
        let via = NotifierVia::Mail(spec.clone());
        add(
            "mail".to_owned(),
            Route::default(),
            holding(spec.down_after),
            &via,
        )?;
    }
    for spec in &notify.webhooks {
        let route = Route {
            pairs: spec.format.pairs(),
            ..Route::default()
        };
        add(
            spec.name(),
            route,
            holding(spec.down_after),
            &NotifierVia::Webhook(spec.clone()),
        )?;
    }
    for spec in &notify.notifiers {
        add(
            spec.name.clone(),
            spec.route.clone(),
            spec.policy,
            &spec.via,
        )?;
    }
    Ok(notifiers)
}

fn mail_address(spec: &MailSpec) -> String {
    let via = match &spec.via {
        MailVia::Sendmail(command) => command.clone(),
        MailVia::Smtp(server) => format!("{}:{}", server.host, server.port),
    };
    format!("mail to {} through {via}", spec.to.join(", "))
}

fn mail_notifier(
    spec: &MailSpec,
    run_options: &RunOptions,
    host: &str,
) -> anyhow::Result<Notifier> {
    let via = match &spec.via {
        MailVia::Sendmail(command) => {
            let pipe = sendmail::Pipe {
                command: command.clone(),
                deadline: MAIL_DEADLINE,
            };
            if matches!(run_options.words, MailFormat::Original(_)) {
                let to = spec.to.join(", ");
                return Ok(Notifier::Original(mail::OriginalMailer { to, pipe }));
            }
            mail::MailRoute::Sendmail(pipe)
        }
        MailVia::Smtp(server) => mail::MailRoute::Smtp(smtp::MailServer {
            spec: server.clone(),
            hello: host.to_owned(),
            deadline: MAIL_DEADLINE,
        }),
    };
    mail::MailNotifier::new(&spec.to, spec.from.as_deref(), host, via)
        .map(|mail| Notifier::Mail(mail.with_html(spec.html)))
        .map_err(|why| anyhow::anyhow!("mail: {why}"))
}

/// This host's name, for people.
pub fn hostname() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
