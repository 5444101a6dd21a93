//! What a container is called, and which of them a pattern means: by its name, by its compose project and service,
//! or by its id.

use std::collections::HashMap;

use serde::Deserialize;

use crate::health::{Backend, ProcessName, Target};

/// What compose tools write down about a container: the project that it is part of.
const PROJECT: [&str; 2] = ["com.docker.compose.project", "io.podman.compose.project"];

/// An entry of the list of containers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    pub id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
    #[serde(default)]
    host_config: Option<ListedHostConfig>,
}

/// The networks in the list entry: Docker reports them, podman does not.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ListedHostConfig {
    network_mode: String,
}

impl Listed {
    /// Whether it may use a name space of the container `id`. A list says at most that it uses the network of
    /// another one.
    pub fn can_share_with(&self, id: &str) -> bool {
        let mode = self
            .host_config
            .as_ref()
            .map(|config| config.network_mode.as_str());
        let other = mode.and_then(|mode| mode.strip_prefix("container:"));
        self.id != id && other.is_none_or(|other| other == id)
    }

    /// What it is called, and which of `patterns` mean it by its id, if any of them means it; `None` means all.
    pub fn called(&self, patterns: Option<&[&str]>) -> Option<(ProcessName, Vec<String>)> {
        // Docker's links give a container further names, "/other/alias"
        let own = self
            .names
            .iter()
            .find(|name| name.matches('/').count() <= 1);
        let name = name(own?, self.labels.as_ref());
        let Some(patterns) = patterns else {
            return Some((name, Vec::new()));
        };
        let ids = patterns
            .iter()
            .filter(|pattern| is_id_of(pattern, &self.id));
        let ids: Vec<_> = ids.map(|id| (*id).to_owned()).collect();
        let named = patterns.iter().any(|pattern| means(pattern, &name));
        (named || !ids.is_empty()).then_some((name, ids))
    }
}

/// The process name of the container called `name`, with a slash before it or not.
pub fn name(name: &str, labels: Option<&HashMap<String, String>>) -> ProcessName {
    let name = name.strip_prefix('/').unwrap_or(name);
    let project = PROJECT
        .iter()
        .find_map(|label| labels?.get(*label))
        .filter(|project| !project.is_empty());
    ProcessName {
        backend: Backend::Docker,
        group: project.map_or(name, String::as_str).to_owned(),
        name: name.to_owned(),
    }
}

fn means(pattern: &str, name: &ProcessName) -> bool {
    Target::new(pattern).matches(name, Backend::Docker)
}

/// Whether `text` is the id `id`, whole or as people see it.
fn is_id_of(text: &str, id: &str) -> bool {
    matches!(text.len(), 12 | 64) && id.starts_with(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a10e78ec226d456738e2c463ba4e40dbc9a20c96fafe807c72fcd888b383fd9";

    #[test]
    fn containers_are_called_by_name_project_service_and_id() {
        let listed = |names: &str, labels: &str| -> Listed {
            let text = format!(r#"{{"Id":"{ID}","Names":{names},"Labels":{labels}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let alone = listed(r#"["/other/alias","/web"]"#, "null");
        let grouped = listed(
            r#"["/app-web-1"]"#,
            r#"{"com.docker.compose.project":"app","com.docker.compose.service":"web"}"#,
        );
        let podman = listed(r#"["app_web_1"]"#, r#"{"io.podman.compose.project":"app"}"#);
        for (pattern, first, second, third) in [
            ("web", Some("web"), None, None),
            ("app-web-1", None, Some("app:app-web-1"), None),
            ("app:*", None, Some("app:app-web-1"), Some("app:app_web_1")),
            (
                "app:web",
                None,
                Some("app:app-web-1"),
                Some("app:app_web_1"),
            ),
            ("app:we", None, None, None),
            (
                "0a10e78ec226",
                Some("0a10e78ec226"),
                Some("0a10e78ec226"),
                Some("0a10e78ec226"),
            ),
            ("0a10e7", None, None, None),
        ] {
            let called = |listed: &Listed| {
                let (name, ids) = listed.called(Some(&[pattern]))?;
                match ids.as_slice() {
                    [] => Some(name.namespec()),
                    ids => Some(ids.concat()),
                }
            };
            assert_eq!(called(&alone).as_deref(), first, "{pattern}");
            assert_eq!(called(&grouped).as_deref(), second, "{pattern}");
            assert_eq!(called(&podman).as_deref(), third, "{pattern}");
        }
        assert!(alone.called(Some(&[])).is_none());
        assert_eq!(alone.called(None).unwrap().0.namespec(), "web");
        assert!(alone.called(Some(&[ID])).is_some());
    }
}
