//! What httpok costs, beside a peer that does the same in the same run: `make bench`. Ratios hold on any
//! machine, times only on the one they were taken on. No test looks at any of it.
//!
//! Each row is measured in rounds, ours and the peer's in turn; told are the medians, and the median of the
//! rounds' ratios. Time is the processor's, of the measuring thread or the measured process.

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

fn main() {
    // `cargo test --all-targets` starts this, too: that it compiles is all that is asked there
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let mut table = Table::begin();
    decision_core::measure(&mut table);
    judge::measure(&mut table);
    list::measure(&mut table);
    handshake::measure(&mut table);
    process::measure(&mut table);
    footprint::measure(&mut table);
    reload::measure(&mut table);
    watch::measure(&mut table);
}
