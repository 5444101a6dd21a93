//! The stage for one watchdog: a supervisord with programs that count their lives, the watched service, a
//! configuration file.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::Program;
use crate::site::{Answer, Site, says};
use crate::support::supervisord::Supervisord;

pub struct Stage {
    pub supervisord: Supervisord,
    pub site: Site,
}

impl Stage {
    /// With these programs, which are RUNNING as soon as they are started.
    pub fn with(programs: &[&str]) -> Self {
        let mut builder = Supervisord::with();
        for name in programs {
            let text = "command=/bin/sh -c \"echo up >> %(here)s/%(program_name)s.lives; exec sleep 1000\"\n\
                        startsecs=0";
            builder = builder.program(name, text);
        }
        let stage = Self {
            supervisord: builder.start(),
            site: Site::start(),
        };
        for name in programs {
            stage.supervisord.wait_for(name, "RUNNING");
        }
        stage
    }

    pub fn dir(&self) -> &Path {
        self.supervisord.dir()
    }

    /// How often the program was started.
    pub fn lives(&self, name: &str) -> usize {
        self.supervisord
            .file(&format!("{name}.lives"))
            .lines()
            .count()
    }

    /// `/NAME` is answered with `ill` until the program has had so many lives, and well then.
    pub fn ill_until(&self, name: &str, lives: usize, ill: Answer) {
        let file = self.dir().join(format!("{name}.lives"));
        self.site.answer(&format!("/{name}"), move || {
            let had = fs::read_to_string(&file)
                .unwrap_or_default()
                .lines()
                .count();
            if had < lives {
                ill.clone()
            } else {
                says("200 OK", "all fine")
            }
        });
    }

    /// Writes the configuration file: `text`, with `URL` for the service's origin, and where supervisord is.
    pub fn configure(&self, text: &str) {
        let text = text.replace("URL", &self.site.origin());
        let rest = format!(
            "\n[supervisor.supervisord]\nurl = \"{}\"\n",
            self.supervisord.url()
        );
        fs::write(self.dir().join("httpok.toml"), text + &rest).unwrap();
    }

    /// `httpok watch` with these words.
    pub fn httpok(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
        let words = words
            .iter()
            .map(|word| word.replace("URL", &self.site.origin()));
        // the test itself may run under a supervisord
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPERVISOR_") {
                command.env_remove(name);
            }
        }
        command
            .arg("watch")
            .args(words)
            .env("SUPERVISOR_SERVER_URL", self.supervisord.url())
            .env("STATE_DIRECTORY", self.dir().join("state"))
            .current_dir(self.dir());
        command
    }

    /// What `httpok explain` says of a check.
    pub fn explained(&self, check: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_httpok"))
            .args(["explain", check, "--state-dir"])
            .arg(self.dir().join("state"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `httpok watch` with these words.
    pub fn watch(&self, words: &[&str]) -> Program {
        Program::start(&mut self.httpok(words))
    }

    /// Starts it with the configuration file.
    pub fn watch_file(&self) -> Program {
        self.watch(&["--config", "httpok.toml"])
    }
}
