//! One program's task: it owns the state machine, the process and the timer. Everybody else has a handle, puts
//! requests into its queue and reads what it published; nobody waits for anything but the ticket of a request.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::child::Child;
use super::fault::{Exit, Fault};
use super::identity::{self, Record};
use super::logs::Keeper;
use super::notes::Notes;
use super::request::{Request, Ticket};
use super::spawn::spawn;
use super::spec::Program;
use super::status::Status;
use super::unit::{Autorestart, Event, State, Unit, UnitEffect};
use crate::health::Moment;

/// What all jobs have in common.
#[derive(Debug)]
pub struct Shared {
    /// Looks after their logs.
    pub keeper: Keeper,
    /// Where they note which processes are theirs.
    pub notes: Option<Notes>,
    /// One more whenever a record is another.
    pub changes: watch::Sender<u64>,
}

/// A program, its process, and those who wait for something to become of it.
pub struct Job {
    program: Arc<Program>,
    unit: Unit,
    origin: Instant,
    child: Option<Child>,
    /// Of the definition that `child` was started with.
    fingerprint: u64,
    timer: Option<Instant>,
    last: Option<Exit>,
    started: Option<u64>,
    starting: Vec<Ticket>,
    stopping: Vec<Ticket>,
    answers: Vec<(Ticket, Result<(), Fault>)>,
    shared: Arc<Shared>,
    published: watch::Sender<Status>,
}

impl Job {
    /// The job of `program`, which shows itself in `published`.
    pub fn new(
        program: Arc<Program>,
        shared: Arc<Shared>,
        published: watch::Sender<Status>,
    ) -> Self {
        Self {
            unit: Unit::new(program.rules()),
            program,
            origin: Instant::now(),
            child: None,
            fingerprint: 0,
            timer: None,
            last: None,
            started: None,
            starting: Vec::new(),
            stopping: Vec::new(),
            answers: Vec::new(),
            shared,
            published,
        }
    }

    /// Serves `queue` until nobody can put anything into it any more.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        loop {
            tokio::select! {
                request = queue.recv() => match request {
                    Some(request) => self.serve(request),
                    None => return,
                },
                () = ended(self.child.as_ref()) => {
                    self.last = self.child.take().and_then(Child::collect);
                    self.handle(Event::Exited(self.last));
                }
                () = elapsed(self.timer) => {
                    self.timer = None;
                    self.handle(Event::Elapsed);
                }
            }
            self.publish();
            for (ticket, answer) in mem::take(&mut self.answers) {
                // Whoever asked may have lost interest.
                let _ = ticket.send(answer);
            }
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Begin(record, ticket) => {
                self.begin(record);
                self.answers.push((ticket, Ok(())));
            }
            Request::Start(ticket) => self.start(ticket),
            Request::Stop(ticket) => {
                self.stopping.push(ticket);
                self.handle(Event::Stop);
            }
            Request::Kill(ticket) => {
                self.stopping.push(ticket);
                self.handle(Event::Kill);
            }
            Request::Signal(number, ticket) => {
                let answer = match &self.child {
                    Some(child) => child
                        .signal(number)
                        .map_err(|error| Fault::Unsignalled(error.to_string())),
                    None => Err(Fault::NotRunning),
                };
                self.answers.push((ticket, answer));
            }
            Request::Redefine(program, ticket) => {
                let now_due = program.autostart && !self.program.autostart;
                self.program = program;
                self.unit.set_rules(self.program.rules());
                self.keep_logs();
                self.replace_if_unfit();
                if now_due && *self.unit.state() == State::Stopped {
                    self.start(nobody());
                }
                self.answers.push((ticket, Ok(())));
            }
        }
    }

    fn begin(&mut self, record: Option<Record>) {
        if *self.unit.state() != State::Stopped {
            return;
        }
        let adopted = record.as_ref().and_then(|record| {
            let child = Child::adopt(record)?;
            self.fingerprint = record.fingerprint;
            Some(child)
        });
        // One that ran when we last looked, and died when nobody did, would have been started again.
        let noted = record.is_some() && self.program.autorestart != Autorestart::Never;
        let due = self.program.autostart || noted;
        if let Some(child) = adopted {
            let up = identity::uptime(child.started());
            self.started = Some(child.started());
            self.child = Some(child);
            self.keep_logs();
            self.handle(Event::Adopted { up });
            if record.is_some_and(|record| record.stopping) {
                self.finish_stop(due);
            } else {
                self.replace_if_unfit();
            }
            return;
        }
        if record.is_some() {
            self.remove_note();
        }
        if due {
            self.start(nobody());
        }
    }

    /// An earlier watchdog had told it to end, and nobody knows whether it would: it makes way.
    fn finish_stop(&mut self, due: bool) {
        self.stopping.push(nobody());
        self.handle(Event::Stop);
        if due {
            self.start(nobody());
        }
    }

    fn start(&mut self, ticket: Ticket) {
        self.starting.push(ticket);
        self.handle(Event::Start);
    }

    /// A process of another definition makes way for one of this. One that could not be started, or has
    /// ended by itself, gets another chance.
    fn replace_if_unfit(&mut self) {
        let unfit = self.fingerprint != self.program.fingerprint();
        match self.unit.state() {
            State::Starting { .. } | State::Running { .. } | State::Backoff { .. } if unfit => {
                self.stopping.push(nobody());
                self.handle(Event::Stop);
                self.start(nobody());
            }
            State::Fatal { .. } if unfit => self.start(nobody()),
            State::Exited { .. } if unfit && self.program.autostart => self.start(nobody()),
            State::Stopped
            | State::Spawning { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Backoff { .. }
            | State::Stopping { .. }
            | State::Exited { .. }
            | State::Fatal { .. } => {}
        }
    }

    /// Takes `event` in, and what its deeds come to.
    fn handle(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let now = Moment::from(self.origin.elapsed());
            for deed in self.unit.handle(now, event) {
                next = self.perform(deed).or(next);
            }
        }
    }

    fn perform(&mut self, deed: UnitEffect) -> Option<Event> {
        match deed {
            UnitEffect::Spawn => return Some(self.spawn()),
            UnitEffect::Terminate => self.end(self.program.stopsignal),
            UnitEffect::Kill => self.end(Signal::SIGKILL),
            UnitEffect::SetTimer(after) => self.timer = deadline(after),
            UnitEffect::ClearTimer => self.timer = None,
            UnitEffect::Started(answer) => {
                let told = self
                    .starting
                    .drain(..)
                    .map(|ticket| (ticket, answer.clone()));
                self.answers.extend(told);
            }
            UnitEffect::Stopped(answer) => {
                let told = self
                    .stopping
                    .drain(..)
                    .map(|ticket| (ticket, answer.clone()));
                self.answers.extend(told);
            }
            UnitEffect::RefuseStart => {
                let ticket = self.starting.pop();
                self.answers
                    .extend(ticket.map(|t| (t, Err(Fault::AlreadyStarted))));
            }
            UnitEffect::RefuseStop => {
                let ticket = self.stopping.pop();
                self.answers
                    .extend(ticket.map(|t| (t, Err(Fault::NotRunning))));
            }
        }
        None
    }

    fn spawn(&mut self) -> Event {
        self.fingerprint = self.program.fingerprint();
        match spawn(&self.program, self.shared.notes.as_ref()) {
            Ok(child) => {
                self.started = Some(child.started());
                self.child = Some(child);
                self.keep_logs();
                Event::Spawned
            }
            Err(error) => {
                self.remove_note();
                Event::SpawnFailed(error)
            }
        }
    }

    fn remove_note(&self) {
        if let Some(notes) = &self.shared.notes {
            notes.remove(&self.program.full_name());
        }
    }

    fn keep_logs(&self) {
        if self.child.is_some() {
            self.program
                .logs()
                .for_each(|log| self.shared.keeper.keep(log));
        }
    }

    /// Tells its group to end. The note knows it first: the next watchdog must not take it for one that
    /// simply runs.
    fn end(&self, signal: Signal) {
        if let Some(child) = &self.child {
            if let Some(notes) = &self.shared.notes {
                notes.mark_stopping(&self.program.full_name());
            }
            child.signal_group(signal);
        }
    }

    /// Shows what is different, before anybody is answered.
    fn publish(&self) {
        let record = self.child.as_ref().map(|child| Record {
            name: self.program.full_name(),
            pid: child.pid(),
            started: child.started(),
            boot: identity::boot().to_owned(),
            fingerprint: self.fingerprint,
            stopping: matches!(self.unit.state(), State::Stopping { .. }),
        });
        let status = Status {
            state: self.unit.state().clone(),
            record,
            started: self.started,
            last: self.last,
        };
        let before = self.published.send_replace(status);
        let after = self.published.borrow();
        if before.state != after.state {
            let process = after.process(&self.program.full_name());
            let (name, state, detail) = (process.name, process.state, process.detail);
            match after.state {
                State::Fatal { .. } => tracing::error!("program \"{name}\" is {state}: {detail}"),
                State::Backoff { .. }
                | State::Exited {
                    expected: false, ..
                } => {
                    tracing::warn!("program \"{name}\" is {state}: {detail}");
                }
                _ if detail.is_empty() => tracing::info!("program \"{name}\" is {state}"),
                _ => tracing::info!("program \"{name}\" is {state}: {detail}"),
            }
        }
        if before.record.is_some() && after.record.is_none() {
            self.remove_note();
        }
        if before.record != after.record {
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }
}

/// The ticket of one who does not wait for the answer.
fn nobody() -> Ticket {
    oneshot::channel().0
}

async fn ended(child: Option<&Child>) {
    match child {
        Some(child) => child.ended().await,
        None => std::future::pending().await,
    }
}

async fn elapsed(timer: Option<Instant>) {
    match timer {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// `None`, which is never, for what the clock cannot hold.
fn deadline(after: Duration) -> Option<Instant> {
    Instant::now().checked_add(after)
}
