//! The keys of `[supervisor]` and of the tables in it.

use super::kind::{Kind, SPAN};
use super::{Section, defaulted, optional, required, table};

pub static SUPERVISOR: Section = Section::new(
    "supervisor",
    "How supervisors are reached. systemd and a container engine need no table when the usual place is right.",
    &[&[
        defaulted(
            "default",
            Kind::Words(&["supervisord", "embedded", "systemd", "docker", "command"]),
            "\"supervisord\"",
            "Where names in restart live that have no supervisor's word before them.",
        ),
        table(
            "supervisord",
            Kind::Table(&SUPERVISORD),
            "How supervisord is reached.",
        ),
        table("systemd", Kind::Table(&SYSTEMD), "Which systemd is meant."),
        table(
            "docker",
            Kind::Table(&DOCKER),
            "How docker or podman is reached.",
        ),
        table(
            "command",
            Kind::Table(&COMMAND),
            "Commands for services without a supervisor that httpok knows.",
        ),
    ]],
);

static SUPERVISORD: Section = Section::new(
    "supervisor.supervisord",
    "How supervisord is reached. Without this table: SUPERVISOR_SERVER_URL, else /run/supervisor.sock.",
    &[&[
        required(
            "url",
            Kind::Named("URL"),
            "\"unix:///run/supervisor.sock\"",
            "The socket of supervisord, or its port as http://HOST:PORT; it may hold user:password@.",
        ),
        optional(
            "username",
            Kind::Secret,
            "\"httpok\"",
            "The user, where supervisord asks for one.",
        )
        .beside("password = \"x\""),
        optional(
            "password",
            Kind::Secret,
            "\"${env:SUPERVISORD_PASSWORD}\"",
            "The password of username.",
        )
        .beside("username = \"httpok\""),
    ]],
);

static SYSTEMD: Section = Section::new(
    "supervisor.systemd",
    "Which systemd is meant.",
    &[&[defaulted(
        "scope",
        Kind::Words(&["system", "user"]),
        "\"system\"",
        "The units of the system, or those of the user that httpok runs as.",
    )]],
);

static DOCKER: Section = Section::new(
    "supervisor.docker",
    "How docker or podman is reached.",
    &[&[optional(
        "socket",
        Kind::Named("path of a socket"),
        "\"/run/docker.sock\"",
        "The socket of the container engine.",
    )
    .default_words("that of $DOCKER_HOST, else /run/docker.sock")]],
);

/// A command of a service.
const COMMAND_LINE: Kind = Kind::Command;

static COMMAND: Section = Section::new(
    "supervisor.command",
    "Commands that list, stop and start a service by its name; {name} and {group} are filled in.",
    &[&[
        required(
            "status",
            COMMAND_LINE,
            "[\"rc-service\", \"{name}\", \"status\"]",
            "Exit status 0 is running, 3 is not, 1 and 2 are crashed, as init scripts have it.",
        ),
        required(
            "stop",
            COMMAND_LINE,
            "[\"rc-service\", \"{name}\", \"stop\"]",
            "Stops the service; it is believed when status agrees.",
        ),
        required(
            "start",
            COMMAND_LINE,
            "[\"rc-service\", \"{name}\", \"start\"]",
            "Starts the service, and leaves it detached from its own output.",
        ),
        optional(
            "pidfile",
            Kind::Named("absolute path"),
            "\"/run/{name}.pid\"",
            "The file with the pid, for evidence and to tell one start from the next.",
        ),
        defaulted(
            "timeout",
            SPAN,
            "\"60s\"",
            "How long each command may take; then it is killed with all that it started.",
        ),
    ]],
);
