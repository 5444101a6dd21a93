//! What is valid in `[fleet]` and most likely not meant: a password in the clear, a certificate that nobody is shown, a
//! lease that a member that hangs outlasts, checks of a group that do not agree on its slots.

use std::collections::BTreeMap;

use url::Url;

use super::settings::Settings;
use super::warnings::is_here;
use crate::fleet::spec::{EtcdSpec, FleetSpec, FleetTlsSpec, LockSpec};

/// Of the fleet of `settings`, if it has one.
pub fn fleet_warnings(settings: &Settings) -> Vec<String> {
    let Some(fleet) = &settings.fleet else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    match &fleet.lock {
        LockSpec::Etcd(etcd) => {
            warnings.extend(in_the_clear(etcd));
            warnings.extend(unused_tls(&etcd.tls, &etcd.endpoints));
            warnings.extend(short_lease(fleet, etcd));
            warnings.extend(other_slots(settings));
        }
        LockSpec::FleetLock(server) => {
            warnings.extend(unused_tls(&server.tls, std::slice::from_ref(&server.url)));
        }
    }
    warnings
}

fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

fn in_the_clear(etcd: &EtcdSpec) -> Option<String> {
    etcd.login.as_ref()?;
    let is_open = |url: &&Url| !is_secure(url) && url.host_str().is_some_and(|host| !is_here(host));
    let host = etcd.endpoints.iter().find(is_open)?.host_str()?;
    Some(format!(
        "fleet: the password for {host:?} is sent in the clear: use https://"
    ))
}

fn unused_tls(tls: &FleetTlsSpec, addresses: &[Url]) -> Option<String> {
    if *tls == FleetTlsSpec::default() || addresses.iter().any(is_secure) {
        return None;
    }
    Some("fleet: cacert, cert and key are for https://, and no address begins with it".to_owned())
}

/// A lease is renewed from its third on; while a minority of the members hangs, each of those may be asked first.
fn short_lease(fleet: &FleetSpec, etcd: &EtcdSpec) -> Option<String> {
    let minority = u32::try_from(etcd.endpoints.len().saturating_sub(1) / 2).unwrap_or(u32::MAX);
    let hangs = etcd.timeout.saturating_mul(minority.max(1));
    if fleet.lease / 3 * 2 > hangs {
        return None;
    }
    let lease = humantime::format_duration(fleet.lease);
    let timeout = humantime::format_duration(etcd.timeout);
    Some(format!(
        "fleet: a slot with lease = \"{lease}\" may be lost while a member hangs for timeout = \"{timeout}\": make the \
         lease longer"
    ))
}

fn other_slots(settings: &Settings) -> Vec<String> {
    let mut first: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    let mut warnings = Vec::new();
    for check in &settings.checks {
        let Some(policy) = &check.fleet else { continue };
        let (name, slots) = (check.name.as_str(), policy.slots);
        let group = policy.group.as_str();
        let (other, of_other) = *first.entry(group).or_insert((name, slots));
        if of_other != slots {
            warnings.push(format!(
                "check {name:?}: its group {group:?} has {slots} slots here and {of_other} for check {other:?}: give \
                 both the same number"
            ));
        }
    }
    warnings
}
