//! A real supervisord of its own for one test, in a directory of its own.
//!
//! ```ignore
//! let supervisord = Supervisord::with()
//!     .program("web", "command=sleep 1000")
//!     .listener("httpok", "command=/path/httpok -p web http://127.0.0.1:1/\nevents=TICK_5")
//!     .start();
//! assert_eq!(supervisord.state("web"), "RUNNING");
//! ```
//!
//! It is started from `.provision/venv`, answers on `supervisor.sock` in its directory (and on a free TCP
//! port when asked to), and is killed with everything it started when it is dropped. What a test asks it
//! through here does not go through any code of httpok.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::ports::free_port;
use super::wait_until;

/// Long enough for Python on a busy machine. Only a failing test waits for so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A file of the provisioned Python environment, such as `supervisord`.
pub fn provisioned(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(".provision/venv/bin")
        .join(name);
    assert!(
        path.exists(),
        "{name} is missing: run `make provision` first"
    );
    path
}

/// A supervisord to be started.
#[derive(Default)]
pub struct Builder {
    sections: String,
    inet: Option<(String, String)>,
    environment: Vec<(String, String)>,
}

impl Builder {
    /// Adds `[program:NAME]` with the lines of `text`. Its output goes to `NAME.out` and `NAME.err` in the
    /// directory unless `text` says otherwise, see [`Supervisord::stdout`].
    pub fn program(self, name: &str, text: &str) -> Self {
        self.logged("program", name, text)
    }

    /// Adds `[eventlistener:NAME]` with the lines of `text`, as [`Builder::program`] does.
    pub fn listener(self, name: &str, text: &str) -> Self {
        self.logged("eventlistener", name, text)
    }

    /// Adds any section, such as `("group:app", "programs=a,b")`.
    pub fn section(mut self, header: &str, text: &str) -> Self {
        self.sections += &format!("[{header}]\n{text}\n\n");
        self
    }

    /// Answers on TCP, too, on a free port of 127.0.0.1, to this user and password only.
    pub fn inet(mut self, username: &str, password: &str) -> Self {
        self.inet = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// Sets an environment variable of supervisord and so of all it starts.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn logged(self, kind: &str, name: &str, text: &str) -> Self {
        let mut text = text.trim_end().to_owned();
        for (key, ending) in [("stdout_logfile", "out"), ("stderr_logfile", "err")] {
            if !text.contains(&format!("{key}=")) {
                text += &format!("\n{key}=%(here)s/{name}.{ending}");
            }
        }
        self.section(&format!("{kind}:{name}"), &text)
    }

    /// Starts it and waits until it answers.
    pub fn start(self) -> Supervisord {
        // Between our finding a free port and its taking it someone else may: then once more.
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let port = self.inet.as_ref().map(|_| free_port());
            let configuration = dir.path().join("supervisord.conf");
            fs::write(configuration, self.configuration(port)).unwrap();
            let mut supervisord = Supervisord {
                child: None,
                orphans: Vec::new(),
                dir,
                inet: port.map(|port| format!("http://127.0.0.1:{port}")),
                environment: self.environment.clone(),
            };
            match supervisord.launch() {
                Ok(()) => return supervisord,
                Err(output) if output.contains("already listening") => {}
                Err(output) => panic!("supervisord does not start: {output}"),
            }
        }
        panic!("no free port for supervisord");
    }

    fn configuration(&self, port: Option<u16>) -> String {
        let mut text = String::from(
            "[supervisord]\n\
             nodaemon=true\n\
             logfile=%(here)s/supervisord.log\n\
             loglevel=debug\n\
             pidfile=%(here)s/supervisord.pid\n\
             childlogdir=%(here)s\n\
             \n\
             [unix_http_server]\n\
             file=%(here)s/supervisor.sock\n\
             \n\
             [rpcinterface:supervisor]\n\
             supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
             \n",
        );
        if let (Some((username, password)), Some(port)) = (&self.inet, port) {
            text += &format!(
                "[inet_http_server]\nport=127.0.0.1:{port}\nusername={username}\npassword={password}\n\n"
            );
        }
        text + &self.sections
    }
}

/// A running supervisord.
pub struct Supervisord {
    child: Option<Child>,
    /// What a crashed one left behind.
    orphans: Vec<u32>,
    dir: TempDir,
    inet: Option<String>,
    environment: Vec<(String, String)>,
}

impl Supervisord {
    /// One to be configured.
    pub fn with() -> Builder {
        Builder::default()
    }

    /// Its directory, where its configuration, socket and logs are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where it answers without a password, as `unix:///path`.
    pub fn url(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it answers with a password, as `http://127.0.0.1:port`.
    pub fn inet_url(&self) -> &str {
        self.inet.as_deref().expect("built without `inet`")
    }

    /// Its own log.
    pub fn log(&self) -> String {
        self.file("supervisord.log")
    }

    /// What the program or listener `name` wrote to its standard output so far.
    pub fn stdout(&self, name: &str) -> String {
        self.file(&format!("{name}.out"))
    }

    /// What the program or listener `name` wrote to its standard error so far.
    pub fn stderr(&self, name: &str) -> String {
        self.file(&format!("{name}.err"))
    }

    /// A file in its directory; empty while there is none.
    pub fn file(&self, name: &str) -> String {
        let bytes = fs::read(self.dir().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Does what an operator does with `supervisorctl`, and waits for its end.
    pub fn ctl(&self, arguments: &[&str]) -> Output {
        Command::new(provisioned("supervisorctl"))
            .args(["-s", &self.url()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The state of the process `namespec`, such as `RUNNING`.
    pub fn state(&self, namespec: &str) -> String {
        self.member(namespec, "statename")
    }

    /// The pid of the process `namespec`, 0 when it has none.
    pub fn pid(&self, namespec: &str) -> u32 {
        self.member(namespec, "pid").parse().unwrap()
    }

    /// Waits until the process `namespec` is in `state`.
    pub fn wait_for(&self, namespec: &str, state: &str) {
        let mut found = String::new();
        let mut reached = || {
            found = self.state(namespec);
            found == state
        };
        let what = format!("{namespec} is {state}");
        wait_until(&what, LIMIT, &mut reached);
    }

    /// The raw answer to a call; every parameter is a string. `None` while it cannot be reached.
    pub fn rpc(&self, method: &str, parameters: &[&str]) -> Option<String> {
        let parameters: String = parameters
            .iter()
            .map(|text| format!("<param><value><string>{text}</string></value></param>"))
            .collect();
        let body = format!(
            "<?xml version='1.0'?><methodCall><methodName>{method}</methodName>\
             <params>{parameters}</params></methodCall>"
        );
        let request = format!(
            "POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer).filter(|answer| !answer.is_empty())
    }

    /// Asks it to end in order, and waits until it has.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        if let Some(mut child) = self.child.take() {
            let mut ended = || child.try_wait().unwrap().is_some();
            wait_until("supervisord has ended", LIMIT, &mut ended);
        }
    }

    /// Sends supervisord itself a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill(pid_of(child.id()), signal).unwrap();
        }
    }

    /// Kills supervisord alone. What it started lives on, until this is dropped.
    pub fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Stopped while its children are counted, lest it starts more of them.
            let _ = kill(pid_of(child.id()), Signal::SIGSTOP);
            self.orphans.extend(descendants(child.id()));
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Kills it and everything it started, at once.
    pub fn kill(&mut self) {
        // supervisord first, lest it starts again what dies.
        self.crash();
        for pid in self.orphans.drain(..) {
            // Its programs lead groups of their own.
            let _ = killpg(pid_of(pid), Signal::SIGKILL);
            let _ = kill(pid_of(pid), Signal::SIGKILL);
        }
    }

    /// Starts it again with the same configuration, after [`Supervisord::stop`] or
    /// [`Supervisord::crash`] or in place of the running one, and waits until it answers.
    pub fn restart(&mut self) {
        self.crash();
        if let Err(output) = self.launch() {
            panic!("supervisord does not start again: {output}");
        }
    }

    /// Starts it and waits until it answers; when it ends instead, what it said.
    fn launch(&mut self) -> Result<(), String> {
        let output = File::create(self.dir().join("output")).unwrap();
        let mut command = Command::new(provisioned("supervisord"));
        command
            .arg("-n")
            .arg("-c")
            .arg(self.dir().join("supervisord.conf"))
            .current_dir(self.dir())
            // what a watchdog under it writes stays here, whoever runs the tests
            .env("STATE_DIRECTORY", self.dir().join("state"))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0);
        // The test itself may run under a supervisord.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPERVISOR_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().unwrap();
        let mut ended = false;
        wait_until("supervisord answers", LIMIT, || {
            ended = child.try_wait().unwrap().is_some();
            let answer = self.rpc("supervisor.getState", &[]);
            ended || answer.is_some_and(|answer| answer.contains("RUNNING"))
        });
        if ended {
            return Err(self.file("output"));
        }
        self.child = Some(child);
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.dir().join("supervisor.sock")
    }

    /// One member of a process's description.
    fn member(&self, namespec: &str, member: &str) -> String {
        let answer = self
            .rpc("supervisor.getProcessInfo", &[namespec])
            .expect("supervisord cannot be reached");
        let value = answer
            .split_once(&format!("<name>{member}</name>\n<value>"))
            .unwrap_or_else(|| panic!("no {member} of {namespec}: {answer}"))
            .1;
        let end = value.find("</value>").unwrap();
        let typed = &value[..end];
        let start = typed.find('>').unwrap() + 1;
        typed[start..typed.rfind('<').unwrap()].to_owned()
    }
}

impl Drop for Supervisord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("supervisord's log:\n{}", self.log());
        }
        self.kill();
    }
}

/// A TCP port of 127.0.0.1 that nobody listens on.
/// All processes below `pid`.
fn descendants(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children: Vec<u32> = fs::read_to_string(path)
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect();
    let below = children.iter().flat_map(|&child| descendants(child));
    below.chain(children.iter().copied()).collect()
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}
