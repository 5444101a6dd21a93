//! What `explain` shows of an incident is of that incident alone: not of the one before it, and not of another
//! watchdog's check of the same name.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;

use super::server::{Server, response};
use super::{LIMIT, Watchdog, check, wait_until};

#[test]
fn an_incident_is_explained_without_the_lines_of_another_one() {
    let code = Arc::new(AtomicU16::new(501));
    let says = Arc::clone(&code);
    let service = Server::answering(move |_| response(says.load(Ordering::SeqCst), ""));
    let other = Server::answering(|_| response(502, ""));
    let mut watchdogs = Watchdog::start(&check("shop", &service.url("/"), ""));
    watchdogs.launch("other.toml", &check("shop", &other.url("/"), ""));
    let incidents = || -> Vec<(u16, String)> {
        let out = watchdogs.done(&["status", "--json"]);
        let lines = out.lines().filter_map(|line| {
            let status: Value = serde_json::from_str(line).ok()?;
            let check = &status["snapshot"]["checks"][0];
            let id = check["incident"]["id"].as_str()?.to_owned();
            let is_others = status.to_string().contains(&other.url("/"));
            Some((if is_others { 502 } else { 501 }, id))
        });
        lines.collect()
    };
    wait_until("both are down", LIMIT, || incidents().len() == 2);
    let first = incidents();
    code.store(200, Ordering::SeqCst);
    wait_until("one is up again", LIMIT, || incidents().len() == 1);
    code.store(503, Ordering::SeqCst);
    wait_until("it is down again", LIMIT, || incidents().len() == 2);
    let again = incidents().into_iter().find(|(code, _)| *code == 501);
    let again = again.map(|(_, id)| (503, id));
    for (code, id) in first.into_iter().chain(again) {
        let text = watchdogs.done(&["explain", "--incident", &id]);
        for one in [501, 502, 503] {
            let shown = text.contains(&format!("got {one}"));
            assert_eq!(
                shown,
                one == code,
                "{one} in the incident of {code}:\n{text}"
            );
        }
    }
}

/// A file system that is full from the start.
struct FullDisk(std::path::PathBuf);

impl FullDisk {
    fn at(dir: &Path) -> Self {
        fs::create_dir(dir).expect("a mount point");
        let tmpfs = Some("tmpfs");
        let options = Some("size=64k,mode=700");
        nix::mount::mount(tmpfs, dir, tmpfs, nix::mount::MsFlags::empty(), options)
            .expect("this test mounts a file system, as root");
        // until it is full
        let _ = fs::write(dir.join("filler"), vec![0; 128 << 10]);
        Self(dir.to_owned())
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
fn history_that_could_not_be_written_is_explained_from_memory() {
    let service = Server::answering(|_| response(503, ""));
    let mut watchdog = Watchdog {
        dir: tempfile::tempdir().expect("a directory"),
        children: Vec::new(),
    };
    let _full = FullDisk::at(&watchdog.state());
    watchdog.launch("httpok.toml", &check("shop", &service.url("/"), ""));
    watchdog.wait("it is down", |check| check["status"] == "down");
    let run = watchdog.ask(&["explain", "shop"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("got 503"), "{run:?}");
    let unsaved = "the history could not be written";
    assert!(run.err.contains(unsaved), "{run:?}");
    let run = watchdog.ask(&["explain", "shpo"]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(
        run.err.contains(unsaved) && run.err.contains("did you mean \"shop\"?"),
        "{run:?}"
    );
}
