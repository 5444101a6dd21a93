//! What is valid in `[fleet]` and most likely not meant: a password in the clear, a certificate that nobody is shown, a
//! lease that a member that hangs outlasts, checks of a group that do not agree on its slots.

use std::collections::BTreeMap;

use url::Url;

use super::diagnostics::Diagnostic;
use super::settings::Settings;
use super::table::TomlTable;
use super::warnings::is_here;
use crate::fleet::spec::{EtcdSpec, FleetSpec, FleetTlsSpec, LockSpec};
use crate::health::counted;

/// Warns of the fleet of `settings`, if it has one; `root` is the file.
pub fn warn_of_fleet(root: &TomlTable<'_>, settings: &Settings) {
    let (Some(fleet), Some(table)) = (&settings.fleet, root.table("fleet")) else {
        return;
    };
    match &fleet.lock {
        LockSpec::Etcd(etcd) => {
            warn_of_clear_password(&table, etcd);
            warn_of_unused_tls(&table, &etcd.tls, &etcd.endpoints);
            warn_of_short_lease(&table, fleet, etcd);
            warn_of_other_slots(root, settings);
        }
        LockSpec::FleetLock(server) => {
            warn_of_unused_tls(&table, &server.tls, std::slice::from_ref(&server.url));
        }
    }
}

/// Warns at the first of `keys` that is there, else of the table.
fn warn_at(table: &TomlTable<'_>, keys: &[&'static str], message: String, help: &str) {
    match keys.iter().find_map(|&key| table.own(key)) {
        Some(value) => value.warn(message, help),
        None => table.warn(Diagnostic::new(message, help)),
    }
}

fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

fn warn_of_clear_password(table: &TomlTable<'_>, etcd: &EtcdSpec) {
    let is_open = |url: &&Url| !is_secure(url) && url.host_str().is_some_and(|host| !is_here(host));
    let open = etcd.endpoints.iter().find(is_open).and_then(Url::host_str);
    if let (Some(host), true) = (open, etcd.login.is_some()) {
        let message = format!("the password for {host:?} is sent in the clear");
        warn_at(table, &["password"], message, "use https:// in endpoints");
    }
}

fn warn_of_unused_tls(table: &TomlTable<'_>, tls: &FleetTlsSpec, addresses: &[Url]) {
    if *tls == FleetTlsSpec::default() || addresses.iter().any(is_secure) {
        return;
    }
    let message = "cacert, cert and key are for https://, and no address begins with it".to_owned();
    let help = "use https://, or leave them out";
    warn_at(table, &["cacert", "cert", "key"], message, help);
}

/// A lease is renewed from its third on; while a minority of the members hangs, each of those may be asked first.
fn warn_of_short_lease(table: &TomlTable<'_>, fleet: &FleetSpec, etcd: &EtcdSpec) {
    let minority = u32::try_from(etcd.endpoints.len().saturating_sub(1) / 2).unwrap_or(u32::MAX);
    let hangs = etcd.timeout.saturating_mul(minority.max(1));
    if fleet.lease / 3 * 2 > hangs {
        return;
    }
    let lease = humantime::format_duration(fleet.lease);
    let timeout = humantime::format_duration(etcd.timeout);
    let message = format!(
        "a slot with lease = \"{lease}\" may be lost while a member hangs for timeout = \"{timeout}\""
    );
    warn_at(
        table,
        &["lease", "timeout"],
        message,
        "make the lease longer",
    );
}

fn warn_of_other_slots(root: &TomlTable<'_>, settings: &Settings) {
    let mut first: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for (check, table) in settings.checks.iter().zip(root.tables("check")) {
        let Some(policy) = &check.fleet else { continue };
        let (name, slots) = (check.name.as_str(), policy.slots);
        let group = policy.group.as_str();
        let (other, of_other) = *first.entry(group).or_insert((name, slots));
        if of_other != slots {
            let message = format!(
                "the group {group:?} has {} here and {of_other} for check {other:?}",
                counted(slots, "slot", "slots")
            );
            warn_at(
                &table,
                &["fleet", "name"],
                message,
                "give both the same number",
            );
        }
    }
}
