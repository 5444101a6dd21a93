//! What checks say of each other: names are unique, `requires` names checks of the file, and no check requires
//! itself, not even through others.

use std::collections::BTreeMap;

use super::diagnostics::Diagnostic;
use super::fleet::FleetOfCheck;
use super::settings::CheckSettings;
use super::value::TomlValue;
use crate::health::Target;

/// A check as far as it could be read, and what it says of others.
pub struct CheckDraft<'a> {
    /// Empty when it has none, which is a fault.
    pub check: CheckSettings,
    pub name: Option<TomlValue<'a>>,
    pub requires: Vec<Required<'a>>,
    /// What it restarts, with the places.
    pub targets: Vec<(Target, TomlValue<'a>)>,
    /// Its own token for heartbeats.
    pub token: Option<TomlValue<'a>>,
    /// What it says of its fleet.
    pub fleet: FleetOfCheck<'a>,
}

/// A name that a check requires.
pub struct Required<'a> {
    pub name: String,
    pub value: TomlValue<'a>,
}

/// Reports what is wrong between `drafts`, and fills in what each of them requires.
pub fn resolve(drafts: &mut [CheckDraft<'_>]) {
    let places = unique_names(drafts);
    let names: Vec<_> = places.keys().copied().collect();
    let mut edges = Vec::with_capacity(drafts.len());
    for (at, draft) in drafts.iter().enumerate() {
        let mut required = Vec::new();
        for Required { name, value } in &draft.requires {
            match places.get(name.as_str()) {
                None => value.none_of("check", name, &names),
                // a default that all checks require one is not meant for that one
                Some(&there) if there == at && value.inherited => {}
                Some(&there) if there == at => value.reject(Diagnostic::new(
                    format!("{name:?} requires itself"),
                    "leave it out",
                )),
                Some(&there) => required.push((there, value)),
            }
        }
        edges.push(required);
    }
    report_cycles(drafts, &edges);
    let requires: Vec<Vec<String>> = edges
        .iter()
        .map(|edges| {
            let names = edges.iter().map(|&(there, _)| &drafts[there].check.name);
            names.cloned().collect()
        })
        .collect();
    for (draft, requires) in drafts.iter_mut().zip(requires) {
        draft.check.requires = requires;
    }
}

/// Where each name is first; a second time is a fault.
fn unique_names<'d>(drafts: &'d [CheckDraft<'_>]) -> BTreeMap<&'d str, usize> {
    let mut places = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        let Some(value) = &draft.name else {
            continue;
        };
        let name = draft.check.name.as_str();
        let Some(&first) = places.get(name) else {
            places.insert(name, at);
            continue;
        };
        let first: &CheckDraft<'_> = &drafts[first];
        let place = first.name.as_ref().map(|first| first.place(value));
        value.reject(Diagnostic::new(
            format!(
                "there is a check {name:?} already, on {}",
                place.unwrap_or_default()
            ),
            "give each check a name of its own",
        ));
    }
    places
}

/// Walks depth first, without recursion, and reports every edge that leads back to where it came from.
fn report_cycles(drafts: &[CheckDraft<'_>], edges: &[Vec<(usize, &TomlValue<'_>)>]) {
    let mut seen = vec![false; edges.len()];
    let mut is_on_way = vec![false; edges.len()];
    for start in 0..edges.len() {
        // the way from `start` to here: each check with the number of its next edge
        let mut way = match std::mem::replace(&mut seen[start], true) {
            true => Vec::new(),
            false => vec![(start, 0)],
        };
        while let Some((at, next)) = way.last_mut() {
            is_on_way[*at] = true;
            let Some(&(there, value)) = edges[*at].get(*next) else {
                is_on_way[*at] = false;
                way.pop();
                continue;
            };
            *next += 1;
            if is_on_way[there] {
                let from = way.iter().position(|&(at, _)| at == there).unwrap_or(0);
                let cycle = way[from..].iter().map(|&(at, _)| at).chain([there]);
                let names: Vec<_> = cycle.map(|at| drafts[at].check.name.as_str()).collect();
                value.reject(Diagnostic::new(
                    format!("cyclic requires: {}", names.join(" -> ")),
                    "leave out the one that is not needed",
                ));
            } else if !std::mem::replace(&mut seen[there], true) {
                way.push((there, 0));
            }
        }
    }
}
