//! The short run that needs nothing but stable Rust: examples from `tests/fixtures/fuzz`, changed by chance.
//! The same seed gives the same run. `FUZZ` is the number of runs per target, `FUZZ_SEED` another seed.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fastrand::Rng;

/// Runs per target: some seconds for all of them in a debug build.
const RUNS: usize = 20_000;
const SEED: u64 = 202_611;

/// Beyond this nothing grows any more.
const LONGEST: usize = 4096;

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

/// The examples for `target`, in the order of their names.
fn examples(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz");
    let entries = fs::read_dir(dir.join(target)).expect("examples");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("one").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no examples for {target}");
    paths
        .iter()
        .map(|path| fs::read(path).expect("an example"))
        .collect()
}

fn drive(target: &str, check: fn(&[u8])) {
    let examples = examples(target);
    for example in &examples {
        check(example);
    }
    let seed = number("FUZZ_SEED", SEED);
    let mut rng = Rng::with_seed(seed);
    for run in 0..number("FUZZ", RUNS as u64) {
        let mut data = rng.choice(&examples).expect("not empty").clone();
        for _ in 0..rng.usize(1..=8) {
            change(&mut data, &examples, &mut rng);
        }
        data.truncate(LONGEST);
        if let Err(broken) = catch_unwind(AssertUnwindSafe(|| check(&data))) {
            let text = data.escape_ascii();
            eprintln!("{target}: run {run} of FUZZ_SEED={seed}: b\"{text}\"");
            resume_unwind(broken);
        }
    }
}

/// One small change.
fn change(data: &mut Vec<u8>, examples: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(0..=data.len());
    let end = rng.usize(at..=data.len().min(at + 64));
    match rng.u8(0..9) {
        0 if at < data.len() => data[at] ^= 1 << rng.u8(0..8),
        1 if at < data.len() => data[at] = rng.u8(..),
        2 => data.insert(
            at,
            *rng.choice(b"\0\n\r \"'\\/:{}[]<>&$.-019\x7f\x80\xc3\xff")
                .expect("some"),
        ),
        3 => drop(data.drain(at..end)),
        4 => {
            let piece = data[at..end].repeat(rng.usize(1..40));
            data.splice(at..at, piece);
        }
        5 => data.truncate(at),
        6 => {
            let other = rng.choice(examples).expect("not empty");
            let from = rng.usize(0..=other.len());
            let to = rng.usize(from..=other.len());
            data.splice(at..end, other[from..to].iter().copied());
        }
        7 => {
            let numbers: [&[u8]; 6] = [
                b"0",
                b"-1",
                b"9223372036854775807",
                b"-9223372036854775808",
                b"18446744073709551616",
                b"1e999",
            ];
            let number = rng.choice(numbers).expect("some");
            data.splice(at..end, number.iter().copied());
        }
        _ => data[at..end].reverse(),
    }
}

#[test]
fn assertions_hold() {
    drive("assertion", super::assertion);
}

#[test]
fn supervisords_answers_hold() {
    drive("xmlrpc", super::xmlrpc);
}

#[test]
fn events_hold() {
    drive("listener", super::listener);
}

#[test]
fn plain_answers_hold() {
    drive("line", super::line);
}

#[test]
fn smtp_replies_hold() {
    drive("smtp", super::smtp);
}

#[test]
fn grpc_answers_hold() {
    drive("grpc", super::grpc);
}

#[test]
fn http_answers_hold() {
    drive("http1", super::http1);
}
