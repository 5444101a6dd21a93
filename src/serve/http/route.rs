//! What a path means, which requests may use it, and how. The table is in `paths`; paths and queries are decoded here.

use hyper::Method;

use percent_encoding::percent_decode_str;

use super::paths::PATHS;

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
    /// A file of an incident's evidence.
    Evidence {
        incident: String,
        file: String,
    },
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
    /// The description of all this.
    OpenApi,
    /// What is decided, as a stream.
    Events,
    /// A heartbeat of a check.
    Heartbeat(String),
    Reload,
    SetHealth,
    /// Who holds the slots of the fleet.
    Fleet,
    FreeSlots,
}

const READ: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];
const WRITE: &[Method] = &[Method::POST, Method::OPTIONS];

impl Route {
    /// The meaning of `path`: the first of `PATHS` that it fits.
    pub fn of(path: &str) -> Option<Self> {
        PATHS.iter().find_map(|served| {
            let values = fitting(served.path, path)?;
            Some((served.make)(values))
        })
    }

    /// The methods that it knows.
    pub const fn methods(&self) -> &'static [Method] {
        match self {
            Self::Rpc | Self::Form { .. } => WRITE,
            Self::Api(api) => api.methods(),
            _ => READ,
        }
    }

    /// Whether it may change something. The forms of pages have a token of their own against other sites.
    pub const fn is_change(&self) -> bool {
        match self {
            Self::Api(api) => api.is_change(),
            _ => false,
        }
    }

    /// Whether it is one of those that load balancers and orchestrators request, which have no keys.
    pub const fn is_liveness(&self) -> bool {
        matches!(
            self,
            Self::Health | Self::Ready | Self::Jobs | Self::Healthy | Self::Liveness
        )
    }
}

impl Api {
    const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Control
                | Self::Act { .. }
                | Self::Heartbeat(_)
                | Self::Reload
                | Self::FreeSlots
                | Self::SetHealth
        )
    }

    const fn methods(&self) -> &'static [Method] {
        match self.is_change() {
            true => WRITE,
            false => READ,
        }
    }
}

/// The decoded values of the names in `pattern`, when `path` fits it. None of them is empty.
fn fitting(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(values),
            (Some(name), Some("")) if name.starts_with('{') => return None,
            (Some(name), Some(value)) if name.starts_with('{') => values.push(decoded(value)),
            (Some(name), Some(part)) if name == decoded(part) => {}
            _ => return None,
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

/// The keys in `query`, decoded.
pub fn names(query: Option<&str>) -> Vec<String> {
    let pairs = query.unwrap_or_default().split('&');
    let pairs = pairs.filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            decoded(&name.replace('+', " "))
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
            ("/%68ealth", Some(Route::Health)),
            ("/api%2Fv1/checks", None),
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
