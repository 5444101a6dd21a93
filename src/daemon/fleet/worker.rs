//! One check's slot: asks for it, renews it while it is held, gives it back, and again until that is done. Each question
//! is answered by one event, each order to give back too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::daemon::executor::FinishedEffect;
use crate::fleet::SlotEngine;
use crate::fleet::spec::Claim;
use crate::health::{Event, SlotAnswer, Ticket};

/// However many members an engine has, and however they hang: one question takes no longer.
const ASKED_FOR: Duration = Duration::from_secs(20);

/// The pause before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Where slots have no lease, it is said after so long that one could not be given back; and tried on.
const SAID_AFTER: Duration = Duration::from_secs(120);

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// Ask for a slot, so long from now; `question` is missing where there is no fleet any more.
    Reserve {
        ticket: Ticket,
        reservation: Ticket,
        question: Option<(Arc<dyn SlotEngine>, Claim)>,
        after: Duration,
    },
    /// Give it back.
    Release {
        reservation: Ticket,
        group: String,
        used: bool,
    },
    /// Give back what an earlier run may have left.
    GiveBack {
        engine: Arc<dyn SlotEngine>,
        claim: Claim,
    },
}

/// A slot that is ours.
#[derive(Debug)]
struct Held {
    reservation: Ticket,
    renewed: Instant,
    next: Instant,
}

/// A slot that is to be given back.
#[derive(Debug)]
struct Owed {
    /// Nobody waits for the event any more once it was sent.
    event: Option<(Ticket, String)>,
    used: bool,
    since: Instant,
    next: Instant,
}

/// The task of one check.
#[derive(Debug)]
pub struct SlotWorker {
    check: String,
    orders: mpsc::UnboundedReceiver<Order>,
    ended: mpsc::UnboundedSender<FinishedEffect>,
    closing: watch::Receiver<bool>,
    /// What was asked last, and of whom.
    asked: Option<(Arc<dyn SlotEngine>, Claim)>,
    held: Option<Held>,
    owed: Option<Owed>,
}

impl SlotWorker {
    /// The worker of `check`.
    pub fn new(
        check: &str,
        orders: mpsc::UnboundedReceiver<Order>,
        ended: mpsc::UnboundedSender<FinishedEffect>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self {
            check: check.to_owned(),
            orders,
            ended,
            closing,
            asked: None,
            held: None,
            owed: None,
        }
    }

    /// Does what is ordered until no more orders can come, and nothing is to be given back.
    pub async fn run(mut self) {
        loop {
            let (renews, gives) = (
                self.held.as_ref().map(|held| held.next),
                self.owed.as_ref().map(|owed| owed.next),
            );
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.perform(order).await,
                    None => break,
                },
                () = at(renews) => self.renew().await,
                () = at(gives) => self.give_back().await,
            }
        }
        while self.owed.is_some() {
            self.give_back().await;
            if self.owed.is_some() {
                sleep(AGAIN).await;
            }
        }
    }

    async fn perform(&mut self, order: Order) {
        match order {
            Order::Reserve {
                ticket,
                reservation,
                question,
                after,
            } => self.reserve(ticket, reservation, question, after).await,
            Order::Release {
                reservation,
                group,
                used,
            } => {
                self.held = None;
                self.owe(Some((reservation, group)), used);
                self.give_back().await;
            }
            Order::GiveBack { engine, claim } => {
                self.asked = Some((engine, claim));
                self.owe(None, true);
                self.give_back().await;
            }
        }
    }

    async fn reserve(
        &mut self,
        ticket: Ticket,
        reservation: Ticket,
        question: Option<(Arc<dyn SlotEngine>, Claim)>,
        after: Duration,
    ) {
        if !after.is_zero() {
            let closed = self.closing.wait_for(|closing| *closing);
            tokio::select! {
                () = sleep(after) => {}
                // nobody hears the answer any more
                _ = closed => return,
            }
        }
        let answer = match question {
            None => SlotAnswer::Unreachable {
                why: "there is no [fleet] in the configuration any more".to_owned(),
            },
            Some((engine, claim)) => {
                let asked = timeout(ASKED_FOR, engine.reserve(&claim)).await;
                self.asked = Some((engine, claim));
                match asked {
                    Ok(Ok(None)) => SlotAnswer::Granted,
                    Ok(Ok(Some(why))) => SlotAnswer::Refused(why),
                    Ok(Err(why)) => SlotAnswer::Unreachable { why },
                    Err(_) => SlotAnswer::Unreachable {
                        why: format!("no answer within {ASKED_FOR:?}"),
                    },
                }
            }
        };
        if answer == SlotAnswer::Granted {
            // an older one went over to this
            self.settle(None);
            self.held = self.lease().map(|lease| Held {
                reservation,
                renewed: Instant::now(),
                next: Instant::now() + lease / 3,
            });
        }
        self.send(Event::Reserved {
            check: self.check.clone(),
            ticket,
            answer,
        });
    }

    async fn renew(&mut self) {
        let (Some(lease), Some((engine, claim))) = (self.lease(), self.asked.clone()) else {
            self.held = None;
            return;
        };
        let renewed = timeout(ASKED_FOR, engine.renew(&claim)).await;
        let renewed = renewed.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")));
        let Some(held) = self.held.as_mut() else {
            return;
        };
        let now = Instant::now();
        let why = match renewed {
            Ok(true) => {
                held.renewed = now;
                held.next = now + lease / 3;
                return;
            }
            Ok(false) => "it has expired, or was freed by somebody".to_owned(),
            Err(_) if now < held.renewed + lease => {
                held.next = now + AGAIN.min(lease / 6);
                return;
            }
            Err(why) => format!("it could not be renewed within {lease:?}: {why}"),
        };
        let reservation = held.reservation;
        self.held = None;
        self.send(Event::LeaseLost {
            check: self.check.clone(),
            reservation,
            why,
        });
    }

    fn owe(&mut self, event: Option<(Ticket, String)>, used: bool) {
        self.settle(None);
        let now = Instant::now();
        self.owed = Some(Owed {
            event,
            used,
            since: now,
            next: now,
        });
    }

    async fn give_back(&mut self) {
        let Some(used) = self.owed.as_ref().map(|owed| owed.used) else {
            return;
        };
        let Some((engine, claim)) = self.asked.clone() else {
            return self.settle(None);
        };
        let given = timeout(ASKED_FOR, engine.release(&claim, used)).await;
        let given = given.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")));
        let Err(why) = given else {
            return self.settle(None);
        };
        let lease = engine.lease();
        let Some(owed) = self.owed.as_mut() else {
            return;
        };
        let now = Instant::now();
        owed.next = now + AGAIN;
        match lease {
            // the lease has ended it
            Some(lease) if now >= owed.since + lease => self.settle(Some(why)),
            None if now >= owed.since + SAID_AFTER => {
                if let Some((reservation, group)) = owed.event.take() {
                    self.send(self.released(reservation, group, Some(why)));
                }
            }
            Some(_) | None => {}
        }
    }

    /// Nothing is to be given back any more.
    fn settle(&mut self, failure: Option<String>) {
        let owed = self.owed.take();
        if let Some((reservation, group)) = owed.and_then(|owed| owed.event) {
            self.send(self.released(reservation, group, failure));
        }
    }

    fn released(&self, reservation: Ticket, group: String, failure: Option<String>) -> Event {
        Event::Released {
            check: self.check.clone(),
            reservation,
            group,
            failure,
        }
    }

    fn lease(&self) -> Option<Duration> {
        let (engine, _) = self.asked.as_ref()?;
        engine.lease()
    }

    fn send(&self, event: Event) {
        // nobody listens any more: the watchdog has ended
        let _ = self.ended.send(FinishedEffect::from(event));
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
