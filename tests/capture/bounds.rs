//! Time, disk and count: nothing of the evidence keeps the restart from happening.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::support::{alive, wait_until};
use crate::{CaptureStage, INCIDENT, LIMIT, file, one, shell, words};

#[tokio::test]
async fn hung_tool_is_killed_with_its_group() {
    let scene = CaptureStage::sleeping();
    let pids = scene.dir.path().join("pids");
    let hang = scene.script(&format!(
        "trap '' TERM; echo part > \"$2.$3\"\n\
         sh -c \"trap '' TERM; echo \\$\\$ >> {0}; sleep 1000; :\" & echo $$ >> {0}; wait; :",
        pids.display()
    ));
    let mut spec = scene.gcore(format!("{hang} -o"));
    spec.timeout = Duration::from_secs(2);
    let begun = Instant::now();
    let captures = scene.restart(&spec).await;
    assert!(begun.elapsed() < LIMIT / 2, "{:?}", begun.elapsed());
    let why = one(&captures, "core").failure.clone().unwrap();
    assert!(
        why.starts_with("not done within ") && why.contains("so it was killed"),
        "{why}"
    );
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        wait_until("it is killed", LIMIT, || !alive(pid.parse().unwrap()));
    }
    // the rest is there, and the part of a core is not
    file(one(&captures, "evidence file"));
    assert_eq!(scene.files().len(), 1, "{:?}", scene.files());
}

/// A debugger that is killed while it attaches leaves its stop signal behind.
#[tokio::test]
async fn process_left_stopped_is_continued_before_the_stop() {
    let scene = CaptureStage::sleeping();
    let mut spec = scene.gcore("hang() { kill -STOP \"$2\"; sleep 1000; }; hang");
    spec.timeout = Duration::from_secs(1);
    scene.restart(&spec).await;
    let log = scene.supervisord.log();
    assert!(
        log.contains("stopped: web (terminated by SIGTERM)"),
        "{log}"
    );
}

#[tokio::test]
async fn timeout_bounds_all_evidence_together() {
    let scene = CaptureStage::sleeping();
    let mut spec = scene.builtin();
    spec.run = vec![
        shell("echo so far; sleep 1000"),
        words(&["echo", "too late"]),
    ];
    spec.timeout = Duration::from_secs(1);
    let captures = scene.restart(&spec).await;
    let hung = one(&captures, "echo so far; sleep 1000");
    assert_eq!(hung.output, "so far");
    for what in ["echo too late", "core"] {
        assert_eq!(
            one(&captures, what).failure.as_deref(),
            Some("no time was left for it")
        );
    }
    let text = fs::read_to_string(file(one(&captures, "evidence file"))).unwrap();
    assert!(
        text.contains("so far") && text.contains("FAILED: no time was left for it"),
        "{text}"
    );
}

#[tokio::test]
async fn nothing_is_written_without_free_space() {
    let scene = CaptureStage::sleeping();
    let mut spec = scene.builtin();
    spec.min_free = 1 << 60;
    spec.run = vec![words(&["echo", "told all the same"])];
    let captures = scene.restart(&spec).await;
    for what in ["evidence file", "core"] {
        let why = one(&captures, what).failure.clone().unwrap();
        assert!(
            why.starts_with("only ") && why.ends_with("1099511627776 MiB are to stay free"),
            "{why}"
        );
    }
    assert_eq!(captures[2].output, "told all the same");
    assert!(scene.files().is_empty());
}

#[tokio::test]
async fn unusable_directory_is_reported() {
    let scene = CaptureStage::sleeping();
    fs::write(scene.evidence(), "a file").unwrap();
    let mut spec = scene.builtin();
    let below = scene.evidence().join("below");
    spec.dir = Some(below.clone());
    let captures = scene.restart(&spec).await;
    for what in ["evidence file", "core"] {
        let why = one(&captures, what).failure.clone().unwrap();
        let expected = format!("cannot use the directory \"{}\": ", below.display());
        assert!(why.starts_with(&expected), "{why}");
    }
    assert!(one(&captures, "facts").output.contains("state "));
}

/// Evidence of earlier incidents, and files of others. Returns the others.
fn earlier(scene: &CaptureStage) -> Vec<String> {
    fs::create_dir(scene.evidence()).unwrap();
    let put = |name: &str| fs::write(scene.evidence().join(name), [b'x'; 100_000]).unwrap();
    for day in 1..=4 {
        for ending in ["txt", "core.12"] {
            put(&format!("2020010{day}T000000Z-0000000{day}-1-web.{ending}"));
        }
    }
    put("20200101T000000Z-00000001-1-other.txt");
    let mut others = ["notes.txt", "core.7", "web.4711"]
        .map(str::to_owned)
        .to_vec();
    others.iter().for_each(|name| put(name));
    // named as ours, and yet nothing that we made
    others.push("20200101T000000Z-00000001-1-web.core".to_owned());
    symlink("notes.txt", scene.evidence().join(&others[3])).unwrap();
    others
}

/// What is left of [`earlier`]'s evidence, by day and process, after another incident.
fn left(scene: &CaptureStage, others: &[String]) -> Vec<String> {
    let mut files = scene.files();
    for other in others {
        assert!(files.contains(other), "{other} in {files:?}");
    }
    let now = format!("-{INCIDENT}-web.txt");
    assert!(files.iter().any(|name| name.ends_with(&now)), "{files:?}");
    files.retain(|name| !others.contains(name) && !name.ends_with(&now));
    files
        .iter()
        .map(|name| format!("{} {}", &name[7..8], &name[28..]))
        .collect()
}

#[tokio::test]
async fn newest_incidents_of_a_process_are_kept() {
    let scene = CaptureStage::sleeping();
    let others = earlier(&scene);
    let mut spec = scene.spec();
    spec.keep = 3;
    scene.restart(&spec).await;
    assert_eq!(
        left(&scene, &others),
        [
            "1 other.txt",
            "3 web.core.12",
            "3 web.txt",
            "4 web.core.12",
            "4 web.txt"
        ]
    );
}

#[tokio::test]
async fn oldest_evidence_is_deleted_over_the_size_bound() {
    let scene = CaptureStage::sleeping();
    let others = earlier(&scene);
    let mut spec = scene.spec();
    spec.max_bytes = 350_000;
    scene.restart(&spec).await;
    assert_eq!(
        left(&scene, &others),
        ["3 web.txt", "4 web.core.12", "4 web.txt"]
    );
    // what was written last stays, whatever its size
    spec.max_bytes = 1;
    scene.restart(&spec).await;
    assert!(left(&scene, &others).is_empty());
}
