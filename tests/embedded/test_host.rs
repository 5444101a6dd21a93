//! A watchdog in a process of its own, for tests that kill it: this test binary, called again. What it
//! is to do is in its environment.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use httpok::supervisor::embedded::{Embedded, Forwarder, Program, become_subreaper, reap_orphans};
use tokio::signal::unix::{SignalKind, signal};

use super::{LIMIT, script, words};

const ROLE: &str = "HTTPOK_TEST_ROLE";
const SCRIPT: &str = "HTTPOK_TEST_SCRIPT";
/// Where a host leaves its notes.
pub const NOTES: &str = "notes";

/// A host that runs. It is killed when dropped.
pub struct Host(pub Child);

impl Host {
    /// Starts one in `role` for the script `text`, through `wrapper` if there is one.
    pub fn start(wrapper: &[&str], role: &str, text: &str, directory: &Path) -> Self {
        let ourselves = env::current_exe().unwrap();
        let mut command = match wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(ourselves);
                command
            }
            None => Command::new(ourselves),
        };
        command
            .args(["test_host::hosts", "--exact", "--ignored", "--nocapture"])
            .current_dir(directory)
            .env(ROLE, role)
            .env(SCRIPT, text)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Reads its output until a line that begins with `word`, and gives the rest of that line.
    pub fn says(&mut self, word: &str) -> String {
        let mut lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        loop {
            let line = lines.next().expect("a line").unwrap();
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// SIGKILL, and the end of it.
    pub fn kill(&mut self) -> ExitStatus {
        self.0.kill().unwrap();
        self.0.wait().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "not a test: what other tests start and kill"]
fn hosts() {
    let Ok(role) = env::var(ROLE) else {
        return;
    };
    let text = env::var(SCRIPT).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let code = runtime.block_on(async {
        match &*role {
            "supervise" => supervise(&text).await,
            "run" => run(&text).await,
            role => panic!("no role {role}"),
        }
    });
    std::process::exit(code);
}

/// Looks after one program, and remembers it, until it is killed.
async fn supervise(text: &str) -> i32 {
    let embedded = Embedded::noting(vec![script("web", text)], NOTES.into()).unwrap();
    embedded.begin(vec![]).await;
    std::future::pending().await
}

/// Runs one program in the foreground, and reaps its orphans.
async fn run(text: &str) -> i32 {
    become_subreaper().unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let forwarder = Forwarder::new().unwrap();
    let program = Program::foreground("web", words(&["sh", "-c", text]));
    let web = program.full_name();
    let embedded = Embedded::new(vec![program]);
    embedded.begin(vec![]).await;
    let pid = embedded.info(&web).unwrap().pid;
    println!("\npid {}", pid.unwrap_or_default());
    tokio::select! {
        code = embedded.over(&web) => code.unwrap(),
        _ = terminate.recv() => {
            embedded.shutdown(LIMIT).await;
            embedded.exit_code(&web).unwrap()
        }
        failed = forwarder.forward(&embedded, &web) => match failed {},
        failed = reap_orphans() => panic!("{failed:?}"),
    }
}
