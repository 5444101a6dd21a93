//! supervisord's methods, and what its answers mean. Calls are named and counted as supervisor's own
//! client does, so that any version and any proxy in front of it knows them.

pub mod spec;

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use dxr::{TryFromValue, Value};
use tokio::time::{Instant, sleep};

use super::transport::Transport;
use super::{HEARD, OutputStream, Supervisor, xmlrpc};
use crate::health::{CallError, Process, ProcessName, ProcessState, Signal};
use crate::secret::Secret;

pub use spec::SupervisordSpec;

/// How long a request to another machine may be on its way.
const SENT_AGAIN: Duration = Duration::from_secs(10);

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For questions, which supervisord answers at once.
    pub question: Duration,
    /// For stop and start, which it answers when it is done. `stopwaitsecs` and `startsecs` set the pace,
    /// and the RPC interface does not report these. Meanwhile it is asked whether it lives: one that hangs is waited
    /// for no longer than for a question.
    pub action: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            question: Duration::from_secs(10),
            action: Duration::from_secs(600),
        }
    }
}

/// A supervisord.
#[derive(Clone, Debug)]
pub struct SupervisordClient {
    transport: Transport,
    deadlines: Deadlines,
    identity: String,
}

impl SupervisordClient {
    /// A client for the supervisord of `spec`. Nothing is connected.
    pub fn new(spec: SupervisordSpec, deadlines: Deadlines) -> Self {
        Self {
            identity: spec.identity(),
            transport: Transport::new(spec),
            deadlines,
        }
    }

    async fn tail(
        &self,
        method: &str,
        name: &ProcessName,
        bytes: u16,
    ) -> Result<String, CallError> {
        let params = vec![
            Value::String(name.namespec()),
            Value::Integer(0),
            Value::Integer(bytes.into()),
        ];
        let answer = self.ask(method, params, self.deadlines.question).await?;
        let (text, _, _) = <(String, Value, bool)>::try_from_value(&answer).map_err(malformed)?;
        Ok(text)
    }

    /// Calls `method` and waits for the answer, `within` at most.
    async fn ask(
        &self,
        method: &str,
        params: Vec<Value>,
        within: Duration,
    ) -> Result<Value, CallError> {
        let call = xmlrpc::call(method, params)?;
        xmlrpc::answer(&self.transport.post(call, within).await?)
    }

    /// Calls `method` on the process `name`, which is answered when it is done, for as long as supervisord answers
    /// questions.
    async fn command(&self, method: &str, name: &ProcessName) -> Result<(), CallError> {
        let begun = Instant::now();
        let params = vec![Value::String(name.namespec())];
        let mut done = pin!(self.ask(method, params, self.deadlines.action));
        let mut silent = pin!(self.until_silent());
        tokio::select! {
            biased;
            answer = &mut done => answer.map(drop),
            () = &mut silent => Err(CallError::TimedOut { after: begun.elapsed() }),
        }
    }

    /// Returns when supervisord does not answer a question. A refusal is an answer.
    async fn until_silent(&self) {
        loop {
            sleep(self.deadlines.question / 2).await;
            let question = self.deadlines.question;
            match self.ask("supervisor.getState", vec![], question).await {
                Ok(_) | Err(CallError::Fault { .. } | CallError::Malformed { .. }) => {}
                Err(_) => return,
            }
        }
    }
}

#[async_trait]
impl Supervisor for SupervisordClient {
    fn address(&self) -> &str {
        &self.identity
    }

    /// An earlier version kept the URL as it was written.
    fn is_at(&self, address: &str) -> bool {
        let written = SupervisordSpec::new(address, "", Secret::default());
        written.is_ok_and(|written| written.identity() == self.identity)
    }

    /// Every process, in supervisord's order: by group and name.
    async fn list(&self, _patterns: Option<&[&str]>) -> Result<Vec<Process>, CallError> {
        let answer = self
            .ask(
                "supervisor.getAllProcessInfo",
                vec![],
                self.deadlines.question,
            )
            .await?;
        processes(&answer)
    }

    /// The process `name`.
    async fn info(&self, name: &ProcessName) -> Result<Process, CallError> {
        let params = vec![Value::String(name.namespec())];
        let answer = self
            .ask("supervisor.getProcessInfo", params, self.deadlines.question)
            .await?;
        process(&answer)
    }

    /// Stops `name`; answered when it has stopped.
    async fn stop(&self, name: &ProcessName) -> Result<(), CallError> {
        self.command("supervisor.stopProcess", name).await
    }

    /// Starts `name`; answered when it is RUNNING, or will not be.
    async fn start(&self, name: &ProcessName) -> Result<(), CallError> {
        self.command("supervisor.startProcess", name).await
    }

    /// Sends `name` a signal; supervisor 3.2 and later know how.
    async fn signal(&self, name: &ProcessName, signal: Signal) -> Result<(), CallError> {
        let params = vec![
            Value::String(name.namespec()),
            Value::String(signal.name().to_owned()),
        ];
        self.ask("supervisor.signalProcess", params, self.deadlines.question)
            .await
            .map(drop)
    }

    /// supervisord obeys in order, so an answer comes after each stop that was asked for before. On the way from another
    /// machine a request may be lost: it is sent again by the kernel, also when its sender was killed.
    async fn stop_takes(&self, _name: &ProcessName) -> Duration {
        match self.transport.is_remote() {
            true => SENT_AGAIN,
            false => HEARD,
        }
    }

    /// The last `bytes` bytes of what `name` wrote to `stream`.
    async fn log_tail(
        &self,
        name: &ProcessName,
        stream: OutputStream,
        bytes: u16,
    ) -> Result<String, CallError> {
        let method = match stream {
            OutputStream::Stdout => "supervisor.tailProcessStdoutLog",
            OutputStream::Stderr => "supervisor.tailProcessStderrLog",
        };
        // supervisord fails on a tail that begins within a character (HTTP status 500). They are at most
        // four bytes long.
        let mut shorter = 0;
        loop {
            let tail = self.tail(method, name, bytes.saturating_sub(shorter)).await;
            match tail {
                Err(CallError::Malformed { .. }) if shorter < 3 => shorter += 1,
                tail => return tail,
            }
        }
    }
}

/// supervisord's description of a process.
type Info = HashMap<String, Value>;

pub(crate) fn processes(answer: &Value) -> Result<Vec<Process>, CallError> {
    let infos = Vec::<Value>::try_from_value(answer).map_err(malformed)?;
    infos.iter().map(process).collect()
}

pub(crate) fn process(answer: &Value) -> Result<Process, CallError> {
    let info = &Info::try_from_value(answer).map_err(malformed)?;
    let (start, now) = (number(info, "start")?, number(info, "now")?);
    let spawn_error = text(info, "spawnerr")?;
    Ok(Process {
        name: ProcessName::supervisord(text(info, "group")?, text(info, "name")?),
        state: ProcessState::from_code(number(info, "state")?),
        pid: u32::try_from(number(info, "pid")?)
            .ok()
            .filter(|&pid| pid > 0),
        // a start in the future was noted before a clock was set back: how long it runs is not known
        uptime: (start > 0)
            .then(|| u64::try_from(now.checked_sub(start)?).ok())
            .flatten(),
        detail: match spawn_error.is_empty() {
            true => text(info, "description")?,
            false => spawn_error,
        },
        instance: None,
        aliases: Vec::new(),
    })
}

fn text(info: &Info, key: &str) -> Result<String, CallError> {
    let value = info.get(key).ok_or_else(|| lacking(key))?;
    String::try_from_value(value).map_err(malformed)
}

fn number(info: &Info, key: &str) -> Result<i64, CallError> {
    match info.get(key).ok_or_else(|| lacking(key))? {
        Value::Integer(number) => Ok((*number).into()),
        value => i64::try_from_value(value).map_err(malformed),
    }
}

fn lacking(key: &str) -> CallError {
    CallError::Malformed {
        detail: format!("a process without \"{key}\""),
    }
}

fn malformed(error: dxr::Error) -> CallError {
    CallError::Malformed {
        detail: format!("an unexpected answer: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Value {
        xmlrpc::answer(body).unwrap()
    }

    #[test]
    fn processes_are_read() {
        let answer = read(include_bytes!(
            "../../tests/fixtures/supervisord/all-process-info.xml"
        ));
        let found = processes(&answer).unwrap();
        let of = |name: &str| ProcessName::supervisord(name, name);
        assert_eq!(
            found,
            [
                Process {
                    name: of("caf\u{e9}"),
                    state: ProcessState::Running,
                    pid: Some(19651),
                    uptime: Some(2),
                    detail: "pid 19651, uptime 0:00:02".to_owned(),
                    instance: None,
                    aliases: Vec::new(),
                },
                Process {
                    name: of("gone"),
                    state: ProcessState::Fatal,
                    pid: None,
                    uptime: Some(2),
                    detail: "can't find command '/nonexistent'".to_owned(),
                    instance: None,
                    aliases: Vec::new(),
                },
                Process {
                    name: of("no"),
                    state: ProcessState::Stopped,
                    pid: None,
                    uptime: None,
                    detail: "Not started".to_owned(),
                    instance: None,
                    aliases: Vec::new(),
                },
            ]
        );
    }

    #[test]
    fn incomplete_description_names_the_missing_key() {
        let answer = read(include_bytes!(
            "../../tests/fixtures/supervisord/process-info.xml"
        ));
        assert_eq!(process(&answer).unwrap().pid, Some(17484));
        let lacking = |key: &str| {
            let mut info = Info::try_from_value(&answer).unwrap();
            info.remove(key);
            process(&Value::Struct(info.into_iter().collect()))
                .unwrap_err()
                .to_string()
        };
        for key in [
            "name",
            "group",
            "state",
            "start",
            "now",
            "pid",
            "spawnerr",
            "description",
        ] {
            assert_eq!(lacking(key), format!("a process without \"{key}\""));
        }
    }

    #[test]
    fn impossible_times_give_no_uptime() {
        let answer = read(include_bytes!(
            "../../tests/fixtures/supervisord/process-info.xml"
        ));
        let mut info = Info::try_from_value(&answer).unwrap();
        info.insert("now".to_owned(), Value::Long(i64::MIN));
        info.insert("start".to_owned(), Value::Long(i64::MAX));
        let process = process(&Value::Struct(info.into_iter().collect()));
        assert_eq!(process.unwrap().uptime, None);
    }

    #[test]
    fn responses_of_another_type_are_malformed() {
        for value in [Value::Boolean(true), Value::Array(vec![Value::Integer(1)])] {
            assert!(matches!(
                processes(&value),
                Err(CallError::Malformed { .. })
            ));
            assert!(matches!(process(&value), Err(CallError::Malformed { .. })));
        }
    }
}
