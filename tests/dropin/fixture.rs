//! The stage for one listener: a scripted supervisord, the watched service, a sendmail and a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::eventlistener::EventListener;
use crate::program::End;
use crate::scripted::Scripted;
use crate::site::Site;
use crate::support::supervisord::provisioned;

pub struct Stage {
    pub supervisord: Scripted,
    pub site: Site,
    dir: TempDir,
}

impl Stage {
    /// A stage with these processes, such as `web=RUNNING app:a=STOPPED`.
    pub fn with(processes: &str) -> Self {
        let stage = Self {
            supervisord: Scripted::with(processes),
            site: Site::start(),
            dir: tempfile::tempdir().unwrap(),
        };
        // one file a mail; a mail is there when it is there as a whole
        stage.script(
            "sendmail",
            "cat > $DIR/part.$$ && mv $DIR/part.$$ $DIR/mail.$(date +%s%N)",
        );
        stage
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a script of this name in the directory; `$DIR` in it is the directory.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir().join(name);
        let text = format!("#!/bin/sh\nDIR='{}'\n{text}\n", self.dir().display());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The mails so far, oldest first.
    pub fn mails(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("mail.")
        });
        paths.sort();
        let read = |path: &PathBuf| String::from_utf8(fs::read(path).unwrap()).unwrap();
        paths.iter().map(|path| self.neutral(&read(path))).collect()
    }

    /// httpok with these words; `URL` in them is the service's origin and `DIR` the directory.
    pub fn httpok(&self, words: &[&str]) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_httpok")), words)
    }

    /// superlance's httpok with these words.
    pub fn superlance(&self, words: &[&str]) -> Command {
        self.command(&provisioned("httpok"), words)
    }

    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(words.iter().map(|word| self.filled(word)));
        // the test itself may run under a supervisord
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPERVISOR_") {
                command.env_remove(name);
            }
        }
        command
            .env("SUPERVISOR_ENABLED", "1")
            .env("SUPERVISOR_SERVER_URL", self.supervisord.url())
            .env("SUPERVISOR_PROCESS_NAME", "httpok")
            .env("SUPERVISOR_GROUP_NAME", "httpok")
            .env("STATE_DIRECTORY", self.dir().join("state"))
            .current_dir(self.dir());
        command
    }

    /// Starts a listener with these words.
    pub fn listen(&self, words: &[&str]) -> EventListener {
        EventListener::start(&mut self.httpok(words))
    }

    /// Starts a listener with these words, sends it one tick, closes its input and waits for its end.
    pub fn one_tick(&self, words: &[&str]) -> End {
        let mut listener = self.listen(words);
        listener.tick();
        let mut end = listener.close();
        end.err = self.neutral(&end.err);
        assert_eq!(end.status.code(), Some(0), "{}", end.err);
        end
    }

    fn filled(&self, text: &str) -> String {
        let dir = self.dir().to_str().unwrap();
        text.replace("URL", &self.site.origin())
            .replace("HOST", &self.site.address.to_string())
            .replace("DIR", dir)
    }

    /// `text` without what is different in every run.
    pub fn neutral(&self, text: &str) -> String {
        let dir = self.dir().to_str().unwrap();
        text.replace(&self.site.origin(), "URL")
            .replace(&self.site.address.to_string(), "HOST")
            .replace(dir, "DIR")
    }
}

/// What is said when `web` is restarted because of `/500`.
pub const RESTARTED: &str = "\
status contacting URL/500: 500 Internal Server Error
Restarting selected processes ['web']
web is in RUNNING state, restarting
web restarted
";
