//! `[supervisor]`: where bare names in `restart` live, and how each supervisor is reached.

use super::diagnostics::Diagnostic;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::exec::CommandLine;
use crate::health::Backend;
use crate::net::Address;
use crate::secret::Secret;
use crate::supervisor::command::spec::CommandSpec;
use crate::supervisor::docker::spec::DockerSpec;
use crate::supervisor::supervisord::spec::SupervisordSpec;
use crate::supervisor::systemd::spec::{ManagerScope, SystemdSpec};

const SERVER_URL: &str = "unix:///run/supervisor.sock";
const DOCKER_SOCKET: &str = "/run/docker.sock";

/// How supervisors are reached. `None`: not configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SupervisorSettings {
    /// Where targets without a backend's word live.
    pub default: Backend,
    /// supervisord, when configured or when it started us.
    pub supervisord: Option<SupervisordSpec>,
    /// systemd; a check that restarts one of its units needs no section.
    pub systemd: Option<SystemdSpec>,
    /// A container engine; a check that restarts a container needs no section.
    pub docker: Option<DockerSpec>,
    /// Command lines.
    pub command: Option<CommandSpec>,
}

/// How supervisors are reached.
pub fn read_supervisor(table: &TomlTable<'_>) -> SupervisorSettings {
    let ours = || started_by(table.parse_context.sources(0).env);
    let Some(table) = table.table("supervisor") else {
        return SupervisorSettings {
            supervisord: ours(),
            ..SupervisorSettings::default()
        };
    };
    let read = SupervisorSettings {
        default: table.read("default", backend).unwrap_or_default(),
        supervisord: match table.table("supervisord") {
            Some(table) => supervisord(&table),
            None => ours(),
        },
        systemd: table.table("systemd").map(|t| systemd(&t)),
        docker: table.table("docker").map(|t| docker(&t)),
        command: table.table("command").map(|t| command(&t)),
    };
    table.finish();
    read
}

/// The supervisord that started us, as its environment says: one that is not configured.
fn started_by(env: &dyn Fn(&str) -> Option<String>) -> Option<SupervisordSpec> {
    let spec = supervisord_url(&env("SUPERVISOR_SERVER_URL")?).ok()?;
    if !spec.username.is_empty() {
        return Some(spec);
    }
    let username = env("SUPERVISOR_USERNAME").unwrap_or_default();
    let password = env("SUPERVISOR_PASSWORD").unwrap_or_default();
    Some(spec.with_login(username, Secret::new(password)))
}

fn backend(value: &TomlValue<'_>) -> Option<Backend> {
    let word = value.text()?;
    let found = Backend::ALL.into_iter().find(|b| name(*b) == word);
    if found.is_none() {
        value.none_of("supervisor", &word, &Backend::ALL.map(name));
    }
    found
}

/// The name of `backend` in `[supervisor]`. In a target, a program of our own is written `program/NAME`.
const fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Embedded => "embedded",
        other => other.as_str(),
    }
}

fn supervisord(table: &TomlTable<'_>) -> Option<SupervisordSpec> {
    let url = table.required("url", &format!("{SERVER_URL:?}"));
    let (username, password) = (table.own("username"), table.own("password"));
    table.finish();
    let login = match (&username, &password) {
        (Some(value), None) => {
            value.reject(Diagnostic::new(
                "a username without a password",
                "add password = \"${env:NAME}\"",
            ));
            None
        }
        (None, Some(value)) => {
            value.reject(Diagnostic::new(
                "a password without a username",
                "add username = \"name\"",
            ));
            None
        }
        (Some(username), Some(password)) => Some((username.hidden()?, password.secret()?)),
        (None, None) => None,
    };
    let value = url?;
    let spec = value.parsed(supervisord_url)?;
    match login {
        None => Some(spec),
        Some(_) if !spec.username.is_empty() => {
            value.reject(Diagnostic::new(
                "the URL names a user, and so does \"username\"",
                "keep one of them",
            ));
            None
        }
        Some((username, password)) => Some(spec.with_login(username.expose(), password)),
    }
}

/// The supervisord at `url`, with the user and password that `url` holds.
///
/// # Errors
/// Says what the URL of a supervisord looks like.
pub fn supervisord_url(url: &str) -> Result<SupervisordSpec, String> {
    let address = Address::parse(url, SERVER_URL)?;
    let complete = match address.scheme.as_str() {
        "unix" => address.host.is_empty() && address.path.len() > 1,
        "http" => !address.host.is_empty(),
        _ => false,
    };
    if !complete {
        return Err(format!(
            "not the URL of a supervisord: expected its socket, such as {SERVER_URL:?}, or its port, \
             such as \"http://127.0.0.1:9001\""
        ));
    }
    let (username, password) = address.user.unwrap_or_default();
    SupervisordSpec::new(&address.url, username, password.unwrap_or_default())
        .map_err(|error| error.to_string())
}

fn systemd(table: &TomlTable<'_>) -> SystemdSpec {
    let scope = table.read("scope", |value| {
        let word = value.text()?;
        match word.as_str() {
            "system" => Some(ManagerScope::System),
            "user" => Some(ManagerScope::User),
            _ => {
                value.none_of("scope", &word, &["system", "user"]);
                None
            }
        }
    });
    table.finish();
    SystemdSpec {
        scope: scope.unwrap_or_default(),
        ..SystemdSpec::default()
    }
}

fn docker(table: &TomlTable<'_>) -> DockerSpec {
    let socket = table.read("socket", |value| value.parsed(docker_socket));
    table.finish();
    DockerSpec { socket }
}

/// `/path`, or `unix:///path` as in `DOCKER_HOST`.
fn docker_socket(text: &str) -> Result<String, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.len() > 1 && path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(format!(
        "not a socket of a container engine: expected its path, such as {DOCKER_SOCKET:?} or, of podman, \
         \"/run/podman/podman.sock\""
    ))
}

fn command(table: &TomlTable<'_>) -> CommandSpec {
    let [status, stop, start] = ["status", "stop", "start"].map(|key| {
        let example = format!("[\"rc-service\", \"{{name}}\", {key:?}]");
        let value = table.required(key, &example);
        let command = value.and_then(|value| {
            value.check_placeholders(&CommandSpec::PLACEHOLDERS);
            value.command()
        });
        command.unwrap_or(CommandLine::Argv(Vec::new()))
    });
    let read = CommandSpec {
        status,
        stop,
        start,
        pidfile: table.read("pidfile", pidfile),
        timeout: table
            .read("timeout", TomlValue::some_duration)
            .unwrap_or(CommandSpec::TIMEOUT),
    };
    table.finish();
    read
}

fn pidfile(value: &TomlValue<'_>) -> Option<String> {
    let path = value.some_text()?;
    value.check_placeholders(&CommandSpec::PLACEHOLDERS);
    if !path.starts_with('/') {
        value.reject(Diagnostic::new(
            format!("{path:?} is not an absolute path"),
            "expected the absolute path of a pid file, such as \"/run/{name}.pid\"",
        ));
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supervisord_is_a_socket_or_a_port() {
        let spec = supervisord_url("http://me:pw%40@h:9001").expect("a URL of a supervisord");
        assert_eq!(
            (spec.shown.as_str(), spec.username.as_str()),
            ("http://h:9001", "me")
        );
        assert_eq!(spec.password.expose(), "pw@");
        assert!(supervisord_url("unix:///run/s.sock").is_ok());
        for invalid in [
            "unix://",
            "unix://run/s.sock",
            "tcp://h",
            "http://",
            "/run/s.sock",
        ] {
            assert!(supervisord_url(invalid).is_err(), "{invalid}");
        }
    }
}
