//! Which path means what, who may ask for it, and how. Paths and queries are decoded here.

use hyper::Method;

use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Health,
    Ready,
    Jobs,
    Healthy,
    Liveness,
    Metrics,
    StatusJson,
    Rpc,
    Page,
    CheckPage(String),
    IncidentPage(String),
    /// A form of a check's page.
    Form {
        check: String,
        action: String,
    },
    Asset(&'static str),
    Api(Api),
}

/// What `/api/v1/` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Api {
    Status,
    Checks,
    Check(String),
    /// A request of the control protocol.
    Control,
    /// The last incidents.
    Incidents,
    Incident(String),
    /// One of its requests, about a check.
    Act {
        check: String,
        action: String,
    },
    /// What is decided, as a stream.
    Events,
    /// A heartbeat of a check.
    Heartbeat(String),
    Reload,
    SetHealth,
}

const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];
const WRITE: &[Method] = &[Method::POST, Method::OPTIONS];

impl Route {
    /// The meaning of `path`.
    pub fn of(path: &str) -> Option<Self> {
        let route = match path {
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/jobs" => Self::Jobs,
            "/healthy" => Self::Healthy,
            "/api/check-liveness/v1" => Self::Liveness,
            "/metrics" => Self::Metrics,
            "/status.json" => Self::StatusJson,
            "/rpc" => Self::Rpc,
            "/" => Self::Page,
            "/style.css" => Self::Asset("style.css"),
            "/live.js" => Self::Asset("live.js"),
            "/icon.svg" | "/favicon.ico" => Self::Asset("icon.svg"),
            _ => match path.strip_prefix("/api/v1/") {
                Some(rest) => Self::Api(Api::of(rest)?),
                None => return Self::of_page(path),
            },
        };
        Some(route)
    }

    fn of_page(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["check", name] if !name.is_empty() => Some(Self::CheckPage(decoded(name))),
            ["check", name, action] if !name.is_empty() => Some(Self::Form {
                check: decoded(name),
                action: (*action).to_owned(),
            }),
            ["incident", id] if !id.is_empty() => Some(Self::IncidentPage(decoded(id))),
            _ => None,
        }
    }

    /// The methods that it knows.
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Rpc | Self::Form { .. } => WRITE,
            Self::Api(api) => api.methods(),
            _ => READ,
        }
    }

    /// Whether it is one of those that load balancers and orchestrators ask, who have no keys.
    pub const fn is_liveness(&self) -> bool {
        matches!(
            self,
            Self::Health | Self::Ready | Self::Jobs | Self::Healthy | Self::Liveness
        )
    }
}

impl Api {
    fn of(rest: &str) -> Option<Self> {
        let parts: Vec<_> = rest.split('/').map(decoded).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        Some(match parts.as_slice() {
            ["status"] => Self::Status,
            ["checks"] => Self::Checks,
            ["checks", name] => Self::Check((*name).to_owned()),
            ["checks", name, action] => Self::Act {
                check: (*name).to_owned(),
                action: (*action).to_owned(),
            },
            ["control"] => Self::Control,
            ["incidents"] => Self::Incidents,
            ["incidents", id] => Self::Incident((*id).to_owned()),
            ["events"] => Self::Events,
            ["heartbeat", name] => Self::Heartbeat((*name).to_owned()),
            ["reload"] => Self::Reload,
            ["health"] => Self::SetHealth,
            _ => return None,
        })
    }

    const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Control
            | Self::Act { .. }
            | Self::Heartbeat(_)
            | Self::Reload
            | Self::SetHealth => WRITE,
            _ => READ,
        }
    }
}

/// `methods` for an `Allow` header.
pub fn allow(methods: &[Method]) -> String {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    names.join(", ")
}

/// The values of `key` in `query`, in order. Other keys are ignored.
pub fn values(query: Option<&str>, key: &str) -> Vec<String> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")) == key).then(|| decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// `text` without its percent signs; what is no UTF-8 is replaced.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded() {
        let check = |name: &str| Some(Route::Api(Api::Check(name.to_owned())));
        for (path, route) in [
            ("/health", Some(Route::Health)),
            ("/api/v1/checks/a%2Fb%20c", check("a/b c")),
            ("/api/v1/checks/shop%3A1", check("shop:1")),
            (
                "/check/a%2Fb%20c",
                Some(Route::CheckPage("a/b c".to_owned())),
            ),
            (
                "/incident/0a-1",
                Some(Route::IncidentPage("0a-1".to_owned())),
            ),
            ("/check/", None),
            ("/check", None),
            ("/health/", None),
            ("//", None),
            ("/api/v1/", None),
            ("/api/v1", None),
            ("*", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn repeated_keys_are_all_there_and_others_are_ignored() {
        for (query, expected) in [
            ("plugin=a&plugin=b", &["a", "b"][..]),
            ("x=1&plugin=a%26b&y", &["a&b"]),
            ("plugin=a+b&plugin=a%2Bb", &["a b", "a+b"]),
            ("plugin=", &[""]),
            ("plugin", &[""]),
            ("plugin=a,b", &["a,b"]),
            ("plugins=a&Plugin=b", &[]),
            ("plugin=%ff", &["\u{fffd}"]),
            ("", &[]),
        ] {
            assert_eq!(values(Some(query), "plugin"), expected, "{query}");
        }
        assert!(values(None, "plugin").is_empty());
    }
}
