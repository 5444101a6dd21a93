//! The original's command line: what it prints where, and how it exits.

use super::{httpok, ran, run};

#[test]
fn missing_supervisord_is_reported() {
    let run = run(&["http://127.0.0.1:1/"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert_eq!(
        run.err,
        "httpok must be run as a supervisor event listener\nTo ask once from a shell: httpok check URL\n"
    );
}

#[test]
fn usage_is_written_to_standard_error() {
    let table: [(&[&str], &str); 6] = [
        (&[], "the URL is missing"),
        (&["-x", "http://h/"], "no option -x"),
        (&["http://h/", "-p", "web"], "comes after the URL"),
        (&["-t", "0", "http://h/"], "option -t: \"0\" leaves no time"),
        (
            &["-c", "abc", "http://h/"],
            "option -c: \"abc\" is not a status",
        ),
        (&["--e", "http://h/"], "--email or --eager"),
    ];
    for (words, expected) in table {
        let alone = run(words);
        assert_eq!(
            (alone.code, alone.err.as_str()),
            (Some(255), ""),
            "{words:?}"
        );
        assert!(
            alone.out.starts_with("Usage: httpok ") && alone.out.contains(expected),
            "{alone:?}"
        );
        let supervised = ran(httpok(words).env("SUPERVISOR_ENABLED", "1"));
        assert_eq!(
            (supervised.code, supervised.out.as_str()),
            (Some(255), ""),
            "{words:?}"
        );
        assert_eq!(supervised.err, alone.out);
    }
}

#[test]
fn help_and_version_need_no_url() {
    for words in [&["-h"][..], &["--help"], &["--he"], &["-ah", "x"]] {
        let help = run(words);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(help.out.contains("-p, --program NAME") && help.out.contains("httpok check URL"));
    }
    let version = run(&["--version"]);
    assert_eq!((version.code, version.err.as_str()), (Some(0), ""));
    assert_eq!(
        version.out,
        concat!("httpok ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn unusable_url_ends_the_listener_before_ready() {
    for (url, expected) in [
        ("ftp://h/", "Bad scheme ftp: expected http or https\n"),
        (
            "localhost:8080",
            "Bad scheme : did you mean http://localhost:8080\n",
        ),
    ] {
        let run = ran(httpok(&[url]).env("SUPERVISOR_SERVER_URL", "unix:///run/supervisor.sock"));
        assert_eq!(
            (run.code, run.out.as_str(), run.err.as_str()),
            (Some(1), "", expected)
        );
    }
    let run = ran(httpok(&["http://h/"]).env("SUPERVISOR_SERVER_URL", "tcp://h"));
    assert!(
        run.err
            .starts_with("Unknown protocol for serverurl tcp://h"),
        "{run:?}"
    );
    assert_eq!(run.code, Some(1));
}

#[test]
fn invalid_configuration_ends_with_its_diagnostics() {
    let run = ran(httpok(&["--config", "/nonexistent.toml"])
        .env("SUPERVISOR_SERVER_URL", "unix:///run/supervisor.sock"));
    assert_eq!((run.code, run.out.as_str()), (Some(3), ""));
    assert!(run.err.contains("/nonexistent.toml"), "{run:?}");
}
