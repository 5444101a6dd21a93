//! The original command line's options and those that were added to it: the table, and the text that
//! `-h` prints.

use super::getopt::Flag;

/// What an option is called in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Help,
    Version,
    Program,
    Any,
    Timeout,
    Code,
    Body,
    Sendmail,
    Email,
    Gcore,
    Coredir,
    Eager,
    NotEager,
    Name,
    FailAfter,
    Grace,
    MaxRestarts,
    StartStopped,
    Verify,
    Cacert,
    Header,
    Method,
    Follow,
    NotBody,
    Expect,
    Smtp,
    From,
    Webhook,
    DryRun,
    StateDir,
    Config,
}

const fn original(key: Key, short: char, long: &'static str, takes_value: bool) -> Flag<Key> {
    Flag {
        key,
        short: Some(short),
        long,
        takes_value,
        original: true,
    }
}

const fn added(key: Key, long: &'static str, takes_value: bool) -> Flag<Key> {
    Flag {
        key,
        short: None,
        long,
        takes_value,
        original: false,
    }
}

/// Every option of the drop-in command line.
pub const FLAGS: [Flag<Key>; 31] = [
    original(Key::Help, 'h', "help", false),
    original(Key::Program, 'p', "program", true),
    original(Key::Any, 'a', "any", false),
    original(Key::Timeout, 't', "timeout", true),
    original(Key::Code, 'c', "code", true),
    original(Key::Body, 'b', "body", true),
    original(Key::Sendmail, 's', "sendmail_program", true),
    original(Key::Email, 'm', "email", true),
    original(Key::Gcore, 'g', "gcore", true),
    original(Key::Coredir, 'd', "coredir", true),
    original(Key::Eager, 'e', "eager", false),
    original(Key::NotEager, 'E', "not-eager", false),
    original(Key::Name, 'n', "name", true),
    Flag {
        short: Some('V'),
        ..added(Key::Version, "version", false)
    },
    added(Key::FailAfter, "fail-after", true),
    added(Key::Grace, "grace", true),
    added(Key::MaxRestarts, "max-restarts", true),
    added(Key::StartStopped, "start-stopped", false),
    added(Key::Verify, "verify", false),
    added(Key::Cacert, "cacert", true),
    added(Key::Header, "header", true),
    added(Key::Method, "method", true),
    added(Key::Follow, "follow", false),
    added(Key::NotBody, "not-body", true),
    added(Key::Expect, "expect", true),
    added(Key::Smtp, "smtp", true),
    added(Key::From, "from", true),
    added(Key::Webhook, "webhook", true),
    added(Key::DryRun, "dry-run", false),
    added(Key::StateDir, "state-dir", true),
    added(Key::Config, "config", true),
];

/// The first line of every usage message.
pub const USAGE: &str = "\
Usage: httpok [-p NAME]... [-a] [-t SECONDS] [-c CODE]... [-b TEXT] [-m ADDRESS] [options] URL";

/// What `-h` prints.
pub const HELP: &str = "\
Restarts processes under supervisord when a URL stops giving the expected answer. In this form
httpok is an event listener: supervisord starts it and sends it TICK events.

  [eventlistener:httpok]
  command=httpok -p web -m ops@example.org http://127.0.0.1:8080/health
  events=TICK_60

From a shell: httpok check URL probes once, httpok watch is a watchdog without supervisord, and
httpok --help lists all commands.

Whom to restart (only processes in the RUNNING state are touched):
  -p, --program NAME          this process; may be given again. NAME is a process of that name in
                              any group, GROUP:NAME one member, GROUP:* a whole group
  -a, --any                   every process but httpok itself; -p is ignored then
      --start-stopped         also start selected processes that are FATAL or EXITED

What to ask, and what is a good answer:
  URL                         http or https; user:password@ is sent as Basic authentication
  -t, --timeout SECONDS       for the whole answer, name look-up to last byte; 5, 2.5, 500ms, 1m
                              [default: 10]
  -c, --code CODE             a status that is fine: 200, 2xx or 200-299; may be given again
                              [default: 200]
  -b, --body TEXT             the answer's body has to contain TEXT
      --not-body TEXT         the answer's body must not contain TEXT; may be given again
      --expect ASSERTION      what has to be true of the answer, such as 'duration < 2s' or
                              'body matches /up|ok/'; may be given again
      --header 'NAME: VALUE'  send this header; may be given again
      --method METHOD         [default: GET]
      --follow                follow redirects on the same host
      --verify                check the certificate of an https URL (the original never did)
      --cacert FILE           check it against these roots (PEM) instead of the system's

When to act:
  -e, --eager                 look even when no selected process is RUNNING [default]
  -E, --not-eager             look only when a selected process is RUNNING
      --fail-after N          act after so many failures in a row [default: 1]
      --grace DURATION        count no failure for so long after a process was started [default: 0]
      --max-restarts N/D      at most so many restarts in so much time, such as 5/10m, then give up
                              and say so [default: no limit]
      --dry-run               say what would be done and touch nothing

Evidence and mail:
  -d, --coredir DIR           write a core file of each process there before it is restarted
  -g, --gcore COMMAND         what writes it; called with DIR/NAME and the pid
                              [default: /usr/bin/gcore -o]
  -m, --email ADDRESS         send a mail about every restart; without it none is sent
  -s, --sendmail_program COMMAND
                              reads the mail on standard input [default: /usr/sbin/sendmail -t -i]
  -n, --name NAME             stands in the mail's subject
      --smtp URL              send mail through this server instead, such as
                              smtp+starttls://user:password@mail.example.org:587
      --from ADDRESS          the mail's sender
      --webhook URL           post every report there as JSON

Other:
      --config FILE           run all checks of this file in one listener; no URL then
      --state-dir DIR         where unfinished restarts and unsent reports are kept
                              [default: $STATE_DIRECTORY, root: /var/lib/httpok, else
                              $XDG_STATE_HOME/httpok]
  -h, --help                  print this
  -V, --version               print the version

Options end at the first word that is none, so they come before URL. Long options may be
abbreviated. Exit status: 0 after -h, 255 for an invalid command line, 1 when httpok was not started
by supervisord or cannot ask URL.
";
