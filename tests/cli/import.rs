//! `httpok config import` of what distributions install: listeners in files that supervisord.conf includes.

use std::fs;

use super::run;

const LISTENER: &str =
    "[eventlistener:httpok]\ncommand=httpok -p web http://127.0.0.1:1/\nevents=TICK_60\n";

#[test]
fn listeners_of_included_files_become_checks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::create_dir(path("conf.d")).expect("made");
    let main = "[unix_http_server]\nfile=/run/s.sock\n[include]\nfiles = conf.d/*.conf %(here)s/supervisord.conf\n";
    fs::write(path("supervisord.conf"), main).expect("written");
    let web = "[program:web]\ncommand=web\n[include]\nfiles = ../supervisord.conf\n";
    fs::write(path("conf.d/web.conf"), web).expect("written");
    fs::write(path("conf.d/shop.conf"), LISTENER).expect("written");
    let made = run(&["config", "import", &path("supervisord.conf")]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(made.out.matches("[[check]]").count(), 1, "{}", made.out);
    assert!(
        made.out.contains("# shop.conf:2\n[[check]]"),
        "{}",
        made.out
    );
    assert!(made.out.contains("unix:///run/s.sock"), "{}", made.out);
    assert!(
        made.err
            .contains("web.conf:4: [include] in a file that is included"),
        "{made:?}"
    );
}

#[test]
fn programs_stay_with_supervisord_and_that_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let program = |name: &str| format!("[program:{name}]\ncommand={name}\n");
    let web = program("web");
    for (text, what) in [
        (
            format!("{LISTENER}{web}"),
            "a.conf:4: [program:web] stays with supervisord",
        ),
        (
            format!("{LISTENER}{web}{}", program("db")),
            "a.conf:4: [program:web] and one more program stay with supervisord",
        ),
        (
            format!("{LISTENER}{web}{}{}", program("db"), program("worker")),
            "a.conf:4: [program:web] and 2 more programs stay with supervisord",
        ),
    ] {
        fs::write(path("a.conf"), text).expect("written");
        let made = run(&["config", "import", &path("a.conf")]);
        assert_eq!(made.code, Some(0), "{made:?}");
        assert!(!made.out.contains("[[program]]\n"), "{}", made.out);
        for said in [&made.out, &made.err] {
            let line = said.lines().find(|line| line.contains(what));
            let line = line.unwrap_or_else(|| panic!("{what}\n{said}"));
            assert!(line.contains("as a [[program]]"), "{line}");
        }
    }
    fs::write(path("a.conf"), web).expect("written");
    let none = run(&["config", "import", &path("a.conf")]);
    assert_eq!(none.code, Some(3), "{none:?}");
    assert!(
        none.err.contains("a.conf:1: [program:web] stays"),
        "{none:?}"
    );
}

#[test]
fn fragment_alone_and_several_files_are_imported() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("a.conf"), LISTENER).expect("written");
    fs::write(path("b.conf"), LISTENER.replace("httpok]", "other]")).expect("written");
    let alone = run(&["config", "import", &path("a.conf")]);
    assert_eq!(alone.code, Some(0), "{alone:?}");
    assert!(
        alone.out.contains("# a.conf: no [unix_http_server]"),
        "{}",
        alone.out
    );
    let both = run(&["config", "import", &path("a.conf"), &path("b.conf")]);
    assert_eq!(both.code, Some(0), "{both:?}");
    assert_eq!(both.out.matches("[[check]]").count(), 2, "{}", both.out);
    let none = run(&["config", "import"]);
    assert_eq!(none.code, Some(3), "{none:?}");
}

/// Whatever a file is, the end is an error with a place, or a file that can be read.
#[test]
fn hostile_files_are_imported_or_refused_in_bounded_words() {
    let dir = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(500_000);
    let texts: [Vec<u8>; 9] = [
        b"\xff\xfe[eventlistener:a]\n".to_vec(),
        b"[eventlistener:a]\ncommand=httpok \"http://h\0/\"\n".to_vec(),
        format!("[eventlistener:{long}]\ncommand=httpok http://h/\nevents=TICK_60\n").into_bytes(),
        format!("[eventlistener:a]\ncommand=httpok {long}\n").into_bytes(),
        "[eventlistener:a]\ncommand=httpok 'http://h/\n"
            .as_bytes()
            .to_vec(),
        "[[[[[[\n]\n[eventlistener:]\ncommand=\n"
            .as_bytes()
            .to_vec(),
        "check host a with address\n if failed port\n"
            .as_bytes()
            .to_vec(),
        format!("check host {long} with address b\n if failed port 1 then alert\n").into_bytes(),
        "[include]\nfiles = [ *** /[\n".repeat(1000).into_bytes(),
    ];
    for text in texts {
        let path = dir.path().join("file");
        fs::write(&path, &text).expect("written");
        let made = run(&["config", "import", &path.display().to_string()]);
        let start = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        assert!(matches!(made.code, Some(0 | 3)), "{start}: {:?}", made.code);
        assert!(made.code == Some(0) || !made.err.is_empty(), "{start}");
        assert!(!made.err.contains("panicked"), "{start}");
    }
    for special in ["/dev/zero", "/tmp", "/none"] {
        let made = run(&["config", "import", special]);
        assert_eq!((made.code, made.out.as_str()), (Some(3), ""), "{special}");
        assert!(made.err.contains(special), "{made:?}");
    }
}

/// The new file may be redirected anywhere: it has neither secrets nor asterisks, and is not valid until they are set.
#[test]
fn imported_secrets_become_references_that_must_be_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let conf = "[unix_http_server]\nfile=/run/s.sock\nusername=u\npassword=secret123\n[eventlistener:h]\ncommand=httpok -p web http://u:topsecret1@h/\nevents=TICK_60\n";
    let monit = "set mailserver smtp.example.org port 587 username \"user\" password \"longpassword1\" using tls\nset alert a@b.c\ncheck host db with address 10.0.0.1\n if failed url http://user:pw@10.0.0.1:8080/x then alert\n";
    for (name, text, secrets) in [
        ("s.conf", conf, ["secret123", "topsecret1"]),
        ("monitrc", monit, ["longpassword1", "pw@"]),
    ] {
        fs::write(path(name), text).expect("written");
        let made = run(&["config", "import", &path(name)]);
        assert_eq!(made.code, Some(0), "{made:?}");
        for hidden in secrets {
            assert!(!made.out.contains(hidden), "{}", made.out);
            assert!(!made.err.contains(hidden), "{}", made.err);
        }
        assert!(!made.out.contains("***"), "{}", made.out);
        for variable in ["HTTPOK_SECRET_1", "HTTPOK_SECRET_2"] {
            let reference = format!("${{env:{variable}}}");
            assert_eq!(made.out.matches(&reference).count(), 1, "{}", made.out);
            assert!(made.err.contains(&format!("{variable}: set")), "{made:?}");
        }
        fs::write(path("made.toml"), &made.out).expect("written");
        let checked = run(&["config", "check", &path("made.toml")]);
        assert_eq!(checked.code, Some(3), "{checked:?}");
        assert!(checked.err.contains("HTTPOK_SECRET_1"), "{checked:?}");
    }
    let listener = "[eventlistener:h]\ncommand=httpok --header 'Authorization: Bearer abcdefghij1' -m a@b.c --smtp smtp://u:mailpw77@m.b.c:25 --webhook https://hooks.b.c/T/s3cr3ttoken http://h/\nevents=TICK_60\n";
    fs::write(path("more.conf"), listener).expect("written");
    let made = run(&["config", "import", &path("more.conf")]);
    assert_eq!(made.code, Some(0), "{made:?}");
    for hidden in ["abcdefghij1", "mailpw77", "s3cr3ttoken", "***"] {
        assert!(!made.out.contains(hidden), "{hidden}\n{}", made.out);
    }
    let headers = "set alert a@b.c\nset alert d@b.c with reminder on 5 cycles\ncheck host x with address a.b\n if failed port 80 protocol http \
                   with http headers [X-API-Key: hush2, Accept: text, Authorization: Bearer hush1] request \"/?token=hush4\" then alert\n";
    fs::write(path("headers"), headers).expect("written");
    let made = run(&["config", "import", &path("headers")]);
    assert_eq!(made.code, Some(0), "{made:?}");
    for hidden in ["hush1", "hush2"] {
        assert!(!made.out.contains(hidden), "{}", made.out);
    }
    assert!(made.out.contains("\"Accept\" = \"text\""), "{}", made.out);
    assert!(
        made.out.contains("\"Bearer ${env:HTTPOK_SECRET_"),
        "{}",
        made.out
    );
    // no reference is read there
    let stays = "a secret stands in \"url\"";
    assert!(
        made.err.contains(stays) || made.out.contains(stays),
        "{made:?}"
    );
    assert!(
        made.out.contains("to = [\"a@b.c\", \"d@b.c\"]"),
        "{}",
        made.out
    );
}

/// Whoever runs it where the file is names it without a directory.
#[test]
fn relative_file_is_imported_as_the_absolute_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = format!("[unix_http_server]\nfile=%(here)s/s.sock\n{LISTENER}");
    fs::write(dir.path().join("sub.conf"), text).expect("written");
    let here = dir.path().canonicalize().expect("it is there");
    for name in ["sub.conf", "./sub.conf"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_httpok"));
        let command = command.args(["config", "import", name]).current_dir(&here);
        let output = command.output().expect("started");
        let made = String::from_utf8_lossy(&output.stdout);
        assert!(
            made.contains(&format!("unix://{}/s.sock", here.display())),
            "{name}: {output:?}"
        );
    }
}

/// As the listener does: at each tick one restart, and whatever else fails.
#[test]
fn imported_listener_restarts_as_often_as_the_original() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    for (events, every, pause) in [
        ("TICK_5", "5s", "4500ms"),
        ("PROCESS_STATE,TICK_60", "60s", "54s"),
        ("TICK_3600", "1h", "54m"),
    ] {
        let text = format!(
            "[unix_http_server]\nfile=/run/s.sock\n[eventlistener:h]\ncommand=httpok -p web http://127.0.0.1:1/\n\
             events={events}\n"
        );
        fs::write(path("s.conf"), text).expect("written");
        let made = run(&["config", "import", &path("s.conf")]);
        fs::write(path("h.toml"), &made.out).expect("written");
        let checked = run(&["config", "check", &path("h.toml")]);
        assert_eq!(checked.code, Some(0), "{checked:?}\n{}", made.out);
        for line in [
            format!("every = \"{every}\""),
            format!("backoff = {{ min = \"{pause}\", max = \"{pause}\" }}"),
            "max_restarts = false".to_owned(),
            "panic_threshold = false".to_owned(),
        ] {
            assert!(made.out.contains(&line), "{line}\n{}", made.out);
        }
    }
}

#[test]
fn listeners_are_found_behind_interpreters_and_all_programs_have_their_groups() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s.conf").display().to_string();
    for command in [
        "httpok -a http://127.0.0.1:1/",
        "/usr/bin/python3 /opt/bin/httpok -a http://127.0.0.1:1/",
        "python -m superlance.httpok -a http://127.0.0.1:1/",
        "bash -c \"exec httpok -a http://127.0.0.1:1/\"",
        "/bin/sh -ec 'httpok -a http://127.0.0.1:1/'",
    ] {
        let text = format!(
            "[program:alone]\ncommand=a\n[program:worker]\ncommand=a\n[fcgi-program:fast]\ncommand=a\n\
             [group:app]\nprograms=worker, other\n[eventlistener:h]\ncommand={command}\nevents=TICK_60\n"
        );
        fs::write(&path, text).expect("written");
        let made = run(&["config", "import", &path]);
        let restart = "restart = [\"app:*\", \"alone:*\", \"fast:*\"]";
        assert!(made.out.contains(restart), "{command}: {made:?}");
    }
}

/// What a line of a monitrc becomes, or what is said of it.
#[test]
fn tests_of_monit_keep_their_meaning() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (web, plain) = ("port 443 type tcpssl protocol http", "port 6379");
    for (test, made, said) in [
        (
            web.to_owned(),
            &["url = \"https://localhost:443/\"", "insecure = true"][..],
            "",
        ),
        (
            "port 443 protocol https with ssl options {verify: enable}".to_owned(),
            &["https://localhost:443/"],
            "",
        ),
        (
            format!("{web} status < 400"),
            &["status = [\"100-399\"]"],
            "",
        ),
        (
            format!("{web} status != 200"),
            &["status = [\"100-199\", \"201-599\"]"],
            "",
        ),
        (
            format!("{web} status >= 500"),
            &["status = [\"500-599\"]"],
            "",
        ),
        (format!("{web} status = 204"), &["status = \"204\""], ""),
        (format!("{web} status < 100"), &[], "no code is"),
        (
            format!("{web} content != \"bad\""),
            &["expect = [\"body not matches /bad/\"]"],
            "",
        ),
        (
            format!("{web} content = \"o/k\""),
            &["expect = [\"body matches /o\\\\/k/\"]"],
            "",
        ),
        (
            format!("{web} certificate valid > 14 days http headers [Host: shop, X-A: b]"),
            &[
                "expect = [\"certificate expires > 14d\"]",
                "headers = { \"Host\" = \"shop\", \"X-A\" = \"b\" }",
            ],
            "",
        ),
        (format!("{web} 3 cycles"), &["fail_after = 3"], ""),
        (
            format!("{web}, certificate valid for 30 days"),
            &[
                "expect = [\"certificate expires > 30d\"]",
                "fail_after = 1\n",
            ],
            "",
        ),
        (
            format!("{web} and certificate valid > 30 days with timeout 7 seconds 3 cycles"),
            &["expires > 30d", "fail_after = 3", "timeout = \"7s\""],
            "",
        ),
        (
            format!("{web} for 2 times 3 cycles"),
            &["fail_within = \"2/3\""],
            "",
        ),
        (format!("{web} 2 3 cycles"), &["fail_within = \"2/3\""], ""),
        (
            format!("{web} for 5 times within 5 cycles"),
            &["fail_after = 5"],
            "",
        ),
        (
            format!("{web} status >= 200 and status < 400"),
            &["status = [\"100-399\"]"],
            "status of web: as in Monit the last one counts",
        ),
        (
            format!("{web} status less than 400"),
            &["status = [\"100-399\"]"],
            "",
        ),
        (
            format!("{web} status ne 500"),
            &["status = [\"100-499\", \"501-599\"]"],
            "",
        ),
        (
            format!("{web} request \"/a\" and request \"/b\""),
            &["url = \"https://localhost:443/b\""],
            "request of web: as in Monit the last one counts",
        ),
        (
            format!("{web} content = \"a\" content != \"b\""),
            &["expect = [\"body not matches /b/\"]"],
            "content of web",
        ),
        (
            format!("{web} content = 'v[0-9]\\\\.1 \"'"),
            &["expect = [\"body matches /v[0-9]\\\\.1/\"]"],
            "",
        ),
        (
            format!("{web} http headers [X-T: \"1,2]:\", Host: shop]"),
            &["headers = { \"X-T\" = \"1,2]:\", \"Host\" = \"shop\" }"],
            "",
        ),
        (
            format!("{web} http headers [X: a:b]"),
            &[],
            "header \"X\": a value with a colon",
        ),
        (
            format!("{web} http headers [X: a\"b\"]"),
            &[],
            "in quotes as a whole",
        ),
        (
            format!("{web} hostheader a hostheader b"),
            &[],
            "header \"Host\" is sent twice",
        ),
        (
            format!("{web} request \"/a b?x=<1>&y=%41\""),
            &["url = \"https://localhost:443/a%20b?x=%3C1%3E&y=%2541\""],
            "",
        ),
        (
            format!("{web} request \"/a\\n\\\\\\0x41\""),
            &["/a%0A%5CA\""],
            "",
        ),
        (format!("{web} request \"a\""), &[], "does not begin with /"),
        (
            format!("{web} frequency 3"),
            &[],
            "\"frequency\" is not understood",
        ),
        (
            format!("{web} status 200 for 3"),
            &[],
            "expected a number of cycles",
        ),
        (
            "url http://h/x?y=\"z\"&w=1,#f and timeout 5 seconds".to_owned(),
            &["url = \"http://h/x?y=%22z%22&w=1,\"", "timeout = \"5s\""],
            "",
        ),
        (
            "url http://h/ certificate valid > 3 days".to_owned(),
            &[],
            "TLS for an http:// URL",
        ),
        (
            "host ::1 port 8080 protocol http".to_owned(),
            &["url = \"http://[::1]:8080/\""],
            "",
        ),
        (
            "(host \"::1\", port 8080, protocol http, request /a, for 3 cycles)".to_owned(),
            &["url = \"http://[::1]:8080/a\"", "fail_after = 3"],
            "",
        ),
        (
            "port 80 protocol websocket host \"h\" request \"/x\" version 13 for 3 cycles"
                .to_owned(),
            &["url = \"tcp://localhost:80\"", "fail_after = 3"],
            "protocol websocket: only that",
        ),
        (
            "port 80 protocol apache-status dnslimit > 25% loglimit > 80 % 3 cycles".to_owned(),
            &["url = \"tcp://localhost:80\"", "fail_after = 3"],
            "protocol apache-status: only that",
        ),
        (
            format!("{plain} responsetime > 2 seconds retry 3 ipv4 address 10.0.0.1"),
            &["fail_after = 1"],
            "responsetime of web: not taken over",
        ),
        (
            format!("{plain} send \"PING\\r\\n\" expect \"PONG\""),
            &[
                "send = \"PING\\\\r\\\\n\"",
                "expect = [\"body matches /PONG/\"]",
            ],
            "",
        ),
        (
            format!("{plain} expect \"ready\" send \"a\" expect \"b\""),
            &[],
            "more than one send and expect",
        ),
        (
            format!("{plain} ipv6"),
            &["tcp://localhost:6379"],
            "ipv6 of web: not taken over",
        ),
    ] {
        let text = format!(
            "set daemon 30\ncheck process web with pidfile /x\n  if failed {test} then alert\n"
        );
        fs::write(path("monitrc"), text).expect("written");
        let imported = run(&["config", "import", &path("monitrc")]);
        for line in made {
            assert!(imported.out.contains(line), "{test}: {line}\n{imported:?}");
        }
        assert!(imported.err.contains(said), "{test}: {imported:?}");
        if made.is_empty() {
            continue;
        }
        assert_eq!(
            imported.out.contains("insecure"),
            test.starts_with(web),
            "{test}: {imported:?}"
        );
        fs::write(path("h.toml"), &imported.out).expect("written");
        let checked = run(&["config", "check", &path("h.toml")]);
        assert_eq!(
            checked.code,
            Some(0),
            "{test}: {checked:?}\n{}",
            imported.out
        );
    }
}

/// What holds for all tests, and restarts within cycles.
#[test]
fn certificates_are_verified_where_all_tests_verify_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("monitrc").display().to_string();
    let text = "set ssl options { verify: enable }\ncheck host a with address ::1\n\
                \u{20} if failed port 443 protocol https then alert\n\
                \u{20} if failed port 444 protocol https with ssl options {verify: disable} then alert\n\
                \u{20} if 3 restarts 4 cycles then timeout\n";
    fs::write(&path, text).expect("written");
    let made = run(&["config", "import", &path]);
    let checks: Vec<_> = made.out.split("[[check]]").collect();
    assert!(!checks[1].contains("insecure"), "{made:?}");
    assert!(checks[2].contains("insecure = true"), "{made:?}");
    for line in ["https://[::1]:443/", "restarts = \"3/120s\""] {
        assert!(checks[1].contains(line), "{line}\n{made:?}");
    }
}

/// What is said of the other servers is not about the first one, which would be sent their password.
#[test]
fn first_mail_server_of_monit_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("monitrc").display().to_string();
    for (servers, smtp, others) in [
        ("a.b", "smtp://a.b:25", false),
        ("a.b, c.d port 587 using tls", "smtp://a.b:25", true),
        (
            "a.b port 2525, c.d port 587 username \"u\" password \"longpassword1\" using tls",
            "smtp://a.b:2525",
            true,
        ),
        ("a.b port 465 using ssl", "smtps://a.b:465", false),
    ] {
        let text = format!(
            "set mailserver {servers}\nset alert a@b.c\ncheck host x with address a.b\n if failed port 80 then alert\n"
        );
        fs::write(&path, text).expect("written");
        let made = run(&["config", "import", &path]);
        let line = format!("smtp = \"{smtp}\"\n");
        assert!(made.out.contains(&line), "{servers}: {made:?}");
        assert!(!made.out.contains("password ="), "{servers}: {made:?}");
        let said = made.err.contains("the first server is the only one");
        assert_eq!(said, others, "{servers}: {made:?}");
        assert!(!made.err.contains("longpassword1"), "{servers}: {made:?}");
    }
}

#[test]
fn lines_of_monit_are_named_without_their_secrets() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("monitrc").display().to_string();
    let text = "set mailserver a, c username u password \"longpassword1\"\n\
                set httpd port 2812 allow admin:longpassword1\ncheck host x with address a.b\n\
                \u{20} if failed port 80 then alert\n\
                \u{20} if failed port 80 username a password \"longpassword1\" frequency 3 then alert\n\
                \u{20} if failed port 80 username a password b \"longpassword1\" then alert\n\
                \u{20} if failed port 80 protocol http request \"x?token=longpassword1\" then alert\n\
                \u{20} if succeeded port 81 password \"longpassword1\" then alert\n";
    fs::write(&path, text).expect("written");
    let made = run(&["config", "import", &path]);
    for line in [1, 2, 5, 6, 7, 8] {
        let place = format!("monitrc:{line}: ");
        assert!(made.err.contains(&place), "{line}: {made:?}");
    }
    for shown in [&made.out, &made.err] {
        assert!(!shown.contains("longpassword1"), "{shown}");
    }
}

/// Whoever got the listener's mails gets those of the check, and the same supervisord is asked.
#[test]
fn mails_and_supervisord_of_a_listener_are_those_of_the_check() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let listener = |options: &str, more: &str| {
        format!(
            "[eventlistener:h]\ncommand=httpok -p web {options} http://h/\nevents=TICK_60\n{more}\n"
        )
    };
    let other = "environment=A=\"x,y\",SUPERVISOR_SERVER_URL=\"unix:///run/other.sock\"";
    let beside = format!("{other}\n{}", listener("", "").replace(":h]", ":i]"));
    for (text, made, said) in [
        (listener("-m root", ""), "to = \"root\"", ""),
        (
            listener("-m 'ops@a.org, root'", ""),
            "to = [\"ops@a.org\", \"root\"]",
            "",
        ),
        (
            listener(
                "-m a@a.org",
                &listener("-m b@a.org", "").replace(":h]", ":i]"),
            ),
            "to = [\"a@a.org\", \"b@a.org\"]",
            "",
        ),
        (
            listener("-m root --smtp smtp://mail.a.org:25", ""),
            "[[check]]",
            "\"root\" is not a mail address, but a user",
        ),
        (listener("", other), "url = \"unix:///run/other.sock\"", ""),
        (
            listener("", "serverurl=http://localhost:9001"),
            "url = \"http://localhost:9001\"",
            "",
        ),
        (
            listener("", "serverurl=AUTO"),
            "url = \"unix:///run/s.sock\"",
            "",
        ),
        (
            format!("[supervisord]\n{other}\n{}", listener("", "")),
            "url = \"unix:///run/other.sock\"",
            "",
        ),
        (
            listener("", &beside),
            "url = \"unix:///run/s.sock\"",
            "[eventlistener:h]: its supervisord is another one",
        ),
    ] {
        let text = format!("[unix_http_server]\nfile=/run/s.sock\n{text}");
        fs::write(path("s.conf"), &text).expect("written");
        let imported = run(&["config", "import", &path("s.conf")]);
        assert!(imported.out.contains(made), "{text}{imported:?}");
        assert!(imported.err.contains(said), "{text}{imported:?}");
        assert_eq!(
            imported.err.is_empty(),
            said.is_empty(),
            "{text}{imported:?}"
        );
        fs::write(path("h.toml"), &imported.out).expect("written");
        let checked = run(&["config", "check", &path("h.toml")]);
        assert_eq!(checked.code, Some(0), "{checked:?}\n{}", imported.out);
    }
}

#[test]
fn services_of_monit_depend_on_all_tests_and_the_first_limit_of_restarts_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("monitrc").display().to_string();
    let text = "set daemon 30 with start delay 60\nset alert a@example.org on { timeout }\n\
                check process db with pidfile /x\n  if failed port 1 then alert\n  if failed port 2 then alert\n\
                check process web with pidfile /y\n  if failed port 3 then alert\n  if not failed port 4 then alert\n\
                \u{20} depends on db\n  if 3 restarts within 5 cycles then unmonitor\n\
                \u{20} if 2 restarts within 3 cycles then exec \"/x\"\n  if 9 restarts within 9 cycles then timeout\n";
    fs::write(&path, text).expect("written");
    let made = run(&["config", "import", &path]);
    for line in ["requires = [\"db\", \"db-2\"]", "restarts = \"3/150s\""] {
        assert!(made.out.contains(line), "{line}\n{made:?}");
    }
    assert!(!made.out.contains("tcp://localhost:4"), "{made:?}");
    for said in [
        "start delay",
        "events are not filtered",
        "if not failed port 4",
        "then exec",
        "9 restarts within 9 cycles then timeout: the first one",
    ] {
        assert!(made.err.contains(said), "{said}\n{made:?}");
    }
}
