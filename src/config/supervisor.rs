//! `[supervisor]`: where bare names in `restart` live, and how supervisors are reached.

use super::address::Address;
use super::command::read_command;
use super::diagnostics::Diagnostic;
use super::docker::read_docker;
use super::settings::{Supervisor, Supervisord};
use super::systemd::read_systemd;
use super::table::Table;
use super::value::Value;
use crate::health::Backend;
use crate::secret::Secret;

const EXAMPLE: &str = "unix:///run/supervisor.sock";

/// How supervisors are reached.
pub fn read_supervisor(table: &Table<'_>) -> Supervisor {
    let Some(table) = table.table("supervisor") else {
        return Supervisor::default();
    };
    let read = Supervisor {
        default: table.read("default", backend).unwrap_or_default(),
        supervisord: table.table("supervisord").and_then(|t| supervisord(&t)),
        systemd: table.table("systemd").map(|t| read_systemd(&t)),
        docker: table.table("docker").map(|t| read_docker(&t)),
        command: table.table("command").map(|t| read_command(&t)),
    };
    table.finish();
    read
}

fn backend(value: &Value<'_>) -> Option<Backend> {
    let word = value.text()?;
    let found = Backend::ALL.into_iter().find(|b| name(*b) == word);
    if found.is_none() {
        value.none_of("supervisor", &word, &Backend::ALL.map(name));
    }
    found
}

/// What it is called here. In a target, one of our own processes is a `program/`.
const fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Embedded => "embedded",
        other => other.as_str(),
    }
}

fn supervisord(table: &Table<'_>) -> Option<Supervisord> {
    let url = table.required("url", &format!("{EXAMPLE:?}"));
    let (username, password) = (table.own("username"), table.own("password"));
    table.finish();
    let login = match (&username, &password) {
        (Some(value), None) => {
            value.wrong(Diagnostic::new(
                "a username without a password",
                "add password = \"${env:NAME}\"",
            ));
            None
        }
        (None, Some(value)) => {
            value.wrong(Diagnostic::new(
                "a password without a username",
                "add username = \"name\"",
            ));
            None
        }
        (Some(username), Some(password)) => Some((username.secret()?, password.secret()?)),
        (None, None) => None,
    };
    let value = url?;
    let address = value.parsed(address)?;
    let (user, secret) = match (login, address.user) {
        (Some(_), Some(_)) => {
            value.wrong(Diagnostic::new(
                "the URL names a user, and so does \"username\"",
                "keep one of them",
            ));
            return None;
        }
        (Some((user, secret)), None) => (user.expose().to_owned(), secret),
        (None, Some((user, secret))) => (user, secret.unwrap_or_default()),
        (None, None) => (String::new(), Secret::default()),
    };
    Some(Supervisord {
        url: address.url,
        username: user,
        password: secret,
    })
}

fn address(url: &str) -> Result<Address, String> {
    let address = Address::parse(url, EXAMPLE)?;
    let right = match address.scheme.as_str() {
        "unix" => address.host.is_empty() && address.path.len() > 1,
        "http" => !address.host.is_empty(),
        _ => false,
    };
    if right {
        return Ok(address);
    }
    Err(format!(
        "no way to a supervisord: expected its socket, such as {EXAMPLE:?}, or its port, such as \
         \"http://127.0.0.1:9001\""
    ))
}
