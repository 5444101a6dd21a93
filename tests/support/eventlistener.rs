//! A program run as an event listener, by a supervisord that forgives nothing: each byte that it writes must
//! be the one that the protocol wants at that time.

use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;

use crate::program::{End, LIMIT, Program, Tap};

/// A running event listener.
pub struct EventListener {
    program: Program,
    /// Its standard error.
    pub err: Tap,
    events: usize,
}

impl EventListener {
    /// Starts `command` and waits until it is READY.
    pub fn start(command: &mut Command) -> Self {
        let program = Program::start(command);
        let listener = Self {
            err: program.err.clone(),
            program,
            events: 0,
        };
        listener.in_protocol(0);
        listener
    }

    /// Sends a fresh tick and waits for its acknowledgement.
    pub fn tick(&mut self) {
        // a second ahead, lest it looks older than what was done within this second
        self.event("TICK_5", &format!("when:{}", now() + 1));
    }

    /// Sends an event and waits for its acknowledgement.
    pub fn event(&mut self, name: &str, payload: &str) {
        let event = event(name, payload, payload.chars().count());
        self.raw(event.as_bytes(), 1);
    }

    /// Sends these bytes, which are so many events, and waits for their acknowledgements.
    pub fn raw(&mut self, bytes: &[u8], events: usize) {
        let stdin = self.program.stdin.as_mut().expect("not closed yet");
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
        self.events += events;
        self.in_protocol(self.events);
    }

    /// Ticks now and then until `done`.
    pub fn tick_until(&mut self, what: &str, mut done: impl FnMut() -> bool) {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.tick();
            let next = Instant::now() + Duration::from_millis(200);
            while Instant::now() < next {
                if done() {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
            assert!(
                Instant::now() < deadline,
                "not in time: {what}: {}",
                self.err.text()
            );
        }
    }

    /// Asserts that it wrote what supervisord expects of a listener that has acknowledged so many events,
    /// and waits for the rest of it.
    fn in_protocol(&self, events: usize) {
        let expected = protocol(events);
        let found = self.program.out.wait("what the protocol wants", |text| {
            text.len() >= expected.len() || !expected.starts_with(text)
        });
        assert_eq!(
            found,
            expected,
            "supervisord gives it up; it says: {}",
            self.err.text()
        );
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    /// Closes its standard input, as a supervisord that ends does, and waits for its end.
    pub fn close(mut self) -> End {
        drop(self.program.stdin.take());
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(self) -> End {
        let end = self.program.wait();
        // not a byte more than the protocol wants, to its very end
        assert_eq!(end.out, protocol(self.events));
        end
    }
}

/// All that a listener writes which has acknowledged so many events.
fn protocol(events: usize) -> String {
    format!("READY\n{}", "RESULT 2\nOKREADY\n".repeat(events))
}

/// An event as supervisord writes it, with any `len`.
pub fn event(name: &str, payload: &str, len: usize) -> String {
    format!(
        "ver:3.0 server:supervisor serial:7 pool:httpok poolserial:7 eventname:{name} len:{len}\n{payload}"
    )
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs()
}
