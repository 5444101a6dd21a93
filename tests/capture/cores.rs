//! Core files, by gcore and by the built-in dumper.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use httpok::action::Dumper;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{supervisord::provisioned, wait_until};
use crate::{CaptureStage, LIMIT, file, mode, one, threads};

#[tokio::test]
async fn builtin_core_opens_in_gdb() {
    let scene = CaptureStage::app();
    let pid = scene.supervisord.pid("web");
    let captures = scene.restart(&scene.builtin()).await;
    let core = file(one(&captures, "core"));
    assert_eq!(mode(core), 0o600);
    assert!(core.display().to_string().ends_with("-web.core"));
    let meta = fs::metadata(core).unwrap();
    assert!(meta.len() > 16 << 20, "the heap is in it");
    assert!(
        meta.blocks() * 512 < meta.len(),
        "what was never used is not"
    );
    let threads = threads(core);
    assert_eq!(threads.matches("(LWP ").count(), 4, "{threads}");
    assert!(threads.contains(&format!("LWP {pid}")), "{threads}");
}

#[tokio::test]
async fn gcore_writes_a_core() {
    let scene = CaptureStage::app();
    let pid = scene.supervisord.pid("web");
    let captures = scene.restart(&scene.gcore("gcore -o")).await;
    let core = file(one(&captures, "core"));
    assert_eq!(mode(core), 0o600);
    assert!(
        core.display()
            .to_string()
            .ends_with(&format!("-web.core.{pid}"))
    );
    assert!(one(&captures, "core").output.contains("Saved corefile"));
    assert!(threads(core).contains(&format!("LWP {pid}")));
}

#[tokio::test]
async fn core_over_the_bound_is_deleted() {
    let scene = CaptureStage::app();
    let mut spec = scene.builtin();
    spec.max_bytes = 1 << 20;
    let refused = scene.restart(&spec).await;
    let why = one(&refused, "core").failure.clone().unwrap();
    assert!(
        why.contains("MiB in memory, and a core may have 1 MiB"),
        "{why}"
    );

    // gcore says that all is well even then
    let scene = CaptureStage::sleeping();
    let large = scene.script("head -c 100000000 /dev/zero > \"$2.$3\" 2>/dev/null; exit 0");
    let mut spec = scene.gcore(format!("{large} -o"));
    spec.max_bytes = 20 << 20;
    let cut = scene.restart(&spec).await;
    assert_eq!(
        one(&cut, "core").failure.as_deref(),
        Some("it would have more than 20 MiB, which is all that is allowed")
    );
    assert!(!scene.files().iter().any(|name| name.contains(".core")));
}

#[tokio::test]
async fn gcore_without_a_core_is_reported() {
    let scene = CaptureStage::sleeping();
    for (command, expected) in [
        ("echo so so; true", "no core was left at \""),
        (
            "echo warning >&2; echo no right >&2; exit 4;",
            "exit status: 4: no right",
        ),
        ("/nonexistent/gcore", "exit status: 127: sh: "),
    ] {
        let captures = scene.restart(&scene.gcore(command)).await;
        let why = one(&captures, "core").failure.clone().unwrap();
        assert!(why.starts_with(expected), "{why}");
        fs::remove_dir_all(scene.evidence()).unwrap();
    }
}

/// A stand-in for ourselves: threads that come and go cannot be made to order.
#[tokio::test]
async fn core_of_changing_threads_is_retried() {
    for (tries, expected) in [(3, None), (9, Some("exit status: 75: they come and go"))] {
        let scene = CaptureStage::sleeping();
        let count = scene.dir.path().join("tries");
        let dumper = scene.script(&format!(
            "echo >> {0}; [ $(wc -l < {0}) -ge {tries} ] && echo core > \"$3\" && exit 0\n\
             echo they come and go >&2; exit 75",
            count.display()
        ));
        let mut spec = scene.builtin();
        spec.core = Some(Dumper::Builtin(dumper.into()));
        let captures = scene.restart(&spec).await;
        assert_eq!(one(&captures, "core").failure.as_deref(), expected);
        let tried = fs::read_to_string(count).unwrap().lines().count();
        assert_eq!(tried, tries.min(5));
    }
}

/// Kills the dumper while it holds the process.
#[test]
fn killed_dumper_releases_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut target = Command::new(provisioned("python3"))
        .args([
            "-c",
            "heap = bytearray(b'x' * (400 << 20))\nprint(flush=True)\nwhile True: pass",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0];
    std::io::Read::read_exact(target.stdout.as_mut().unwrap(), &mut line).unwrap();
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", target.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    };
    let mut dumper = dumper(&[&target.id().to_string(), "core", "1000000000"])
        .current_dir(&dir)
        .spawn()
        .unwrap();
    wait_until("the process is held", LIMIT, || state() == 't');
    dumper.kill().unwrap();
    assert!(!dumper.wait().unwrap().success(), "it was still at work");
    wait_until("the process runs", LIMIT, || state() == 'R');
    kill(Pid::from_raw(target.id().cast_signed()), Signal::SIGTERM).unwrap();
    target.wait().unwrap();
}

fn dumper(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command.arg("__dump").args(words);
    command
}

#[test]
fn failed_dumper_reports_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("there"), "mine").unwrap();
    for (words, expected) in [
        (&["1"][..], "not for people\n"),
        (&["x", "core", "1"], "not for people\n"),
        (
            &["1", "there", "1"],
            "cannot make \"there\": File exists (os error 17)\n",
        ),
        (
            &["2147483647", "core", "1"],
            "I/O error: No such file or directory (os error 2)\n",
        ),
    ] {
        let output = dumper(words).current_dir(&dir).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    }
    assert!(!dir.path().join("core").exists());
    assert_eq!(
        fs::read_to_string(dir.path().join("there")).unwrap(),
        "mine"
    );
}

/// Gcore follows links, and its output's name can be guessed: a service that owns the directory could lead it
/// to a file of root's.
#[tokio::test]
async fn directory_of_another_user_redirects_no_core() {
    let scene = CaptureStage::app();
    fs::create_dir(scene.evidence()).unwrap();
    let nobody = Some(65534);
    std::os::unix::fs::chown(scene.evidence(), nobody, nobody).expect("this test runs as root");
    for spec in [scene.builtin(), scene.gcore("gcore -o")] {
        let captures = scene.restart(&spec).await;
        let core = one(&captures, "core");
        let path = file(core);
        assert_eq!(path.parent().unwrap(), scene.evidence());
        assert_eq!(mode(path), 0o600);
        assert!(!core.output.contains("/proc/"), "{}", core.output);
        assert!(threads(path).contains("LWP"));
    }
    // the original's name can be guessed
    let precious = scene.evidence().with_extension("precious");
    fs::write(&precious, "precious").unwrap();
    let pid = scene.supervisord.pid("web");
    std::os::unix::fs::symlink(&precious, scene.evidence().join(format!("web.{pid}"))).unwrap();
    let mut spec = scene.gcore(format!("{} -o", scene.script("echo core > \"$2.$3\"")));
    spec.original = true;
    let captures = scene.restart(&spec).await;
    assert_eq!(captures.len(), 1, "{captures:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    let core = scene.evidence().join(format!("web.{pid}"));
    assert_eq!(fs::read_to_string(core).unwrap(), "core\n");
    assert!(
        scene
            .files()
            .iter()
            .all(|name| !name.starts_with(".httpok"))
    );
}

#[tokio::test]
async fn link_of_another_user_is_not_followed() {
    let scene = CaptureStage::sleeping();
    let elsewhere = scene.evidence().with_extension("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, scene.evidence()).unwrap();
    std::os::unix::fs::lchown(scene.evidence(), Some(65534), None).expect("as root");
    let captures = scene.restart(&scene.builtin()).await;
    for what in ["evidence file", "core"] {
        let why = one(&captures, what).failure.clone().unwrap();
        assert!(
            why.contains("symbolic link that belongs to user 65534"),
            "{why}"
        );
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}
