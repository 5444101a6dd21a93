//! The assertion language against answers of real systems, and against whatever chance comes up with.

use std::time::Duration;

use httpok::health::{
    Assertion, Body, Certificate, Expectation, Finding, Judgement, Observation, Phase, Reason,
    StatusLine, StatusSet, Trouble, Verdict, VerdictRule,
};
use proptest::prelude::*;

fn assertion(text: &str) -> Assertion {
    Assertion::parse(text).unwrap_or_else(|why| panic!("{text}\n{why}"))
}

fn expecting(text: &str) -> Expectation {
    Expectation {
        status: StatusSet::from_words(&["1xx", "2xx", "3xx", "4xx", "5xx"]).expect("words"),
        expect: vec![assertion(text)],
        ..Expectation::default()
    }
}

fn body(bytes: &[u8]) -> Option<Body> {
    Some(Body {
        kept: bytes.to_vec(),
        size: bytes.len() as u64,
        ..Body::default()
    })
}

fn answer(code: u16, bytes: &[u8]) -> Observation {
    Observation {
        duration: Duration::from_millis(250),
        url: "https://shop.example.org/health".into(),
        status: Some(StatusLine {
            version: "HTTP/1.1".into(),
            code,
            reason: String::new(),
        }),
        body: body(bytes),
        ..Observation::default()
    }
}

/// What becomes of the one assertion `text`.
fn find(text: &str, seen: &Observation) -> Finding {
    let judgement = expecting(text).judge(seen);
    let finding = judgement.findings.into_iter().next_back();
    finding.unwrap_or_else(|| panic!("no finding of {text}"))
}

/// Assertion, whether it is met, what is said to have been seen.
type Row = (&'static str, bool, &'static str);

fn check(seen: &Observation, rows: &[Row]) {
    for (text, met, actual) in rows {
        let finding = find(text, seen);
        let got = (finding.met, finding.actual.as_str());
        assert_eq!(got, (*met, *actual), "{text}");
    }
}

const DAY: i64 = 86_400;

fn certificate(not_after: i64) -> Certificate {
    Certificate {
        subject: "CN=x".into(),
        issuer: "CN=y".into(),
        names: Vec::new(),
        not_before: 0,
        not_after,
        verified: true,
    }
}

#[rustfmt::skip] // one line each
const HEAD: &[Row] = &[
    ("status == 503", true, "503"),
    ("status == 200", false, "503"),
    ("status != 200", true, "503"),
    ("status < 500", false, "503"),
    ("status >= 500", true, "503"),
    ("status <= 503", true, "503"),
    ("status > 503", false, "503"),
    ("status in 200-299", false, "503"),
    ("status in 200-299,304, 500-503", true, "503"),
    ("status in 2xx,5xx", true, "503"),
    ("status not in 2xx", true, "503"),
    ("status not == 503", false, "503"),
    ("status exists", true, "503"),
    ("status not exists", false, "503"),
    (r#"header "content-type" == "text/plain; charset=utf-8""#, true, "\"text/plain; charset=utf-8\""),
    (r#"header "Content-Type" startsWith "text/""#, true, "\"text/plain; charset=utf-8\""),
    (r#"header "Content-Type" endsWith "utf-8""#, true, "\"text/plain; charset=utf-8\""),
    (r#"header "Content-Type" contains "json""#, false, "\"text/plain; charset=utf-8\""),
    (r#"header "Content-Type" matches /^TEXT\/plain\b/i"#, true, "\"text/plain; charset=utf-8\""),
    (r#"header "Content-Type" matches /^TEXT\//"#, false, "\"text/plain; charset=utf-8\""),
    (r#"header "X-Queue" < 100"#, true, "\"42\""),
    (r#"header "X-Queue" in 1-41"#, false, "\"42\""),
    (r#"header "X-Queue" == "42""#, true, "\"42\""),
    (r#"header "Content-Type" > 5"#, false, "\"text/plain; charset=utf-8\" (a text, not a number)"),
    (r#"header "X-Empty" isEmpty"#, true, "\"\""),
    (r#"header "X-Empty" exists"#, true, "\"\""),
    (r#"header "X-Queue" isEmpty"#, false, "\"42\""),
    (r#"header "X-None" exists"#, false, "no such header"),
    (r#"header "X-None" not exists"#, true, "no such header"),
    (r#"header "X-None" == "a""#, false, "no such header"),
    (r#"header "X-None" not == "a""#, false, "no such header"),
    (r#"header "X-None" count == 0"#, true, "a count of 0"),
    (r#"header "Via" count == 2"#, true, "a count of 2"),
    (r#"header "Via" not count > 2"#, true, "a count of 2"),
    (r#"header "Via" exists"#, true, "2 values"),
    (r#"header "Via" contains "1.1""#, true, "all of 2 values"),
    (r#"header "Via" == "1.1 a""#, false, "\"1.1 b\", which is value 2 of 2"),
    (r#"header "Via" any == "1.1 b""#, true, "\"1.1 b\", which is value 2 of 2"),
    (r#"header "Via" any == "1.1 c""#, false, "none of 2 values: \"1.1 a\", \"1.1 b\""),
    (r#"header "Via" not contains "b""#, false, "\"1.1 b\", which is value 2 of 2"),
    (r#"header "Via" not any contains "c""#, true, "none of 2 values: \"1.1 a\", \"1.1 b\""),
    (r#"header "Via" not every contains "b""#, true, "\"1.1 a\", which is value 1 of 2"),
    (r#"header "Via" every not contains "c""#, true, "all of 2 values"),
    (r#"version == "HTTP/1.1""#, true, "\"HTTP/1.1\""),
    (r#"version startsWith "HTTP/2""#, false, "\"HTTP/1.1\""),
    (r#"url matches /^https:.*\/health$/"#, true, "\"https://shop.example.org/health\""),
    (r#"url not contains "login""#, true, "\"https://shop.example.org/health\""),
    ("duration < 500ms", true, "250.0ms"),
    ("duration < 0.2s", false, "250.0ms"),
    ("duration < 1", true, "250.0ms"),
    ("duration < 0.2", false, "250.0ms"),
    ("duration in 0.2-0.3", true, "250.0ms"),
    ("duration == 250ms", true, "250.0ms"),
    ("duration in 200ms-1s", true, "250.0ms"),
    ("duration not > 1m 30s", true, "250.0ms"),
    ("certificate expires > 14d", true, "20d 0h"),
    ("certificate expires > 3w", false, "20d 0h"),
    ("certificate expires exists", true, "20d 0h"),
];

#[test]
fn assertions_read_heads() {
    let mut seen = answer(503, b"");
    seen.headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Queue", "42"),
        ("X-Empty", ""),
        ("Via", "1.1 a"),
        ("via", "1.1 b"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    // the chain is worth as much as its first certificate to expire
    seen.certificates = vec![certificate(120 * DAY), certificate(80 * DAY)];
    seen.at_unix = Some(60 * DAY);
    check(&seen, HEAD);
    seen.at_unix = Some(83 * DAY);
    check(&seen, &[("certificate expires > 0s", false, "3d 0h ago")]);
    seen.at_unix = None;
    let unknown = "the time of the probe is not known";
    check(&seen, &[("certificate expires > 14d", false, unknown)]);
}

#[test]
fn missing_value_meets_only_its_absence() {
    let seen = Observation::default();
    check(
        &seen,
        &[
            ("status == 200", false, "no status"),
            ("status not == 200", false, "no status"),
            ("body isEmpty", false, "no body at all"),
            ("line == ''", false, "no body at all"),
            ("size >= 0", false, "no body at all"),
            ("version == 'x'", false, "no HTTP answer"),
            ("url exists", false, "no URL"),
            ("certificate expires > 1d", false, "no certificate"),
            ("certificate expires not exists", true, "no certificate"),
            ("jsonpath '$' not exists", false, "no body at all"),
            ("metric up not exists", false, "no body at all"),
        ],
    );
    let exited = Observation {
        exit: Some(2),
        ..Observation::default()
    };
    check(&exited, &[("status in 0-1", false, "2")]);
}

#[rustfmt::skip] // one line each
const BODIES: &[Row] = &[
    ("body contains 'fine'", true, "\"all fine\\r\\n\""),
    ("body not contains 'error'", true, "\"all fine\\r\\n\""),
    ("body contains 'error'", false, "\"all fine\\r\\n\""),
    ("body == 'all fine'", false, "\"all fine\\r\\n\""),
    (r"body == 'all fine\r\n'", true, "\"all fine\\r\\n\""),
    ("line == 'all fine'", true, "\"all fine\""),
    ("line != 'all fine'", false, "\"all fine\""),
    ("line in 'OK', 'all fine'", true, "\"all fine\""),
    ("line endsWith 'fine'", true, "\"all fine\""),
    ("body endsWith 'fine'", false, "\"all fine\\r\\n\""),
    ("body startsWith 'all'", true, "\"all fine\\r\\n\""),
    (r"body matches /^all\s+fine\s*$/", true, "\"all fine\\r\\n\""),
    (r"line matches /^ALL fine$/ix", false, "\"all fine\""),
    (r"line matches /^ALL \s fine$/ix", true, "\"all fine\""),
    ("body isEmpty", false, "\"all fine\\r\\n\""),
    ("body not isEmpty", true, "\"all fine\\r\\n\""),
    ("body exists", true, "\"all fine\\r\\n\""),
    ("size == 10", true, "10 bytes"),
    ("size < 10KiB", true, "10 bytes"),
    ("size >= 10B", true, "10 bytes"),
    ("size in 20-30", false, "10 bytes"),
    ("line > 5", false, "\"all fine\" (a text, not a number)"),
    ("line not > 5", false, "\"all fine\" (a text, not a number)"),
    ("jsonpath '$' exists", false,
        "a body that is not JSON (expected value at line 1 column 1): \"all fine\\r\\n\""),
    ("metric up == 1", false, "no such series"),
];

#[test]
fn assertions_read_bodies() {
    check(&answer(200, b"all fine\r\n"), BODIES);
    check(
        &answer(200, b"17\n"),
        &[
            ("line < 20", true, "\"17\""),
            ("line == 17", true, "\"17\""),
            ("line == 17.0", true, "\"17\""),
            ("body in 1-3,17", true, "\"17\\n\""),
        ],
    );
    check(&answer(204, b""), &[("body isEmpty", true, "\"\"")]);
    // one line end is taken away, and only at the end
    for (bytes, line) in [
        (&b"OK\n"[..], "'OK'"),
        (b"OK\r\n", "'OK'"),
        (b"OK\n\n", r"'OK\n'"),
        (b"OK\r", r"'OK\r'"),
        (b"a\nb\n", r"'a\nb'"),
        (b"\n", "''"),
    ] {
        let finding = find(&format!("line == {line}"), &answer(200, bytes));
        assert!(finding.met, "{line}: {finding:?}");
    }
}

#[test]
fn binary_bodies_are_compared_as_bytes() {
    let seen = answer(200, b"\xff\xfena\xc3\xafve\x00");
    check(
        &seen,
        &[
            ("body contains 'naïve'", true, "\"��naïve\\0\""),
            (r"body matches /na.ve/", true, "\"��naïve\\0\""),
            (r"body matches /(?-u)^\xff\xfe/", true, "\"��naïve\\0\""),
            ("body startsWith 'n'", false, "\"��naïve\\0\""),
            (
                "metric up == 1",
                false,
                "a body that is not metrics text: invalid utf-8 sequence of 1 bytes from index 0",
            ),
        ],
    );
    assert!(!find("jsonpath '$' exists", &seen).met);
}

#[test]
fn truncated_body_decides_only_about_its_beginning() {
    let mut seen = answer(200, b"{\"status\": ");
    let cut = seen.body.as_mut().expect("there is one");
    cut.size = 1_000_000;
    cut.found = vec![b"far away".to_vec()];
    let searches = [
        ("/found/", true),
        ("/absent/i", false),
        ("endsWith \"}\"", true),
    ];
    let searches = searches.map(|(pattern, found)| (pattern.to_owned(), found));
    cut.searched = searches.into_iter().collect();
    let part = "a body of 1000000 bytes, of which only the first 11 were kept";
    check(
        &seen,
        &[
            ("body contains 'far away'", true, "a body of 1000000 bytes"),
            ("body contains 'nowhere'", false, "a body of 1000000 bytes"),
            (
                "body not contains 'nowhere'",
                true,
                "a body of 1000000 bytes",
            ),
            // what it is compared with is shorter than what was kept
            ("body == 'x'", false, "a body of 1000000 bytes"),
            ("body != 'x'", true, "a body of 1000000 bytes"),
            ("body == '{\"status\":'", false, "a body of 1000000 bytes"),
            (
                "body startsWith '{\"status'",
                true,
                "a body of 1000000 bytes",
            ),
            ("body startsWith 'status'", false, "a body of 1000000 bytes"),
            ("body == '{\"status\": \"UP\"}'", false, part),
            ("body startsWith '{\"status\": \"UP\"}'", false, part),
            ("body matches /found/", true, "a body of 1000000 bytes"),
            ("body not matches /found/", false, "a body of 1000000 bytes"),
            ("body matches /absent/i", false, "a body of 1000000 bytes"),
            (
                "body not matches /absent/i",
                true,
                "a body of 1000000 bytes",
            ),
            ("body endsWith '}'", true, "a body of 1000000 bytes"),
            ("body not matches /x/", false, part),
            ("body endsWith 'x'", false, part),
            ("body not == 5", false, "a body of 1000000 bytes"),
            ("line == 'x'", false, part),
            ("jsonpath '$' exists", false, part),
            ("jsonpath '$' not exists", false, part),
            ("metric up not exists", false, part),
            ("size > 900KiB", true, "1000000 bytes"),
            ("body isEmpty", false, "a body of 1000000 bytes"),
        ],
    );
}

const TYPES: &[u8] = br#"{"s": "UP", "n": 5, "f": 0.5, "big": 18446744073709551615, "t": true, "z": null,
    "huge": 18446744073709551616, "halves": [0.5], "hl": [1, 18446744073709551616], "l": [1, 2, 3], "e": [], "o": {"a": 1}, "m": ["a", 5, null], "": "nameless", "deep": [[1], [2]]}"#;

#[rustfmt::skip] // one line each
const JSON: &[Row] = &[
    (r#"jsonpath "$.s" == "UP""#, true, "\"UP\""),
    (r#"jsonpath "$.s" != "UP""#, false, "\"UP\""),
    (r#"jsonpath "$.s" in "UP","UNKNOWN""#, true, "\"UP\""),
    (r#"jsonpath "$.s" contains "P""#, true, "\"UP\""),
    (r#"jsonpath "$.s" startsWith "P""#, false, "\"UP\""),
    (r#"jsonpath "$.s" endsWith "P""#, true, "\"UP\""),
    (r#"jsonpath "$.s" matches /^up$/i"#, true, "\"UP\""),
    (r#"jsonpath "$.s" == 5"#, false, "\"UP\" (a string, not a number)"),
    (r#"jsonpath "$.s" not == 5"#, false, "\"UP\" (a string, not a number)"),
    (r#"jsonpath "$.s" != 5"#, false, "\"UP\" (a string, not a number)"),
    (r#"jsonpath "$.n" == "5""#, false, "5 (a number, not a string)"),
    (r#"jsonpath "$.n" matches /5/"#, false, "5 (a number, not a string)"),
    (r#"jsonpath "$.n" == 5"#, true, "5"),
    (r#"jsonpath "$.n" == 5.0"#, true, "5"),
    (r#"jsonpath "$.n" == 5e0"#, true, "5"),
    (r#"jsonpath "$.n" in 1-3,5"#, true, "5"),
    (r#"jsonpath "$.n" >= -5"#, true, "5"),
    (r#"jsonpath "$.n" < 5s"#, false, "5"),
    (r#"jsonpath "$.n" < 1m"#, true, "5"),
    (r#"jsonpath "$.n" < 1KiB"#, true, "5"),
    (r#"jsonpath "$.n" isEmpty"#, false, "5 (a number, not a text or a list)"),
    (r#"jsonpath "$.f" <= 0.5"#, true, "0.5"),
    (r#"jsonpath "$.big" == 18446744073709551615"#, true, "18446744073709551615"),
    (r#"jsonpath "$.big" == 18446744073709551614"#, false, "18446744073709551615"),
    (r#"jsonpath "$.big" < 18446744073709551616"#, true, "18446744073709551615"),
    (r#"jsonpath "$.huge" == 18446744073709551616"#, false, "1.8446744073709552e+19, which cannot be compared exactly beyond 64 bits"),
    (r#"jsonpath "$.huge" != 18446744073709551617"#, false, "1.8446744073709552e+19, which cannot be compared exactly beyond 64 bits"),
    (r#"jsonpath "$.huge" > 5"#, true, "1.8446744073709552e+19"),
    // one rule for all queries: digits that were lost do not decide
    (r#"jsonpath "$.huge" == 1.8446744073709552e19"#, true, "1.8446744073709552e+19"),
    (r#"jsonpath "$.huge" in 0-99999999999999999999"#, true, "1.8446744073709552e+19"),
    (r#"jsonpath "$.huge" in 18446744073709551616,1"#, false, "1.8446744073709552e+19"),
    (r#"jsonpath "$.halves" contains "a""#, false, "[0.5]"),
    (r#"jsonpath "$.hl" contains 1"#, true, "[1,1.8446744073709552e+19]"),
    (r#"jsonpath "$.hl" contains 18446744073709551617"#, false, "1.8446744073709552e+19, which cannot be compared exactly beyond 64 bits"),
    (r#"jsonpath "$.hl" not contains 18446744073709551617"#, false, "1.8446744073709552e+19, which cannot be compared exactly beyond 64 bits"),
    (r#"jsonpath "$.t" == true"#, true, "true"),
    (r#"jsonpath "$.t" != true"#, false, "true"),
    (r#"jsonpath "$.t" == "true""#, false, "true (a boolean, not a string)"),
    (r#"jsonpath "$.s" == true"#, false, "\"UP\" (a string, not true or false)"),
    (r#"jsonpath "$.z" == null"#, true, "null"),
    (r#"jsonpath "$.z" exists"#, true, "null"),
    (r#"jsonpath "$.z" == "UP""#, false, "null (not a string)"),
    (r#"jsonpath "$.s" != null"#, true, "\"UP\""),
    (r#"jsonpath "$.none" == null"#, false, "nothing at $.none"),
    (r#"jsonpath "$.none" != "x""#, false, "nothing at $.none"),
    (r#"jsonpath "$.none" not exists"#, true, "nothing at $.none"),
    (r#"jsonpath "$.none" every == 1"#, false, "nothing at $.none"),
    (r#"jsonpath "$.none" isEmpty"#, false, "nothing at $.none"),
    (r#"jsonpath "$.l" count == 3"#, true, "a count of 3"),
    (r#"jsonpath "$.l[*]" count >= 4"#, false, "a count of 3"),
    (r#"jsonpath "$.o" count == 1"#, true, "a count of 1"),
    (r#"jsonpath "$.e" count == 0"#, true, "a count of 0"),
    (r#"jsonpath "$.e" isEmpty"#, true, "[]"),
    (r#"jsonpath "$.l" not isEmpty"#, true, "[1,2,3]"),
    (r#"jsonpath "$.o" isEmpty"#, false, "{\"a\":1}"),
    (r#"jsonpath "$.l" contains 2"#, true, "[1,2,3]"),
    (r#"jsonpath "$.l" contains 7"#, false, "[1,2,3]"),
    (r#"jsonpath "$.m" contains "a""#, true, "[\"a\",5,null]"),
    (r#"jsonpath "$.m" contains null"#, true, "[\"a\",5,null]"),
    (r#"jsonpath "$.n" contains 5"#, false, "5 (a number, not a list)"),
    (r#"jsonpath "$.l" < 5"#, false, "[1,2,3] (a list, not a number: say every or any)"),
    (r#"jsonpath "$.l" every < 5"#, true, "all of 3 values"),
    (r#"jsonpath "$.l[*]" < 5"#, true, "all of 3 values"),
    (r#"jsonpath "$.l[*]" every < 3"#, false, "3, which is value 3 of 3"),
    (r#"jsonpath "$.l" any == 2"#, true, "2, which is value 2 of 3"),
    (r#"jsonpath "$.l" any > 3"#, false, "none of 3 values: 1, 2, 3"),
    (r#"jsonpath "$.l" not any > 3"#, true, "none of 3 values: 1, 2, 3"),
    (r#"jsonpath "$.n" every == 5"#, true, "5"),
    (r#"jsonpath "$.e" every == 1"#, false, "an empty list"),
    (r#"jsonpath "$.e" not every == 1"#, false, "an empty list"),
    (r#"jsonpath "$.m" any == 5"#, true, "5, which is value 2 of 3"),
    (r#"jsonpath "$.m" every == 5"#, false, "\"a\" (a string, not a number), which is value 1 of 3"),
    (r#"jsonpath "$.m" not every == 5"#, false, "\"a\" (a string, not a number)"),
    (r#"jsonpath "$.deep" every contains 1"#, false, "[2], which is value 2 of 2"),
    (r#"jsonpath "$['']" == "nameless""#, true, "\"nameless\""),
    (r#"jsonpath '$["s"]' == 'UP'"#, true, "\"UP\""),
    (r#"jsonpath "$..a" == 1"#, true, "1"),
    (r#"jsonpath "$.l[?@ > 3]" not exists"#, true, "nothing at $.l[?@ > 3]"),
    (r#"jsonpath "$[?search(@, '^U')]" == "UP""#, true, "\"UP\""),
];

#[test]
fn assertions_read_json_with_types() {
    check(&answer(200, TYPES), JSON);
    let marked = [b"\xef\xbb\xbf", TYPES].concat();
    check(
        &answer(200, &marked),
        &[(r#"jsonpath "$.n" == 5"#, true, "5")],
    );
}

const EXPOSITION: &[u8] = br#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# a comment
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
big 18446744073709551617
something_weird{problem="division by zero"} +Inf -3982045
rpc_duration_seconds{quantile="0.01",} 3102
	tabbed	{ a = "1" , b = "{,}" }	2
halon_monitor_healthy 1
up NaN
{"quoted name",a="b"} 5
process_resident_memory_bytes 1.5e+08
broken{a="1" 5
"#;

#[rustfmt::skip] // one line each
const METRICS: &[Row] = &[
    ("metric halon_monitor_healthy == 1", true, "1"),
    ("metric halon_monitor_healthy in 0-1", true, "1"),
    ("metric halon_monitor_healthy exists", true, "1"),
    ("metric halon_monitor not exists", true, "no such series"),
    ("metric halon_monitor == 1", false, "no such series"),
    (r#"metric http_requests_total{code="200"} > 1000"#, true, "1027"),
    (r#"metric http_requests_total{code='400',method='post'} == 3"#, true, "3"),
    (r#"metric http_requests_total{code="500"} exists"#, false, "no such series"),
    ("metric http_requests_total count == 2", true, "a count of 2"),
    ("metric http_requests_total > 1000", false, "3, which is value 2 of 2"),
    ("metric http_requests_total any > 1000", true, "1027, which is value 1 of 2"),
    ("metric http_requests_total every not > 2000", true, "all of 2 values"),
    (r#"metric msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT"} > 0"#, true, "1458255915"),
    (r#"metric msdos_file_access_time_seconds{error="Cannot find file:\n\"FILE.TXT\""} > 0"#, true, "1458255915"),
    ("metric metric_without_timestamp_and_labels == 12.47", true, "12.47"),
    ("metric something_weird > 1000000", true, "inf"),
    ("metric big == 18446744073709551617", false, "1.8446744073709552e19, which cannot be compared exactly beyond 53 bits"),
    ("metric big != 18446744073709551617", false, "1.8446744073709552e19, which cannot be compared exactly beyond 53 bits"),
    ("metric big == 1.8446744073709552e19", true, "1.8446744073709552e19"),
    ("metric big in 0-99999999999999999999", true, "1.8446744073709552e19"),
    ("metric big > 5", true, "1.8446744073709552e19"),
    ("metric rpc_duration_seconds{quantile='0.01'} < 1h", true, "3102"),
    ("metric rpc_duration_seconds{} > 1m", true, "3102"),
    ("metric tabbed{b='{,}',a='1'} == 2", true, "2"),
    ("metric up == 1", false, "NaN, which compares with nothing"),
    ("metric up not < 1", false, "NaN, which compares with nothing"),
    ("metric process_resident_memory_bytes < 2GiB", true, "150000000"),
    ("metric process_resident_memory_bytes < 100MiB", false, "150000000"),
    ("metric broken exists", false, "line 17 is not a sample of broken"),
    ("metric broken not exists", false, "line 17 is not a sample of broken"),
];

#[test]
fn assertions_read_metrics() {
    check(&answer(200, EXPOSITION), METRICS);
    check(
        &answer(200, b"<html>\n<p>up 1\n"),
        &[(
            "metric up not exists",
            false,
            "a body that is not metrics text: line 1 is \"<html>\"",
        )],
    );
}

#[test]
fn openmetrics_requires_its_eof_line() {
    let whole =
        b"# TYPE jobs counter\njobs_total{a=\"b\"} 17.0 # {id=\"x\"} 1.0 1520879607.789\n# EOF\n";
    let mut seen = answer(200, whole);
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    seen.headers = vec![("content-type".into(), open.into())];
    check(&seen, &[("metric jobs_total == 17", true, "17")]);
    seen.body = body(&whole[..whole.len() - 6]);
    let cut = "OpenMetrics without \"# EOF\" at its end: cut off";
    check(&seen, &[("metric jobs_total == 17", false, cut)]);
    seen.headers.clear();
    check(&seen, &[("metric jobs_total == 17", true, "17")]);
}

/// An answer's body, what is asserted about it, and whether that is met.
#[rustfmt::skip] // one line each
const SYSTEMS: &[(&str, &str, bool)] = &[
    // RoadRunner: a 200 whose entries say otherwise, and one that is no JSON
    (ROADRUNNER, r#"jsonpath "$[*].status_code" every < 401"#, false),
    (ROADRUNNER, r#"jsonpath "$[?@.plugin_name == 'http'].status_code" in 100-400"#, true),
    (ROADRUNNER, r#"jsonpath "$" count >= 2"#, true),
    (ROADRUNNER, r#"jsonpath "$[*].error_message" every isEmpty"#, false),
    ("[]", r#"jsonpath "$[*].status_code" every < 401"#, false),
    ("[]", r#"jsonpath "$[?@.status_code > 400]" not exists"#, true),
    ("service is shutting down\n", r#"line == "service is shutting down""#, true),
    ("service is shutting down\n", r#"jsonpath "$[*].status_code" every < 401"#, false),
    (JOBS, r#"jsonpath "$[*].ready" every == true"#, false),
    (JOBS, r#"jsonpath "$[?@.ready == false].pipeline" == "mails""#, true),
    // a status nested in another, where a text would be found
    (HEALTH_JSON, r#"body contains "\"status\": \"pass\"""#, true),
    (HEALTH_JSON, r#"jsonpath "$.status" matches /^(pass|ok|up)$/i"#, false),
    (HEALTH_JSON, r#"jsonpath "$.checks['cassandra:responseTime'][*].status" == "pass""#, true),
    (HEALTH_JSON, r#"jsonpath "$.checks['cassandra:responseTime'][0].observedValue" < 250"#, false),
    (r#"{"status": "unhealthy"}"#, r#"body contains "healthy""#, true),
    (r#"{"status": "unhealthy"}"#, r#"jsonpath "$.status" == "healthy""#, false),
    // Spring Boot's actuator, with and without details
    (ACTUATOR, r#"jsonpath "$.status" == "UP""#, true),
    (ACTUATOR, r#"jsonpath "$.components.db.status" == "UP""#, false),
    (ACTUATOR, r#"jsonpath "$.components.*.status" any == "OUT_OF_SERVICE""#, true),
    (r#"{"status":"UP"}"#, r#"jsonpath "$.components.db.status" == "UP""#, false),
    // KumoMTA: map keys that are no names, and what its encoder does not escape
    (KUMOMTA, r#"jsonpath "$.connection_count.value.service['smtp_client:[10.0.0.1]->mx.example.com']" < 10"#, true),
    (KUMOMTA, r#"jsonpath "$.memory_usage.value" < 1GiB"#, true),
    (KUMOMTA, r#"jsonpath "$.disk_free_percent.value.name['/var/spool']" >= 10"#, false),
    (KUMOMTA, r#"jsonpath "$.delays.value[?@.queue == 'a.com']['@']" == 3"#, true),
    (KUMOMTA, r#"jsonpath "$.ready_count.value" == null"#, true),
    (KUMOMTA, r#"jsonpath "$.latency.value.bucket[*][0]" any <= 100ms"#, true),
    (r#"{"a": {"help": "a "quoted" word"}}"#, r#"jsonpath "$" exists"#, false),
    ("OK", r#"body == "OK""#, true),
    // zc.monitor: a database whose name has an OK in it
    ("Error: Database u'BOOK' is not connected\n", r#"body contains "OK""#, true),
    ("Error: Database u'BOOK' is not connected\n", r#"line == "OK""#, false),
    ("Error: Database u'BOOK' is not connected\n", r#"line startsWith "Error: Database ""#, true),
];

const ROADRUNNER: &str = r#"[{"plugin_name":"http","error_message":"","status_code":200},
    {"plugin_name":"jobs","error_message":"internal server error, see logs","status_code":503}]"#;
const JOBS: &str = r#"[{"pipeline":"mails","priority":10,"ready":false,"queue":"q","active":0,"delayed":0,
    "reserved":0,"driver":"memory","error_message":""},{"pipeline":"b","priority":18446744073709551615,"ready":true}]"#;
const HEALTH_JSON: &str = r#"{"status": "fail", "checks": {"cassandra:responseTime": [{"componentType": "datastore",
    "observedValue": 250, "observedUnit": "ms", "status": "pass"}]}}"#;
const ACTUATOR: &str = r#"{"status":"UP","components":{"db":{"status":"DOWN","details":{"error":"x"}},
    "disk":{"status":"OUT_OF_SERVICE"}},"groups":["liveness","readiness"]}"#;
const KUMOMTA: &str = r#"{"connection_count":{"help":"","type":"gauge","value":{"service":{"esmtp_listener":0,
    "smtp_client:[10.0.0.1]->mx.example.com":7}}},"memory_usage":{"type":"gauge","value":83886080},
    "disk_free_percent":{"type":"gauge","value":{"name":{"/var/spool":8.5}}},"ready_count":{"value":null},
    "delays":{"value":[{"queue":"a.com","pool":"p","@":3},{"queue":"b.com","pool":"p","@":0}]},
    "latency":{"type":"histogram","value":{"count":2,"sum":0.1,"avg":0.05,"bucket":[[0.005,0],[0.1,2]]}}}"#;

#[test]
fn assertions_read_real_systems() {
    for (text, wanted, met) in SYSTEMS {
        let finding = find(wanted, &answer(200, text.as_bytes()));
        assert_eq!(finding.met, *met, "{wanted}\n{finding:?}");
    }
}

/// What cannot be read: where, how much of it, what is wrong, and what would be right.
#[rustfmt::skip] // one line each
const FAULTS: &[(&str, usize, usize, &str, &str)] = &[
    ("", 1, 1, "an assertion is missing", "status == 200"),
    ("  ", 3, 1, "an assertion is missing", "status == 200"),
    ("statsu == 200", 1, 6, "\"statsu\" is nothing that can be asked about", "did you mean \"status\"?"),
    ("code == 200", 1, 4, "nothing that can be asked", "did you mean \"status\"?"),
    ("[STATUS] == 200", 1, 8, "nothing that can be asked", "did you mean \"status\"?"),
    ("json '$' exists", 1, 4, "nothing that can be asked", "did you mean \"jsonpath\"?"),
    ("zzz", 1, 3, "nothing that can be asked", "expected one of status, header, body"),
    ("not body exists", 1, 3, "\"not\" comes first", "before the predicate"),
    ("status", 7, 1, "a predicate is missing", "== 200"),
    ("status = 200", 8, 1, "\"=\" is not a predicate", "did you mean \"==\"?"),
    ("status === 200", 8, 3, "is not a predicate", "did you mean \"==\"?"),
    ("status => 200", 8, 2, "is not a predicate", "did you mean \""),
    ("body startswith 'a'", 6, 10, "is not a predicate", "did you mean \"startsWith\"?"),
    ("body contain 'a'", 6, 7, "is not a predicate", "did you mean \"contains\"?"),
    ("body regex /a/", 6, 5, "is not a predicate", "did you mean \"matches\"?"),
    ("status ==", 10, 1, "a value is missing", "a number"),
    ("status == '200'", 11, 5, "\"status\" cannot be compared with a text", "200, without quotes"),
    ("status == ok", 11, 2, "\"ok\" is not a value", "put a text in quotes: \"ok\""),
    ("status contains '2'", 8, 8, "\"contains\" is for texts", "=="),
    ("status every == 200", 8, 5, "\"every\" and \"any\" are for several values", "leave it out"),
    ("body count == 1", 6, 5, "\"count\" counts several values", "leave it out"),
    ("status == 200 or 204", 15, 2, "one assertion cannot hold two", "a string of its own"),
    ("status == 200 204", 15, 3, "\"204\" after the end", "nothing more"),
    ("status in 299-200", 11, 7, "a range without numbers", "the lower one first"),
    ("status in 200-", 15, 1, "a value is missing", "a number"),
    ("status in 200,", 15, 1, "a value is missing", "a number"),
    ("status in 20x", 11, 3, "\"20x\" has no unit that is known", "KiB"),
    ("line in 'a'-'b'", 13, 3, "cannot be compared with a text", "only numbers"),
    ("line < 'a'", 8, 3, "cannot be compared with a text", "only numbers"),
    ("line == true", 9, 4, "cannot be compared with true or false", "a text in quotes"),
    ("duration < -5", 12, 2, "\"duration\" cannot be compared with a number", "a bare number is seconds"),
    ("duration < 1e12", 12, 4, "\"duration\" cannot be compared with a number", "at most ten years"),
    ("duration < 5KiB", 12, 4, "\"duration\" cannot be compared with a size", "such as 500ms or 5s"),
    ("duration < 5 ms", 14, 2, "\"ms\"", ""),
    ("certificate expires > 14", 23, 2, "cannot be compared with a number", "such as 12h or 14d"),
    ("duration < 5lightyears", 12, 11, "\"5lightyears\" has no unit", "ms, s, m"),
    ("duration < 11years", 12, 7, "has no unit", "d for a duration"),
    ("duration < 9999w", 12, 5, "\"9999w\" is not a duration", "ten years"),
    ("duration < -5s", 12, 3, "\"-5s\" is not a duration", "ten years"),
    ("size < 10MB", 8, 4, "\"10MB\" has no unit that is known", "did you mean 10MiB?"),
    ("size < 99999999999GiB", 8, 14, "is not a size", "10KiB"),
    ("size < 5s", 8, 2, "\"size\" cannot be compared with a duration", "10KiB"),
    ("certificate > 14d", 13, 1, "nothing is asked of the certificate", "certificate expires > 14d"),
    ("header == 'a'", 8, 2, "a header without its name", "header \"Content-Type\""),
    ("header 'a b' exists", 8, 5, "\"a b\" is not a header name", "header \"Content-Type\""),
    ("header 'a' exists == 1", 19, 2, "\"==\" after the end", "nothing more"),
    ("header 'a' count 3", 18, 1, "\"count\" without a comparison", "count >= 2"),
    ("header 'a' count == -3", 21, 2, "wants a whole number", "count >= 2"),
    ("body contains fine", 15, 4, "\"contains\" wants a text in quotes", "put it in quotes: contains \"fine\""),
    ("body contains 'fine", 15, 5, "a text without an end", "a closing '"),
    (r#"body contains "a\qb""#, 17, 2, "a backslash that means nothing", "for a backslash"),
    (r#"body contains "\ud800x""#, 16, 6, "a backslash that means nothing", "four hex digits"),
    ("body matches fine", 14, 4, "a regular expression between slashes", "/^ok/i"),
    ("body matches /fine", 14, 5, "a pattern without an end", "a closing slash"),
    ("body matches /a(/", 14, 4, "not a regular expression", "unclosed group"),
    ("body matches /a/iq", 17, 2, "'q' is not a flag", "any case"),
    ("jsonpath $.a == 1", 10, 3, "a path is missing, in quotes", "jsonpath \"$.status\""),
    ("jsonpath 'a.b' == 1", 11, 3, "\"a.b\" is not a JSONPath: it begins with $", "jsonpath \"$.status\""),
    ("jsonpath '$.a[' == 1", 14, 1, "\"$.a[\" is not a JSONPath from here on", "RFC 9535"),
    (r#"jsonpath "$.ä[\"b\"" == 1"#, 20, 1, "is not a JSONPath from here on", "RFC 9535"),
    ("metric == 1", 8, 2, "a metric without its name", "metric up{"),
    ("metric up{job} == 1", 14, 1, "a label without its value", "name=\"value\""),
    ("metric up{job='a' == 1", 19, 2, "the labels have no end", "expected , or }"),
    ("metric up == 'a'", 14, 3, "\"metric up\" cannot be compared with a text", "2GiB"),
];

#[test]
fn diagnostics_point_at_the_fault_and_name_a_fix() {
    for (text, column, length, message, help) in FAULTS {
        let why = match Assertion::parse(text) {
            Err(why) => why,
            Ok(read) => panic!("{text:?} was read as {read}"),
        };
        assert_eq!(
            (why.column, why.length),
            (*column, *length),
            "{text}\n{why}"
        );
        assert!(why.message.contains(message), "{text}\n{why}");
        assert!(why.help.contains(help), "{text}\n{why}");
        let reported = format!("{} at column {column}: {}", why.message, why.help);
        assert_eq!(why.to_string(), reported);
    }
    let deep = format!(
        "jsonpath '$[?{}@.a{}]' exists",
        "(".repeat(500),
        ")".repeat(500)
    );
    let long = format!("body contains '{}'", "a".repeat(2000));
    for (text, message) in [(deep, "nests too deeply"), (long, "too long")] {
        let why = Assertion::parse(&text).expect_err("refused");
        assert!(why.message.contains(message), "{why}");
    }
}

#[rustfmt::skip] // one line each
const SPELLINGS: &[(&str, &str)] = &[
    ("  status==200 ", "status == 200"),
    ("status in 2xx , 304", "status in 200-299,304"),
    ("header 'X-A' contains 'it\\'s \"so\"'", r#"header "X-A" contains "it's \"so\"""#),
    ("duration < 1m 30s", "duration < 90s"),
    ("duration < 90", "duration < 90s"),
    ("duration < 1.5", "duration < 1500ms"),
    ("duration < 1.5s", "duration < 1500ms"),
    ("duration < 0s", "duration < 0s"),
    ("certificate  expires > 2weeks", "certificate expires > 14d"),
    ("size < 2048KiB", "size < 2MiB"),
    ("size < 1000B", "size < 1000B"),
    ("body matches /a\\/b\\\\/xi", "body matches /a\\/b\\\\/ix"),
    ("metric up{ job = 'a' , b = \"\\\\\" } == 1.0", r#"metric up{job="a",b="\\"} == 1.0"#),
    ("metric up{} not every not == -1e3", "metric up not every not == -1000.0"),
    ("jsonpath '$[\"a\\u00e9\"]' not exists", r#"jsonpath "$[\"aé\"]" not exists"#),
    ("jsonpath '$' not count != 1", r#"jsonpath "$" not count != 1"#),
];

#[test]
fn every_assertion_has_one_spelling_that_reads_as_itself() {
    let spellings = SPELLINGS.iter().copied();
    let tables = [HEAD, BODIES, JSON, METRICS].concat();
    let others = tables.iter().map(|(text, ..)| (*text, ""));
    for (text, wanted) in spellings.chain(others) {
        let read = assertion(text);
        let spelt = read.to_string();
        assert!(
            wanted.is_empty() || spelt == wanted,
            "{spelt} is not {wanted}"
        );
        assert_eq!(assertion(&spelt), read, "{spelt}");
        assert_eq!(assertion(&spelt).to_string(), spelt);
    }
}

fn rules() -> Expectation {
    Expectation {
        expect: vec![
            assertion("jsonpath '$.ok' == true"),
            assertion("duration < 1s"),
        ],
        degraded: vec![assertion("duration < 200ms")],
        verdicts: [
            ("line == 'Warmup in progress'", Verdict::Starting),
            ("status in 401,403", Verdict::Unknown),
            ("body contains 'Warmup'", Verdict::Draining),
        ]
        .map(|(when, is)| VerdictRule {
            when: assertion(when),
            is,
        })
        .to_vec(),
        ..Expectation::default()
    }
}

#[test]
fn first_matching_rule_decides_then_fails_then_degraded() {
    let quick = |mut seen: Observation| {
        seen.duration = Duration::from_millis(100);
        seen
    };
    let slow = "expected duration < 200ms, got 250.0ms";
    let assertion = Some(Reason::Assertion);
    for (seen, verdict, reason, phase, detail) in [
        (
            quick(answer(200, b"{\"ok\":true}")),
            Verdict::Pass,
            None,
            None,
            "status 200",
        ),
        (
            answer(200, b"{\"ok\":true}"),
            Verdict::Degraded,
            assertion,
            Some(Phase::Body),
            slow,
        ),
        (
            answer(200, b"{\"ok\":false}"),
            Verdict::Fail,
            assertion,
            Some(Phase::Body),
            "expected jsonpath \"$.ok\" == true, got false",
        ),
        (
            answer(500, b"{\"ok\":false}"),
            Verdict::Fail,
            Some(Reason::Status),
            Some(Phase::FirstByte),
            "expected status 200, got 500",
        ),
        (
            answer(503, b"Warmup in progress\n"),
            Verdict::Starting,
            None,
            None,
            "the rule line == \"Warmup in progress\" says starting",
        ),
        (
            answer(200, b"Warmup"),
            Verdict::Draining,
            None,
            None,
            "the rule body contains \"Warmup\" says draining",
        ),
        (
            answer(403, b"Warmup"),
            Verdict::Unknown,
            None,
            None,
            "the rule status in 401,403 says unknown",
        ),
    ] {
        let judged = rules().judge(&seen);
        let got = (
            judged.verdict,
            judged.reason,
            judged.phase,
            judged.detail.as_str(),
        );
        assert_eq!(got, (verdict, reason, phase, detail));
        // all is told, whatever decided
        assert_eq!(judged.findings.len(), 4);
        let otherwise = |finding: &Finding| finding.otherwise;
        assert_eq!(
            judged.findings.last().map(otherwise),
            Some(Verdict::Degraded)
        );
    }
}

#[test]
fn unmet_assertion_names_the_phase_of_its_fact() {
    let mut seen = answer(200, b"");
    seen.certificates = vec![certificate(0)];
    seen.at_unix = Some(0);
    for (text, phase) in [
        ("certificate expires > 1d", Phase::Tls),
        ("status == 204", Phase::FirstByte),
        ("header 'X' exists", Phase::FirstByte),
        ("version == 'HTTP/2.0'", Phase::FirstByte),
        ("url == ''", Phase::FirstByte),
        ("body == 'x'", Phase::Body),
        ("line == 'x'", Phase::Body),
        ("size > 1", Phase::Body),
        ("jsonpath '$' exists", Phase::Body),
        ("metric up == 1", Phase::Body),
        ("duration > 1s", Phase::Body),
    ] {
        let Judgement {
            reason, phase: got, ..
        } = expecting(text).judge(&seen);
        assert_eq!(
            (reason, got),
            (Some(Reason::Assertion), Some(phase)),
            "{text}"
        );
    }
}

#[test]
fn trouble_outranks_rules_and_keeps_settled_findings() {
    let mut expectation = rules();
    expectation.expect.push(assertion("header 'X-None' exists"));
    expectation
        .expect
        .push(assertion("certificate expires > 14d"));
    let mut seen = answer(403, b"Warmup in progress");
    seen.certificates = vec![certificate(DAY)];
    seen.at_unix = Some(0);
    seen.trouble = Some(Trouble::new(Reason::Truncated, Phase::Body, "it broke off"));
    let judged = expectation.judge(&seen);
    assert_eq!(
        (judged.verdict, judged.reason),
        (Verdict::Fail, Some(Reason::Truncated))
    );
    let reported: Vec<_> = judged
        .findings
        .iter()
        .map(|one| one.expected.as_str())
        .collect();
    assert_eq!(reported, ["status 200", "certificate expires > 14d"]);
}

#[test]
fn probe_gets_texts_to_search_and_bytes_to_keep() {
    let needing = |text: &str| {
        let expectation = expecting(text);
        let needles: Vec<String> = expectation.needles().map(str::to_owned).collect();
        (needles, expectation.keep() > 0)
    };
    for (text, needle, whole) in [
        ("body contains 'a'", Some("a"), false),
        ("body not contains 'a'", Some("a"), false),
        ("body contains ''", None, false),
        ("body isEmpty", None, false),
        ("body exists", None, false),
        ("size > 5", None, false),
        ("header 'a' contains 'b'", None, false),
        ("status == 200", None, false),
        ("line contains 'a'", None, true),
        ("body == 'a'", None, false),
        ("body matches /a/", None, false),
        ("body matches /\\ba/", None, true),
        ("body startsWith 'a'", None, false),
        ("body endsWith 'a'", None, false),
        ("jsonpath '$' contains 'a'", None, true),
        ("metric up exists", None, true),
    ] {
        let needles: Vec<String> = needle.map(str::to_owned).into_iter().collect();
        assert_eq!(needing(text), (needles, whole), "{text}");
    }
    let needles: Vec<_> = rules().needles().map(str::to_owned).collect();
    assert_eq!(needles, ["Warmup"]);
    assert_eq!(rules().keep(), Expectation::MAX_PARSED);
    assert_eq!(Expectation::default().keep(), 0);
}

#[test]
fn expectations_are_written_and_read_as_json() {
    let json = serde_json::to_string(&rules()).expect("it is data");
    assert!(
        json.contains(r#""degraded":["duration < 200ms"]"#),
        "{json}"
    );
    let read: Expectation = serde_json::from_str(&json).expect("our own");
    assert_eq!(read, rules());
    // as it was written before there were assertions
    let old = r#"{"status":["2xx"],"body":["a"],"not_body":[]}"#;
    let read: Expectation = serde_json::from_str(old).expect("still read");
    assert!(read.expect.is_empty() && read.verdicts.is_empty());
    let invalid = r#"{"status":["2xx"],"body":[],"not_body":[],"expect":["statsu == 1"]}"#;
    let why = serde_json::from_str::<Expectation>(invalid).expect_err("no assertion");
    assert!(
        why.to_string().contains("did you mean \"status\"?"),
        "{why}"
    );
}

/// Assertions that are nearly ones, and many that are.
fn nearly() -> impl Strategy<Value = String> {
    let query = prop::sample::select(vec![
        "status",
        "header \"A\"",
        "body",
        "line",
        "jsonpath \"$..*\"",
        "jsonpath '$[?@.a>1]'",
        "metric a",
        "metric a{b=\"c\"}",
        "duration",
        "size",
        "certificate expires",
        "version",
        "url",
    ]);
    let predicate = "(not )?((every|any) (not )?)?(==|!=|<|<=|>|>=|in|contains|startsWith|endsWith|exists|isEmpty|count ==|matches)";
    let value = "(-?[0-9]{1,20}(\\.[0-9]{1,3})?(e[0-9])?|[0-9]{1,4}(ms|s|m|h|d|KiB|MiB|B)(-[0-9]{1,9}d)?|\"[^\"\\\\\\n]{0,8}\"|'[^'\\\\\\n]{0,8}'|true|null|/[^/\\\\]{0,6}/[imsx]{0,2}|[0-9]{1,3}-[0-9]{3}(,[0-9]{1,3})?)?";
    (query, predicate, value)
        .prop_map(|(query, predicate, value)| format!("{query} {predicate} {value}"))
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[\\[\\]{}:,\"a-c0-9.\\\\ \n#=+eInfN-]{0,60}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            TYPES,
            EXPOSITION,
            b"[1,2]",
            b"a 1\n",
            b"a{b=\"c\"} 2",
            b"",
            b"5",
            b"\"x\"",
            b"{\"a\":[]}",
        ])
        .prop_map(<[u8]>::to_vec),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_parsed_or_rejected(text in "\\PC{0,60}|(jsonpath|header|metric|body|status) [\\PC\n]{0,40}") {
        read_or_refused(&text)?;
    }

    #[test]
    fn any_path_is_parsed_or_rejected(path in "\\$[\\[\\]().*?@!=<>&|'a-c0-9:, -]{0,40}") {
        read_or_refused(&format!("jsonpath \"{path}\" exists"))?;
    }

    #[test]
    fn any_parsed_assertion_judges_any_observation(
        text in nearly(),
        bytes in any_body(),
        cut in prop::option::of(0_usize..20),
        code in 100_u16..999,
    ) {
        read_or_refused(&text)?;
        if let Ok(read) = Assertion::parse(&text) {
            let mut seen = answer(code, &bytes);
            if let (Some(cut), Some(body)) = (cut, &mut seen.body) {
                body.shorten(cut);
            }
            let first = find(&text, &seen);
            prop_assert_eq!(&first, &find(&read.to_string(), &seen));
            // one line that a person can read
            prop_assert!(first.actual.chars().count() < 1200 && !first.actual.contains('\n'), "{}", first.actual);
            prop_assert!(!first.actual.is_empty());
        }
    }

    #[test]
    fn an_assertion_and_its_negation_are_never_both_met(bytes in any_body(), number in 0_i64..6) {
        for (plain, negated) in [
            (format!("jsonpath '$' == {number}"), format!("jsonpath '$' not == {number}")),
            (format!("jsonpath '$..*' every < {number}"), format!("jsonpath '$..*' not every < {number}")),
            (format!("jsonpath '$..*' any < {number}"), format!("jsonpath '$..*' not any < {number}")),
            (format!("metric a >= {number}"), format!("metric a not >= {number}")),
            ("body contains 'a'".to_owned(), "body not contains 'a'".to_owned()),
            ("metric a exists".to_owned(), "metric a not exists".to_owned()),
        ] {
            let seen = answer(200, &bytes);
            prop_assert!(!(find(&plain, &seen).met && find(&negated, &seen).met), "{plain}");
        }
    }
}

fn read_or_refused(text: &str) -> Result<(), TestCaseError> {
    match Assertion::parse(text) {
        Ok(read) => {
            let again = Assertion::parse(&read.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&read), "{}", text);
        }
        Err(why) => {
            let length = text.chars().count();
            prop_assert!(
                why.column >= 1 && why.column <= length + 1,
                "{why} in {text:?}"
            );
            prop_assert!(!why.message.is_empty() && !why.help.is_empty(), "{why}");
        }
    }
    Ok(())
}
