//! `[fleet]`, and `fleet` of a check: which engine hosts agree through, and which group a check belongs to.

use std::time::Duration;

use toml::de::DeValue;
use url::Url;

use super::diagnostics::Diagnostic;
use super::settings::CheckSettings;
use super::table::TomlTable;
use super::top::share;
use super::value::TomlValue;
use crate::fleet::spec::{EtcdSpec, FleetLockSpec, FleetSpec, FleetTlsSpec, LockSpec};
use crate::health::{FleetPolicy, Unreachable};
use crate::secret::{self, Secret};

/// More hosts at once than any group should see under restart.
const MOST: u32 = 1000;

const TIMEOUT: Duration = Duration::from_secs(3);
const LEASE: Duration = Duration::from_secs(120);
const WAIT: Duration = Duration::from_secs(600);

/// A lease is renewed three times before it ends, and a host that died holds the others up no longer than this.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);
const LONGEST_LEASE: Duration = Duration::from_secs(3600);

/// The fleet of the file, and what holds for a check that does not say otherwise.
pub struct FleetDraft {
    pub spec: FleetSpec,
    policy: FleetPolicy,
}

/// What a check says of its fleet, and where.
#[derive(Clone)]
pub enum FleetOfCheck<'a> {
    /// Nothing.
    Usual,
    /// It restarts without asking anybody.
    Off,
    /// Its own group or number of slots.
    Own {
        group: Option<String>,
        slots: Option<(u32, TomlValue<'a>)>,
        value: TomlValue<'a>,
    },
}

/// A check that names a group and has nobody to ask restarts on its own, which its author does not expect.
pub fn reject_without_fleet(of_check: &FleetOfCheck<'_>) {
    if let FleetOfCheck::Own { value, .. } = of_check {
        value.reject(Diagnostic::new(
            "a group without a fleet",
            "add [fleet] with lock = \"etcd\" and endpoints, or leave it out: the check restarts without asking anybody",
        ));
    }
}

/// `[fleet]`.
pub fn read_fleet(table: &TomlTable<'_>) -> Option<FleetDraft> {
    let table = table.table("fleet")?;
    let lock = table.required("lock", "\"etcd\"");
    let word = lock
        .as_ref()
        .and_then(|value| word(value, "lock", &["etcd", "fleetlock"]));
    let is_fleetlock = word.as_deref() == Some("fleetlock");
    let tls = tls(&table);
    let timeout = table.read("timeout", TomlValue::some_duration);
    let timeout = timeout.unwrap_or(TIMEOUT);
    let url = table.own("url");
    let endpoints = table.own("endpoints");
    let login = login(&table);
    let budget = table.get("restarts");
    let panic = table.get("panic_threshold");
    let lease = table.own("lease");
    let slots = table.own("slots");
    if is_fleetlock {
        for (key, value) in [
            ("endpoints", &endpoints),
            ("username", &table.own("username")),
            ("password", &table.own("password")),
            ("slots", &slots),
            ("restarts", &budget),
            ("lease", &lease),
            ("panic_threshold", &panic),
        ] {
            if let Some(value) = value {
                value.reject(Diagnostic::new(
                    format!("{key:?} is for etcd"),
                    "a FleetLock server has its own number of slots and nothing else: leave it out, or use lock = \"etcd\"",
                ));
            }
        }
    } else if let Some(url) = &url {
        url.reject(Diagnostic::new(
            "\"url\" is for a FleetLock server",
            "expected endpoints = [\"http://127.0.0.1:2379\"], or lock = \"fleetlock\"",
        ));
    }
    let lock = match is_fleetlock {
        true => {
            let url = table.required("url", "\"http://fleetlock.example.org:3333\"");
            let url = url.and_then(|url| engine_url(&url));
            url.map(|url| LockSpec::FleetLock(FleetLockSpec { url, tls, timeout }))
        }
        false => Some(LockSpec::Etcd(EtcdSpec {
            endpoints: members(endpoints.as_ref()),
            login,
            tls,
            timeout,
        })),
    };
    let off = |value: &TomlValue<'_>| value.unless_off("off", share).flatten();
    let unlimited =
        |value: &TomlValue<'_>| value.unless_off("unlimited", TomlValue::budget).flatten();
    let host = table.read("host", TomlValue::some_text);
    let policy = FleetPolicy {
        group: String::new(),
        slots: slots.and_then(|value| value.count(1, MOST)).unwrap_or(1),
        wait: table.read("wait", TomlValue::some_duration).unwrap_or(WAIT),
        unreachable: match table
            .get("unreachable")
            .and_then(|value| self::word(&value, "answer", &["act", "hold"]))
            .as_deref()
        {
            Some("hold") => Unreachable::Hold,
            _ => Unreachable::Act,
        },
    };
    let budget = budget.as_ref().and_then(unlimited);
    let lease = lease.as_ref().and_then(lease_of).unwrap_or(LEASE);
    let panic_threshold = panic.as_ref().and_then(off);
    table.finish();
    let spec = FleetSpec {
        lock: lock?,
        host,
        budget,
        lease,
        panic_threshold,
    };
    Some(FleetDraft { spec, policy })
}

/// `fleet` of a check.
pub fn read_fleet_of_check<'a>(table: &TomlTable<'a>) -> FleetOfCheck<'a> {
    let Some(value) = table.get("fleet") else {
        return FleetOfCheck::Usual;
    };
    if matches!(value.found, DeValue::Boolean(false)) {
        return FleetOfCheck::Off;
    }
    let own = TomlTable::of(&value);
    let group = own.read("group", TomlValue::some_text);
    let place = own.own("slots");
    let slots = place.as_ref().and_then(|value| value.count(1, MOST));
    own.finish();
    // what it is instead is reported
    if !matches!(value.found, DeValue::Table(_)) {
        return FleetOfCheck::Usual;
    }
    FleetOfCheck::Own {
        group,
        slots: slots.zip(place),
        value,
    }
}

impl FleetDraft {
    /// How `check`, whose name stands at `name`, agrees with other hosts. One that restarts nothing needs not.
    pub fn policy(
        &self,
        check: &CheckSettings,
        name: Option<&TomlValue<'_>>,
        of_check: &FleetOfCheck<'_>,
    ) -> Option<FleetPolicy> {
        let (group, slots, place) = match of_check {
            FleetOfCheck::Off => return None,
            FleetOfCheck::Usual => (None, None, name),
            FleetOfCheck::Own {
                group,
                slots,
                value,
            } => (group.clone(), slots.as_ref(), Some(value)),
        };
        let is_fleetlock = matches!(self.spec.lock, LockSpec::FleetLock(_));
        if is_fleetlock && let Some((_, slots)) = slots {
            slots.reject(Diagnostic::new(
                "\"slots\" is for etcd",
                "a FleetLock server has its own number of slots: leave it out",
            ));
        }
        if check.restart.is_empty() && check.ladder.is_empty() {
            return None;
        }
        let group = group.unwrap_or_else(|| check.name.clone());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if is_fleetlock
            && !group.chars().all(is_plain)
            && let Some(place) = place
        {
            place.reject(Diagnostic::new(
                format!("{group:?} cannot be a group of a FleetLock server"),
                "expected letters, digits, dots and dashes, such as fleet = { group = \"shop\" }",
            ));
        }
        Some(FleetPolicy {
            group,
            slots: slots.map_or(self.policy.slots, |(slots, _)| *slots),
            ..self.policy.clone()
        })
    }
}

fn word(value: &TomlValue<'_>, what: &str, words: &[&str]) -> Option<String> {
    let text = value.text()?;
    if words.contains(&text.as_str()) {
        return Some(text);
    }
    value.none_of(what, &text, words);
    None
}

fn lease_of(value: &TomlValue<'_>) -> Option<Duration> {
    let span = value.some_duration()?;
    if (SHORTEST_LEASE..=LONGEST_LEASE).contains(&span) {
        return Some(span);
    }
    value.reject(Diagnostic::new(
        "a lease that is out of range",
        "expected \"5s\" to \"1h\"",
    ));
    None
}

fn members(value: Option<&TomlValue<'_>>) -> Vec<Url> {
    let Some(value) = value else {
        return Url::parse("http://127.0.0.1:2379").into_iter().collect();
    };
    if value.is_empty_list() {
        value.reject(Diagnostic::new(
            "a cluster without members",
            "for example: [\"http://127.0.0.1:2379\"]",
        ));
    }
    value.each(engine_url)
}

/// An address of an engine. A user stands in keys of its own, where it is no part of what is shown.
fn engine_url(value: &TomlValue<'_>) -> Option<Url> {
    let text = value.some_text()?;
    let example = "expected http:// or https:// with a host, such as \"https://10.0.0.1:2379\"";
    let shown = secret::without_login(&text);
    match Url::parse(&text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            value.reject(Diagnostic::new(
                format!("{shown:?} has a user in it"),
                "write username and password as keys of [fleet]",
            ));
            None
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            // it may be a key that lets in
            let shown = shown.split(['?', '#']).next().unwrap_or_default();
            value.reject(Diagnostic::new(
                format!("{shown:?} has more than an address and a path"),
                example,
            ));
            None
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
        _ => {
            value.reject(Diagnostic::new(
                format!("{shown:?} is not the URL of an engine"),
                example,
            ));
            None
        }
    }
}

fn login(table: &TomlTable<'_>) -> Option<(String, Secret)> {
    let (user, password) = (table.own("username"), table.own("password"));
    let name = user.as_ref().and_then(TomlValue::hidden);
    let secret = password.as_ref().and_then(TomlValue::some_secret);
    match (&user, &password) {
        (Some(alone), None) => {
            alone.reject(Diagnostic::new(
                "a user without a password",
                "add password = \"${env:NAME}\"",
            ));
        }
        (None, Some(alone)) => {
            alone.reject(Diagnostic::new(
                "a password without a user",
                "add username = \"httpok\"",
            ));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    Some((name?.expose().to_owned(), secret?))
}

fn tls(table: &TomlTable<'_>) -> FleetTlsSpec {
    let (cert, key) = (table.own("cert"), table.own("key"));
    if let (None, Some(key)) = (&cert, &key) {
        key.reject(Diagnostic::new(
            "a key without a certificate",
            "add cert, or leave it out",
        ));
    }
    FleetTlsSpec {
        cacert: table.read("cacert", TomlValue::file),
        cert: cert.as_ref().and_then(TomlValue::file),
        key: key.as_ref().and_then(TomlValue::private_file),
    }
}
