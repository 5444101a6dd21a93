//! The engine of the model: slots and a budget under leases, and a queue of those that wait, whose places end with leases, too.

use std::time::Duration;

use httpok::health::{Moment, SlotAnswer, SlotRefusal, Ticket};

use super::LEASE;

/// A host that waits for a slot asks within so long, or has lost its place.
const QUEUED_FOR: Duration = Duration::from_secs(30);

/// Whose it is: the host, and the reservation of one of its runs.
pub type Owner = (usize, (u32, Ticket));

/// A slot, or a place in the budget.
#[derive(Clone, Debug)]
pub struct Taken {
    pub host: usize,
    pub reservation: (u32, Ticket),
    pub until: Moment,
}

#[derive(Default)]
pub struct Engine {
    pub slots: Vec<Taken>,
    pub budget: Vec<Taken>,
    /// When each restart that was paid for began to count, and was not given back.
    pub paid: Vec<(Moment, (u32, Ticket))>,
    /// Who waits for a slot, in the order of the first question, and until when its place is kept.
    queue: Vec<Taken>,
}

impl Engine {
    pub fn expire(&mut self, now: Moment) {
        for taken in [&mut self.slots, &mut self.budget, &mut self.queue] {
            taken.retain(|one| one.until > now);
        }
    }

    /// A slot of so many, and a restart of so many in so many seconds.
    pub fn reserve(
        &mut self,
        now: Moment,
        (host, reservation): Owner,
        resumes: bool,
        (slots, budget): (usize, Option<(u32, u64)>),
    ) -> SlotAnswer {
        let taken = |until| Taken {
            host,
            reservation,
            until,
        };
        let own = self.slots.iter().position(|slot| slot.host == host);
        let place = self.queue.iter().position(|one| one.host == host);
        let ahead = match own.is_some() || resumes {
            true => 0,
            false => place.unwrap_or(self.queue.len()),
        };
        let is_known = own.is_some_and(|own| self.slots[own].reservation == reservation);
        let mut paying = self.budget.iter();
        let is_paid = paying.any(|one| one.host == host && one.reservation == reservation);
        let pays = !is_known && !resumes && !is_paid;
        let (count, window) = budget.unwrap_or((u32::MAX, 1));
        let is_free = own.is_some() || self.slots.len() < slots;
        if is_free && pays && self.budget.len() >= count as usize {
            let first = self.budget.iter().map(|one| one.until).min();
            let left = first.unwrap_or(now).since(now);
            return SlotAnswer::Refused(SlotRefusal::BudgetUsedUp { left });
        }
        if !is_free || own.is_none() && self.slots.len() + ahead >= slots {
            match place {
                Some(place) => self.queue[place] = taken(now + QUEUED_FOR),
                None => self.queue.push(taken(now + QUEUED_FOR)),
            }
            return SlotAnswer::Refused(SlotRefusal::Taken {
                by: Vec::new(),
                ahead: u32::try_from(ahead).ok(),
            });
        }
        if pays {
            self.budget.push(taken(now + Duration::from_secs(window)));
            self.paid.push((now, reservation));
        }
        match own {
            Some(own) => self.slots[own] = taken(now + LEASE),
            None => self.slots.push(taken(now + LEASE)),
        }
        self.queue.retain(|one| one.host != host);
        SlotAnswer::Granted
    }

    pub fn release(&mut self, owner: Owner, used: bool) {
        let is_it = |one: &Taken| (one.host, one.reservation) == owner;
        self.slots.retain(|slot| !is_it(slot));
        self.queue.retain(|one| !is_it(one));
        if !used {
            self.budget.retain(|one| !is_it(one));
            self.paid.retain(|(_, of)| *of != owner.1);
        }
    }
}
