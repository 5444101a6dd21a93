//! A program run as an event listener, by a supervisord that forgives nothing: each byte that it writes must
//! be the one that the protocol wants at that time.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Long enough for anything on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What a pipe has brought so far.
#[derive(Clone, Default)]
pub struct Tap(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Tap {
    fn of(mut pipe: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let tap = Self::default();
        let writer = tap.clone();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                writer
                    .0
                    .0
                    .lock()
                    .unwrap()
                    .extend_from_slice(&chunk[..count]);
                writer.0.1.notify_all();
            }
        });
        (tap, reader)
    }

    /// All of it, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.0.lock().unwrap()).into_owned()
    }

    /// Waits until what came is to the test's taste, and returns it.
    pub fn wait(&self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        let mut bytes = self.0.0.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if enough(&text) {
                return text;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not in time: {what}; so far {text:?}");
            bytes = self.0.1.wait_timeout(bytes, left).unwrap().0;
        }
    }
}

/// A running event listener.
pub struct EventListener {
    child: Child,
    stdin: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
    /// Its standard output: the protocol.
    pub out: Tap,
    /// Its standard error.
    pub err: Tap,
    events: usize,
}

/// How one has ended.
pub struct End {
    pub status: ExitStatus,
    pub err: String,
    pub took: Duration,
}

impl EventListener {
    /// Starts `command` and waits until it is READY.
    pub fn start(command: &mut Command) -> Self {
        let listener = Self::spawn(command);
        listener.in_protocol(0);
        listener
    }

    /// Starts `command`, whatever it does then.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, out_reader) = Tap::of(child.stdout.take().unwrap());
        let (err, err_reader) = Tap::of(child.stderr.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            readers: vec![out_reader, err_reader],
            out,
            err,
            events: 0,
        }
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
        let stdin = self.stdin.as_mut().expect("not closed yet");
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
        let expected = format!("READY\n{}", "RESULT 2\nOKREADY\n".repeat(events));
        let found = self.out.wait("what the protocol wants", |text| {
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
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Closes its standard input, as a supervisord that ends does, and waits for its end.
    pub fn close(mut self) -> End {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> End {
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let text = self.err.text();
            assert!(asked.elapsed() < LIMIT, "it does not end; it says: {text}");
            thread::sleep(Duration::from_millis(5));
        };
        let took = asked.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        // not a byte more than the protocol wants, to its very end
        self.in_protocol(self.events);
        End {
            status,
            took,
            err: self.err.text(),
        }
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
