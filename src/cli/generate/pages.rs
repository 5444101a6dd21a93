//! The manual pages' sections that no option tells: exit status, files, environment, formats.

use super::roff::Paragraph::{self, Term, Text};

/// One section of a page.
pub struct Section {
    pub title: &'static str,
    pub paragraphs: &'static [Paragraph],
}

const fn section(title: &'static str, paragraphs: &'static [Paragraph]) -> Section {
    Section { title, paragraphs }
}

/// The sections of the page of this name, in order.
pub fn sections(page: &str) -> Vec<Section> {
    match page {
        "httpok" => vec![
            section("EXIT STATUS", MAIN_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-check" => vec![
            section("OUTPUT", FORMATS),
            section("JSON", JSON),
            section("METRICS", METRICS),
            section("FAILURE REASONS", REASONS),
            section("EXIT STATUS", CHECK_STATUS),
            section("ENVIRONMENT", CHECK_ENVIRONMENT),
        ],
        "httpok-run" => vec![
            section("SIGNALS", RUN_SIGNALS),
            section("EXIT STATUS", RUN_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-watch" => vec![
            section("PROGRAMS", PROGRAMS),
            section("SYSTEMD", SYSTEMD),
            section("SIGNALS", SIGNALS),
            section("EXIT STATUS", WATCH_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-status" => vec![
            section("JSON", STATUS_JSON),
            section("EXIT STATUS", CONTROL_STATUS),
            section("FILES", CONTROL_FILES),
        ],
        "httpok-pause" | "httpok-resume" | "httpok-restart" | "httpok-reset" | "httpok-reload" => {
            vec![
                section("EXIT STATUS", CONTROL_STATUS),
                section("FILES", CONTROL_FILES),
            ]
        }
        "httpok-explain" => vec![
            section("EXIT STATUS", EXPLAIN_STATUS),
            section("FILES", EXPLAIN_FILES),
        ],
        "httpok-simulate" => vec![
            section("TRACES", TRACES),
            section("OUTPUT", SIMULATED),
            section("EXIT STATUS", SIMULATE_STATUS),
        ],
        _ => vec![section("EXIT STATUS", PLAIN_STATUS)],
    }
}

const RUN_SIGNALS: &[Paragraph] = &[
    Term(
        "SIGTERM, SIGINT",
        "Stop the command, and all that it has started, then end. A second one ends at once.",
    ),
    Term(
        "SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH",
        "Go through to the command.",
    ),
];

const RUN_STATUS: &[Paragraph] = &[Text(
    "That of the command when it ended, 128 and the signal's number when a signal ended it; 3 when httpok was used wrongly.",
)];

const MAIN_STATUS: &[Paragraph] = &[
    Text("Of the listener; the commands have their own pages."),
    Term("0", "After -h or -V, and when supervisord ended it."),
    Term(
        "1",
        "It was not started by supervisord, or cannot ask the URL.",
    ),
    Term("255", "The command line is wrong."),
];

const CHECK_STATUS: &[Paragraph] = &[
    Term("0", "All pass."),
    Term(
        "1",
        "The worst is degraded, starting or draining, or a warning with --format nagios.",
    ),
    Term(
        "2",
        "One fails, or is critical with --format nagios. A failure outweighs what could not be told.",
    ),
    Term(
        "3",
        "It could not be told: wrong usage, a wrong configuration, or trouble of our own, such as no free file descriptor.",
    ),
];

const SYSTEMD: &[Paragraph] = &[
    Text(
        "A check restarts units when its file says so, with systemd/ before their names or [supervisor] default = \"systemd\": nginx, nginx.service, app@1.service, or app@:* for all instances of a template that are loaded. [supervisor.systemd] scope = \"user\" means the units of the user that httpok runs as.",
    ),
    Text(
        "What systemd is about to start again, or has started again since the check looked, is left to it. So is what somebody stopped, also when systemd calls it failed because it had to be killed or ended with an exit code. What could not be started again (a transient unit, one that is masked or refuses it) is not stopped. Units that fall with the one that is restarted, because they require it, are started again, too. Start limits are reset before a start: httpok has its own budget.",
    ),
    Text(
        "As a unit, httpok is of Type=notify: it tells when it watches, in STATUS how many checks are up and which are down, when it reads its file again and when it ends; with WatchdogSec= its loop gives signs of life, so that systemd starts it anew when it hangs.",
    ),
];

const WATCH_STATUS: &[Paragraph] = &[
    Term("0", "It was ended by SIGTERM or SIGINT."),
    Term("0, 1, 2, 3", "With --once: as httpok-check(1)."),
    Term(
        "1",
        "It could not start or go on, or a second signal ended it at once.",
    ),
    Term("3", "The command line or the configuration is wrong."),
];

const PLAIN_STATUS: &[Paragraph] = &[
    Term("0", "Done, and all is right."),
    Term(
        "3",
        "It is not right, or could not be done; standard error says why.",
    ),
];

const CONTROL_STATUS: &[Paragraph] = &[
    Term("0", "The watchdog answered, and did it."),
    Term(
        "3",
        "No watchdog answers, there is no such check, or it is refused; standard error says why.",
    ),
];

const CONTROL_FILES: &[Paragraph] = &[Term(
    "control-*.sock in the state directory",
    "The sockets of the watchdogs, one each. Only the watchdog's own user and root may use them. They take one JSON object a line, such as {\"version\":1,\"ask\":\"status\"}, and answer each with one.",
)];

const STATUS_JSON: &[Paragraph] = &[
    Text(
        "Each line is one watchdog. Keys may be added in later versions. Moments are milliseconds since 1970, spans are seconds.",
    ),
    Term(
        "watchdog, pid, socket",
        "Which watchdog it is: its configuration file or what it asks, the same in every run.",
    ),
    Term(
        "programs",
        "The programs that it looks after itself: name (backend, group, name), state as supervisord has it, pid, uptime, detail. Empty for one that has none.",
    ),
    Term(
        "snapshot.totals",
        "The number of checks, how many are up, down, pending, paused and given up, what is under way, and the restarts over all.",
    ),
    Term(
        "snapshot.checks",
        "An array, in the order of the configuration: name, url, status (up, down, pending) and since when, last (the newest look), streak (fails, fail_after, passes, pass_after), incident, held (what held back the last restart that was due), grace_left, next_attempt, restarts (spent, of, window), gave_up, rearm, pause, busy, targets, requires, dry_run, tally (counts since the start), samples (the last looks, newest last).",
    ),
];

const EXPLAIN_STATUS: &[Paragraph] = &[
    Term("0", "Told, also when there was no incident."),
    Term(
        "3",
        "Nothing is remembered of the check, or the store cannot be read; standard error says why.",
    ),
];

const EXPLAIN_FILES: &[Paragraph] = &[Term(
    "httpok.db in the state directory",
    "Where incidents and decisions are kept: 200 incidents and 2000 decisions a check, for 90 days.",
)];

const TRACES: &[Paragraph] = &[
    Text(
        "One JSON object a line. Empty lines and lines that begin with # are passed over. A trace is a journal that watch --journal wrote; or decisions that explain --trace wrote; or written by hand, in the order of time, \"at\" being a duration such as \"1m 30s\" or a number of seconds from the beginning:",
    ),
    Term(
        "{\"at\":10,\"check\":\"shop\",\"code\":500}",
        "The check is asked, and answers with this status and an optional \"body\"; the check's own expectations judge it.",
    ),
    Term(
        "{\"at\":10,\"check\":\"shop\",\"verdict\":\"fail\",\"reason\":\"refused\"}",
        "The same, judged already. \"reason\" and \"detail\" may be left out. With \"took\" the answer comes so much later.",
    ),
    Term(
        "{\"at\":10,\"pause\":\"shop\",\"for\":\"30m\",\"reason\":\"deploy\"}",
        "A person pauses it; likewise {\"resume\":\"shop\"}, {\"reset\":\"shop\"} and {\"by_hand\":\"shop\"}, a restart by hand.",
    ),
    Term(
        "{\"at\":10,\"restart\":\"fails\"}",
        "From now on restarts fail, or with \"succeeds\" go well again; with \"check\" those of one check, with \"process\" (such as \"app:1\") those of one process.",
    ),
    Term(
        "{\"at\":10,\"processes\":\"replaced\",\"check\":\"shop\"}",
        "Someone else restarts the check's processes; likewise \"stopped\" and \"running\".",
    ),
    Term(
        "{\"at\":10,\"warmup\":\"refused\",\"check\":\"shop\"}",
        "From now on nobody listens where the check's warm-up is asked; likewise \"answered\" and \"failed\" (a 500), each \"took\" later.",
    ),
    Term(
        "{\"at\":10,\"shutdown\":true}",
        "The watchdog is told to end.",
    ),
    Text(
        "Until its next line a check goes on answering as in its last one: that is what the looks after a restart see. The processes run since long before the trace begins; a group such as app:* has three. A restart takes a second, gives a new process id, and every report is delivered.",
    ),
];

const SIMULATED: &[Paragraph] = &[
    Text(
        "A line a decision: when, which check, and what was decided, with the threshold's arithmetic or what holds it back. Equal lines in a row are folded. The last lines count attempts to restart and the processes that ran again, what was held back, how often a check was given up, and reports.",
    ),
    Text(
        "Of a journal, decisions that are not the recorded ones are marked: + now for what is decided and was not, - then for what was decided and is not any more. From there on the record knows less and less of what would have happened.",
    ),
];

const SIMULATE_STATUS: &[Paragraph] = &[
    Term("0", "Done; a journal's decisions are the recorded ones."),
    Term("1", "Decisions differ from a journal's."),
    Term(
        "3",
        "The configuration or the trace is wrong; standard error says where.",
    ),
];

const SIGNALS: &[Paragraph] = &[
    Term(
        "SIGTERM, SIGINT",
        "Begin nothing new, end what is under way (a process that was stopped is started again), stop the programs of the file in reverse priority unless on_exit is \"leave\", then exit. The second one exits at once; what was under way is finished by the next run, which also takes over the programs that still run.",
    ),
    Term(
        "SIGHUP",
        "Read the file of --config again. A file that is wrong changes nothing, and standard error says what is wrong with it. Checks that did not change keep their state, and programs whose process would be the same run on.",
    ),
];

const PROGRAMS: &[Paragraph] = &[
    Text(
        "The file's [[program]] tables are processes that the watchdog itself starts, keeps running and stops; checks restart them as \"program/NAME\" or \"program/GROUP:*\". The keys are supervisord's: name, command (a list, or one string that is split into words without a shell), directory, user, environment, umask, autostart, autorestart, exitcodes, startsecs, startretries, stopsignal, stopwaitsecs, priority, numprocs, redirect_stderr, stdout_logfile, stdout_logfile_maxbytes, stdout_logfile_backups and the same for stderr. New are group and rlimits = { nofile = N, core = SIZE }. Signals go to the whole group of a program, always.",
    ),
    Text(
        "Programs survive a watchdog that is killed, or that is told to end with [embedded] on_exit = \"leave\". The next run with the same file takes them over; one that died in between is started, one that the file does not have any more is stopped. Only one watchdog at a time can look after the programs of a file: a second one refuses to start. A program whose output goes where the watchdog's goes needs a reader there that outlives it: give it a file.",
    ),
    Text(
        "With --dry-run programs are started and kept running all the same; only what checks decide is not done. --once looks after no program: it neither starts nor restarts one. httpok config check says which commands are not there, which is no fault: they are started when they are.",
    ),
];

const FILES: &[Paragraph] = &[
    Term(
        "/var/lib/httpok",
        "For root: unfinished restarts, unsent reports and incidents. For others httpok in $XDG_STATE_HOME or ~/.local/state. --state-dir and $STATE_DIRECTORY come first.",
    ),
    Term(
        "/run/supervisor.sock, /var/run/supervisor.sock",
        "Where supervisord is looked for when nothing says where it is.",
    ),
    Term(
        "/run/docker.sock",
        "Where a container engine is looked for when nothing says where it is.",
    ),
    Term(
        "/usr/bin/gcore",
        "What writes core files unless told otherwise.",
    ),
    Term(
        "/usr/sbin/sendmail",
        "What sends mail unless told otherwise.",
    ),
];

const ENVIRONMENT: &[Paragraph] = &[
    Term(
        "SUPERVISOR_SERVER_URL",
        "How supervisord is reached. supervisord sets it.",
    ),
    Term(
        "SUPERVISOR_USERNAME, SUPERVISOR_PASSWORD",
        "For a supervisord that asks for them. supervisord does not set them; its environment= does.",
    ),
    Term(
        "DOCKER_HOST",
        "The container engine's socket, when the configuration names none; unix:///path only.",
    ),
    Term(
        "SUPERVISOR_GROUP_NAME, SUPERVISOR_PROCESS_NAME",
        "Our own process, which is never touched. supervisord sets them.",
    ),
    Term(
        "SUPERVISOR_ENABLED",
        "Set by supervisord: usage messages go to standard error, because standard output belongs to the event protocol.",
    ),
    Term(
        "HTTPOK_LOG",
        "How much is logged: error, warn, info (the default), debug or trace.",
    ),
    Term(
        "HTTPOK_AUTOWARMUP",
        "0, false, no or off: no program is warmed up, whatever the configuration says.",
    ),
    Term("STATE_DIRECTORY", "Where state is kept. systemd sets it."),
    Term(
        "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
        "Where and how often watch and run tell a service manager that they are well. systemd sets them; commands that httpok runs do not get them.",
    ),
    Term(
        "XDG_RUNTIME_DIR",
        "Where the systemd of a user is found; without it /run/user/ and the user's number.",
    ),
    Term(
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Trusted certificates instead of the system's.",
    ),
    Text(
        "Proxy variables such as http_proxy are not looked at: a watchdog has to see the service itself.",
    ),
];

const CHECK_ENVIRONMENT: &[Paragraph] = &[
    Term(
        "NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM",
        "Whether the human format is in colour.",
    ),
    Term(
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "Trusted certificates instead of the system's.",
    ),
    Text(
        "Proxy variables such as http_proxy are not looked at: a check has to see the service itself.",
    ),
];

const FORMATS: &[Paragraph] = &[
    Term(
        "human",
        "The verdict; every expectation with what came instead; how long the name look-up, connecting, the TLS handshake, the first byte and the body took; the certificate; and of an answer that is not the wanted one its first 5 lines, 512 bytes at most, with control characters made visible.",
    ),
    Term(
        "plain",
        "One line a URL: verdict, URL or name, what was seen, how long it took.",
    ),
    Term("json", "One JSON object a line and URL. See JSON."),
    Term(
        "nagios",
        "A plugin's output: state and performance data in the first line; with several URLs a line each after it, the worst first.",
    ),
    Term(
        "openmetrics",
        "OpenMetrics 1.0 text, a sample set a URL or check. See METRICS.",
    ),
    Text("Results come in the order of the command line, in whichever order they were had."),
];

const JSON: &[Paragraph] = &[
    Text(
        "Every key is always there; keys may be added in later versions, never renamed or removed. Times are seconds.",
    ),
    Term("name, url", "What was asked, without userinfo."),
    Term(
        "verdict",
        "pass, degraded, starting, draining, fail or unknown.",
    ),
    Term(
        "reason, phase, detail",
        "Why it does not pass (see FAILURE REASONS), where that happened (dns, connect, tls, first_byte, body), and in words. null when it passes.",
    ),
    Term(
        "status, version",
        "The code, and the protocol such as HTTP/1.1; null without an answer.",
    ),
    Term("duration", "All of it, first to last."),
    Term(
        "phases",
        "An object with dns, connect, tls, first_byte, body: each null when it was not needed or not reached.",
    ),
    Term(
        "looks",
        "How often it was asked; more than 1 only with --wait.",
    ),
    Term(
        "peer, redirects, final_url",
        "Who answered, after how many redirects, and for which URL.",
    ),
    Term(
        "size, excerpt",
        "The body's bytes, and its beginning when the check does not pass.",
    ),
    Term(
        "headers",
        "An array of pairs of name and value, as received.",
    ),
    Term(
        "expectations",
        "An array of objects with expected, actual and met.",
    ),
    Term(
        "certificate",
        "The peer's: subject, issuer, names, not_before, not_after (seconds since 1970); null without TLS.",
    ),
];

const METRICS: &[Paragraph] = &[
    Text(
        "All are gauges with the label check: the check's name, or the URL without userinfo. The names beginning with probe_ mean what they mean in blackbox_exporter. What was not seen is not told.",
    ),
    Term("probe_success", "1 when it passes or is degraded, else 0."),
    Term("probe_duration_seconds", "All of it, first to last."),
    Term(
        "httpok_check_verdict{verdict}",
        "1 for the verdict, 0 for the five others.",
    ),
    Term(
        "probe_failure_reason{reason}",
        "1 for the reason why it does not pass (see FAILURE REASONS); absent when there is none.",
    ),
    Term(
        "probe_http_status_code",
        "The code; absent without an answer.",
    ),
    Term(
        "probe_http_duration_seconds{phase}",
        "The phases that were reached: resolve, connect, tls, processing (up to the first byte) and transfer (the body).",
    ),
    Term(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of the peer's chain expires, in seconds since 1970, trusted or not; absent without TLS.",
    ),
    Text(
        "The text is fit for the textfile collector of node_exporter, too. Write it to another name in the same file system and rename it, whatever the exit status: a check that fails has metrics all the same.",
    ),
];

const REASONS: &[Paragraph] = &[
    Text(
        "The service's: dns, refused, unreachable, connect_timeout, tls_handshake, tls_untrusted, tls_expired, tls_name, closed, reset, first_byte_timeout, body_timeout, truncated, malformed, too_large, redirect_loop, status, assertion.",
    ),
    Text("Our own, which make the verdict unknown: no_fds, no_memory, spawn, cancelled, config."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Reason;

    #[test]
    fn every_reason_is_documented() {
        let text: String = REASONS
            .iter()
            .map(|paragraph| match paragraph {
                Text(text) | Term(_, text) => *text,
            })
            .collect();
        let words: Vec<_> = text.split([' ', ',', '.', ':']).collect();
        for reason in Reason::ALL {
            assert!(words.contains(&reason.as_str()), "{reason}");
        }
    }
}
