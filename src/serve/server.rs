//! The listeners that run: bound at the start, kept or replaced when the configuration is read again.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::http::{self, App, ServerSettings};
use super::hub::Source;
use super::listener::{ServeListener, accept};
use super::spec::ServeAddress;
use super::tls::ServeSetup;
use super::{agent, line};

/// Everything that is served. Nothing is served any more when it is dropped.
#[derive(Debug)]
pub struct Server {
    app: App,
    source: Source,
    http: Slot,
    line: Slot,
    agent: Slot,
}

/// One listener, if there is one.
#[derive(Debug, Default)]
struct Slot {
    running: Option<RunningServer>,
}

#[derive(Debug)]
struct RunningServer {
    /// As configured.
    address: ServeAddress,
    task: JoinHandle<()>,
    setup: ServerTls,
}

type ServerTls = Arc<std::sync::Mutex<Option<Arc<rustls::ServerConfig>>>>;

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.task.abort();
        if let ServeAddress::Unix(path) = &self.address {
            // somebody else may have removed it
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Server {
    /// Binds everything that `setup` asks for. Needs a runtime.
    ///
    /// # Errors
    /// Names the first address that cannot be had, and why.
    pub fn start(setup: ServeSetup, source: Source) -> Result<Self, String> {
        let mut server = Self {
            app: App::new(source.clone(), ServerSettings::new(setup.spec.clone())),
            source,
            http: Slot::default(),
            line: Slot::default(),
            agent: Slot::default(),
        };
        match server.bind(&setup).into_iter().next() {
            Some(why) => Err(why),
            None => Ok(server),
        }
    }

    /// Takes a new setup. An address that cannot be had leaves the old listener where it is; returns why, for each.
    pub fn change(&mut self, setup: ServeSetup) -> Vec<String> {
        self.app
            .set_settings(ServerSettings::new(setup.spec.clone()));
        self.bind(&setup)
    }

    fn bind(&mut self, setup: &ServeSetup) -> Vec<String> {
        let (app, source) = (&self.app, &self.source);
        let http = self.http.set(setup.spec.listen.as_ref(), |listener, tls| {
            let app = app.clone();
            tokio::spawn(accept(listener, http::CLIENTS, move |stream, busy| {
                let tls = guard(&tls).clone();
                http::talk(stream, tls, app.clone(), busy)
            }))
        });
        if let Some(running) = &self.http.running {
            *guard(&running.setup) = setup.tls.clone();
        }
        let line = self.line.set(setup.spec.line.as_ref(), |listener, _| {
            let source = source.clone();
            tokio::spawn(accept(listener, line::CLIENTS, move |stream, busy| {
                line::talk(stream, source.clone(), busy)
            }))
        });
        let agent = self.agent.set(setup.spec.agent.as_ref(), |listener, _| {
            let source = source.clone();
            tokio::spawn(accept(listener, agent::CLIENTS, move |stream, busy| {
                agent::talk(stream, source.clone(), busy)
            }))
        });
        let scheme = if setup.tls.is_some() { "https" } else { "http" };
        let mut faults = Vec::new();
        for (what, result) in [
            (scheme, http),
            ("line protocol", line),
            ("agent-check", agent),
        ] {
            match result {
                Ok(Some(address)) => tracing::info!("serving {what} on {address}"),
                Ok(None) => {}
                Err(why) => faults.push(why),
            }
        }
        faults
    }
}

impl Slot {
    /// Listens at `address`, or not at all. Returns where, when that is new.
    fn set(
        &mut self,
        address: Option<&ServeAddress>,
        run: impl FnOnce(ServeListener, ServerTls) -> JoinHandle<()>,
    ) -> Result<Option<ServeAddress>, String> {
        let Some(address) = address else {
            self.running = None;
            return Ok(None);
        };
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.address == *address)
        {
            return Ok(None);
        }
        let listener = ServeListener::bind(address)?;
        let bound = listener.address().unwrap_or_else(|| address.clone());
        let setup = ServerTls::default();
        self.running = Some(RunningServer {
            address: address.clone(),
            task: run(listener, Arc::clone(&setup)),
            setup,
        });
        Ok(Some(bound))
    }
}

/// What is behind the lock is whole after every statement.
fn guard<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
