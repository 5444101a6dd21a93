//! The image of `Containerfile`, built around this build without a network, and run: httpok is the first process.
//! `HTTPOK_BIN=target/x86_64-unknown-linux-musl/dist/httpok cargo test --test containers image` runs what is published.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::engine::{Engine, engine};
use crate::program::LIMIT;
use crate::site::{Site, says};
use crate::support::wait_until;

const IMAGE: &str = "localhost/httpok:test";

/// This build, or another one.
fn binary() -> String {
    std::env::var("HTTPOK_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_httpok").to_owned())
}

/// The engine with the image in it.
fn built() -> &'static Engine {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut words = vec![
            "packaging/image.sh".to_owned(),
            binary(),
            dir.path().join("image").display().to_string(),
            IMAGE.to_owned(),
        ];
        words.extend(engine().words());
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("sh").args(&words).current_dir(root).output();
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    });
    engine()
}

/// `podman run` with the image's words, and what every container here needs.
fn command(options: &[&str], words: &[&str]) -> Command {
    let program = built().words();
    let mut command = Command::new(&program[0]);
    command
        .args(&program[1..])
        .args(["run", "--network=host", "--ulimit=nofile=1024:1024"])
        .args(["--ulimit=nproc=1024:1024"])
        .args(options)
        .arg(IMAGE)
        .args(words);
    command
}

#[test]
fn image_checks_by_name_and_exits_with_the_verdict() {
    let site = Site::start();
    site.answer("/health", || says("200 OK", "all fine"));
    site.answer("/bad", || says("500 Oh", ""));
    let port = site.address.port();
    let check = |options: &[&str], words: &[&str]| {
        let output = command(&[&["--rm"], options].concat(), words)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), said)
    };
    let named = format!("http://shop.test:{port}/health");
    let hosts = ["--add-host=shop.test:127.0.0.1"];
    let (code, said) = check(&hosts, &["check", "-b", "all fine", &named]);
    assert_eq!(code, Some(0), "found in /etc/hosts: {said}");
    let place = format!("shop.test:{port}:127.0.0.1");
    let (code, said) = check(&[], &["check", "--resolve", &place, &named]);
    assert_eq!(code, Some(0), "--resolve: {said}");
    let bad = format!("http://localhost:{port}/bad");
    let (code, said) = check(&[], &["check", &bad]);
    assert!(code == Some(2) && said.contains("500"), "{code:?} {said}");
}

#[test]
fn image_watches_as_pid_1_reaps_is_healthy_and_ends_by_sigterm() {
    let engine = built();
    let dir = tempfile::tempdir().unwrap();
    // the shell leaves a child behind, whose parent is then the first process
    let leaves = "(/busybox sleep 0.1 & /busybox sleep 0.1 &) ; exec /busybox sleep 1000";
    let text = format!(
        "[[program]]\nname = \"shop\"\ncommand = [\"/busybox\", \"sh\", \"-c\", \"{leaves}\"]\n\
         [[check]]\nname = \"shop\"\nurl = \"exec:\"\ncommand = [\"/busybox\", \"true\"]\nevery = \"1s\"\n\
         [serve]\nlisten = \"127.0.0.1:0\"\n"
    );
    fs::write(dir.path().join("httpok.toml"), text).unwrap();
    let config = format!(
        "--volume={}:/httpok.toml:ro",
        dir.path().join("httpok.toml").display()
    );
    let options = [
        "--detach",
        "--name=imaged",
        &config,
        "--volume=/bin/busybox:/busybox:ro",
    ];
    let output = command(&options, &[]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    wait_until("it watches", LIMIT, || {
        let said = engine.podman(&["exec", "imaged", "/httpok", "status"]);
        said.contains("up") && said.contains("RUNNING")
    });
    let logs = engine.podman(&["logs", "imaged"]);
    assert!(!logs.contains("cannot"), "{logs}");
    let health = engine.inspect("imaged", "{{.Config.Healthcheck.Test}}");
    assert_eq!(health, "[CMD /httpok status]");
    engine.podman(&["healthcheck", "run", "imaged"]);
    let first = engine.inspect("imaged", "{{.State.Pid}}");
    let children = || fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap();
    wait_until("only the program is left", LIMIT, || {
        children().split_whitespace().count() == 1
    });
    engine.podman(&["stop", "--time=25", "imaged"]);
    let code = engine.inspect("imaged", "{{.State.ExitCode}}");
    assert_eq!(code, "0", "it ended by itself, not by SIGKILL");
}
