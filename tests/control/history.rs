//! What `explain` shows of an incident is of that incident alone: not of the one before it, and not of another
//! watchdog's check of the same name.

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
