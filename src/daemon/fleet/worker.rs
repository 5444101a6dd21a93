//! One check's slot: asks for it, renews it while it is held, and has it given back. Each question is answered by one
//! event, each order to give back too. Which engine is asked is seen when it is asked: a reload may come before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::claims::unix_now;
use super::live::{AskedSlot, LiveFleet};
use super::returns::SlotReturns;
use crate::daemon::executor::FinishedEffect;
use crate::fleet::spec::Claim;
use crate::health::{Event, SlotAnswer, Ticket};

/// However many members an engine has, and however they hang: one question takes no longer.
pub const ASKED_FOR: Duration = Duration::from_secs(20);

/// The pause before a lease that could not be renewed is renewed again.
const AGAIN: Duration = Duration::from_secs(2);

/// Who still wants a slot that was refused asks for it again by then.
const WAITS_ON: Duration = Duration::from_secs(3);

/// Where an engine keeps no queue, who has used a slot asks for the next one after so long: every other one that waits has
/// asked by then, at most 10 s and a tenth after its last question.
const OTHERS_FIRST: Duration = Duration::from_secs(12);

/// What is to be done.
#[derive(Debug)]
pub enum Order {
    /// Ask for a slot, so long from now.
    Reserve {
        ticket: Ticket,
        reservation: Ticket,
        group: String,
        slots: u32,
        resumes: bool,
        after: Duration,
    },
    /// Give it back.
    Release {
        reservation: Ticket,
        group: String,
        used: bool,
    },
    /// Give back what an earlier run may have left.
    GiveBack { live: Arc<LiveFleet>, claim: Claim },
}

/// A slot that is ours.
#[derive(Debug)]
struct Held {
    reservation: Ticket,
    renewed: Instant,
    next: Instant,
}

/// What a worker is given.
#[derive(Debug)]
pub struct WorkerParts {
    pub orders: mpsc::UnboundedReceiver<Order>,
    pub ended: mpsc::UnboundedSender<FinishedEffect>,
    /// The engine; it changes with a reload, and says so with each.
    pub live: watch::Receiver<Option<Arc<LiveFleet>>>,
    /// By when the watchdog ends, once it does.
    pub closing: watch::Receiver<Option<Instant>>,
}

/// The task of one check.
#[derive(Debug)]
pub struct SlotWorker {
    check: String,
    parts: WorkerParts,
    /// What was asked last, until it is given back.
    asked: Option<AskedSlot>,
    /// The newest reservation, and since when it is asked for, in seconds of Unix time.
    waiting: Option<(Ticket, u64)>,
    /// It was granted to go on with a restart: what is not answered is kept for the next run.
    resumes: bool,
    held: Option<Held>,
    /// When a slot that was refused is not waited for any more, unless it is asked for again.
    gives_up: Option<Instant>,
    /// Others that wait ask before it.
    next_turn: Option<Instant>,
    returns: SlotReturns,
}

impl SlotWorker {
    /// The worker of `check`.
    pub fn new(check: &str, parts: WorkerParts) -> Self {
        Self {
            check: check.to_owned(),
            parts,
            asked: None,
            waiting: None,
            resumes: false,
            held: None,
            gives_up: None,
            next_turn: None,
            returns: SlotReturns::new(check.to_owned()),
        }
    }

    /// Does what is ordered until no more orders can come, and then gives back what is left. Returns what could not
    /// be given back.
    pub async fn run(mut self) -> Vec<String> {
        loop {
            let renews = self.held.as_ref().map(|held| held.next);
            let gives = self.returns.next();
            tokio::select! {
                biased;
                order = self.parts.orders.recv() => match order {
                    Some(order) => self.perform(order).await,
                    None => break,
                },
                () = at(renews) => self.renew().await,
                () = at(gives) => self.give_back().await,
                () = at(self.gives_up) => self.give_up(),
            }
        }
        if let Some(asked) = self.asked.take()
            && asked.is_unanswered
            && self.held.is_none()
            && !self.resumes
        {
            self.returns.add(asked, None, false);
        }
        let end = *self.parts.closing.borrow();
        self.returns.finish(end.unwrap_or_else(Instant::now)).await
    }

    async fn perform(&mut self, order: Order) {
        match order {
            Order::Reserve {
                ticket,
                reservation,
                group,
                slots,
                resumes,
                after,
            } => {
                self.gives_up = None;
                let turn = self.next_turn.filter(|_| !resumes);
                let turn = turn.map(|turn| turn.duration_since(Instant::now()));
                if self.waits(after.max(turn.unwrap_or_default())).await {
                    self.resumes = resumes;
                    let place = (group.as_str(), slots);
                    let answer = self.reserve(reservation, place, resumes).await;
                    self.gives_up = match answer {
                        SlotAnswer::Refused(_) => Some(Instant::now() + WAITS_ON),
                        SlotAnswer::Granted | SlotAnswer::Unreachable { .. } => None,
                    };
                    self.send(Event::Reserved {
                        check: self.check.clone(),
                        ticket,
                        answer,
                    });
                }
            }
            Order::Release {
                reservation,
                group,
                used,
            } => {
                self.held = None;
                match self.asked.take() {
                    Some(asked) => {
                        let has_queue = !asked.has_no_lease();
                        let next_turn = Instant::now() + OTHERS_FIRST;
                        self.next_turn = (used && !has_queue).then_some(next_turn);
                        self.returns.add(asked, Some((reservation, group)), used);
                        self.give_back().await;
                    }
                    None => self.send(Event::Released {
                        check: self.check.clone(),
                        reservation,
                        group,
                        failure: None,
                    }),
                }
            }
            Order::GiveBack { live, claim } => {
                let mut left = AskedSlot::new(live, claim);
                // what the run that was killed had asked may be carried out yet
                left.is_unanswered = true;
                self.returns.add(left, None, true);
                self.give_back().await;
            }
        }
    }

    /// The pause before a question, which a reload ends. False when nobody hears the answer any more.
    async fn waits(&mut self, after: Duration) -> bool {
        if after.is_zero() {
            return true;
        }
        let parts = &mut self.parts;
        // a reload before the order is none of its pause
        parts.live.mark_unchanged();
        tokio::select! {
            biased;
            _ = parts.closing.wait_for(Option::is_some) => false,
            _ = parts.live.changed() => true,
            () = sleep(after) => true,
        }
    }

    async fn reserve(
        &mut self,
        reservation: Ticket,
        (group, slots): (&str, u32),
        resumes: bool,
    ) -> SlotAnswer {
        let waits = self.waiting.filter(|(id, _)| *id == reservation);
        let (_, since) = *self
            .waiting
            .insert(waits.unwrap_or((reservation, unix_now())));
        loop {
            let live = self.parts.live.borrow_and_update().clone();
            let Some(live) = live else {
                return SlotAnswer::Unreachable {
                    why: "there is no [fleet] in the configuration any more".to_owned(),
                };
            };
            let place = (group.to_owned(), slots);
            let mut claim = live.claims.claim(&self.check, reservation, place, resumes);
            claim.waiting_since = since;
            match self.ask(AskedSlot::new(live, claim)).await {
                SlotAnswer::Unreachable { .. } if self.is_engine_changed() => {}
                answer => {
                    if answer == SlotAnswer::Granted {
                        self.hold(reservation);
                    }
                    return answer;
                }
            }
        }
    }

    /// Whether a reload has put another engine in the place of the one that was asked.
    fn is_engine_changed(&self) -> bool {
        let now = self.parts.live.borrow();
        let asked = self.asked.as_ref().map(|asked| &asked.live);
        match (&*now, asked) {
            (Some(now), Some(asked)) => !Arc::ptr_eq(now, asked),
            (None, _) | (Some(_), None) => false,
        }
    }

    /// One question. What was asked elsewhere before and not answered is given back there.
    async fn ask(&mut self, mut question: AskedSlot) -> SlotAnswer {
        if let Some(before) = self.asked.take().filter(|before| before.is_unanswered) {
            match before.is_same_slot(&question) {
                true => question.is_unanswered = true,
                false => self.returns.add(before, None, false),
            }
        }
        question.is_unanswered |= question.has_no_lease() && self.returns.postpone(&question);
        let (engine, claim) = (Arc::clone(&question.live.engine), question.claim.clone());
        let mut closing = self.parts.closing.clone();
        let asked = tokio::select! {
            asked = timeout(ASKED_FOR, engine.reserve(&claim)) => {
                asked.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")))
            }
            _ = closing.wait_for(Option::is_some) => Err("the watchdog ends".to_owned()),
        };
        question.is_unanswered |= asked.is_err();
        self.asked = Some(question);
        match asked {
            Ok(None) => SlotAnswer::Granted,
            Ok(Some(why)) => SlotAnswer::Refused(why),
            Err(why) => SlotAnswer::Unreachable { why },
        }
    }

    /// The slot is ours; an older one of the check went over to it.
    fn hold(&mut self, reservation: Ticket) {
        let Some(asked) = self.asked.as_mut() else {
            return;
        };
        let (events, is_unanswered) = self.returns.take_over(asked);
        asked.is_unanswered |= is_unanswered;
        let now = Instant::now();
        self.held = asked.live.engine.lease().map(|lease| Held {
            reservation,
            renewed: now,
            next: now + lease / 3,
        });
        events.into_iter().for_each(|event| self.send(event));
    }

    async fn renew(&mut self) {
        let asked = self.asked.clone();
        let lease = asked.as_ref().and_then(|asked| asked.live.engine.lease());
        let (Some(lease), Some(asked)) = (lease, asked) else {
            self.held = None;
            return;
        };
        let renewed = tokio::select! {
            renewed = timeout(ASKED_FOR, asked.live.engine.renew(&asked.claim)) => renewed,
            _ = self.parts.closing.wait_for(Option::is_some) => return,
        };
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

    /// Nobody wants the slot any more that was refused: nor does it stand in the engine that somebody waits.
    fn give_up(&mut self) {
        self.gives_up = None;
        if let Some(asked) = self.asked.take_if(|asked| !asked.has_no_lease()) {
            self.returns.add(asked, None, false);
        }
    }

    /// Gives back what is due first. The end of the watchdog cuts it short: then all of them are.
    async fn give_back(&mut self) {
        let event = tokio::select! {
            event = self.returns.give_back() => event,
            _ = self.parts.closing.wait_for(Option::is_some) => None,
        };
        if let Some(event) = event {
            self.send(event);
        }
    }

    fn send(&self, event: Event) {
        // nobody listens any more: the watchdog has ended
        let _ = self.parts.ended.send(FinishedEffect::from(event));
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
