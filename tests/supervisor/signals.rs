//! The signals that the watchdog obeys, sent to this very process.

use httpok::tick::{Signal, Signals};
use nix::sys::signal::{Signal as Sig, raise};

// The only test that raises signals: they reach every listener in the process.
#[tokio::test]
async fn signals_map_to_stop_and_reload() {
    let mut signals = Signals::new().unwrap();
    for (raised, asked) in [
        (Sig::SIGHUP, Signal::Reload),
        (Sig::SIGTERM, Signal::Shutdown { count: 1 }),
        (Sig::SIGHUP, Signal::Reload),
        (Sig::SIGINT, Signal::Shutdown { count: 2 }),
        (Sig::SIGTERM, Signal::Shutdown { count: 3 }),
    ] {
        raise(raised).unwrap();
        assert_eq!(signals.next().await, asked);
    }
}
