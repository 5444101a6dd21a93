//! Steps of the wall clock: it is set, by NTP or by an administrator. Dates follow it; spans do not change, and nothing is decided
//! because of it.

use std::time::Duration;

use super::Watchdog;
use crate::daemon::persist_queue::PersistEntry;
use crate::health::Event;

/// A smaller step is not noticed, in milliseconds: no date shows it.
const NOTICED: u64 = 2000;

impl Watchdog {
    /// Follows the wall clock when it was set, and says so.
    pub(super) fn watch_clock(&mut self) {
        let by = self.executor.clock.wall_offset() - self.wall_offset;
        if by.unsigned_abs() < NOTICED {
            return;
        }
        // what is summed up so far was seen before
        self.write_passes();
        self.executor.clock.move_by(by);
        self.serving.clock_set(by);
        self.reloaded.taken = self.reloaded.taken.moved(by);
        if let Some(refused) = &mut self.reloaded.refused {
            refused.at = refused.at.moved(by);
        }
        let span = Duration::from_secs(by.unsigned_abs() / 1000);
        let direction = if by > 0 { "forward" } else { "back" };
        self.executor.logger.trouble(&format!(
            "httpok: the system clock was set {direction} by {}: dates follow it, and so do those of open incidents",
            humantime::format_duration(span)
        ));
        self.decide(Event::ClockSet { by });
        let checks = self.monitor.checks();
        let open = checks.filter_map(|check| {
            let memory = self.monitor.memory(&check.name)?;
            memory.incident.as_deref().cloned()
        });
        self.persist_queue.write(PersistEntry::ClockSet {
            by,
            open: open.collect(),
        });
        let checks: Vec<_> = self.monitor.checks().map(|one| one.name.clone()).collect();
        for check in checks {
            self.write_down(&check, true);
        }
    }
}
