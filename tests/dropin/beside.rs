//! Beside the original, on the same stage and the same odd answers: never a restart that the original would not do.
//! The other way round is fine: httpok is more lenient where curl is.

use std::sync::Mutex;
use std::thread;

use crate::eventlistener::EventListener;
use crate::fixture::Stage;
use crate::odd_answers::{BODY, OK, rows};
use crate::site::Answer;

/// What both do about `url`: whether the original restarts, whether httpok does, and what httpok says.
pub fn both(stage: &Stage, options: &[&str], url: &str) -> (bool, bool, String) {
    let words = [&["-t", "2", "-p", "web"], options, &[url]].concat();
    let stops = || stage.supervisord.count("stop");
    let before = stops();
    let mut original = EventListener::start(&mut stage.superlance(&words));
    original.tick();
    original.close();
    let between = stops();
    let mut ours = EventListener::start(&mut stage.httpok(&words));
    ours.tick();
    let said = ours.close().err;
    (between > before, stops() > between, said)
}

#[test]
fn odd_responses_cause_no_restart_beyond_the_originals() {
    let rows = rows();
    assert!(rows.len() > 100, "{}", rows.len());
    let left = Mutex::new(rows.iter());
    let (invalid, gentle, good) = (Mutex::new(Vec::new()), Mutex::new(0), Mutex::new(0));
    let work = || {
        let stage = Stage::with("httpok=RUNNING web=RUNNING");
        loop {
            let row = left.lock().unwrap().next();
            let Some((name, options, answer, is_open)) = row else {
                return;
            };
            let bytes = answer.clone();
            let is_open = *is_open;
            stage.site.answer("/odd", move || match is_open {
                true => Answer::Hang(bytes.clone()),
                false => Answer::Bytes(bytes.clone()),
            });
            match both(&stage, options, "URL/odd") {
                (false, true, said) => {
                    invalid
                        .lock()
                        .unwrap()
                        .push(format!("{name} (open: {is_open}): {said}"));
                }
                (true, false, _) => *gentle.lock().unwrap() += 1,
                (false, false, _) => *good.lock().unwrap() += 1,
                (true, true, _) => {}
            }
        }
    };
    thread::scope(|scope| (0..6).for_each(|_| _ = scope.spawn(work)));
    let invalid = invalid.into_inner().unwrap();
    assert!(
        invalid.is_empty(),
        "{}:\n{}",
        invalid.len(),
        invalid.join("\n")
    );
    // the original gets along with most of them, and httpok with some more
    let (good, gentle) = (good.into_inner().unwrap(), gentle.into_inner().unwrap());
    assert!(
        good > 100 && gentle > 5,
        "{good} and {gentle} more of {}",
        rows.len()
    );
}

/// A server may know a path only in the form in which it is written.
#[test]
fn paths_are_asked_for_as_by_the_original() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    for path in [
        "/a/../b",
        "/./a",
        "/../a",
        "//two///three",
        "/a|b^c`d",
        "/q?x={a}\"b\"<c>",
        "/back\\slash",
        "/%7euser/%2e%2E/%zz",
        "/p;v=1?a=b?c",
        "/x??",
        "/'x'?'y'",
    ] {
        let good = || Answer::Bytes([OK, BODY].concat());
        stage.site.answer(path, good);
        let (original, ours, said) = both(&stage, &[], &format!("URL{path}"));
        assert!(!original && !ours, "{path}: {original} {ours} {said}");
        let asked = stage.site.count(path);
        assert_eq!(asked, 2, "{path}: {:?}", stage.site.asked().last());
    }
}

/// What both agree to be bad: or the test above would hold for a listener that never restarts.
#[test]
fn responses_rejected_by_the_original_and_curl_fail() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    for path in ["/500", "/close", "/garbage", "/short", "/hang", "/hangbody"] {
        // on a machine too busy to run it in time, httpok does not blame the service
        let tried = (0..5).map(|_| both(&stage, &[], &format!("URL{path}")));
        let mut failed = Vec::new();
        let agreed = tried.into_iter().any(|(original, ours, said)| {
            failed.push(format!("{original} {ours} {said}"));
            original && ours
        });
        assert!(agreed, "{path}: {failed:?}");
    }
}
