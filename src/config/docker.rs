//! `[supervisor.docker]`: how a container engine is reached.

use super::settings::Docker;
use super::table::Table;

const EXAMPLE: &str = "/run/docker.sock";

/// A container engine.
pub fn read_docker(table: &Table<'_>) -> Docker {
    let socket = table.read("socket", |value| value.parsed(socket));
    table.finish();
    Docker { socket }
}

/// `/path`, or `unix:///path` as in `DOCKER_HOST`.
fn socket(text: &str) -> Result<String, String> {
    let path = text.strip_prefix("unix://").unwrap_or(text);
    if path.len() > 1 && path.starts_with('/') {
        return Ok(path.to_owned());
    }
    Err(format!(
        "no way to a container engine: expected its socket, such as {EXAMPLE:?} or, of podman, \
         \"/run/podman/podman.sock\""
    ))
}
