//! The job, the task of one program, owns the state machine, the process and the timer. Other code has a handle, puts
//! requests into the job's queue, reads the published status, and waits only for the reply to a request.

mod adopt;
mod ending;
mod process;
mod publish;
mod redefine;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::child::Child;
use super::cleanup::{CleanupResult, Leftovers};
use super::family::ProcessFamily;
use super::fault::{ProcessExit, ProgramError};
use super::handle::{JobRequest, ReplySender};
use super::logs::LogWriters;
use super::note_writer::NoteWriter;
use super::spawner::{HungStart, Spawners};
use super::spec::Program;
use super::status::{ProgramStatus, ProgramUpdate};
use super::unit::{ProgramUnit, Rules, UnitEffect, UnitEvent, UnitState};
use crate::health::{Moment, ProgramEnd};

/// A restart of a command in the foreground has worked when it is up for so long.
const RESTARTED_AFTER: Duration = Duration::from_secs(1);

/// What all jobs share.
#[derive(Debug)]
pub struct JobContext {
    /// Starts their processes.
    pub spawners: Spawners,
    /// Connects them to their logs.
    pub log_writers: LogWriters,
    /// The notes of their processes, for the next watchdog.
    pub notes: Option<NoteWriter>,
    /// One more whenever a record is another.
    pub changes: watch::Sender<u64>,
    /// What is new of each program.
    pub updates: broadcast::Sender<ProgramUpdate>,
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
    hung: HungStart,
    timer: Option<Instant>,
    /// When a process without a note is noted.
    note_due: Option<Instant>,
    last: Option<ProcessExit>,
    /// A run that has ended by itself, until that is published.
    ended: Option<ProgramEnd>,
    /// How often in a row it ended by itself and was started again, since it was last started by request.
    crashes: u32,
    /// How often in a row it ended by itself soon after its start.
    short_runs: u32,
    started: Option<u64>,
    /// It ran before, and was started by request.
    restarted: bool,
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
            hung: HungStart::default(),
            timer: None,
            note_due: None,
            last: None,
            ended: None,
            crashes: 0,
            short_runs: 0,
            started: None,
            restarted: false,
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
                    Some(request) => self.serve(request).await,
                    None => return,
                },
                () = ended(self.child.as_ref()) => self.leader_ended().await,
                left = poll_leftovers(self.rest.as_mut()) => self.handle_cleanup(left).await,
                () = elapsed(self.note_due) => self.note_again().await,
                () = elapsed(self.timer) => {
                    self.timer = None;
                    self.handle(UnitEvent::Elapsed).await;
                }
            }
            self.publish().await;
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

    async fn serve(&mut self, request: JobRequest) {
        match request {
            JobRequest::Begin(record, ticket) => {
                self.begin(record).await;
                self.answers.push((ticket, Ok(())));
            }
            JobRequest::Start(ticket) => {
                self.prove_restart();
                self.start(ticket).await;
            }
            JobRequest::Stop(ticket) => {
                self.stopping.push(ticket);
                self.handle(match self.left {
                    Some(_) => UnitEvent::StopRest,
                    None => UnitEvent::Stop,
                })
                .await;
            }
            JobRequest::Kill(ticket) => {
                self.stopping.push(ticket);
                self.handle(UnitEvent::Kill).await;
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
                self.replace_if_unfit().await;
                if now_due && *self.unit.state() == UnitState::Stopped {
                    self.start(ignored_reply()).await;
                }
                self.start_what_failed().await;
                self.answers.push((ticket, Ok(())));
            }
        }
    }

    /// A command in the foreground counts as up at once; but when it is restarted it has to stay up for a moment, so that a
    /// start in vain is tried again and is not taken for its own end.
    fn prove_restart(&mut self) {
        if self.started.is_some() && self.program.dies_with_us {
            self.restarted = true;
            self.unit.set_rules(Rules {
                startsecs: RESTARTED_AFTER,
                ..self.program.rules()
            });
        }
    }

    async fn start(&mut self, ticket: ReplySender) {
        if self.child.is_none() {
            self.crashes = 0;
        }
        self.starting.push(ticket);
        self.handle(UnitEvent::Start).await;
    }

    /// Takes `event` in, and what its effects lead to.
    async fn handle(&mut self, event: UnitEvent) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let now = Moment::from(self.origin.elapsed());
            for effect in self.unit.handle(now, event) {
                next = self.perform(effect).await.or(next);
            }
        }
    }

    async fn perform(&mut self, effect: UnitEffect) -> Option<UnitEvent> {
        match effect {
            UnitEffect::Spawn => return self.clear_and_spawn().await,
            UnitEffect::Terminate => self.terminate().await,
            UnitEffect::Kill => self.kill().await,
            UnitEffect::SetTimer(after) => self.timer = deadline(after),
            UnitEffect::ClearTimer => self.timer = None,
            UnitEffect::Started(answer) => {
                let answered = self
                    .starting
                    .drain(..)
                    .map(|ticket| (ticket, answer.clone()));
                self.answers.extend(answered);
            }
            UnitEffect::Stopped(answer) => {
                let answered = self
                    .stopping
                    .drain(..)
                    .map(|ticket| (ticket, answer.clone()));
                self.answers.extend(answered);
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
