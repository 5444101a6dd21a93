//! The original's command line as a table: what it took before it takes still, and means the same.

use super::*;
use crate::health::StatusSet;

/// Under a supervisord that gave us everything.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "SUPERVISOR_SERVER_URL" => "unix:///run/supervisor.sock",
        "SUPERVISOR_USERNAME" => "me",
        "SUPERVISOR_PASSWORD" => "hunter2",
        "SUPERVISOR_GROUP_NAME" => "watch",
        "SUPERVISOR_PROCESS_NAME" => "httpok",
        _ => return None,
    };
    Some(value.to_owned())
}

fn parsed(words: &[&str]) -> Result<DropInRequest, DropInRefusal> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    parse(&words, env)
}

/// The differences to a plain `httpok http://h/`, in a short form of their own.
fn printed(listener: &DropIn) -> String {
    let mut words = Vec::new();
    let mut say = |differs: bool, word: String| {
        if differs {
            words.push(word);
        }
    };
    match &listener.watched {
        WatchedUrls::File(path) => say(true, format!("file={}", path.display())),
        WatchedUrls::Url(question) => {
            let (asked, wanted) = (&question.http, &question.expectation);
            let url = asked.url.to_string();
            say(url != "http://h/", format!("url={url}"));
            say(
                asked.timeout.as_millis() != 10_000,
                format!("t={}ms", asked.timeout.as_millis()),
            );
            say(
                wanted.status != StatusSet::default(),
                format!("c={}", wanted.status),
            );
            say(
                !wanted.body.is_empty(),
                format!("b={}", wanted.body.join("+")),
            );
            say(
                !wanted.not_body.is_empty(),
                format!("nb={}", wanted.not_body.join("+")),
            );
            let expect = wanted.expect.iter().map(ToString::to_string);
            let expect: Vec<_> = expect.collect();
            say(!expect.is_empty(), format!("x={}", expect.join("+")));
            say(asked.method != "GET", format!("method={}", asked.method));
            let headers = asked.headers.iter();
            let headers: Vec<_> = headers
                .map(|(k, v)| format!("{k}={}", v.to_str().expect("ASCII")))
                .collect();
            say(!headers.is_empty(), headers.join("+"));
            say(asked.follow, "follow".into());
            say(!asked.tls.insecure, "verify".into());
            say(
                asked.tls.cacert.is_some(),
                format!("ca={:?}", asked.tls.cacert),
            );
        }
    }
    say(
        !listener.programs.is_empty(),
        format!("p={}", listener.programs.join("+")),
    );
    say(listener.any, "any".into());
    say(!listener.eager, "not-eager".into());
    say(
        listener.name.is_some(),
        format!("n={}", listener.name.as_deref().unwrap_or("")),
    );
    say(
        listener.email.is_some(),
        format!("m={}", listener.email.as_deref().unwrap_or("")),
    );
    say(
        listener.sendmail != "/usr/sbin/sendmail -t -i",
        format!("s={}", listener.sendmail),
    );
    say(
        listener.gcore != "/usr/bin/gcore -o",
        format!("g={}", listener.gcore),
    );
    say(
        listener.coredir.is_some(),
        format!("d={:?}", listener.coredir),
    );
    say(
        listener.fail_after != 1,
        format!("fail={}", listener.fail_after),
    );
    say(
        !listener.grace.is_zero(),
        format!("grace={:?}", listener.grace),
    );
    say(
        listener.max_restarts.is_some(),
        format!("max={:?}", listener.max_restarts.map(|b| b.count)),
    );
    say(listener.start_stopped, "start-stopped".into());
    say(listener.smtp.is_some(), "smtp".into());
    say(listener.from.is_some(), "from".into());
    say(listener.webhook.is_some(), "webhook".into());
    say(listener.dry_run, "dry".into());
    say(listener.state_dir.is_some(), "state".into());
    words.join(" ")
}

#[test]
fn every_command_line_that_the_original_took_means_the_same() {
    let u = "http://h/";
    let table: &[(&[&str], &str)] = &[
        (&[u], ""),
        (&["--", u], ""),
        (&["HTTP://h/"], ""),
        (&["https://h:8443/x?y#z"], "url=https://h:8443/x?y"),
        (&["-p", "web", u], "p=web"),
        (&["-pweb", u], "p=web"),
        (&["-p", "b", "--program", "a", "--program=b", u], "p=b+a+b"),
        (
            &["-p", "grp:web", "-p", "grp:*", "-p", "web:web", u],
            "p=grp:web+grp:*+web:web",
        ),
        (&["-p", "", u], "p="),
        (&["-p", "a b'c", u], "p=a b'c"),
        (&["-p", "café", u], "p=café"),
        (&["-p", "-a", u], "p=-a"),
        (&["-p", "--", u], "p=--"),
        (&["--prog=web", u], "p=web"),
        (&["--p", "web", u], "p=web"),
        (&["-a", u], "any"),
        (&["--any", u], "any"),
        (&["--a", u], "any"),
        (&["-a", "-p", "web", u], "p=web any"),
        (&["-aE", u], "any not-eager"),
        (&["-aEt5", u], "t=5000ms any not-eager"),
        (&["-t", "5", u], "t=5000ms"),
        (&["-t5", u], "t=5000ms"),
        (&["-t=5s", u], "USAGE"),
        (&["--timeout=5", u], "t=5000ms"),
        (&["--timeout", "5", u], "t=5000ms"),
        (&["--t", "5", u], "t=5000ms"),
        (&["-t", " 5 ", u], "t=5000ms"),
        (&["-t", "+5", u], "t=5000ms"),
        (&["-t", "1_0", u], ""),
        (&["-t", "1_2", u], "t=12000ms"),
        (&["-t", "007", u], "t=7000ms"),
        (&["-t", "3", "-t", "4", u], "t=4000ms"),
        (&["-t", "1.5", u], "t=1500ms"),
        (&["-t", "250ms", u], "t=250ms"),
        (&["-t", "1m 30s", u], "t=90000ms"),
        (&["-c", "204", u], "c=204"),
        (&["-c", "200", "-c", "302", u], "c=200 or 302"),
        (&["-c", " 2_04 ", u], "c=204"),
        (&["--code=500", u], "c=500"),
        (&["--cod", "500", u], "c=500"),
        (&["-c", "2xx", "-c", "300-302", u], "c=2xx or 300-302"),
        (&["-b", "it works", u], "b=it works"),
        (&["-b", "", u], ""),
        (&["-b", "x", "-b", "", u], ""),
        (&["-b", "x", "-b", "y", u], "b=y"),
        (&["--body=a=b", u], "b=a=b"),
        (&["--b", "x", u], "b=x"),
        (&["-s", "cat >/dev/null", u], "s=cat >/dev/null"),
        (&["--sendmail_program=x", u], "s=x"),
        (&["--s", "x", u], "s=x"),
        (&["-m", "a@b", u], "m=a@b"),
        (&["--email", "a@b", u], "m=a@b"),
        (&["--em=a@b", u], "m=a@b"),
        (&["-g", "x -o", u], "g=x -o"),
        (&["--g=x", u], "g=x"),
        (&["-d", "/c", u], "d=Some(\"/c\")"),
        (&["--cored", "/c", u], "d=Some(\"/c\")"),
        (&["-e", u], ""),
        (&["-E", u], "not-eager"),
        (&["-eE", u], "not-eager"),
        (&["-E", "-e", u], ""),
        (&["--not-eager", "--eager", u], ""),
        (&["--not", u], "not-eager"),
        (&["--no", u], "not-eager"),
        (&["--ea", u], ""),
        (&["-n", "shop", u], "n=shop"),
        (&["-n", "", u], "n="),
        (&["--name=shop", u], "n=shop"),
        (&["--na=shop", u], "n=shop"),
        (&["--", "-p"], "CANNOT Bad scheme : did you mean http://-p"),
        (&["-"], "CANNOT Bad scheme : did you mean http://-"),
        (
            &["ftp://h/"],
            "CANNOT Bad scheme ftp: expected http or https",
        ),
        (
            &["localhost:8080"],
            "CANNOT Bad scheme : did you mean http://localhost:8080",
        ),
        (
            &["http://h:abc/"],
            "CANNOT \"http://h:abc/\" is not a URL (invalid port number): expected a URL such as \"http://127.0.0.1:8080/health\"",
        ),
    ];
    check(table);
}

#[test]
fn added_options_do_not_conflict_with_the_originals() {
    let u = "http://h/";
    let table: &[(&[&str], &str)] = &[
        (&["--fail-after", "3", u], "fail=3"),
        (&["--fa=3", u], "fail=3"),
        (&["--grace", "30", u], "grace=30s"),
        (&["--max-restarts=5/10m", u], "max=Some(5)"),
        (&["--start-stopped", u], "start-stopped"),
        (&["--verify", "https://h/"], "url=https://h/ verify"),
        (&["--cacert", "/ca.pem", u], "verify ca=Some(\"/ca.pem\")"),
        (&["--header", "A: b", "--header=C:d", u], "a=b+c=d"),
        (&["--method", "HEAD", u], "method=HEAD"),
        (&["--follow", u], "follow"),
        (&["--not-body", "x", "--not-body=y", u], "nb=x+y"),
        (&["--expect", "size < 9", u], "x=size < 9"),
        (&["--smtp", "smtp://h", "--from=a@b", u], "smtp from"),
        (&["--webhook=https://h/hook", u], "webhook"),
        (&["--dry-run", "--state-dir", "/s", u], "dry state"),
        (&["--config", "/f.toml"], "file=/f.toml"),
        (
            &["--config", "/f.toml", "--dry-run", "--state-dir=/s"],
            "file=/f.toml dry state",
        ),
        (&["-h"], "HELP"),
        (&["--help"], "HELP"),
        (&["--h"], "HELP"),
        (&["-ah", "x", "y"], "HELP"),
        (&["-t", "abc", "-h"], "HELP"),
        (&["-V"], "VERSION"),
        (&["--version"], "VERSION"),
    ];
    check(table);
}

fn check(table: &[(&[&str], &str)]) {
    for (words, expected) in table {
        let got = match parsed(words) {
            Ok(DropInRequest::Help) => "HELP".to_owned(),
            Ok(DropInRequest::Version) => "VERSION".to_owned(),
            Ok(DropInRequest::Listen(listener)) => printed(&listener),
            Err(DropInRefusal::CannotListen(why)) => format!("CANNOT {why}"),
            Err(DropInRefusal::Usage(_)) => "USAGE".to_owned(),
            Err(DropInRefusal::NotAListener) => "NO SUPERVISOR".to_owned(),
        };
        assert_eq!(&got, expected, "{words:?}");
    }
}

#[test]
fn errors_name_the_fault_and_a_fix() {
    let u = "http://h/";
    let table: &[(&[&str], &str)] = &[
        (&[], "the URL is missing"),
        (&["-a"], "the URL is missing"),
        (&[u, u], "options go before it"),
        (&[u, "-p", "x"], "\"-p\" comes after the URL"),
        (&["http://u:p@h/", "x"], "\"http://***@h/\""),
        (&["-x", u], "no option -x"),
        (&["--bogus", u], "no option --bogus"),
        (&["--e", u], "--email or --eager"),
        (&["--co", u], "--code or --coredir"),
        (&["--f", u], "--fail-after or --follow or --from"),
        (&["--any=yes", u], "--any takes no value"),
        (&["-p"], "-p needs a value"),
        (&["-t"], "-t needs a value"),
        (&["-t", "0", u], "option -t: \"0\" leaves no time"),
        (&["-t", "-5", u], "option -t: \"-5\" is negative"),
        (&["-t", "0.0", u], "leaves no time"),
        (&["-t", "abc", u], "\"abc\" is not a duration: expected"),
        (&["-t", "1__0", u], "is not a duration"),
        (&["-t", "_1", u], "is not a duration"),
        (&["-t", "", u], "is not a duration"),
        (&["--timeout", "9999999999999", u], "too long"),
        (&["-c", "abc", u], "option -c: \"abc\" is not a status"),
        (&["-c", "20", u], "\"20\" is not a status"),
        (&["-c", "-200", u], "is not a status"),
        (
            &["--fail-after=0", u],
            "option --fail-after: \"0\" is not a count",
        ),
        (
            &["--grace=soon", u],
            "option --grace: \"soon\" is not a duration",
        ),
        (&["--max-restarts=5", u], "COUNT/DURATION"),
        (&["--header=nonsense", u], "expected 'Name: value'"),
        (&["--method=G T", u], "is not a method"),
        (&["--smtp=http://mail", u], "is not supported for mail"),
        (&["--webhook=h", u], "no URL of http or https"),
        (&["--not-body=", u], "it is empty"),
        (&["--expect=status", u], "option --expect: "),
        (&["--config=f", u], "there is no URL"),
        (
            &["--config=f", "-p", "web"],
            "option -p does not go with --config",
        ),
    ];
    for (words, expected) in table {
        match parsed(words) {
            Err(DropInRefusal::Usage(why)) => assert!(why.contains(expected), "{words:?}: {why}"),
            other => panic!("{words:?}: {other:?}"),
        }
    }
}

#[test]
fn the_environment_names_supervisord_and_ourselves() {
    let Ok(DropInRequest::Listen(listener)) = parsed(&["http://h/"]) else {
        panic!("a listener");
    };
    assert_eq!(listener.server.shown, "unix:///run/supervisor.sock");
    assert_eq!(listener.server.username, "me");
    assert_eq!(listener.server.password.expose(), "hunter2");
    assert_eq!(
        listener.ourselves,
        Some(ProcessName::supervisord("watch", "httpok"))
    );
    assert!(!format!("{listener:?}").contains("hunter2"));
}

#[test]
fn faults_come_in_the_originals_order() {
    let none = |_: &str| None;
    let words = |words: &[&str]| words.iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
    let lone = parse(&words(&["http://h/"]), none);
    assert_eq!(lone, Err(DropInRefusal::NotAListener));
    // a bad URL is only looked at under supervisord, a bad option always
    assert_eq!(
        parse(&words(&["ftp://h/"]), none),
        Err(DropInRefusal::NotAListener)
    );
    assert!(matches!(
        parse(&words(&["-x", "ftp://h/"]), none),
        Err(DropInRefusal::Usage(_))
    ));
    let tcp = |name: &str| (name == "SUPERVISOR_SERVER_URL").then(|| "tcp://u:p@h".to_owned());
    let Err(DropInRefusal::CannotListen(why)) = parse(&words(&["http://h/"]), tcp) else {
        panic!("tcp is not a way to reach supervisord");
    };
    assert!(
        why.starts_with("Unknown protocol for serverurl tcp://***@h"),
        "{why}"
    );
}

#[test]
fn settings_are_the_originals_policy_and_hide_userinfo() {
    let words = [
        "-m",
        "a@b",
        "-d",
        "/c",
        "-p",
        "grp:web",
        "-b",
        "fine",
        "https://u:p%40@h/x",
    ];
    let Ok(DropInRequest::Listen(listener)) = parsed(&words) else {
        panic!("a listener");
    };
    let (settings, options) = listener.into_settings();
    let [check] = settings.checks.as_slice() else {
        panic!("one check");
    };
    let crate::probe::ProbeSpec::Http(http) = &check.probe else {
        panic!("an HTTP check");
    };
    assert_eq!(check.name, "https://***@h/x");
    assert_eq!(http.url.to_string(), "https://h/x");
    assert_eq!(http.user, Some(("u".to_owned(), Secret::new("p@"))));
    assert!(http.tls.insecure && options.unverified && options.eager);
    assert_eq!(check.policy, crate::health::Policy::drop_in());
    assert_eq!(check.expectation.body, ["fine"]);
    assert_eq!(check.restart, [crate::health::Target::new("grp:web")]);
    assert_eq!(
        check
            .capture
            .as_ref()
            .and_then(|capture| capture.dir.clone()),
        Some("/c".into())
    );
    assert_eq!(
        settings.notify.mail.map(|mail| mail.to),
        Some(vec!["a@b".to_owned()])
    );
    assert_eq!(
        (options.url.as_str(), options.programs.as_slice()),
        ("https://***@h/x", &["grp:web".to_owned()][..])
    );
}

#[test]
fn the_help_names_every_option() {
    for flag in &FLAGS {
        assert!(
            HELP.contains(&format!("--{}", flag.long)),
            "--{}",
            flag.long
        );
    }
    assert!(HELP.lines().all(|line| line.len() <= 100));
}
