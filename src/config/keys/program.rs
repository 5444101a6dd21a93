//! The keys of `[[program]]` and `[embedded]`, named as supervisord names them.

use super::kind::{Kind, SPAN_OR_ZERO};
use super::{Key, Section, defaulted, optional, required, table};

pub static PROGRAM: Section = Section::new(
    "program",
    "A program that httpok itself starts and keeps running, with the keys of supervisord. Checks restart it as \
     program/NAME. One that no check restarts has a check of its own, called program/NAME, too: it restarts nothing, and is \
     down when the program is FATAL, has ended otherwise than expected and is not started again, or ends again and again \
     within a minute of its start. In command, directory, environment, process_name and the paths of logs are filled in: \
     %(program_name)s, %(group_name)s, %(process_num)d (also %(process_num)02d), %(numprocs)d, %(here)s (the directory of \
     the file), %(host_node_name)s and %(ENV_NAME)s (a variable of httpok or of the program); %% is a percent sign. \
     ${env:NAME} stands in environment, where it may be a secret, and in paths; a command, which every user can read, \
     refuses it.",
    &[&WHAT, &WHEN, &OUTPUT],
);

static WHAT: [Key; 13] = [
    required(
        "name",
        Kind::Named("name"),
        "\"worker\"",
        "What the program is called.",
    ),
    optional(
        "group",
        Kind::Named("name"),
        "\"workers\"",
        "The group that it belongs to: program/GROUP:* restarts all of them.",
    )
    .default_words("its name"),
    defaulted(
        "numprocs",
        Kind::Count {
            least: 1,
            most: 1000,
            of: "processes",
        },
        "1",
        "So many processes of it run; with more than one they are called NAME_0, NAME_1 and so on.",
    ),
    defaulted(
        "numprocs_start",
        Kind::Count {
            least: 0,
            most: 1_000_000,
            of: "the first process",
        },
        "0",
        "The number of the first process, for %(process_num)d.",
    ),
    optional(
        "process_name",
        Kind::Named("name"),
        "\"%(program_name)s_%(process_num)02d\"",
        "What each process is called; with more than one it contains %(process_num)d.",
    )
    .default_words("the program's name, with _0, _1 and so on where there are several"),
    required(
        "command",
        Kind::Program,
        "[\"python3\", \"worker.py\"]",
        "What is run: a list of words, or one string that is split into words without a shell.",
    ),
    defaulted(
        "stopasgroup",
        Kind::Flag,
        "false",
        "Send the stop signal to the whole group of processes, not to the first one alone.",
    ),
    defaulted(
        "killasgroup",
        Kind::Flag,
        "true",
        "Kill all that the program started, not the first process alone.",
    ),
    optional(
        "directory",
        Kind::Path,
        "\"/srv/worker\"",
        "Where it is run.",
    )
    .default_words("the working directory of httpok"),
    optional(
        "environment",
        Kind::Map(&Kind::Secret),
        "{ LANG = \"C.UTF-8\", TOKEN = \"${env:WORKER_TOKEN}\" }",
        "Variables that it gets besides those of httpok.",
    ),
    optional(
        "user",
        Kind::Named("user's name or number"),
        "\"nobody\"",
        "The user that it runs as.",
    )
    .default_words("the user of httpok"),
    optional(
        "umask",
        Kind::Named("octal mask"),
        "\"022\"",
        "Its mask for new files.",
    )
    .default_words("that of httpok"),
    table("rlimits", Kind::Table(&RLIMITS), "Its limits of resources."),
];

static RLIMITS: Section = Section::new(
    "program.rlimits",
    "Limits of resources.",
    &[&[
        optional(
            "nofile",
            Kind::Count {
                least: 1,
                most: 1 << 30,
                of: "open files",
            },
            "4096",
            "So many files may be open.",
        )
        .default_words("that of httpok"),
        optional(
            "core",
            Kind::Any(&[Kind::Size { zero: true }, Kind::Words(&["unlimited"])]),
            "\"unlimited\"",
            "How large a core file may be.",
        )
        .default_words("that of httpok"),
    ]],
);

static WHEN: [Key; 8] = [
    defaulted(
        "autostart",
        Kind::Flag,
        "true",
        "Start it with the watchdog.",
    ),
    defaulted(
        "autorestart",
        Kind::Any(&[Kind::Flag, Kind::Words(&["unexpected"])]),
        "\"unexpected\"",
        "Start it again when it ends: always, never, or only after an exit code that is not among exitcodes.",
    ),
    defaulted(
        "exitcodes",
        Kind::Each(&Kind::Count {
            least: 0,
            most: 255,
            of: "the exit code",
        }),
        "[0]",
        "Exit codes that are expected.",
    ),
    defaulted(
        "startsecs",
        SPAN_OR_ZERO,
        "\"1s\"",
        "A program that runs for so long has started.",
    ),
    defaulted(
        "startretries",
        Kind::Count {
            least: 0,
            most: 1000,
            of: "attempts",
        },
        "3",
        "So many more attempts to start it, with growing pauses, before it is FATAL.",
    ),
    defaulted(
        "stopsignal",
        Kind::Signal,
        "\"TERM\"",
        "The signal that asks it to end, by its name, also with SIG before it, or by its number.",
    ),
    defaulted(
        "stopwaitsecs",
        SPAN_OR_ZERO,
        "\"10s\"",
        "What runs so long after the stop signal is killed.",
    ),
    defaulted(
        "priority",
        Kind::Count {
            least: 0,
            most: 1_000_000,
            of: "the place",
        },
        "999",
        "Low numbers are started first and stopped last.",
    ),
];

static OUTPUT: [Key; 7] = [
    optional(
        "stdout_logfile",
        Kind::Named("path, \"NONE\", \"/dev/stdout\" or \"/dev/stderr\""),
        "\"/var/log/worker.log\"",
        "Where its standard output goes.",
    )
    .default_words("where that of httpok goes"),
    defaulted(
        "stdout_logfile_maxbytes",
        Kind::Size { zero: true },
        "\"50MiB\"",
        "A log of this size is renamed and a new one begun; 0 is never.",
    )
    .beside("stdout_logfile = \"/var/log/worker.log\""),
    defaulted(
        "stdout_logfile_backups",
        Kind::Count {
            least: 0,
            most: 10_000,
            of: "files",
        },
        "10",
        "So many old logs are kept.",
    )
    .beside("stdout_logfile = \"/var/log/worker.log\""),
    optional(
        "stderr_logfile",
        Kind::Named("path, \"NONE\", \"/dev/stdout\" or \"/dev/stderr\""),
        "\"/var/log/worker.err\"",
        "Where its standard error goes.",
    )
    .default_words("where that of httpok goes"),
    defaulted(
        "stderr_logfile_maxbytes",
        Kind::Size { zero: true },
        "\"50MiB\"",
        "The same for standard error.",
    )
    .beside("stderr_logfile = \"/var/log/worker.err\""),
    defaulted(
        "stderr_logfile_backups",
        Kind::Count {
            least: 0,
            most: 10_000,
            of: "files",
        },
        "10",
        "The same for standard error.",
    )
    .beside("stderr_logfile = \"/var/log/worker.err\""),
    defaulted(
        "redirect_stderr",
        Kind::Flag,
        "false",
        "Standard error goes where standard output goes.",
    ),
];

pub static EMBEDDED: Section = Section::new(
    "embedded",
    "What becomes of the programs.",
    &[&[defaulted(
        "on_exit",
        Kind::Words(&["stop", "leave"]),
        "\"stop\"",
        "Whether programs are stopped when the watchdog ends, or left running for the next one to take over.",
    )]],
);
