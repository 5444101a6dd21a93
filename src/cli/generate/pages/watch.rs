//! What the pages of `httpok watch` and `httpok run` say: programs, units and signals.

use super::super::roff::Paragraph::{self, Term, Text};

pub const PROGRAMS: &[Paragraph] = &[
    Text(
        "The file's [[program]] tables are processes that the watchdog itself starts, keeps running and stops; checks restart them as \"program/NAME\" or \"program/GROUP:*\". The keys are supervisord's: name, command (a list, or one string that is split into words without a shell), directory, user, environment, umask, autostart, autorestart, exitcodes, startsecs, startretries, stopsignal, stopwaitsecs, stopasgroup, killasgroup, priority, numprocs, redirect_stderr, stdout_logfile, stdout_logfile_maxbytes, stdout_logfile_backups and the same for stderr. New are group and rlimits = { nofile = N, core = SIZE }. As in supervisord the stop signal goes to the first process of a program alone, with stopasgroup = true to its whole group. A stop is over when nothing is left of what the program started, in its group or outside; what is left after half of stopwaitsecs, but at most 5 seconds, is asked to end, too, and killed at the end of stopwaitsecs. With killasgroup = false only the first process counts. A program that is FATAL or EXITED is started by its check, by start and restart, and by a reload when it failed; one whose file was missing, as soon as it is there. Only stop keeps it down. A program that no check restarts has a check of its own, program/NAME, which restarts nothing and reports a program that fails: see httpok.toml(5).",
    ),
    Text(
        "Programs survive a watchdog that is killed, or that is asked to end with [embedded] on_exit = \"leave\". The next run with the same file takes them over, also under another name of the file (a link, or after it was renamed), with all that the state directory keeps of its checks; one that died in between is started, one that the file does not have any more is stopped. One that a watchdog of another file left, such as a copy, is taken over when nothing of its definition is another, instead of being started twice. Only one watchdog of a user at a time can look after the programs of a file: a second one refuses to start, also under another name of the file (a link) or with another state directory. The lock is in /run/httpok for root, in /run/user/UID/httpok or /tmp/httpok-UID for others. A program whose output goes where the watchdog's goes needs a reader there that outlives it: give it a file.",
    ),
    Text(
        "With --dry-run programs are started and kept running all the same; only what checks decide is not done. --once supervises no program: it neither starts nor restarts one, and the checks that restart programs of the file are probed, and neither restart nor report. httpok config check says which commands are not there, which is no fault: they are started when they are.",
    ),
];

/// The listener's defaults are the original's; those of watch and run are what a new installation should have.
pub const DEFAULTS: &[Paragraph] = &[
    Text(
        "The listener under supervisord has the defaults of the program that it replaces, watch, run and configuration files have others:",
    ),
    Term(
        "fails until a restart (--fail-after, fail_after)",
        "listener 1; else 3",
    ),
    Term(
        "grace after the start of a program (--grace, grace)",
        "listener none; else 30s",
    ),
    Term(
        "pause between attempts (backoff)",
        "listener none, each tick is an attempt; else 10s, growing to 5m",
    ),
    Term(
        "attempts until it gives up (--max-restarts, restarts)",
        "listener no limit; else 5/10m, and again after 30m (rearm)",
    ),
    Term("time for a probe (-t, timeout)", "10s"),
    Term(
        "pause between probes (--every, every)",
        "listener that of its TICK event; else 60s",
    ),
    Term(
        "reports",
        "listener after each restart; else when something changes: down, recovered, given up",
    ),
    Term(
        "certificates of https",
        "listener not verified without --verify; else verified",
    ),
];

pub const PANIC: &[Paragraph] = &[Text(
    "When most services begin to fail at once, it is the network, the machine or what all of them need, and a restart of each makes it worse. So when there are 3 or more and 60 % of them (panic_threshold) began to fail within 2 minutes of each other (panic_window), none is restarted; status and reports say how many may fail for restarts to go on, and a manual restart is done all the same.",
)];

pub const SYSTEMD: &[Paragraph] = &[
    Text(
        "A check restarts units when its file says so, with systemd/ before their names or [supervisor] default = \"systemd\": nginx, nginx.service, app@1.service, or app@:* for all instances of a template that are loaded. [supervisor.systemd] scope = \"user\" means the units of the user that httpok runs as.",
    ),
    Text(
        "What systemd is about to start again, or has started again since the probe, is left to it. So is what somebody stopped, also when systemd calls it failed because it had to be killed or ended with an exit code. What could not be started again (a transient unit, one that is masked or refuses it) is not stopped. Units that fall with the one that is restarted, because they require it, are started again, too. Start limits are reset before a start: httpok has its own budget.",
    ),
    Text(
        "As a unit, httpok is of Type=notify: it tells when it watches, in STATUS how many checks are up and which are down, when it reads its file again and when it ends; with WatchdogSec= its loop gives signs of life, so that systemd starts it anew when it hangs.",
    ),
];

pub const SIGNALS: &[Paragraph] = &[
    Term(
        "SIGTERM, SIGINT, SIGQUIT",
        "Begin nothing new, end what is under way (a process that was stopped is started again), stop the programs of the file in reverse priority unless on_exit is \"leave\", then exit. The second one exits at once; what was under way is finished by the next run, which also takes over the programs that still run.",
    ),
    Term(
        "SIGHUP",
        "Read the file of --config again. A file that is wrong changes nothing, and standard error says what is wrong with it. Checks that did not change keep their state, and programs whose process would be the same run on.",
    ),
    Term(
        "SIGUSR2, SIGUSR1",
        "Open the file of --journal again, which logrotate has moved. Logs of programs need no signal: a file that was moved is noticed at the next write.",
    ),
];

pub const WATCH_STATUS: &[Paragraph] = &[
    Term("0", "It was ended by SIGTERM, SIGINT or SIGQUIT."),
    Term("0, 1, 2, 3", "With --once: as httpok-check(1)."),
    Term(
        "1",
        "It could not start or go on, or a second signal ended it at once.",
    ),
    Term("3", "The command line or the configuration is wrong."),
];

pub const RUN_SIGNALS: &[Paragraph] = &[
    Term(
        "SIGTERM, SIGINT",
        "Stop the command, and all that it has started, then end. A second one ends at once.",
    ),
    Term(
        "SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH",
        "Go through to the command.",
    ),
];

pub const RUN_STATUS: &[Paragraph] = &[
    Text(
        "That of the command when it ended by itself, or when a signal asked httpok to end. One that a signal ended has 128 and the signal's number, as in a shell.",
    ),
    Term("126", "The command cannot be executed."),
    Term("127", "There is no such command."),
    Term("3", "httpok was used wrongly."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Backoff, Budget, Fails, Policy};
    use std::time::Duration;

    #[test]
    fn the_defaults_are_those_of_the_policies() {
        let text: String = DEFAULTS
            .iter()
            .map(|paragraph| match paragraph {
                Text(text) => format!("{text}\n"),
                Term(term, meaning) => format!("{term}: {meaning}\n"),
            })
            .collect();
        let seconds = |span: Duration| humantime::format_duration(span).to_string();
        let (original, usual) = (Policy::drop_in(), Policy::default());
        let (Fails::InARow(one), Fails::InARow(many)) = (original.fail, usual.fail) else {
            panic!("fails in a row");
        };
        assert!(text.contains(&format!("listener {one}; else {many}\n")));
        assert_eq!(original.grace, Duration::ZERO);
        let grace = seconds(usual.grace);
        assert!(text.contains(&format!("grace): listener none; else {grace}\n")));
        assert_eq!(original.backoff, Backoff::NONE);
        let (min, max) = (seconds(usual.backoff.min), seconds(usual.backoff.max));
        assert!(
            text.contains(&format!("else {min}, growing to {max}\n")),
            "{text}"
        );
        let Some(Budget { count, window }) = usual.restarts else {
            panic!("a budget");
        };
        let rearm = seconds(usual.rearm.expect("it is armed again"));
        let budget = format!(
            "no limit; else {count}/{}, and again after {rearm}",
            seconds(window)
        );
        assert!(
            original.restarts.is_none() && text.contains(&budget),
            "{text}"
        );
    }
}
