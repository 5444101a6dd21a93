//! `--once`: for cron and scripts.

use crate::site::says;
use crate::stage::Stage;

#[test]
fn once_ends_with_the_status_of_check() {
    let stage = Stage::with(&["shop"]);
    stage.site.answer("/slow", || says("200 OK", "slow"));
    for (words, code) in [
        (&["URL/ok"][..], 0),
        (&["URL/ok", "URL/500"], 2),
        (&["-c", "5xx", "URL/500"], 0),
        (&["-p", "shop", "--fail-after", "2", "URL/500"], 2),
        (&["--config", "no-such-file.toml"], 3),
        (&["-p", "shop"], 3),
    ] {
        let words = [&["--once"], words].concat();
        let end = stage.watch(&words).wait();
        assert_eq!(end.status.code(), Some(code), "{words:?}: {}", end.err);
        assert_eq!(end.out, "", "{words:?}");
    }
    assert_eq!(stage.lives("shop"), 1, "one fail is not enough");
}

#[test]
fn once_restarts_and_waits_for_the_proof() {
    let stage = Stage::with(&["shop"]);
    stage.ill_until("shop", 2, says("500 Oh", ""));
    let words = [
        "--once",
        "--fail-after",
        "1",
        "--grace",
        "0",
        "-p",
        "shop",
        "URL/shop",
    ];
    let end = stage.watch(&words).wait();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    assert_eq!((stage.lives("shop"), stage.site.count("/shop")), (2, 2));
}

#[test]
fn a_supervisord_that_cannot_be_reached_is_said() {
    let stage = Stage::with(&[]);
    let words = [
        "--once",
        "--supervisor",
        "unix:///no/such.sock",
        "-p",
        "shop",
        "--fail-after",
        "1",
        "URL/500",
    ];
    let end = stage.watch(&words).wait();
    assert_eq!(end.status.code(), Some(2), "{}", end.err);
    assert!(
        end.err.contains("no such socket: unix:///no/such.sock"),
        "{}",
        end.err
    );
}
