//! The manual pages' sections that are about no option: exit status, files, environment, formats. Here is which page
//! has which, and what several pages have.

mod check;
mod control;
mod expect;
mod simulate;
mod toml;
mod watch;

use super::roff::Paragraph::{self, Term, Text};
use super::roff::Roff;

/// A page that is not of a command.
pub struct OtherPage {
    pub name: &'static str,
    pub section: u8,
    /// What follows its name.
    pub about: &'static str,
    /// Its sections.
    pub write: fn(&mut Roff),
}

pub const OTHERS: [OtherPage; 2] = [
    OtherPage {
        name: "httpok.toml",
        section: 5,
        about: "configuration file of httpok",
        write: toml::write,
    },
    OtherPage {
        name: "httpok-expect",
        section: 7,
        about: "what httpok expects of answers: assertions, presets, verdicts, reasons, exit statuses and metrics",
        write: expect::write,
    },
];

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
            section("DEFAULTS", watch::DEFAULTS),
            section("EXIT STATUS", MAIN_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-check" => vec![
            section("OUTPUT", check::FORMATS),
            section("JSON", check::JSON),
            section("METRICS", check::METRICS),
            section("FAILURE REASONS", check::REASONS),
            section("EXIT STATUS", check::STATUS),
            section("ENVIRONMENT", check::ENVIRONMENT),
        ],
        "httpok-run" => vec![
            section("SIGNALS", watch::RUN_SIGNALS),
            section("EXIT STATUS", watch::RUN_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-watch" => vec![
            section("DEFAULTS", watch::DEFAULTS),
            section("PROGRAMS", watch::PROGRAMS),
            section("WHEN MOST SERVICES FAIL", watch::PANIC),
            section("SYSTEMD", watch::SYSTEMD),
            section("SIGNALS", watch::SIGNALS),
            section("EXIT STATUS", watch::WATCH_STATUS),
            section("FILES", FILES),
            section("ENVIRONMENT", ENVIRONMENT),
        ],
        "httpok-status" => vec![
            section("JSON", control::STATUS_JSON),
            section("EXIT STATUS", control::STATUS),
            section("FILES", control::FILES),
            section("ENVIRONMENT", control::ENVIRONMENT),
        ],
        "httpok-pause" | "httpok-resume" | "httpok-restart" | "httpok-reset" | "httpok-reload"
        | "httpok-start" | "httpok-stop" | "httpok-beat" | "httpok-events"
        | "httpok-notify-send" | "httpok-notify-drop" | "httpok-health-set" => {
            vec![
                section("EXIT STATUS", control::STATUS),
                section("FILES", control::FILES),
                section("ENVIRONMENT", control::ENVIRONMENT),
            ]
        }
        "httpok-fleet-status" | "httpok-fleet-release" => vec![
            section("EXIT STATUS", control::FLEET_STATUS),
            section("FILES", control::FILES),
            section("ENVIRONMENT", control::ENVIRONMENT),
        ],
        "httpok-explain" => vec![
            section("EXIT STATUS", control::EXPLAIN_STATUS),
            section("FILES", control::EXPLAIN_FILES),
            section("ENVIRONMENT", control::ENVIRONMENT),
        ],
        "httpok-simulate" => vec![
            section("TRACES", simulate::TRACES),
            section("OUTPUT", simulate::SIMULATED),
            section("EXIT STATUS", simulate::STATUS),
        ],
        _ => vec![section("EXIT STATUS", PLAIN_STATUS)],
    }
}

const MAIN_STATUS: &[Paragraph] = &[
    Text("Of the listener; the commands have their own pages."),
    Term("0", "After -h or -V, and when supervisord ended it."),
    Term(
        "1",
        "It was not started by supervisord, or cannot ask the URL.",
    ),
    Term("255", "The command line is wrong."),
];

const PLAIN_STATUS: &[Paragraph] = &[
    Term("0", "Done, and all is right."),
    Term(
        "3",
        "It is not right, or could not be done; standard error says why.",
    ),
];

const FILES: &[Paragraph] = &[
    Term(
        "/var/lib/httpok",
        "For root: unfinished restarts, unsent reports and incidents. For others httpok in $XDG_STATE_HOME or ~/.local/state. --state-dir and $STATE_DIRECTORY come first.",
    ),
    Term(
        "/run/supervisor.sock, /var/run/supervisor.sock",
        "The default address of supervisord.",
    ),
    Term(
        "/run/docker.sock",
        "The default address of the container engine.",
    ),
    Term(
        "/usr/bin/gcore",
        "The default program that writes core files.",
    ),
    Term("/usr/sbin/sendmail", "The default program that sends mail."),
];

const STATE_DIRECTORY: Paragraph = Term(
    "STATE_DIRECTORY",
    "Where state is kept, unless --state-dir or state_dir say otherwise. systemd sets it for a unit with StateDirectory=; of several directories the first counts, and a relative one is passed over. A shell does not have it: there the commands that connect to a watchdog look in the usual place, in --state-dir, or in that of --config.",
);

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
    STATE_DIRECTORY,
    Term(
        "XDG_STATE_HOME, HOME",
        "Where state is kept for users who are not root: httpok in the first, or in .local/state of the second.",
    ),
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
        "Trusted certificates instead of the system's: a file, directories. The system's are those of its bundle, such as /etc/ssl/certs/ca-certificates.crt; its directory is read where there is no bundle.",
    ),
    Text(
        "Proxy variables such as http_proxy are ignored: a watchdog has to see the service itself.",
    ),
];
