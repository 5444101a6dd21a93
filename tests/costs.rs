//! What checks cost, counted and not timed: allocations while the loop is held by a reload or a probe, and bytes that a
//! check keeps. No machine is too slow for these.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use httpok::config;
use httpok::health::{
    Body, Check, CheckRules, CheckTick, Effect, Event, Limits, Moment, Monitor, Observation,
    StatusLine, share_equal,
};
use httpok::tick::calendar::Calendar;
use httpok::tick::maintenance::{MaintenanceSpec, open};

/// Counts what the thread of a test allocates and frees.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // a thread that ends allocates no more that matters
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    let _ = BYTES.try_with(|known| known.set(known.get() + bytes));
}

// SAFETY: all of it is the system's allocator, which is only counted
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise
        unsafe { System.dealloc(at, layout) }
    }
}

/// What `work` returns, how often it allocated or freed, and how many bytes it kept.
fn counted<T>(work: impl FnOnce() -> T) -> (T, u64, i64) {
    let (calls, bytes) = (CALLS.get(), BYTES.get());
    let done = work();
    (done, CALLS.get() - calls, BYTES.get() - bytes)
}

const MANY: usize = 10_000;
const FEW: usize = 500;

fn check(number: usize, rules: &Arc<CheckRules>) -> Check {
    let name = format!("shop-{number}");
    Check {
        url: format!("http://127.0.0.1:8080/{name}"),
        name,
        probe: "0123456789abcdef0123456789abcdef".to_owned(),
        rules: Arc::clone(rules),
    }
}

fn checks(count: usize) -> Vec<Arc<Check>> {
    let rules = Arc::default();
    let checks = (0..count).map(|number| check(number, &rules));
    checks.map(Arc::new).collect()
}

fn reload(checks: Vec<Arc<Check>>) -> Event {
    Event::Reload {
        checks,
        limits: Limits::default(),
        forgot: Vec::new(),
    }
}

/// One probe of `check` that passes, or fails.
fn probe(monitor: &mut Monitor, now: Moment, check: &str, passes: bool) -> usize {
    probe_answered(monitor, now, check, if passes { 200 } else { 500 })
}

/// One probe of `check`, which is answered with the status `code`.
fn probe_answered(monitor: &mut Monitor, now: Moment, check: &str, code: u16) -> usize {
    let tick = Event::Tick(CheckTick {
        check: check.to_owned(),
        age: None,
        period: Some(Duration::from_secs(10)),
    });
    let mut probes = 0;
    for effect in monitor.handle(now, tick) {
        let Effect::Probe { check, ticket, .. } = effect else {
            continue;
        };
        let seen = Box::new(Observation {
            duration: Duration::from_millis(3),
            status: Some(StatusLine {
                version: "HTTP/1.1".to_owned(),
                code,
                reason: "OK".to_owned(),
            }),
            headers: vec![("Content-Length".to_owned(), "2".to_owned())],
            body: Some(Body {
                size: 2,
                ..Body::default()
            }),
            ..Observation::default()
        });
        let observed = Event::Observed {
            check,
            ticket,
            seen,
        };
        let _ = monitor.handle(now, observed);
        probes += 1;
    }
    probes
}

/// A reload holds the loop, so that nothing in it may be done for each check but what is said here; what could be done
/// elsewhere, such as to compare and to free, allocates and frees.
#[test]
fn reload_neither_compares_nor_frees_what_is_shared() {
    let at = Moment::from_secs(1_795_000_000);
    let mut monitor = Monitor::of_shared(Limits::default(), 1, checks(MANY));
    let before = monitor.definitions();
    let mut same = checks(MANY);
    share_equal(&before, &mut same);
    let event = reload(same);
    let (effects, calls, _) = counted(|| monitor.handle(at, event));
    assert_eq!(effects, []);
    assert!(calls < 100, "{calls} allocations for {MANY} equal checks");

    let mut changed = checks(MANY);
    for check in &mut changed {
        Arc::make_mut(check).policy.grace += Duration::from_secs(1);
    }
    share_equal(&before, &mut changed);
    let event = reload(changed);
    let (effects, calls, _) = counted(|| monitor.handle(at, event));
    assert_eq!(effects, []);
    assert!(calls < 200, "{calls} allocations for {MANY} changed checks");
    let graces = monitor.checks().map(|check| check.policy.grace);
    assert_eq!(graces.min(), Some(Duration::from_secs(31)));
    drop(before);
}

/// What the decision core keeps of a check that passes, with all the results that it keeps.
#[test]
fn check_that_passes_keeps_little() {
    let mut monitor = Monitor::new(Limits::default(), 1, Vec::new());
    let checks = checks(FEW);
    let event = reload(checks);
    let at = |second: usize| Moment::from_secs(1_795_000_000 + second as u64);
    let (_, _, defined) = counted(|| drop(monitor.handle(at(0), event)));
    let (probes, _, kept) = counted(|| {
        let probes = (0..70).flat_map(|round| (0..FEW).map(move |number| (round, number)));
        probes
            .map(|(round, number)| probe(&mut monitor, at(round), &format!("shop-{number}"), true))
            .sum::<usize>()
    });
    assert_eq!(probes, 70 * FEW);
    let each = |bytes: i64| bytes / FEW as i64;
    println!("state {}, results {}", each(defined), each(kept));
    assert!(each(defined) < 900, "{} bytes", each(defined));
    assert!(each(kept) < 1200, "{} bytes", each(kept));
}

/// The share of the decision core in a probe.
#[test]
fn probe_allocates_little_in_the_core() {
    let mut monitor = Monitor::new(Limits::default(), 1, vec![check(0, &Arc::default())]);
    let at = |second: u64| Moment::from_secs(1_795_000_000 + second);
    for (begun, passes) in [(0, true), (1000, false)] {
        // a fail opens an incident, which grows until it holds as much as it may
        for second in 0..200 {
            probe(&mut monitor, at(begun + second), "shop-0", passes);
        }
        let now = at(begun + 200);
        let (probes, calls, _) = counted(|| probe(&mut monitor, now, "shop-0", passes));
        assert_eq!(probes, 1);
        println!("{calls} allocations and frees of a probe that passes: {passes}");
        assert!(calls < 100, "{calls} for {passes}");
    }
}

/// After each fail of a check that is down its memory and its incident are handed over to be stored, whatever the incident
/// holds by then.
#[test]
fn incident_is_handed_over_without_a_copy_of_its_results() {
    let mut monitor = Monitor::new(Limits::default(), 1, vec![check(0, &Arc::default())]);
    let at = |second: u64| Moment::from_secs(1_795_000_000 + second);
    for second in 0..200 {
        // results that are alike are kept once
        let code = 500 + second as u16 % 90;
        probe_answered(&mut monitor, at(second), "shop-0", code);
    }
    let (handed_over, calls, _) = counted(|| {
        let unwritten = monitor.take_unwritten("shop-0").expect("it is known");
        let incident = unwritten.memory.incident.clone();
        (incident, unwritten.memory.without_entries())
    });
    let results = handed_over.0.expect("it is open").results().count();
    assert!(results >= 50, "{results}");
    assert!(calls < 50, "{calls} for {results} results");
}

/// A configuration of `count` checks, each written by `check` from its number, and the same number of what `more` writes.
fn configuration(
    count: usize,
    check: impl Fn(usize) -> String,
    more: impl Fn(usize) -> String,
) -> String {
    let mut text = String::new();
    for number in 0..count {
        let keys = check(number);
        text +=
            &format!("[[check]]\nname = \"c{number}\"\nurl = \"http://127.0.0.1:1/\"\n{keys}\n");
        text += &format!("{}\n", more(number));
    }
    text
}

/// What is held back is worked out while the loop is held: a window is compared with the checks that it may mean alone.
#[test]
fn open_windows_are_determined_in_linear_time() {
    let at = Calendar::parse("00:00", Some("UTC")).expect("a time");
    let patterns: [fn(usize) -> String; 2] = [
        |number| format!("c{number}"),
        |number| format!("c{number}-*"),
    ];
    for pattern in patterns {
        let cost = |count: usize| {
            let windows = (0..count).map(|number| MaintenanceSpec {
                checks: vec![pattern(number)],
                at: at.clone(),
                lasting: Duration::from_secs(3600),
                restart: false,
                notify: true,
            });
            let windows: Vec<_> = windows.collect();
            let names: Vec<_> = (0..count)
                .flat_map(|n| [format!("c{n}"), format!("c{n}-a")])
                .collect();
            let names = names.iter().map(String::as_str);
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_777_593_660);
            let (found, calls, _) = counted(|| open(&windows, names, now, Moment::from_secs(60)));
            assert_eq!(found.len(), count);
            calls
        };
        let (few, more) = (cost(FEW), cost(4 * FEW));
        assert!(
            more < 6 * few,
            "{few} allocations and frees for {FEW} windows, {more} for 4 times as many"
        );
    }
}

/// What each check costs to read is the same in a large file, with faults and warnings, too.
#[test]
fn configuration_is_read_in_linear_time() {
    type Write = fn(usize) -> String;
    let nothing: Write = |_| String::new();
    let cases: [(&str, Write, Write); 6] = [
        ("checks", |_| "timeout = \"3s\"".to_owned(), nothing),
        ("faults", |_| "timeout = \"x\"".to_owned(), nothing),
        ("warnings", |_| "timeout = \"5m\"".to_owned(), nothing),
        (
            "requires what is not there",
            |number| format!("requires = \"d{number}\""),
            nothing,
        ),
        (
            "programs",
            |number| format!("restart = \"program/p{number}\""),
            |number| format!("[[program]]\nname = \"p{number}\"\ncommand = \"/bin/true\""),
        ),
        (
            "windows",
            |_| String::new(),
            |number| {
                format!("[[maintenance]]\nat = \"02:00\"\nfor = \"1h\"\nchecks = \"c{number}?*\"")
            },
        ),
    ];
    for (what, check, more) in cases {
        let cost = |count: usize| {
            let text = configuration(count, check, more);
            let (read, calls, _) = counted(|| config::parse_and_warn(&text, "c.toml", &|_| None));
            drop(read);
            calls
        };
        // the first 100 faults cost more, as what was probably meant is looked for
        let (few, more, most) = (cost(FEW), cost(2 * FEW), cost(4 * FEW));
        let (first, second) = (more - few, most - more);
        assert!(
            second < 3 * first,
            "{what}: {first} allocations and frees for {FEW} more, {second} for {} more",
            2 * FEW
        );
    }
}
