//! The stage for `httpok watch` with programs of its own: a directory with the configuration file, and the
//! service that its checks ask. A program says its pid whenever it is started, in `NAME.lives`. What lives
//! on is killed with the stage.

use std::fs;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::lives;
use crate::program::{End, LIMIT, Program};
use crate::site::{Answer, Site, says};
use crate::support::wait_until;

/// Quick checks, one try each, as often as it takes.
pub const QUICK: &str = r#"
state_dir = "state"
panic_threshold = false
max_restarts = false
[defaults]
every = "100ms"
timeout = "300ms"
fail_after = 2
grace = 0
restarts = false
backoff = { min = "300ms", max = "300ms" }
"#;

pub struct Stage {
    dir: TempDir,
    pub site: Site,
}

impl Stage {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            site: Site::start(),
        }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What is in a file of the stage; nothing when there is none.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    /// Writes the configuration file: `parts`, with `URL` for the service's origin.
    pub fn configure(&self, parts: &[&str]) {
        let text = parts.concat().replace("URL", &self.site.origin());
        fs::write(self.dir().join("httpok.toml"), text).unwrap();
    }

    /// The pids of a program's processes so far.
    pub fn pids(&self, name: &str) -> Vec<u32> {
        let lives = self.file(&format!("{name}.lives"));
        lives.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Waits until a program was started so often, and gives its last pid.
    pub fn started(&self, name: &str, times: usize) -> u32 {
        wait_until(&format!("{name} was started {times} times"), LIMIT, || {
            self.pids(name).len() >= times
        });
        *self.pids(name).last().unwrap()
    }

    /// `/NAME` is answered with `ill` until the program was started so often, and well then.
    pub fn ill_until(&self, name: &str, times: usize, ill: Answer) {
        let file = self.dir().join(format!("{name}.lives"));
        self.site.answer(&format!("/{name}"), move || {
            let lives = fs::read_to_string(&file).unwrap_or_default();
            match lives.lines().count() < times {
                true => ill.clone(),
                false => says("200 OK", "all fine"),
            }
        });
    }

    /// `httpok` with these arguments.
    pub fn httpok(&self, args: &[&str]) -> Command {
        self.behind(&[], args)
    }

    /// The same, run by `wrapper`.
    pub fn behind(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let args = [wrapper, &[env!("CARGO_BIN_EXE_httpok")], args].concat();
        let mut command = Command::new(args[0]);
        command.args(&args[1..]).current_dir(self.dir());
        // the test itself may run under a supervisord
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPERVISOR_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Starts the watchdog with the configuration file.
    pub fn watch(&self) -> Program {
        Program::start(&mut self.httpok(&["watch", "--config", "httpok.toml"]))
    }

    /// Runs `httpok` with these arguments to its end.
    pub fn run(&self, args: &[&str]) -> End {
        Program::start(&mut self.httpok(args)).wait()
    }

    /// What `httpok status --json` says, when it says something.
    pub fn status(&self) -> Option<serde_json::Value> {
        let end = self.run(&["status", "--json", "--config", "httpok.toml"]);
        serde_json::from_str(&end.out).ok()
    }

    /// Whether the watchdog shows `name` RUNNING as process `pid`.
    pub fn shows_running(&self, name: &str, pid: u32) -> bool {
        let Some(status) = self.status() else {
            return false;
        };
        let programs = status["programs"].as_array().cloned().unwrap_or_default();
        programs.iter().any(|program| {
            program["name"]["name"] == name
                && program["state"] == "RUNNING"
                && program["pid"] == pid
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let Ok(files) = fs::read_dir(self.dir()) else {
            return;
        };
        for file in files.flatten() {
            let name = file.file_name().into_string().unwrap_or_default();
            let Some(name) = name.strip_suffix(".lives") else {
                continue;
            };
            // where it runs tells it from another that got its number
            let ours = |pid: &u32| {
                fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == self.dir())
            };
            for pid in self.pids(name).into_iter().filter(ours) {
                let _ = killpg(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
    }
}

/// `[[program]]` and its `[[check]]` at `/NAME`, with more `keys` for each. It does `script` and then
/// nothing, silently.
pub fn watched(name: &str, script: &str, program: &str, check: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nurl = \"URL/{name}\"\nrestart = \"program/{name}\"\n{check}\n{}",
        unwatched(name, script, program)
    )
}

/// The same without the check.
pub fn unwatched(name: &str, script: &str, keys: &str) -> String {
    let output = match keys.contains("stdout") {
        true => "",
        false => "stdout_logfile = \"NONE\"\nredirect_stderr = true\n",
    };
    let seconds = match keys.contains("startsecs") {
        true => "",
        false => "startsecs = 0\n",
    };
    format!(
        "[[program]]\nname = \"{name}\"\n\
         command = ['sh', '-c', '''echo $$ >> {name}.lives; {script}; exec sleep 1000''']\n\
         {output}{seconds}{keys}\n"
    )
}

/// A script that ends slowly when it is asked to.
pub fn ends_after(seconds: &str) -> String {
    format!("trap \"sleep {seconds}; exit\" TERM; while :; do sleep 0.02; done")
}

/// Waits until process `pid` is gone.
pub fn is_gone(pid: u32) {
    wait_until(&format!("{pid} is gone"), LIMIT, || !lives(pid));
}
