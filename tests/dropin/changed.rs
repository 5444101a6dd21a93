//! The command line changes while the listener is dead: what the killed run had begun is finished and reported.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::fixture::Stage;
use crate::program::LIMIT;
use crate::scripted::Mishap;
use crate::support::wait_until;

#[test]
fn restart_of_a_killed_listener_is_mailed_by_one_with_another_url() {
    let stage = Stage::with("httpok=RUNNING web=RUNNING");
    let mail = ["-m", "a@b", "-s", "DIR/sendmail", "-p", "web"];
    stage
        .supervisord
        .mishap("stop", Mishap::DropWhile(Duration::from_secs(2)));
    let mut first = stage.listen(&[&mail[..], &["URL/500"]].concat());
    first.tick();
    wait_until("it stops web", LIMIT, || {
        stage.supervisord.count("stop") == 1
    });
    first.signal(Signal::SIGKILL);
    first.wait();
    assert_eq!(stage.mails().len(), 0);
    let second = stage.listen(&[&mail[..], &["URL/ok"]].concat());
    wait_until("web runs again", LIMIT, || {
        stage.supervisord.state("web") == "RUNNING" && stage.supervisord.count("start") == 1
    });
    wait_until("it is mailed", LIMIT, || stage.mails().len() == 1);
    let end = second.close();
    assert_eq!(end.status.code(), Some(0), "{}", end.err);
    let mails = stage.mails();
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("web restarted"), "{mails:?}");
}
