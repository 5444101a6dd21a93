//! The one definition of every subcommand: parsing, `--help`, the manual pages and the completions all
//! come from it. The original command line is not here but in [`crate::cli::dropin`].

mod ask;
mod check;
mod control;
mod examples;
mod run;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use ask::{AskArgs, ConnectionArgs};
pub use check::{CheckArgs, CheckFormat, OutputArgs, WaitArgs};
pub use control::{
    BeatArgs, ChecksArgs, ChosenArgs, EventsArgs, EventsFormat, ExplainArgs, FleetCommand,
    HealthSetArgs, HoldArgs, MonitorArgs, NotifyTestArgs, PauseArgs, ProgramArgs, RemoteArgs,
    RestartArgs, SimulateArgs, StatusArgs, WatchdogArgs,
};
pub use examples::{lead, of_command};
pub use run::{RunArgs, SampleArgs};
pub use watch::{MailArgs, PolicyArgs, WatchArgs};

/// The words that make a command line one of these; any other is the original's.
const COMMANDS: [&str; 24] = [
    "check", "watch", "run", "sample", "status", "explain", "events", "pause", "silence", "resume",
    "restart", "start", "stop", "beat", "reset", "reload", "notify", "health", "fleet", "monitor",
    "simulate", "config", "generate", "help",
];

/// Help is no wider than this, however wide the terminal is.
const WIDEST: usize = 100;

/// Reads a command line that starts with the program's name and a word for which [`is_command`] holds.
///
/// # Errors
/// Also help, when that was asked for.
pub fn parse(argv: Vec<OsString>) -> Result<CliCommand, clap::Error> {
    // what runs once a minute from cron does not set up the words of all the other commands first
    let words = argv.get(1..).unwrap_or_default();
    let parsed = match words.first().and_then(|word| word.to_str()) {
        Some("check") => read::<CheckArgs>(words).map(|args| CliCommand::Check(Box::new(args))),
        Some("status") => read(words).map(CliCommand::Status),
        Some("beat") => read(words).map(CliCommand::Beat),
        _ => read::<Cli>(&argv).map(|cli| cli.command),
    };
    parsed.map_err(without_useless_tips)
}

fn read<P: CommandFactory + FromArgMatches>(words: &[OsString]) -> Result<P, clap::Error> {
    let mut command = with_negative_numbers(P::command());
    let mut matches = command.try_get_matches_from_mut(words)?;
    P::from_arg_matches_mut(&mut matches).map_err(|fault| fault.format(&mut command))
}

/// Has each option take a negative number as its value: what is wrong with it, the reader of the value says best.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        let is_option = arg.get_long().is_some() && arg.get_action().takes_values();
        arg.allow_negative_numbers(is_option)
    });
    command.mut_subcommands(with_negative_numbers)
}

/// Without the tip to write `-- -x`: no URL and hardly any name begins with a dash.
fn without_useless_tips(mut fault: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(mut tips)) = fault.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains("as a value, use"));
        if !tips.is_empty() {
            fault.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    fault
}

/// Whether a command line that starts with `word` is for [`Cli`].
pub fn is_command(word: &str) -> bool {
    COMMANDS.contains(&word)
}

/// Asks URLs whether they are well, and restarts what has hung
///
/// httpok asks URLs whether they are well. When a service has hung it keeps the evidence, restarts the
/// right process through whatever supervises it, makes sure that it came back, and notifies people.
///
/// Under supervisord it is an event listener that takes the command line of superlance's httpok, which
/// it replaces. In a shell it asks once (check) or is a watchdog of its own (watch).
#[derive(Debug, Parser)]
#[command(
    name = "httpok",
    version,
    override_usage = "httpok COMMAND [OPTIONS]...\n       httpok [OPTIONS]... URL",
    disable_help_subcommand = false,
    max_term_width = WIDEST,
    after_long_help = examples::help(examples::MAIN)
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: CliCommand,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    Check(Box<CheckArgs>),

    /// Watch URLs and restart what has hung
    ///
    /// A watchdog in the foreground, for systemd, a container or a terminal. Every check is asked on
    /// its own beat; after enough failures in a row its processes are restarted through whatever
    /// supervises them, and people are notified.
    ///
    /// No program that was stopped for a restart is ever left stopped: what is about to be done is on
    /// disk before it happens, and the next run finishes what this one could not.
    #[command(
        override_usage = "httpok watch [OPTIONS]... --config FILE\n       httpok watch [OPTIONS]... URL...",
        after_long_help = examples::help(examples::WATCH)
    )]
    Watch(Box<WatchArgs>),

    /// Run a command and restart it when it hangs
    ///
    /// Starts COMMAND under the supervisor that is built in and asks its URL; when that fails often enough
    /// the command is stopped, with all that it has started, and started again. No other software is
    /// needed.
    ///
    /// When the command ends by itself so does httpok, with its exit code. SIGTERM and Ctrl-C stop the
    /// command and then httpok; SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH go through to the command. A
    /// start that fails after a restart is tried again. A httpok that is killed (kill -9) takes the command with it at once.
    ///
    /// At a terminal the command is in the foreground, as without httpok: it reads what is typed, and gets
    /// Ctrl-C, which does not reach httpok then, and Ctrl-Z, which suspends both.
    ///
    /// When httpok is killed, so is the command with all that it has started, in its group or outside. Only a
    /// process that left its session and its parent and cleared its environment escapes that.
    #[command(
        override_usage = "httpok run [OPTIONS]... --url URL -- COMMAND [ARG]...",
        after_long_help = examples::help(examples::RUN)
    )]
    Run(Box<RunArgs>),

    /// A service that hangs after a while, to try httpok out
    #[command(after_long_help = examples::help(examples::SAMPLE))]
    Sample(SampleArgs),
    Status(StatusArgs),

    /// Show the timeline of a check's last incident
    ///
    /// Prints the timeline of an incident from what the watchdog has written down, whether it runs or
    /// not: every probe with the threshold's arithmetic, what held a restart back, every step with how long
    /// it took, the evidence and where it is, and which reports were made and delivered. Times are UTC, and
    /// relative to the first fail.
    #[command(after_long_help = examples::help(examples::EXPLAIN))]
    Explain(ExplainArgs),

    /// Show what was decided last, and what is decided now
    ///
    /// Prints the last events of all checks, oldest first: verdicts, incidents, restarts, reports, pauses. With --follow it
    /// goes on with each event as it happens. A probe that passes and changes nothing is left out unless --passes is given.
    ///
    /// The exit status is 0, and 3 when nothing can be read, or when the watchdog that is followed ends.
    #[command(after_long_help = examples::help(examples::EVENTS))]
    Events(EventsArgs),

    /// Keep checks from restarting anything for a while
    ///
    /// A check that is paused is still probed and still reported. Nothing is restarted for it until the pause is over,
    /// is ended by resume, or a person says restart. A pause outlives the watchdog. --silent holds the reports, too.
    #[command(after_long_help = examples::help(examples::PAUSE))]
    Pause(PauseArgs),

    /// Keep checks from being reported for a while
    ///
    /// A check that is silenced is still probed and still restarted, but nobody is notified of it until the silence is
    /// over or is ended by resume; a check that is down then is reported once. That a check is up again is always
    /// reported when it was reported to be down, so that no pager stays red. A silence outlives the watchdog.
    #[command(after_long_help = examples::help(examples::SILENCE))]
    Silence(HoldArgs),

    /// End the pause and the silence of checks
    ///
    /// A maintenance window of the configuration file goes on.
    #[command(after_long_help = examples::help(examples::RESUME))]
    Resume(ChecksArgs),

    /// Restart the processes of checks now
    ///
    /// By hand: thresholds, grace, pauses, back-off, budgets and other checks do not hold it back. It is
    /// done as any other restart: probed again, evidence kept, stopped, started, watched until it
    /// passes; and it counts against the budget. It is refused while one of the processes is being
    /// restarted already, and while the watchdog is ending. People are notified only when it does not come
    /// back. Of a check with a ladder its own restart is done, or else that of its first rung that restarts;
    /// it takes no rung. A program that no check restarts is named as in start: it is stopped and started.
    ///
    /// With --all it asks on a terminal before anything is done; without one it wants --yes.
    #[command(after_long_help = examples::help(examples::RESTART))]
    Restart(RestartArgs),

    /// Start programs of the watchdog's own
    ///
    /// A program is a [[program]] of its configuration file. Says how it is then: RUNNING, or why not.
    #[command(after_long_help = examples::help(examples::START))]
    Start(ProgramArgs),

    /// Stop programs of the watchdog's own
    ///
    /// It stays stopped, whatever its check says, until start, restart, a reload that changes it, or the next run
    /// of the watchdog.
    #[command(after_long_help = examples::help(examples::STOP))]
    Stop(ProgramArgs),

    Beat(BeatArgs),

    /// Let checks that were given up be restarted again
    ///
    /// The back-off begins anew and the restarts so far do not count against a check's budget any more.
    #[command(after_long_help = examples::help(examples::RESET))]
    Reset(ChecksArgs),

    /// Have the configuration file read again
    ///
    /// Does what SIGHUP does, and says what came of it. A file that is wrong changes nothing. Programs whose definition
    /// did not change run on; those that are FATAL are started again, those that ended or were stopped are not.
    #[command(after_long_help = examples::help(examples::RELOAD))]
    Reload(WatchdogArgs),

    /// Work with notifications that wait
    #[command(subcommand, arg_required_else_help = true)]
    Notify(NotifyCommand),

    /// Say how the watchdog itself is
    #[command(subcommand, arg_required_else_help = true)]
    Health(HealthCommand),

    /// Work with the hosts that agree on restarts
    #[command(subcommand, arg_required_else_help = true)]
    Fleet(FleetCommand),

    /// Ask a monitor that speaks zc.monitor's line protocol
    ///
    /// Sends COMMAND to the monitor at ADDRESS and prints its answer: httpok's own ([serve] line), ftw.monitor's or
    /// any other. Without a command it asks for help.
    ///
    /// The exit status is 0 when there was an answer, whatever it says, and 3 when there was none.
    #[command(after_long_help = examples::help(examples::MONITOR))]
    Monitor(MonitorArgs),

    /// Say what a watchdog would decide
    ///
    /// Runs the part of httpok that decides, and nothing else, over a trace: nothing is asked, touched or
    /// sent. Of a journal that watch --journal wrote it prints the decisions that the configuration makes
    /// now, and which are others than the recorded ones. Of hand-written samples it says what would
    /// follow; in between restarts succeed after a second unless the trace says otherwise.
    #[command(after_long_help = examples::help(examples::SIMULATE))]
    Simulate(SimulateArgs),

    /// Work with configuration files
    #[command(subcommand, arg_required_else_help = true)]
    Config(ConfigCommand),

    /// Write the manual pages or the shell's completions
    #[command(subcommand, arg_required_else_help = true)]
    Generate(GenerateCommand),
}

/// What can be said about the watchdog's own health.
#[derive(Debug, Subcommand)]
pub enum HealthCommand {
    /// Make the watchdog unhealthy, or healthy again
    ///
    /// While it is unhealthy its /healthy, its liveness and its health_check say so, and its agent-check puts servers
    /// into maintenance: for work on a host that a load balancer is to leave alone. Probes and restarts go on as
    /// before. It outlives the watchdog, and lasts until it is taken back.
    #[command(after_long_help = examples::help(examples::HEALTH_SET))]
    Set(HealthSetArgs),
}

/// What can be done with notifications that wait.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a sample report through each notifier of a running watchdog, or of a configuration file
    ///
    /// Says of each what the other side answered. A receiver that pairs what begins with what ends
    /// (Alertmanager, PagerDuty) gets the end, too. The watchdog sends it as it is configured just now, beside its
    /// work; with --config the file is read, and no watchdog is needed. The exit status is 3 when one did not take it.
    #[command(after_long_help = examples::help(examples::NOTIFY_TEST))]
    Test(NotifyTestArgs),

    /// Have the notifications for one notifier delivered by another
    ///
    /// For those of a notifier that is not in the configuration any more, and for those that were given up.
    /// httpok status names the notifiers that notifications wait for.
    #[command(after_long_help = examples::help(examples::NOTIFY_SEND))]
    Send {
        /// The notifier that they wait for
        #[arg(value_name = "NOTIFIER")]
        from: String,

        /// The notifier that is to deliver them, such as mail
        #[arg(value_name = "TO")]
        to: String,

        #[command(flatten)]
        place: WatchdogArgs,
    },

    /// Drop the notifications for a notifier
    #[command(after_long_help = examples::help(examples::NOTIFY_DROP))]
    Drop {
        /// The notifier that they wait for
        #[arg(value_name = "NOTIFIER")]
        from: String,

        #[command(flatten)]
        place: WatchdogArgs,
    },
}

/// What can be done with a configuration file.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a configuration file is valid
    ///
    /// Reads FILE as watch would and reports everything that is wrong with it at once, each with its
    /// line and what would be right. Nothing is asked or touched.
    ///
    /// What is valid and most likely not meant is a warning on standard error, which a watchdog logs when it starts:
    /// patterns that match no check, programs that are not there, secrets that everyone can read.
    ///
    /// The exit status is 0 when the file is valid, warnings or not, and 3 when it is not.
    #[command(after_long_help = examples::help(examples::CONFIG_CHECK))]
    Check {
        /// The file to read.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// The file is for an event listener: its supervisord is the one that starts it
        #[arg(long)]
        listener: bool,
    },

    /// Show the effective configuration, and where each value comes from
    ///
    /// Reads FILE and all that it includes as watch would, and prints every key that holds with its origin: a file and
    /// line, a preset, the default, a flag or the environment. Secrets are masked. Nothing is probed or touched.
    ///
    /// The exit status is 0 when the file is valid and 3 when it is not.
    #[command(after_long_help = examples::help(examples::CONFIG_SHOW))]
    Show {
        /// The file to read.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// As with watch: keep state in this directory
        #[arg(long, value_name = "DIR")]
        state_dir: Option<PathBuf>,

        /// The file is for an event listener: its supervisord is the one that starts it
        #[arg(long)]
        listener: bool,

        /// As with watch: write the journal to this file
        #[arg(long, value_name = "FILE")]
        journal: Option<PathBuf>,

        /// As with watch: say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },

    /// Make a configuration file of one of supervisord or Monit
    ///
    /// Of a supervisord.conf the event listeners that are httpok become checks that do the same. Its programs stay with
    /// supervisord, which httpok has restart them, and so do other listeners, such as memmon: a program that httpok is to
    /// run itself is written as a [[program]], whose keys have the names of supervisord's. Of a monitrc each test of a port, socket or URL of a process or host becomes a
    /// check, and the command that starts the service what is restarted. The file is printed on standard output; it says
    /// of each line what became of it. What has no counterpart is on standard error, too.
    #[command(after_long_help = examples::help(examples::CONFIG_IMPORT))]
    Import {
        /// Files of supervisord, with those that they include, or a monitrc.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },

    /// Print a configuration file with every key
    ///
    /// Every key stands there as a comment, with its meaning, type, default and an example.
    #[command(after_long_help = examples::help(examples::CONFIG_EXAMPLE))]
    Example,

    /// Print the JSON Schema of configuration files
    ///
    /// Editors use it to complete keys and to mark what is wrong while it is written.
    #[command(after_long_help = examples::help(examples::CONFIG_SCHEMA))]
    Schema,
}

/// What can be generated.
#[derive(Debug, Subcommand)]
pub enum GenerateCommand {
    /// Write the manual pages into a directory
    ///
    /// Writes httpok.1, one page per command, such as httpok-check.1, httpok.toml.5 and httpok-expect.7. The directory is made when it
    /// does not exist.
    #[command(after_long_help = examples::help(examples::MAN))]
    Man {
        /// The directory to write into.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },

    /// Print the completions for a shell
    ///
    /// Prints a script for SHELL on standard output.
    #[command(after_long_help = examples::help(examples::COMPLETIONS))]
    Completions {
        /// The shell that will read it.
        #[arg(value_name = "SHELL", value_enum)]
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    fn assert_same(command: &str, right: &str, wrong: &[&str]) {
        let of = |words: &str| -> Vec<OsString> {
            let words = words.split_whitespace();
            ["httpok", command]
                .into_iter()
                .chain(words)
                .map(OsString::from)
                .collect()
        };
        for words in ["--help", "-h", "--bogus", "--version"].iter().chain(wrong) {
            let among = read::<Cli>(&of(words)).map(|_| ()).unwrap_err();
            let among = without_useless_tips(among);
            let alone = parse(of(words)).unwrap_err();
            assert_eq!(alone.to_string(), among.to_string());
        }
        let alone = parse(of(right)).expect("right");
        let among = read::<Cli>(&of(right)).expect("right").command;
        assert_eq!(format!("{alone:?}"), format!("{among:?}"));
    }

    #[test]
    fn what_runs_often_is_the_same_alone_and_among_the_commands() {
        CheckArgs::command().debug_assert();
        StatusArgs::command().debug_assert();
        BeatArgs::command().debug_assert();
        assert_same("check", "-t 2 http://h/", &["", "--format x http://h/"]);
        assert_same("status", "--json --state-dir /x", &["--socket"]);
        assert_same("beat", "job --fail disk", &["", "job --url"]);
    }

    #[test]
    fn subcommands_are_distinguished_from_urls() {
        let mut cli = Cli::command();
        cli.build();
        let names: Vec<_> = cli
            .get_subcommands()
            .map(|c| c.get_name().to_owned())
            .collect();
        assert_eq!(names, COMMANDS);
        assert!(!is_command("http://check/") && !is_command("-p"));
    }

    #[test]
    fn every_option_is_documented() {
        fn check_help(command: &clap::Command) {
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.len() >= 10, "{} {}", command.get_name(), arg.get_id());
            }
            // clap's own `help` has an argument that clap does not describe
            command
                .get_subcommands()
                .filter(|child| child.get_name() != "help")
                .for_each(check_help);
        }
        let mut cli = Cli::command();
        cli.build();
        check_help(&cli);
    }
}
