//! Real programs under a real supervisord and under our own supervisor, with the same keys: gunicorn's upgrade in place,
//! celery's warm shutdown, a log on a small disk.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use httpok::supervisor::Supervisor;
use httpok::supervisor::embedded::{Embedded, LogFile, Program, ProgramOutput};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::{TempDir, tempdir};

use super::{LIMIT, lives, named, until};
use crate::logs::SmallDisk;
use crate::support::supervisord::{Supervisord, provisioned};

/// A supervisor with one program `web`, which is not started yet, and its directory.
enum World {
    Theirs(Supervisord),
    Ours(Embedded, TempDir),
}

impl World {
    /// Both, with the words of a command and what differs from supervisord's defaults, for each of them.
    async fn both(
        words: &[String],
        keys: &str,
        change: impl Fn(Program) -> Program,
    ) -> [(&'static str, Self); 2] {
        let line = words.join(" ");
        let text = format!("command={line}\ndirectory=%(here)s\nautostart=false\n{keys}");
        let theirs = Supervisord::with().program("web", &text).start();
        let directory = tempdir().unwrap();
        let program = change(Program {
            directory: Some(directory.path().to_owned()),
            autostart: false,
            stdout: ProgramOutput::Null,
            stderr: ProgramOutput::Null,
            ..Program::new("web", words.to_vec())
        });
        let ours = Embedded::new(vec![program]);
        ours.begin(vec![]).await;
        [
            ("supervisord", Self::Theirs(theirs)),
            ("ours", Self::Ours(ours, directory)),
        ]
    }

    fn dir(&self) -> &Path {
        match self {
            Self::Theirs(supervisord) => supervisord.dir(),
            Self::Ours(_, directory) => directory.path(),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir().join(name)).unwrap_or_default()
    }

    async fn start(&self) {
        match self {
            Self::Theirs(supervisord) => drop(supervisord.ctl(&["start", "web"])),
            Self::Ours(embedded, _) => embedded.start(&named("web")).await.unwrap(),
        }
    }

    async fn stop(&self) {
        match self {
            Self::Theirs(supervisord) => drop(supervisord.ctl(&["stop", "web"])),
            Self::Ours(embedded, _) => embedded.stop(&named("web")).await.unwrap(),
        }
    }

    fn state(&self) -> String {
        match self {
            Self::Theirs(supervisord) => supervisord.state("web"),
            Self::Ours(embedded, _) => embedded.info(&named("web")).unwrap().state.to_string(),
        }
    }

    async fn end(self) {
        if let Self::Ours(embedded, _directory) = self {
            embedded.shutdown(LIMIT).await;
        }
    }
}

fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

fn pid_in(file: PathBuf) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The answer of the service behind a socket.
fn ask(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.rsplit("\r\n").next()?.to_owned())
}

/// USR2 starts a new master beside the old one, which then ends with 0: the program is EXITED, as was expected, and the new
/// master answers on.
#[tokio::test]
async fn gunicorn_is_upgraded_in_place_as_under_supervisord() {
    let words = [
        provisioned("gunicorn").display().to_string(),
        "--pid=pid".to_owned(),
        "--bind=unix:app.sock".to_owned(),
        "app:app".to_owned(),
    ];
    for (who, world) in World::both(&words, "", |program| program).await {
        let app = "import os\ndef app(environ, start_response):\n    start_response('200 OK', [])\n    \
                   return [str(os.getppid()).encode()]\n";
        fs::write(world.dir().join("app.py"), app).unwrap();
        world.start().await;
        let socket = world.dir().join("app.sock");
        until(&format!("{who}: it answers"), || ask(&socket).is_some()).await;
        let old = pid_in(world.dir().join("pid")).unwrap();
        assert_eq!(ask(&socket), Some(old.to_string()), "{who}");
        send(old, Signal::SIGUSR2);
        let next = world.dir().join("pid.2");
        until(&format!("{who}: a new master"), || {
            pid_in(next.clone()).is_some()
        })
        .await;
        let new = pid_in(next).unwrap();
        until(&format!("{who}: the new one answers"), || {
            ask(&socket) == Some(new.to_string())
        })
        .await;
        send(old, Signal::SIGTERM);
        until(&format!("{who}: the old one ends"), || {
            world.state() == "EXITED"
        })
        .await;
        // both leave the new master alone
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(lives(new), "{who}");
        assert_eq!(ask(&socket), Some(new.to_string()), "{who}");
        assert_eq!(world.state(), "EXITED", "{who}");
        send(new, Signal::SIGTERM);
        until(&format!("{who}: it ends"), || !lives(new)).await;
        world.end().await;
    }
}

/// TERM is celery's warm shutdown: the task under way is finished. It goes to the parent alone, as supervisord sends it.
#[tokio::test]
async fn celery_finishes_its_task_when_it_is_stopped_as_under_supervisord() {
    let python = provisioned("python").display().to_string();
    let words: Vec<_> = [
        &python,
        "-m",
        "celery",
        "-A",
        "tasks",
        "worker",
        "--pool=prefork",
        "--concurrency=1",
    ]
    .map(str::to_owned)
    .into();
    for (who, world) in World::both(&words, "stopwaitsecs=60", |program| Program {
        stopwaitsecs: Duration::from_secs(60),
        ..program
    })
    .await
    {
        let tasks = "import os, time\nfrom celery import Celery\nos.makedirs('queue', exist_ok=True)\n\
                     app = Celery('tasks', broker='filesystem://')\n\
                     app.conf.broker_transport_options = {'data_folder_in': 'queue', 'data_folder_out': 'queue', \
                     'control_folder': 'queue'}\n\
                     @app.task\ndef work():\n    open('begun', 'w').close()\n    time.sleep(2)\n    \
                     open('done', 'w').write('yes')\n";
        fs::write(world.dir().join("tasks.py"), tasks).unwrap();
        let sent = std::process::Command::new(&python)
            .args(["-c", "import tasks; tasks.work.delay()"])
            .current_dir(world.dir())
            .output()
            .unwrap();
        assert!(sent.status.success(), "{sent:?}");
        world.start().await;
        let begun = world.dir().join("begun");
        until(&format!("{who}: the task is under way"), || begun.exists()).await;
        world.stop().await;
        assert_eq!(world.state(), "STOPPED", "{who}");
        assert_eq!(world.file("done"), "yes", "{who}: the task was lost");
        world.end().await;
    }
}

/// The log and its backups fit, and just so: both keep within their bound, and have the newest line.
#[tokio::test]
async fn log_on_a_small_disk_is_rotated_as_under_supervisord() {
    const LINES: u32 = 20_000;
    let script = format!(
        "import sys\nfor n in range({LINES}):\n    print(n, 'x' * 90)\nsys.stdout.flush()\n\
         open('written', 'w').close()\nimport time\ntime.sleep(1000)\n"
    );
    // 2 MB of text; 3 files of 200 KiB on a disk of 1 MiB
    let (most, disks) = (200 << 10, [SmallDisk::new(), SmallDisk::new()]);
    let log = |disk: &SmallDisk| disk.path().join("web.log");
    let keys = format!(
        "stdout_logfile={}\nstdout_logfile_maxbytes={most}\nstdout_logfile_backups=2\n",
        log(&disks[0]).display()
    );
    let words = ["python3".to_owned(), "writes.py".to_owned()];
    let worlds = World::both(&words, &keys, |program| Program {
        stdout: ProgramOutput::File(LogFile {
            writer: env!("CARGO_BIN_EXE_httpok").into(),
            ..LogFile::new(log(&disks[1]), most, 2)
        }),
        ..program
    });
    for ((who, world), disk) in worlds.await.into_iter().zip(&disks) {
        fs::write(world.dir().join("writes.py"), &script).unwrap();
        world.start().await;
        let (written, log) = (world.dir().join("written"), log(disk));
        until(&format!("{who}: all is written"), || written.exists()).await;
        let newest = format!("{} x", LINES - 1);
        // the write that brought it may be the one that made the log too large, and it is renamed then
        let renamed = disk.path().join("web.log.1");
        until(&format!("{who}: the newest line is there"), || {
            let has_it = |path| fs::read_to_string(path).is_ok_and(|text| text.contains(&newest));
            has_it(&log) || has_it(&renamed)
        })
        .await;
        let files: Vec<_> = fs::read_dir(disk.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("web.log"))
            .map(|entry| entry.metadata().unwrap().len())
            .collect();
        assert_eq!(files.len(), 3, "{who}: {files:?}");
        // supervisord renames a log after the write that made it too large
        let bound = most + (128 << 10);
        assert!(files.iter().all(|size| *size <= bound), "{who}: {files:?}");
        assert_eq!(world.state(), "RUNNING", "{who}");
        world.stop().await;
        assert_eq!(world.state(), "STOPPED", "{who}");
        world.end().await;
    }
}
