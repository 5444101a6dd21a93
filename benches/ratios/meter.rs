//! Measuring: rounds of ours and a peer's in turn, medians, and the table they are told in.

use std::fs;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::{Duration, SystemTime};

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// Rounds of each row.
const ROUNDS: usize = 15;

/// Processor time of this thread so far.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    Duration::from_nanos(time.num_nanoseconds().unsigned_abs())
}

/// Processor time of one call of `work`, as the mean of `times`.
pub fn each(times: u32, mut work: impl FnMut()) -> Duration {
    let begun = cpu();
    for _ in 0..times {
        work();
    }
    (cpu() - begun) / times
}

pub fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    values[values.len() / 2]
}

/// The day, and what kind of machine this is.
fn machine() -> String {
    let now = SystemTime::now();
    let day = humantime::format_rfc3339_seconds(now).to_string();
    let day = day.split('T').next().unwrap_or_default();
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    let model = model.unwrap_or_else(|| "a processor without a name".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let (arch, kernel) = (std::env::consts::ARCH, kernel.trim());
    let cores = match cores {
        1 => "1 core".to_owned(),
        more => format!("{more} cores"),
    };
    format!("{day}, {cores} ({model}), {arch}, Linux {kernel}, load at the start {load}")
}

/// In microseconds, or in milliseconds where it takes longer.
fn shown(span: Duration) -> String {
    let micros = span.as_secs_f64() * 1e6;
    match micros {
        micros if micros < 10.0 => format!("{micros:.2} µs"),
        micros if micros < 1000.0 => format!("{micros:.0} µs"),
        micros if micros < 10_000.0 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{:.0} ms", micros / 1e3),
    }
}

/// The table on standard output, in Markdown.
pub struct Table(());

impl Table {
    pub fn begin() -> Self {
        println!("{}\n", machine());
        println!("| what | httpok | peer | ratio |\n|---|---|---|---|");
        Self(())
    }

    /// A row without a peer.
    pub fn alone(&mut self, what: &str, mut ours: impl FnMut() -> Duration) {
        ours();
        let all = (0..ROUNDS).map(|_| ours()).collect();
        println!("| {what} | {} | | |", shown(median(all)));
    }

    /// A row beside the peer `whose`.
    pub fn beside(
        &mut self,
        what: &str,
        mut ours: impl FnMut() -> Duration,
        whose: &str,
        mut peers: impl FnMut() -> Duration,
    ) {
        // caches and branch predictors are warm for both
        ours();
        peers();
        let rounds: Vec<_> = (0..ROUNDS).map(|_| (ours(), peers())).collect();
        let ratios = rounds
            .iter()
            .map(|(ours, peers)| ours.as_secs_f64() / peers.as_secs_f64());
        let ratio = median(ratios.collect());
        let (ours, peers): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
        let (ours, peers) = (median(ours), median(peers));
        let (ours, peers) = (shown(ours), shown(peers));
        println!("| {what} | {ours} | {peers} ({whose}) | {ratio:.2} |");
    }

    /// A row of figures that were taken elsewhere.
    pub fn figures(&mut self, what: &str, unit: &str, ours: f64, peers: Option<(f64, &str)>) {
        match peers {
            Some((peers, whose)) => println!(
                "| {what} | {ours:.1} {unit} | {peers:.1} {unit} ({whose}) | {:.2} |",
                ours / peers
            ),
            None => println!("| {what} | {ours:.1} {unit} | | |"),
        }
    }

    /// A row that says why it cannot be measured here.
    pub fn absent(&mut self, what: &str, why: &str) {
        println!("| {what} | | {why} | |");
    }
}
