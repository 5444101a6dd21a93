//! What httpok costs, beside a peer that does the same in the same run: `make bench`. Ratios hold on any
//! machine, times only on the one they were taken on. No test looks at any of it.
//!
//! Each row is measured in rounds, ours and the peer's in turn; told are the medians, and the median of the
//! rounds' ratios. Time is the processor's, of the measuring thread or the measured process. Names of parts after
//! `cargo bench --profile dist --bench ratios --` measure these alone.

mod decision_core;
mod footprint;
mod handshake;
mod judge;
mod list;
mod meter;
mod process;
mod reload;
mod running;
mod server;
mod watch;

use meter::Table;

type Part = (&'static str, fn(&mut Table));

const PARTS: [Part; 8] = [
    ("decision_core", decision_core::measure),
    ("judge", judge::measure),
    ("list", list::measure),
    ("handshake", handshake::measure),
    ("process", process::measure),
    ("footprint", footprint::measure),
    ("reload", reload::measure),
    ("watch", watch::measure),
];

fn main() {
    // `cargo test --all-targets` starts this, too: that it compiles is all that is asked there
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let named: Vec<_> = std::env::args().skip(1).collect();
    let names = |name: &str| named.iter().any(|word| word == name);
    let is_whole = !PARTS.iter().any(|(name, _)| names(name));
    let mut table = Table::begin();
    for (name, measure) in PARTS {
        if is_whole || names(name) {
            measure(&mut table);
        }
    }
}
