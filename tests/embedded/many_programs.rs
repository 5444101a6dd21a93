//! A hundred programs at once.

use std::time::{Duration, Instant};

use httpok::health::{Process, ProcessState};
use httpok::supervisor::embedded::{Embedded, Program};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::{LIMIT, lives, until, words};

fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let time = |value: TimeVal| {
        Duration::from_secs(value.tv_sec().cast_unsigned())
            + Duration::from_micros(value.tv_usec().cast_unsigned())
    };
    time(usage.user_time()) + time(usage.system_time())
}

#[tokio::test]
async fn a_hundred_programs_are_started_watched_and_stopped() {
    let program = |number: u32| Program {
        startsecs: Duration::from_millis(100),
        ..Program::new(format!("p{number}"), words(&["sleep", "1000"]))
    };
    let (begun, before) = (Instant::now(), cpu());
    let embedded = Embedded::new((0..100).map(program).collect());
    embedded.begin(vec![]).await;
    let running = |process: &Process| process.state == ProcessState::Running;
    until("all of them", || embedded.list().iter().all(running)).await;
    let pids: Vec<_> = embedded.records().iter().map(|record| record.pid).collect();
    assert_eq!(pids.len(), 100);
    embedded.shutdown(LIMIT).await;
    println!("{:?} of CPU, {:?} in all", cpu() - before, begun.elapsed());
    assert!(!pids.iter().any(|pid| lives(*pid)));
}
