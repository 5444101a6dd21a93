//! The job, the task of one program, owns the state machine, the process and the timer. Other code has a handle, puts
//! requests into the job's queue, reads the published status, and waits only for the reply to a request.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::child::Child;
use super::cleanup::{AfterCleanup, CleanupResult, Leftovers};
use super::family::ProcessFamily;
use super::fault::{ProcessExit, ProgramError};
use super::handle::{JobRequest, ReplySender};
use super::identity::{self, ProcessRecord};
use super::logs::LogWriters;
use super::notes::ProcessNotes;
use super::spawn::spawn;
use super::spec::Program;
use super::status::{ProgramEnd, ProgramStatus, ending};
use super::unit::{Autorestart, ProgramUnit, UnitEffect, UnitEvent, UnitState};
use crate::health::Moment;

/// What all jobs share.
#[derive(Debug)]
pub struct JobContext {
    /// Connects them to their logs.
    pub log_writers: LogWriters,
    /// The notes of their processes, for the next watchdog.
    pub notes: Option<ProcessNotes>,
    /// One more whenever a record is another.
    pub changes: watch::Sender<u64>,
    /// Programs that were up and have ended by themselves.
    pub ends: broadcast::Sender<ProgramEnd>,
}

/// A program, its process, and the requests that wait for a result.
pub struct ProgramJob {
    program: Arc<Program>,
    unit: ProgramUnit,
    origin: Instant,
    child: Option<Child>,
    /// What the last process may have left behind when it ended.
    left: Option<ProcessFamily>,
    /// And what is done about it now.
    rest: Option<Leftovers>,
    /// Of the definition that the last process was started with.
    fingerprint: u64,
    timer: Option<Instant>,
    last: Option<ProcessExit>,
    /// How often in a row it ended by itself and was started again, since it was last started by request.
    crashes: u32,
    started: Option<u64>,
    starting: Vec<ReplySender>,
    stopping: Vec<ReplySender>,
    answers: Vec<(ReplySender, Result<(), ProgramError>)>,
    shared: Arc<JobContext>,
    published: watch::Sender<ProgramStatus>,
}

impl ProgramJob {
    /// The job of `program`, which shows itself in `published`.
    pub fn new(
        program: Arc<Program>,
        shared: Arc<JobContext>,
        published: watch::Sender<ProgramStatus>,
    ) -> Self {
        Self {
            unit: ProgramUnit::new(program.rules()),
            program,
            origin: Instant::now(),
            child: None,
            left: None,
            rest: None,
            fingerprint: 0,
            timer: None,
            last: None,
            crashes: 0,
            started: None,
            starting: Vec::new(),
            stopping: Vec::new(),
            answers: Vec::new(),
            shared,
            published,
        }
    }

    /// Serves `queue` until all its senders are dropped.
    pub async fn run(mut self, mut queue: mpsc::Receiver<JobRequest>) {
        loop {
            tokio::select! {
                // a start that waits for its place is a matter of moments
                request = queue.recv(), if !self.is_clearing() => match request {
                    Some(request) => self.serve(request),
                    None => return,
                },
                () = ended(self.child.as_ref()) => self.leader_ended(),
                left = poll_leftovers(self.rest.as_mut()) => self.handle_cleanup(left),
                () = elapsed(self.timer) => {
                    self.timer = None;
                    self.handle(UnitEvent::Elapsed);
                }
            }
            self.publish();
            if self.is_clearing() {
                // the requester waits for the result of the start
                continue;
            }
            for (ticket, answer) in mem::take(&mut self.answers) {
                // The requester may have dropped its receiver.
                let _ = ticket.send(answer);
            }
        }
    }

    fn serve(&mut self, request: JobRequest) {
        match request {
            JobRequest::Begin(record, ticket) => {
                self.begin(record);
                self.answers.push((ticket, Ok(())));
            }
            JobRequest::Start(ticket) => self.start(ticket),
            JobRequest::Stop(ticket) => {
                self.stopping.push(ticket);
                self.handle(match self.left {
                    Some(_) => UnitEvent::StopRest,
                    None => UnitEvent::Stop,
                });
            }
            JobRequest::Kill(ticket) => {
                self.stopping.push(ticket);
                self.handle(UnitEvent::Kill);
            }
            JobRequest::Signal(number, ticket) => {
                let answer = match &self.child {
                    Some(child) => child
                        .signal(number)
                        .map_err(|error| ProgramError::Unsignalled(error.to_string())),
                    None => Err(ProgramError::NotRunning),
                };
                self.answers.push((ticket, answer));
            }
            JobRequest::Redefine(program, ticket) => {
                let now_due = program.autostart && !self.program.autostart;
                self.program = program;
                self.unit.set_rules(self.program.rules());
                self.shared.log_writers.redefine(&self.program);
                self.replace_if_unfit();
                if now_due && *self.unit.state() == UnitState::Stopped {
                    self.start(ignored_reply());
                }
                self.start_what_failed();
                self.answers.push((ticket, Ok(())));
            }
        }
    }

    fn begin(&mut self, record: Option<ProcessRecord>) {
        if *self.unit.state() != UnitState::Stopped {
            return;
        }
        let adopted = record.as_ref().and_then(|record| {
            let child = Child::adopt(record)?;
            self.fingerprint = record.fingerprint;
            Some(child)
        });
        // A program that ran at the last observation and ended unobserved would have been restarted.
        let died = record.as_ref().is_some_and(|record| !record.ended);
        let due =
            self.program.autostart || (died && self.program.autorestart != Autorestart::Never);
        if let Some(child) = adopted {
            let up = identity::uptime(child.started());
            self.started = Some(child.started());
            self.shared.log_writers.adopt(child.pid(), &self.program);
            self.child = Some(child);
            self.handle(UnitEvent::Adopted { up });
            if record.is_some_and(|record| record.stopping) {
                self.finish_stop(due);
            } else {
                self.replace_if_unfit();
            }
            return;
        }
        if let Some(record) = record {
            self.remove_note();
            self.fingerprint = record.fingerprint;
            self.left = (record.boot == identity::boot() && self.program.killasgroup)
                .then(|| self.family(record.pid, record.started));
            if record.stopping && self.left.is_some() && !due {
                self.stopping.push(ignored_reply());
                self.handle(UnitEvent::StopRest);
            }
        }
        if due {
            self.start(ignored_reply());
        } else if self.rest.is_none() {
            self.rest = self.left.clone().map(Leftovers::counted);
        }
    }

    /// The processes of the start that `pid` leads.
    fn family(&self, pid: u32, started: u64) -> ProcessFamily {
        ProcessFamily {
            leader: pid,
            started,
            mark: self.program.mark(),
        }
    }

    /// An earlier watchdog had sent the stop signal, and its effect is unknown: the process is stopped again.
    fn finish_stop(&mut self, due: bool) {
        self.stopping.push(ignored_reply());
        self.handle(UnitEvent::Stop);
        if due {
            self.start(ignored_reply());
        }
    }

    fn start(&mut self, ticket: ReplySender) {
        if self.child.is_none() {
            self.crashes = 0;
        }
        self.starting.push(ticket);
        self.handle(UnitEvent::Start);
    }

    /// The process has ended. When it was asked to, it is waited for what it left; what a crash left is killed;
    /// and what it left when it ended as expected (a new master, after an upgrade in place) lives on.
    fn leader_ended(&mut self) {
        let Some(child) = self.child.take() else {
            return;
        };
        let family = self.family(child.pid(), child.started());
        self.last = child.collect();
        self.report_end(family.leader);
        if !self.program.killasgroup {
            self.handle(UnitEvent::Exited(self.last));
            return;
        }
        self.left = Some(family.clone());
        if let UnitState::Stopping { killed, .. } = *self.unit.state() {
            self.rest = Some(match (killed, self.program.stopasgroup) {
                (true, _) => Leftovers::killed(family, AfterCleanup::Ended),
                (false, true) => Leftovers::waited_for(family),
                (false, false) => {
                    Leftovers::ending(family, self.program.stopsignal, self.program.stopwaitsecs)
                }
            });
            return;
        }
        self.handle(UnitEvent::Exited(self.last));
        if self.rest.is_none() {
            let expected = matches!(self.unit.state(), UnitState::Exited { expected: true, .. });
            self.rest = Some(match expected {
                true => Leftovers::counted(family),
                false => Leftovers::killed(family, AfterCleanup::Nothing),
            });
        }
    }

    /// Logs the exit of a running program. The program may be RUNNING again in the same instant.
    fn report_end(&mut self, pid: u32) {
        if !matches!(self.unit.state(), UnitState::Running { .. }) {
            return;
        }
        let name = self.program.full_name();
        let end = ending(self.last, self.program.is_expected(self.last));
        match self.program.is_expected(self.last) {
            true => tracing::info!("program \"{name}\" (pid {pid}) {end}"),
            false => tracing::warn!("program \"{name}\" (pid {pid}) {end}"),
        }
        self.crashes = self.crashes.saturating_add(1);
        // nobody may listen
        let _ = self.shared.ends.send(ProgramEnd { name, end });
    }

    /// Handles the result of one poll of the leftover processes.
    fn handle_cleanup(&mut self, left: CleanupResult) {
        let next = match (left, &self.rest) {
            (CleanupResult::Some, _) | (_, None) => return,
            (CleanupResult::Nothing, Some(rest)) => {
                self.left = None;
                rest.next
            }
            (CleanupResult::Forgotten, Some(rest)) => match rest.next {
                // it stays in STOPPING until nothing is left
                AfterCleanup::Ended => return,
                next => next,
            },
        };
        self.rest = None;
        match next {
            AfterCleanup::Ended => self.handle(UnitEvent::Exited(self.last)),
            AfterCleanup::Spawn => {
                let event = self.spawn();
                self.handle(event);
            }
            AfterCleanup::Nothing => {}
        }
    }

    /// Whether a start waits until what the last process left is gone.
    fn is_clearing(&self) -> bool {
        self.rest
            .as_ref()
            .is_some_and(|rest| rest.next == AfterCleanup::Spawn)
    }

    /// A process of another definition makes way for one of this. One that could not be started, or has
    /// ended by itself, gets another chance.
    fn replace_if_unfit(&mut self) {
        let unfit = self.fingerprint != self.program.fingerprint();
        match self.unit.state() {
            UnitState::Starting { .. } | UnitState::Running { .. } | UnitState::Backoff { .. }
                if unfit =>
            {
                self.stopping.push(ignored_reply());
                self.handle(UnitEvent::Stop);
                self.start(ignored_reply());
            }
            UnitState::Exited { .. } if unfit && self.program.autostart => {
                self.start(ignored_reply())
            }
            UnitState::Stopped
            | UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Backoff { .. }
            | UnitState::Stopping { .. }
            | UnitState::Exited { .. }
            | UnitState::Fatal { .. } => {}
        }
    }

    /// After a reload what has failed gets another chance: what it lacked may be there now.
    fn start_what_failed(&mut self) {
        match self.unit.state() {
            UnitState::Fatal { .. } => self.start(ignored_reply()),
            UnitState::Exited {
                expected: false, ..
            } if self.program.autostart => self.start(ignored_reply()),
            UnitState::Stopped
            | UnitState::Spawning { .. }
            | UnitState::Starting { .. }
            | UnitState::Running { .. }
            | UnitState::Backoff { .. }
            | UnitState::Stopping { .. }
            | UnitState::Exited { .. } => {}
        }
    }

    /// Takes `event` in, and what its effects lead to.
    fn handle(&mut self, event: UnitEvent) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let now = Moment::from(self.origin.elapsed());
            for effect in self.unit.handle(now, event) {
                next = self.perform(effect).or(next);
            }
        }
    }

    fn perform(&mut self, effect: UnitEffect) -> Option<UnitEvent> {
        match effect {
            UnitEffect::Spawn => return self.clear_and_spawn(),
            UnitEffect::Terminate => self.terminate(),
            UnitEffect::Kill => self.kill(),
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
                    .extend(ticket.map(|t| (t, Err(ProgramError::AlreadyStarted))));
            }
            UnitEffect::RefuseStop => {
                let ticket = self.stopping.pop();
                self.answers
                    .extend(ticket.map(|t| (t, Err(ProgramError::NotRunning))));
            }
        }
        None
    }

    /// First what the last process left is killed: it may hold a port that the next one needs.
    fn clear_and_spawn(&mut self) -> Option<UnitEvent> {
        let Some(left) = self.left.clone() else {
            return Some(self.spawn());
        };
        self.rest = Some(Leftovers::killed(left, AfterCleanup::Spawn));
        None
    }

    fn spawn(&mut self) -> UnitEvent {
        self.left = None;
        self.fingerprint = self.program.fingerprint();
        let shared = &self.shared;
        match spawn(&self.program, shared.notes.as_ref(), &shared.log_writers) {
            Ok(child) => {
                self.started = Some(child.started());
                self.child = Some(child);
                UnitEvent::Spawned
            }
            Err(error) => {
                self.remove_note();
                UnitEvent::SpawnFailed(error)
            }
        }
    }

    fn remove_note(&self) {
        if let Some(notes) = &self.shared.notes {
            notes.remove(&self.program.full_name());
        }
    }

    /// Sends the stop signal. The note records it first: the next watchdog must not treat the process as running.
    fn terminate(&mut self) {
        self.mark_stopping();
        let signal = self.program.stopsignal;
        match (&self.child, &self.left) {
            (Some(child), _) => {
                let sent = match self.program.stopasgroup {
                    true => child.signal_group(signal as i32),
                    false => child.signal(signal as i32),
                };
                self.unsent(signal, sent);
            }
            (None, Some(left)) => self.rest = Some(Leftovers::asked(left.clone(), signal)),
            (None, None) => {}
        }
    }

    fn kill(&mut self) {
        self.mark_stopping();
        if let Some(child) = &self.child {
            let number = Signal::SIGKILL as i32;
            let sent = match self.program.killasgroup {
                true => child.signal_group(number),
                false => child.signal(number),
            };
            self.unsent(Signal::SIGKILL, sent);
        }
        if let Some(rest) = &mut self.rest {
            rest.kill();
        }
    }

    fn mark_stopping(&self) {
        if let Some(notes) = &self.shared.notes {
            notes.mark_stopping(&self.program.full_name());
        }
    }

    /// That a process ends before it is signalled is no trouble.
    fn unsent(&self, signal: Signal, sent: io::Result<()>) {
        if let Err(error) = sent
            && error.raw_os_error() != Some(Errno::ESRCH as i32)
        {
            let name = self.program.full_name();
            tracing::warn!("cannot send {signal} to program \"{name}\": {error}");
        }
    }

    /// Publishes a changed status before any request is answered.
    fn publish(&self) {
        let lives = self.child.as_ref().map(|c| (c.pid(), c.started(), false));
        let left = self.left.as_ref().map(|f| (f.leader, f.started, true));
        let record = lives.or(left).map(|(pid, started, ended)| ProcessRecord {
            name: self.program.full_name(),
            pid,
            started,
            boot: identity::boot().to_owned(),
            fingerprint: self.fingerprint,
            stopping: matches!(self.unit.state(), UnitState::Stopping { .. }),
            ended,
        });
        let status = ProgramStatus {
            state: self.unit.state().clone(),
            record,
            started: self.started,
            last: self.last,
            crashes: self.crashes,
            expected: self.program.is_expected(self.last),
        };
        let before = self.published.send_replace(status);
        let after = self.published.borrow();
        if before.state != after.state {
            let process = after.process(&self.program.full_name());
            let (name, state, detail) = (process.name, process.state, process.detail);
            match after.state {
                UnitState::Fatal { .. } => {
                    tracing::error!("program \"{name}\" is {state}: {detail}")
                }
                UnitState::Backoff { .. }
                | UnitState::Exited {
                    expected: false, ..
                } => {
                    tracing::warn!("program \"{name}\" is {state}: {detail}");
                }
                _ if detail.is_empty() => tracing::info!("program \"{name}\" is {state}"),
                _ => tracing::info!("program \"{name}\" is {state}: {detail}"),
            }
        }
        let has_ended = |status: &ProgramStatus| status.record.as_ref().is_some_and(|r| r.ended);
        if before.record.is_some() && after.record.is_none() {
            self.remove_note();
        } else if has_ended(&after)
            && !has_ended(&before)
            && let Some(notes) = &self.shared.notes
        {
            notes.mark_ended(&self.program.full_name());
        }
        if before.record != after.record {
            self.shared.changes.send_modify(|count| *count += 1);
        }
    }
}

/// A reply sender for a request whose result is not needed.
fn ignored_reply() -> ReplySender {
    oneshot::channel().0
}

async fn poll_leftovers(rest: Option<&mut Leftovers>) -> CleanupResult {
    match rest {
        Some(rest) => rest.poll().await,
        None => std::future::pending().await,
    }
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
