//! A scripted supervisord for one test: its RPC over a Unix socket and over TCP with a table of processes that
//! changes as supervisord's would, and its side of the event listener protocol, which forgives nothing.
//!
//! Every call is written down. For each method the test can order mishaps, used up call by call, and things that
//! happen just before it is answered, which is how races are played.

#[path = "scripted/wire.rs"]
mod wire;

use std::collections::{HashMap, VecDeque};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use wire::{Reply, between, fault, info, request, status, unescaped, xml};

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// A fault, and nothing is done.
    Fault(i64, &'static str),
    /// Another HTTP status than 200, and nothing is done.
    Status(u16),
    /// What was asked is done, and answered with this HTTP status.
    StatusAfter(u16),
    /// The connection is cut, and nothing is done.
    DropBefore,
    /// What was asked is done, and the connection is cut.
    DropAfter,
    /// A stop begins and takes so long, but the connection is cut at once.
    DropWhile(Duration),
    /// The connection is cut at once, and what was asked is done so much later, whatever happened in between.
    DropLate(Duration),
    /// Nothing is done and nothing is answered until the client goes.
    Hang,
    /// What was asked is done so much later, and then answered.
    Slow(Duration),
    /// Something that is no XML, and nothing is done.
    Garbage,
    /// Something that is no HTTP, and nothing is done.
    NoHttp,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// `list`, `info`, `stop`, `start`, or the whole name of another method.
    pub method: String,
    /// The process, where the method names one.
    pub process: String,
    /// When it came.
    pub at: Instant,
    /// The whole head of its request.
    pub head: String,
}

/// A process in the table.
#[derive(Clone, Debug)]
pub struct Entry {
    pub group: String,
    pub name: String,
    pub state: &'static str,
    pub pid: u32,
    /// When it was started, in seconds since the epoch; 0 when it never was.
    pub start: u64,
}

type Before = Box<dyn FnOnce(&mut Vec<Entry>) + Send>;

#[derive(Default)]
struct Table {
    processes: Vec<Entry>,
    calls: Vec<Call>,
    mishaps: HashMap<String, VecDeque<Mishap>>,
    before: HashMap<String, VecDeque<Before>>,
    credentials: Option<String>,
    shutdown: bool,
    pids: u32,
}

/// A running one. It listens for as long as the test runs.
pub struct Scripted {
    table: Arc<Mutex<Table>>,
    dir: TempDir,
    tcp: SocketAddr,
}

const CODES: [(&str, i64); 8] = [
    ("STOPPED", 0),
    ("STARTING", 10),
    ("RUNNING", 20),
    ("BACKOFF", 30),
    ("STOPPING", 40),
    ("EXITED", 100),
    ("FATAL", 200),
    ("UNKNOWN", 1000),
];

impl Scripted {
    /// One with these processes, such as `web=RUNNING app:a=STOPPED`.
    pub fn with(processes: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let table = Arc::new(Mutex::new(Table {
            pids: 5000,
            ..Table::default()
        }));
        let unix = UnixListener::bind(dir.path().join("s")).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let scripted = Self {
            tcp: tcp.local_addr().unwrap(),
            dir,
            table,
        };
        for process in processes.split_whitespace() {
            let (name, state) = process.split_once('=').unwrap();
            scripted.add(name, state);
        }
        let shared = Arc::clone(&scripted.table);
        thread::spawn(move || {
            for stream in unix.incoming().map_while(Result::ok) {
                let reader = stream.try_clone().unwrap();
                let table = Arc::clone(&shared);
                thread::spawn(move || serve(&table, reader, stream));
            }
        });
        let shared = Arc::clone(&scripted.table);
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                let reader = stream.try_clone().unwrap();
                let table = Arc::clone(&shared);
                thread::spawn(move || serve(&table, reader, stream));
            }
        });
        scripted
    }

    /// Adds a process that was started ten minutes ago, or never.
    pub fn add(&self, namespec: &str, state: &str) {
        let (group, name) = namespec.split_once(':').unwrap_or((namespec, namespec));
        let state = known(state);
        let mut table = self.table();
        table.pids += 1;
        let pid = if alive(state) { table.pids } else { 0 };
        table.processes.push(Entry {
            group: group.to_owned(),
            name: name.to_owned(),
            state,
            pid,
            start: if alive(state) { now() - 600 } else { 0 },
        });
        table
            .processes
            .sort_by(|a, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    }

    /// Its Unix socket.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Its TCP port.
    pub fn tcp_url(&self) -> String {
        format!("http://{}", self.tcp)
    }

    /// Where its Unix socket is.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// From now on it wants this `Authorization` header.
    pub fn want(&self, authorization: &str) {
        self.table().credentials = Some(authorization.to_owned());
    }

    /// The next call of `method` that has no mishap yet has this one.
    pub fn mishap(&self, method: &str, mishap: Mishap) {
        let mut table = self.table();
        let mishaps = table.mishaps.entry(method.to_owned()).or_default();
        mishaps.push_back(mishap);
    }

    /// Does this just before the next call of `method` is answered; the nth order is for the nth call.
    pub fn before(&self, method: &str, deed: impl FnOnce(&mut Vec<Entry>) + Send + 'static) {
        let mut table = self.table();
        let before = table.before.entry(method.to_owned()).or_default();
        before.push_back(Box::new(deed));
    }

    /// From now on (or no longer) every call has the fault of a supervisord that shuts down.
    pub fn shut_down(&self, shutdown: bool) {
        self.table().shutdown = shutdown;
    }

    /// Changes the table, as an operator or the process itself may.
    pub fn change(&self, deed: impl FnOnce(&mut Vec<Entry>)) {
        deed(&mut self.table().processes);
    }

    /// The state of a process.
    pub fn state(&self, namespec: &str) -> &'static str {
        let mut table = self.table();
        find(&mut table.processes, namespec).unwrap().state
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.table().calls.clone()
    }

    /// How often `method` was called.
    pub fn count(&self, method: &str) -> usize {
        let calls = self.calls();
        calls.iter().filter(|call| call.method == method).count()
    }

    /// What was stopped and started, in order: `stop web, start web`.
    pub fn actions(&self) -> String {
        let actions = self.calls().into_iter().filter_map(|call| {
            let deed = matches!(call.method.as_str(), "stop" | "start" | "signal");
            deed.then(|| format!("{} {}", call.method, call.process))
        });
        actions.collect::<Vec<_>>().join(", ")
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap()
    }
}

/// Changes the state of a process in the table, with all that goes with it.
pub fn set(processes: &mut [Entry], namespec: &str, state: &str) {
    let highest = processes.iter().map(|entry| entry.pid).max().unwrap_or(0);
    let entry = find(processes, namespec).unwrap();
    entry.state = known(state);
    if !alive(entry.state) {
        entry.pid = 0;
    } else {
        entry.pid = highest + 100;
        entry.start = now();
    }
}

fn find<'a>(processes: &'a mut [Entry], namespec: &str) -> Option<&'a mut Entry> {
    let (group, name) = namespec.split_once(':').unwrap_or((namespec, namespec));
    let mut processes = processes.iter_mut();
    processes.find(|entry| entry.group == group && entry.name == name)
}

fn known(state: &str) -> &'static str {
    let known = CODES.iter().find(|(name, _)| *name == state);
    known.unwrap_or_else(|| panic!("no state {state}")).0
}

fn alive(state: &str) -> bool {
    matches!(state, "STARTING" | "RUNNING" | "STOPPING")
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_secs()
}

/// One connection: requests until the client goes or a mishap ends it.
fn serve(table: &Arc<Mutex<Table>>, reader: impl Read, mut stream: impl Write) {
    let mut reader = BufReader::new(reader);
    while let Some((head, body)) = request(&mut reader) {
        let Some(answer) = answer(table, &head, &body) else {
            return;
        };
        match answer {
            Reply::Bytes(bytes) => {
                if stream
                    .write_all(&bytes)
                    .and_then(|()| stream.flush())
                    .is_err()
                {
                    return;
                }
            }
            Reply::Last(bytes) => {
                let _ = stream.write_all(&bytes);
                return;
            }
            Reply::Silence => {
                let _ = reader.read(&mut [0; 1]);
                return;
            }
        }
    }
}

/// The answer to one call; `None` cuts the connection.
fn answer(table: &Arc<Mutex<Table>>, head: &str, body: &str) -> Option<Reply> {
    let method = between(body, "<methodName>", "</methodName>").expect("a method");
    let process = unescaped(between(body, "<string>", "</string>").unwrap_or_default());
    let method = match method {
        "supervisor.getAllProcessInfo" => "list",
        "supervisor.getProcessInfo" => "info",
        "supervisor.stopProcess" => "stop",
        "supervisor.startProcess" => "start",
        other => other,
    };
    let (mishap, refused) = {
        let mut table = table.lock().unwrap();
        table.calls.push(Call {
            method: method.to_owned(),
            process: process.clone(),
            at: Instant::now(),
            head: head.to_owned(),
        });
        let before = table.before.get_mut(method).and_then(VecDeque::pop_front);
        if let Some(before) = before {
            before(&mut table.processes);
        }
        let mishap = table.mishaps.get_mut(method).and_then(VecDeque::pop_front);
        let wanted = table.credentials.as_ref();
        let refused = wanted.is_some_and(|wanted| {
            let line = format!("authorization: {}\r\n", wanted.to_lowercase());
            !head.to_lowercase().contains(&line)
        });
        (mishap, refused)
    };
    if refused {
        return Some(status(401));
    }
    let done = || xml(perform(&mut table.lock().unwrap(), method, &process));
    Some(match mishap {
        None => done(),
        Some(Mishap::Fault(code, text)) => xml(fault(code, text)),
        Some(Mishap::Status(code)) => status(code),
        Some(Mishap::StatusAfter(code)) => {
            done();
            status(code)
        }
        Some(Mishap::DropBefore) => return None,
        Some(Mishap::DropAfter) => {
            done();
            return None;
        }
        Some(Mishap::DropWhile(span)) => {
            let mut stopping = table.lock().unwrap();
            find(&mut stopping.processes, &process).unwrap().state = "STOPPING";
            drop(stopping);
            let table = Arc::clone(table);
            thread::spawn(move || {
                thread::sleep(span);
                let mut table = table.lock().unwrap();
                let entry = find(&mut table.processes, &process).unwrap();
                (entry.state, entry.pid) = ("STOPPED", 0);
            });
            return None;
        }
        Some(Mishap::DropLate(span)) => {
            let (table, method) = (Arc::clone(table), method.to_owned());
            thread::spawn(move || {
                thread::sleep(span);
                perform(&mut table.lock().unwrap(), &method, &process);
            });
            return None;
        }
        Some(Mishap::Hang) => Reply::Silence,
        Some(Mishap::Slow(span)) => {
            thread::sleep(span);
            done()
        }
        Some(Mishap::Garbage) => xml("<html>It works!</html>".to_owned()),
        Some(Mishap::NoHttp) => Reply::Last(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()),
    })
}

/// What supervisord does, and the value or the fault that it answers.
fn perform(table: &mut Table, method: &str, namespec: &str) -> String {
    const RUNNING: [&str; 3] = ["STARTING", "RUNNING", "BACKOFF"];
    if table.shutdown {
        return fault(6, "SHUTDOWN_STATE");
    }
    if method == "list" {
        let infos: String = table.processes.iter().map(info).collect();
        return format!("<array><data>\n{infos}</data></array>");
    }
    let Some(entry) = find(&mut table.processes, namespec) else {
        return fault(10, &format!("BAD_NAME: {namespec}"));
    };
    match method {
        "info" => {
            let info = info(entry);
            between(&info, "<value>", "</value>\n\n")
                .unwrap()
                .to_owned()
        }
        "stop" if !RUNNING.contains(&entry.state) => fault(70, &format!("NOT_RUNNING: {namespec}")),
        "stop" => {
            (entry.state, entry.pid) = ("STOPPED", 0);
            "<boolean>1</boolean>".to_owned()
        }
        "start" if RUNNING.contains(&entry.state) => {
            fault(60, &format!("ALREADY_STARTED: {namespec}"))
        }
        // it is not checked for, and what comes of it is no process
        "start" if entry.state == "STOPPING" => {
            fault(40, &format!("ABNORMAL_TERMINATION: {namespec}"))
        }
        "start" => {
            table.pids += 1000;
            (entry.state, entry.pid, entry.start) = ("RUNNING", table.pids, now());
            "<boolean>1</boolean>".to_owned()
        }
        other => fault(1, &format!("UNKNOWN_METHOD: {other}")),
    }
}
