//! An init script for any number of services, each a process with a pid file, and the ways in which it can go wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::alive;

/// `init NAME ACTION`. A file `hang-ACTION`, `fail-ACTION` or `lie-ACTION` beside it makes that go wrong.
const INIT: &str = r#"#!/bin/sh
here=$(dirname "$0")
name=$1
file=$here/$name.pid
if test -e "$here/hang-$2"; then echo $$ >>"$here/hung"; sleep 1000; fi
if test -e "$here/fail-$2"; then echo "$2" >>"$here/failed"; echo "$2: no such luck" >&2; exit 1; fi
if test -e "$here/lie-$2"; then exit 0; fi
alive() {
    test -e "$file" && read -r pid <"$file" && read -r stat 2>/dev/null <"/proc/$pid/stat" || return 1
    case $stat in *") Z "*) return 1;; esac
}
case $2 in
status)
    alive && { echo " * status: started"; exit 0; }
    test -e "$file" && exit 1
    exit 3;;
stop)
    alive || exit 0
    test -e "$here/slow-stop" && { touch "$here/asked"; sleep 2; }
    kill "$pid"
    while alive; do sleep 0.02; done
    rm "$file";;
start)
    alive && exit 0
    test -e "$here/deaf" && trap '' TERM
    setsid sh -c 'echo $$ >"$1"; date +%s%3N >>"$2"; test -e "$3" && exit 3
        test -e "$4" && { trap "echo asked >>$4" USR1; while :; do sleep 0.05; done; }; exec sleep 1000' sh \
        "$file" "$here/lives" "$here/crash" "$here/dumps" </dev/null >/dev/null 2>&1 &
    while ! test -e "$file"; do sleep 0.02; done;;
esac
"#;

/// The script, in a directory. What it has started is killed with this value.
pub struct Script {
    dir: PathBuf,
}

impl Script {
    pub fn new(dir: &Path) -> Self {
        let script = Self {
            dir: dir.to_owned(),
        };
        script.install();
        script
    }

    pub fn path(&self) -> String {
        self.dir.join("init").to_str().unwrap().to_owned()
    }

    /// Puts it there, again.
    pub fn install(&self) {
        // written elsewhere first: a file that is being written cannot be run
        let draft = self.dir.join("init.new");
        fs::write(&draft, INIT).unwrap();
        fs::set_permissions(&draft, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(&draft, self.path()).unwrap();
    }

    /// Takes it away.
    pub fn remove(&self) {
        fs::remove_file(self.path()).unwrap();
    }

    /// From now on something goes wrong.
    pub fn spoil(&self, what: &str) {
        fs::write(self.dir.join(what), "").unwrap();
    }

    /// It does not any more.
    pub fn mend(&self, what: &str) {
        fs::remove_file(self.dir.join(what)).unwrap();
    }

    /// What a file beside it holds.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.join(name)).unwrap_or_default()
    }

    /// How often an action has failed.
    pub fn failures(&self, action: &str) -> usize {
        let failed = self.file("failed");
        failed.lines().filter(|line| *line == action).count()
    }

    /// The pid of the service `name`.
    pub fn pid(&self, name: &str) -> Option<u32> {
        self.file(&format!("{name}.pid")).trim().parse().ok()
    }

    pub fn is_alive(&self, name: &str) -> bool {
        self.pid(name).is_some_and(alive)
    }

    /// Runs it, as an operator would.
    pub fn run(&self, name: &str, action: &str) {
        // by its shell: a child that another test is just starting may hold a copy of the descriptor that wrote it
        let mut command = std::process::Command::new("/bin/sh");
        command.arg(self.path()).args([name, action]);
        assert!(command.status().unwrap().success());
    }

    /// `[supervisor.command]` with it.
    pub fn section(&self) -> String {
        let path = self.path();
        let pidfile = self.dir.join("{name}.pid");
        format!(
            "[supervisor.command]\nstatus = [{path:?}, \"{{name}}\", \"status\"]\n\
             stop = \"{path} {{name}} stop\"\nstart = [{path:?}, \"{{name}}\", \"start\"]\n\
             pidfile = {pidfile:?}\ntimeout = \"5s\"\n"
        )
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.dir).unwrap().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".pid")) else {
                continue;
            };
            if let Some(pid) = self.pid(name) {
                let _ = kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL);
            }
        }
    }
}
