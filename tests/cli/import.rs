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
