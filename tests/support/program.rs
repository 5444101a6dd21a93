//! The program that is tested, as a child whose outputs are read all the time.

use std::io::Read;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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

/// A running program. It is killed with this value.
pub struct Program {
    child: Child,
    /// Its standard input, until it is closed.
    pub stdin: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
    /// Its standard output.
    pub out: Tap,
    /// Its standard error.
    pub err: Tap,
}

/// How one has ended.
pub struct End {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
    /// How long that took since the end was asked for.
    pub took: Duration,
}

impl Program {
    /// Starts `command`.
    pub fn start(command: &mut Command) -> Self {
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
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
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
        End {
            status,
            took,
            out: self.out.text(),
            err: self.err.text(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
