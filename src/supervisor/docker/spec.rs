//! How a container engine is reached. Plain data.

/// Where an engine's socket usually is.
const USUAL_SOCKET: &str = "/run/docker.sock";

/// A container engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerSpec {
    /// The path of its Unix socket; `None`: the one that `DOCKER_HOST` names, or the usual one.
    pub socket: Option<String>,
}

impl DockerSpec {
    /// The socket to connect to. `docker_host` is the environment's `DOCKER_HOST`; one that names another
    /// host is not used.
    pub fn socket(&self, docker_host: Option<&str>) -> String {
        let named = docker_host.and_then(|host| host.strip_prefix("unix://"));
        let named = named.filter(|path| path.starts_with('/'));
        let socket = self.socket.as_deref().or(named);
        socket.unwrap_or(USUAL_SOCKET).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_comes_from_the_settings_then_docker_host_then_the_usual_place() {
        for (set, docker_host, expected) in [
            (Some("/a"), Some("unix:///b"), "/a"),
            (None, Some("unix:///b"), "/b"),
            (None, Some("tcp://h:2375"), USUAL_SOCKET),
            (None, None, USUAL_SOCKET),
        ] {
            let spec = DockerSpec {
                socket: set.map(str::to_owned),
            };
            assert_eq!(spec.socket(docker_host), expected);
        }
    }
}
