//! A container engine of the test's own: podman with runc, in a private directory, behind sockets with Docker's API.
//! One for all tests of a binary. A janitor outlives the tests however they end, and takes everything down.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::LIMIT;
use crate::support::wait_until;

/// What the shell in a container can do.
const TOOLS: [&str; 5] = ["sh", "sleep", "cat", "touch", "true"];

/// Waits for the tests' end, then kills the services, removes the containers and unmounts what is left.
const JANITOR: &str = r#"
cat >/dev/null
cd /
for file in "$0"/*.pid; do kill -9 $(cat "$file"); done
for _ in 1 2 3; do "$@" rm --all --force --time 0 && break; done
while read -r _ _ _ _ point _; do
    case $point in "$0"/*) umount -l "$point";; esac
done </proc/self/mountinfo
# what the engine leaves to others to clean may write once more
for _ in 1 2 3 4 5 6 7 8; do rm -rf "$0"; sleep 0.5; done
"#;

pub struct Engine {
    dir: PathBuf,
    /// Ends when its standard input does: with this process.
    _janitor: Child,
    services: AtomicUsize,
}

/// The engine's API behind one socket. It is killed with this value; the containers live on.
pub struct Service {
    child: Child,
    pub socket: String,
}

/// The engine of this test binary.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(Engine::start)
}

impl Engine {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap().keep();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR])
            .arg(&dir)
            .args(words(&dir))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let engine = Self {
            dir,
            _janitor: janitor,
            services: AtomicUsize::new(0),
        };
        let bin = engine.dir.join("image/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        for tool in TOOLS {
            std::os::unix::fs::symlink("busybox", bin.join(tool)).unwrap();
        }
        let image = engine.dir.join("image.tar");
        let tar = Command::new("tar")
            .arg("-C")
            .arg(engine.dir.join("image"))
            .arg("-cf")
            .arg(&image)
            .arg(".")
            .status();
        assert!(tar.unwrap().success());
        engine.podman(&["import", image.to_str().unwrap(), "tiny"]);
        engine
    }

    /// The program and the options with which this engine is asked.
    #[allow(dead_code, reason = "not all tests ask it themselves")]
    pub fn words(&self) -> Vec<String> {
        words(&self.dir)
    }

    /// What `podman` prints with these words.
    pub fn podman(&self, args: &[&str]) -> String {
        let program = words(&self.dir);
        let output = Command::new(&program[0])
            .args(&program[1..])
            .args(args)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "podman {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes the container `name` with these options, which runs `script`, and does not start it. Returns its id.
    pub fn create(&self, name: &str, options: &[&str], script: &str) -> String {
        let mut words = vec!["create", "--name", name, "--network=host"];
        words.extend(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]);
        words.extend(options);
        words.extend(["tiny", "/bin/sh", "-c", script]);
        self.podman(&words)
    }

    /// The same, and starts it.
    pub fn run(&self, name: &str, options: &[&str], script: &str) -> String {
        let id = self.create(name, options, script);
        self.podman(&["start", name]);
        id
    }

    /// What podman's own inspection says about it, by a template.
    pub fn inspect(&self, name: &str, template: &str) -> String {
        self.podman(&["inspect", "--format", template, name])
    }

    /// Another socket to the same engine.
    pub fn service(&self) -> Service {
        let number = self.services.fetch_add(1, Ordering::Relaxed);
        let socket = self.dir.join(format!("{number}.sock"));
        let service = Service {
            child: self.serve(&socket),
            socket: socket.to_str().unwrap().to_owned(),
        };
        service.wait();
        service
    }

    /// `service` again, behind the same socket.
    pub fn serve_again(&self, service: &mut Service) {
        service.child = self.serve(Path::new(&service.socket));
        service.wait();
    }

    fn serve(&self, socket: &Path) -> Child {
        let program = words(&self.dir);
        let child = Command::new(&program[0])
            .args(&program[1..])
            .args(["system", "service", "--time=0"])
            .arg(format!("unix://{}", socket.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let note = format!("service-{}.pid", child.id());
        fs::write(self.dir.join(note), child.id().to_string()).unwrap();
        child
    }
}

impl Service {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Kills it, and removes its socket.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = fs::remove_file(&self.socket);
    }

    fn wait(&self) {
        wait_until("the engine listens", LIMIT, || {
            std::os::unix::net::UnixStream::connect(&self.socket).is_ok()
        });
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `podman` with all it has in `dir`.
fn words(dir: &Path) -> Vec<String> {
    let place = |what: &str| dir.join(what).to_str().unwrap().to_owned();
    vec![
        "podman".to_owned(),
        "--storage-driver=vfs".to_owned(),
        "--root".to_owned(),
        place("root"),
        "--runroot".to_owned(),
        place("run"),
        "--tmpdir".to_owned(),
        place("tmp"),
        "--runtime=runc".to_owned(),
        "--cgroup-manager=cgroupfs".to_owned(),
        "--events-backend=none".to_owned(),
    ]
}
