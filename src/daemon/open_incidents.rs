//! The incidents that are open, as the last report of each says it: what is sent again and again to notifiers that
//! forget what is not repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::health::Report;
use crate::notify::Notification;
use crate::notify::route::Topic;

/// The incidents that are open, by their ids.
#[derive(Debug, Default)]
pub struct OpenIncidents(Mutex<BTreeMap<String, OpenIncident>>);

#[derive(Debug)]
struct OpenIncident {
    check: String,
    message: Notification,
    /// The notifiers that got a report of it.
    notifiers: BTreeSet<String>,
}

impl OpenIncidents {
    /// Takes in what `report` says, which is `message` in words and goes to `notifiers`.
    pub fn note<'a>(
        &self,
        report: &Report,
        message: Notification,
        notifiers: impl Iterator<Item = &'a str>,
    ) {
        let id = &report.incident.id;
        match Topic::of(report) {
            Some(topic) if topic.closes() => self.remove(id),
            Some(topic) if topic.opens() => {
                let mut open = self.lock();
                // a check has one incident at a time: an older one has ended without a report
                open.retain(|other, known| other == id || known.check != report.incident.check);
                let known = open.entry(id.clone()).or_insert_with(|| OpenIncident {
                    check: report.incident.check.clone(),
                    message: message.clone(),
                    notifiers: BTreeSet::new(),
                });
                known.message = message;
                known.notifiers.extend(notifiers.map(str::to_owned));
            }
            Some(_) | None => {}
        }
    }

    /// The incident has ended.
    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// The last reports of the incidents that are open, for `notifier`.
    pub fn of(&self, notifier: &str) -> Vec<Notification> {
        let open = self.lock();
        let open = open
            .values()
            .filter(|known| known.notifiers.contains(notifier));
        open.map(|known| known.message.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, OpenIncident>> {
        // a map is whole after every statement
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
