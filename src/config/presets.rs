//! Presets: what is known about a product's endpoint, in one word. Each is a table of a check's keys, which
//! stands between the check and the defaults: every key can be overridden. Plain data, but for what
//! depends on the URL.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use toml::de::DeTable;

use super::parse;
use super::settings::CheckSettings;
use super::table::TomlTable;
use super::value::TomlValue;
use crate::net::Address;

/// A product.
#[derive(Debug)]
pub struct Preset {
    /// Its word in the configuration.
    pub name: &'static str,
    /// Its keys, in TOML.
    keys: &'static str,
    /// Other keys where the URL's path ends like this.
    misplaced: Option<(&'static str, &'static str)>,
    place: UrlPlace,
}

/// How the URL is understood.
#[derive(Clone, Copy, Debug)]
enum UrlPlace {
    /// HTTP; a URL without a path gets the preset's.
    Path,
    /// A plain connection, so many ports above the HTTP port; or the connection itself.
    PortAbove(u16),
    /// A plain connection.
    Plain,
}

static PRESETS: [Preset; 7] = [
    Preset {
        name: "roadrunner",
        keys: include_str!("presets/roadrunner.toml"),
        misplaced: Some(("/jobs", include_str!("presets/roadrunner-jobs.toml"))),
        place: UrlPlace::Path,
    },
    Preset {
        name: "halon",
        keys: include_str!("presets/halon.toml"),
        misplaced: None,
        place: UrlPlace::Path,
    },
    Preset {
        name: "kumomta",
        keys: include_str!("presets/kumomta.toml"),
        misplaced: None,
        place: UrlPlace::Path,
    },
    Preset {
        name: "ftw-monitor",
        keys: include_str!("presets/ftw-monitor.toml"),
        misplaced: None,
        place: UrlPlace::PortAbove(80),
    },
    Preset {
        name: "spring",
        keys: include_str!("presets/spring.toml"),
        misplaced: None,
        place: UrlPlace::Path,
    },
    Preset {
        name: "health-json",
        keys: include_str!("presets/health-json.toml"),
        misplaced: None,
        place: UrlPlace::Path,
    },
    Preset {
        name: "haproxy-agent",
        keys: include_str!("presets/haproxy-agent.toml"),
        misplaced: None,
        place: UrlPlace::Plain,
    },
];

/// The preset that `check` names, if it names one.
pub fn of_check(check: &TomlTable<'_>) -> Option<&'static Preset> {
    check.own("preset")?.parsed(find)
}

/// The preset of this name.
///
/// # Errors
/// Says which there are.
pub fn find(name: &str) -> Result<&'static Preset, String> {
    let found = PRESETS.iter().find(|preset| preset.name == name);
    found.ok_or_else(|| {
        let names = PRESETS.each_ref().map(|preset| preset.name).join(", ");
        format!("{name:?} is not a preset: expected one of {names}")
    })
}

/// The names of all presets.
pub fn names() -> Vec<&'static str> {
    all().map(|preset| preset.name).collect()
}

/// Every preset.
pub fn all() -> impl Iterator<Item = &'static Preset> {
    PRESETS.iter()
}

impl Preset {
    /// Its keys in TOML, and those for another path with its end.
    pub fn texts(&self) -> Vec<(&'static str, &'static str)> {
        [("", self.keys)]
            .into_iter()
            .chain(self.misplaced)
            .collect()
    }

    /// The preset's keys as a table below `check`, whose URL they depend on.
    pub fn below<'a>(&self, check: &TomlTable<'a>) -> TomlTable<'a> {
        let url = check.own("url");
        let url = url.as_ref().and_then(TomlValue::plain).unwrap_or_default();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let keys = match self.misplaced {
            Some((end, keys)) if path.ends_with(end) => keys,
            _ => self.keys,
        };
        // without a query all plugins are meant; of a URL without a path, the preset's own
        let plugins = match has_path(url) {
            true => query
                .split('&')
                .filter(|part| part.starts_with("plugin="))
                .count(),
            false => 1,
        };
        let keys = keys
            .replace("{plugins}", &plugins.to_string())
            .replace("{lines}", &format!("{{{}}}", plugins.max(1)));
        check.of_preset(parsed(keys))
    }

    /// Where a check with this preset asks when its URL is `url`.
    ///
    /// # Errors
    /// Says what the preset can ask.
    pub fn place(&self, url: &str) -> Result<String, String> {
        let address = Address::parse(url, "http://127.0.0.1:8080")?;
        let is_http = address.scheme.starts_with("http");
        match self.place {
            UrlPlace::Path if !is_http => Err(format!(
                "{} is asked over HTTP: expected a URL of http or https",
                self.name
            )),
            UrlPlace::Path if has_path(url) => Ok(url.to_owned()),
            UrlPlace::Path => {
                let usual = own_path(self.keys);
                Ok(format!("{}{usual}", url.trim_end_matches('/')))
            }
            UrlPlace::PortAbove(above) if is_http => {
                let usual = if address.scheme == "https" { 443 } else { 80 };
                let port = address.port.unwrap_or(usual);
                let port = port.checked_add(above);
                let port =
                    port.ok_or_else(|| format!("there is no port {above} above that of {url:?}"))?;
                let host = match address.host.contains(':') {
                    true => format!("[{}]", address.host),
                    false => address.host,
                };
                Ok(format!("tcp://{host}:{port}"))
            }
            UrlPlace::PortAbove(_) | UrlPlace::Plain if is_http => Err(format!(
                "{} is asked over a plain connection: expected a URL of tcp or unix",
                self.name
            )),
            UrlPlace::PortAbove(_) | UrlPlace::Plain => Ok(url.to_owned()),
        }
    }
}

/// A check of `url` with `preset` and nothing else of its own, for a command line. It is read as a file with these
/// two would be.
///
/// # Errors
/// Says what is wrong with the URL.
pub fn check(preset: &Preset, url: &str) -> Result<CheckSettings, String> {
    // a JSON string is one of TOML, too
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let file = format!(
        "[[check]]\nname = \"check\"\npreset = {}\nurl = {}\n",
        text(preset.name),
        text(url)
    );
    match parse(&file, "", &|_| None) {
        Ok(settings) => settings.checks.into_iter().next().ok_or_else(String::new),
        Err(faults) => {
            let first = faults.iter().next();
            let text = first.map(|fault| format!("{}: {}", fault.message, fault.help));
            Err(text.unwrap_or_default())
        }
    }
}

/// Whether `url` has more than a host.
fn has_path(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let end = rest.find(['/', '?', '#']);
    end.is_some_and(|at| !matches!(&rest[at..], "/"))
}

/// Path and query of the URL in a preset's `keys`.
fn own_path(keys: &str) -> &str {
    let url = keys.split("url = \"").nth(1).unwrap_or_default();
    let url = url.split('"').next().unwrap_or_default();
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

/// `keys` as a table that lives on. There are as many as there are presets, and numbers of plugins asked
/// for in one URL.
fn parsed(keys: String) -> &'static DeTable<'static> {
    static PARSED: Mutex<BTreeMap<String, &'static DeTable<'static>>> = Mutex::new(BTreeMap::new());
    let mut all = PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(table) = all.get(&keys) {
        return table;
    }
    let text: &'static str = Box::leak(keys.clone().into_boxed_str());
    let (table, _) = DeTable::parse_recoverable(text);
    let table: &'static DeTable<'static> = Box::leak(Box::new(table.into_inner()));
    all.insert(keys, table);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_toml() {
        for preset in &PRESETS {
            let others = preset.misplaced.map(|(_, keys)| keys);
            for keys in others.into_iter().chain([preset.keys]) {
                let keys = keys.replace("{plugins}", "1").replace("{lines}", "{1}");
                let broken = DeTable::parse_recoverable(&keys).1;
                assert!(broken.is_empty(), "{}: {broken:?}", preset.name);
            }
            assert!(find(preset.name).is_ok());
        }
        let Err(why) = find("roadruner") else {
            panic!("there is none");
        };
        assert!(why.contains("expected one of roadrunner, halon"), "{why}");
    }

    #[test]
    fn a_url_is_completed() {
        for (name, url, place) in [
            (
                "kumomta",
                "http://h:8000",
                Ok("http://h:8000/api/check-liveness/v1"),
            ),
            (
                "kumomta",
                "http://h:8000/",
                Ok("http://h:8000/api/check-liveness/v1"),
            ),
            ("kumomta", "http://h/mine", Ok("http://h/mine")),
            ("roadrunner", "http://h", Ok("http://h/health?plugin=http")),
            ("roadrunner", "http://h/health", Ok("http://h/health")),
            ("ftw-monitor", "http://h:8080/site", Ok("tcp://h:8160")),
            ("ftw-monitor", "http://[::1]:10301", Ok("tcp://[::1]:10381")),
            ("ftw-monitor", "tcp://h:1", Ok("tcp://h:1")),
            ("ftw-monitor", "http://h:65500", Err("no port 80 above")),
            ("kumomta", "tcp://h:1", Err("asked over HTTP")),
            ("haproxy-agent", "http://h:1", Err("plain connection")),
        ] {
            let got = find(name).expect(name).place(url);
            match (got, place) {
                (Ok(got), Ok(place)) => assert_eq!(got, place, "{name} {url}"),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (got, _) => panic!("{name} {url}: {got:?}"),
            }
        }
    }
}
