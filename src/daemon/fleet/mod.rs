//! What the decision core asks of the fleet: each check that asked has a task of its own, so that its questions keep
//! their order, and neither an engine that hangs nor a lease that is renewed is the loop's matter.

mod claims;
mod live;
mod returns;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::executor::FinishedEffect;
use super::logger::Logger;
use crate::fleet::spec::{FleetSpec, GroupStatus};
use crate::health::{Check, Effect, Spending};
use crate::sorted;
use live::LiveFleet;
use worker::{Order, SlotWorker, WorkerParts};

/// How often a host says that it watches a group; engines forget it after three times as long.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(30);

/// How long a person waits for what an engine says of a group.
const ASKED_FOR: Duration = Duration::from_secs(10);

/// After its time to give back, a worker says at once what is left.
const SAYS_WITHIN: Duration = Duration::from_millis(500);

/// A group that is watched here, as its engine says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetGroup {
    pub group: String,
    /// So many of its hosts may restart at once.
    pub slots: u32,
    /// Its restarts that count against its budget, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Spending>,
    /// Who holds slots and who waits, where the engine says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GroupStatus>,
    /// Why it could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The fleet of this watchdog.
#[derive(Debug)]
pub struct Fleet {
    live: watch::Sender<Option<Arc<LiveFleet>>>,
    watchdog: String,
    host: String,
    seed: u64,
    workers: BTreeMap<String, mpsc::UnboundedSender<Order>>,
    tasks: JoinSet<Vec<String>>,
    announcing: Option<JoinHandle<()>>,
    ended: mpsc::UnboundedSender<FinishedEffect>,
    closing: watch::Sender<Option<Instant>>,
    logger: Logger,
}

impl Fleet {
    /// That of `spec`; without one nothing is asked. `host` is this host's name where the spec has none, `seed`
    /// distinguishes one run from another.
    pub fn new(
        spec: Option<FleetSpec>,
        (watchdog, host, seed): (String, String, u64),
        ended: mpsc::UnboundedSender<FinishedEffect>,
        logger: Logger,
    ) -> Self {
        let fleet = Self {
            live: watch::channel(None).0,
            watchdog,
            host,
            seed,
            workers: BTreeMap::new(),
            tasks: JoinSet::new(),
            announcing: None,
            ended,
            closing: watch::channel(None).0,
            logger,
        };
        fleet.set(spec);
        fleet
    }

    fn set(&self, spec: Option<FleetSpec>) {
        let names = (self.watchdog.as_str(), self.host.as_str());
        let live = spec.map(|spec| Arc::new(LiveFleet::new(spec, names, self.seed)));
        let host = live.as_ref().map(|live| live.claims.host());
        if let Some(host) = host.filter(|host| is_shared_name(host)) {
            self.logger.trouble(&format!(
                "httpok: this host is called {host:?} in its fleet, as others may be, which would take each other's \
                 slots: set host in [fleet]"
            ));
        }
        self.live.send_replace(live);
    }

    fn live(&self) -> Option<Arc<LiveFleet>> {
        self.live.borrow().clone()
    }

    /// Takes new settings. What is held goes back to the engine that it came from; who waits asks at once.
    pub fn change(&mut self, spec: Option<FleetSpec>, checks: &[Arc<Check>]) {
        if self.live().map(|live| live.spec.clone()) == spec {
            self.live.send_modify(|_| {});
        } else {
            self.set(spec);
        }
        self.announce(checks);
    }

    /// The watchdog begins with these checks. Where slots have no lease, those that an earlier run left are given back,
    /// unless a restart that it left goes on with one.
    pub fn begin(&mut self, checks: &[Arc<Check>]) {
        self.announce(checks);
        let Some(live) = self.live() else {
            return;
        };
        if live.engine.lease().is_some() {
            return;
        }
        for check in checks.iter().filter(|check| !check.dry_run) {
            if let Some(policy) = &check.fleet
                && !self.workers.contains_key(&check.name)
            {
                let claim = live.claims.left_over(&check.name, &policy.group);
                let live = Arc::clone(&live);
                self.order(&check.name, Order::GiveBack { live, claim });
            }
        }
    }

    /// Has a question asked, or a slot given back.
    pub fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Reserve {
                check,
                ticket,
                reservation,
                group,
                slots,
                resumes,
                after,
            } => {
                let order = Order::Reserve {
                    ticket,
                    reservation,
                    group,
                    slots,
                    resumes,
                    after,
                };
                self.order(&check, order);
            }
            Effect::Release {
                check,
                reservation,
                group,
                used,
            } => {
                let order = Order::Release {
                    reservation,
                    group,
                    used,
                };
                self.order(&check, order);
            }
            _ => {}
        }
    }

    fn order(&mut self, check: &str, order: Order) {
        // what has ended is no more
        while self.tasks.try_join_next().is_some() {}
        let (ended, closing, live) = (&self.ended, &self.closing, &self.live);
        let tasks = &mut self.tasks;
        let worker = self.workers.entry(check.to_owned()).or_insert_with(|| {
            let (sender, orders) = mpsc::unbounded_channel();
            let parts = WorkerParts {
                orders,
                ended: ended.clone(),
                live: live.subscribe(),
                closing: closing.subscribe(),
            };
            tasks.spawn(SlotWorker::new(check, parts).run());
            sender
        });
        // it ends with its sender only
        let _ = worker.send(order);
    }

    /// Says to the engine which groups this host watches, again and again: only where that is asked for.
    fn announce(&mut self, checks: &[Arc<Check>]) {
        if let Some(task) = self.announcing.take() {
            task.abort();
        }
        let counts = |live: &Arc<LiveFleet>| live.spec.panic_threshold.is_some();
        let Some(live) = self.live().filter(counts) else {
            return;
        };
        let groups = groups(checks);
        let (host, logger) = (live.claims.host().to_owned(), self.logger.clone());
        self.announcing = Some(tokio::spawn(async move {
            let mut fails = false;
            loop {
                let mut failure = None;
                for group in groups.keys() {
                    failure = live.engine.announce(group, &host).await.err().or(failure);
                }
                if let Some(why) = failure.as_ref().filter(|_| !fails) {
                    let text =
                        format!("httpok: the fleet does not know that this host watches: {why}");
                    logger.trouble(&text);
                }
                fails = failure.is_some();
                sleep(ANNOUNCED_EVERY).await;
            }
        }));
    }

    /// What the engine says of the groups of `checks`; nothing without a fleet.
    pub fn groups(&self, checks: &[Arc<Check>]) -> impl Future<Output = Vec<FleetGroup>> + use<> {
        let live = self.live();
        let groups = groups(checks);
        async move {
            let Some(live) = live else {
                return Vec::new();
            };
            let until = Instant::now() + ASKED_FOR;
            let mut answers = Vec::new();
            for (group, slots) in groups {
                let asked = timeout_at(until, live.engine.status(&group)).await;
                let asked =
                    asked.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")));
                let (status, failure) = match asked {
                    Ok(status) => (status, None),
                    Err(why) => (None, Some(why)),
                };
                let budget = status.as_ref().zip(live.spec.budget);
                answers.push(FleetGroup {
                    group,
                    slots,
                    budget: budget.map(|(status, budget)| Spending {
                        spent: usize::try_from(status.spent).unwrap_or(usize::MAX),
                        of: budget.count,
                        window: budget.window.as_secs_f64(),
                    }),
                    status,
                    failure,
                });
            }
            answers
        }
    }

    /// Frees the slots that `host` holds in the groups of `checks`. How many they were, where the engine says it.
    pub fn evict(
        &self,
        host: String,
        checks: &[Arc<Check>],
    ) -> impl Future<Output = Result<Option<usize>, String>> + use<> {
        let engine = self.live().map(|live| Arc::clone(&live.engine));
        let mut by_group: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for check in checks {
            if let Some(policy) = &check.fleet {
                let names = by_group.entry(policy.group.clone()).or_default();
                names.push(check.name.clone());
            }
        }
        async move {
            let engine = engine.ok_or("there is no [fleet] in the configuration")?;
            let until = Instant::now() + ASKED_FOR;
            let mut freed = Some(0);
            for (group, checks) in by_group {
                let asked = timeout_at(until, engine.evict(&group, &host, &checks)).await;
                let slots =
                    asked.unwrap_or_else(|_| Err(format!("no answer within {ASKED_FOR:?}")))?;
                freed = freed.zip(slots).map(|(freed, slots)| freed + slots);
            }
            Ok(freed)
        }
    }

    /// What this host is called; none without a fleet.
    pub fn host(&self) -> Option<String> {
        self.live().map(|live| live.claims.host().to_owned())
    }

    /// The watchdog ends: what is to be given back is, within so long; what cannot be is said. What is held goes on to the
    /// next run, or ends with its lease.
    pub async fn finish(&mut self, patience: Duration) {
        if let Some(task) = self.announcing.take() {
            task.abort();
        }
        // nobody hears it without a worker
        let _ = self.closing.send(Some(Instant::now() + patience));
        self.workers.clear();
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                for left in ended.into_iter().flatten() {
                    self.logger.trouble(&format!("httpok: {left}"));
                }
            }
        };
        // an order under way ends by its own deadlines, which are longer
        if timeout(patience + SAYS_WITHIN, all_ended).await.is_err() {
            self.tasks.abort_all();
        }
    }
}

/// Whether it is what hosts are called that nobody has named.
fn is_shared_name(host: &str) -> bool {
    host.is_empty() || host.split('.').next() == Some("localhost")
}

/// The groups of `checks`, with their slots.
fn groups(checks: &[Arc<Check>]) -> BTreeMap<String, u32> {
    let policies = checks.iter().filter_map(|check| check.fleet.as_ref());
    sorted::map(policies.map(|policy| (policy.group.clone(), policy.slots)))
}
