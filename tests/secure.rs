//! The binary as root beside other users: what they own is not trusted, what is secret is not shown, and what
//! comes from outside tricks nobody.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test, too")]

mod support;

#[path = "support/program.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod program;
#[path = "support/site.rs"]
#[allow(dead_code, reason = "only some of it is needed here")]
mod site;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use program::{LIMIT, Program};
use site::{Site, says};
use support::ports::free_port;
use support::wait_until;
use tempfile::TempDir;

const NOBODY: u32 = 65534;
const SECRET: &str = "hunter2-4711";

fn nobodys(path: &Path) {
    lchown(path, Some(NOBODY), Some(NOBODY)).expect("these tests run as root");
}

fn directory() -> TempDir {
    let dir = TempDir::new().expect("a directory");
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("ours");
    dir
}

fn httpok(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpok"));
    command
        .args(words)
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command
}

fn run(dir: &Path, words: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = httpok(dir, words).output().expect("it starts");
    let text = [stdout, stderr].concat();
    (status.code(), String::from_utf8(text).expect("text"))
}

/// A watchdog of one check of `url`, with `keys` before it.
fn configure(dir: &Path, keys: &str, check: &str) {
    let text = format!(
        "{keys}\n[[check]]\nname = \"web\"\nevery = \"100ms\"\ntimeout = \"5s\"\n{check}\n"
    );
    fs::write(dir.join("httpok.toml"), text).expect("written");
}

#[test]
fn state_directory_writable_by_others_is_refused() {
    type Case = (&'static str, fn(&Path), Option<&'static str>);
    let mode =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    let _ = mode;
    let cases: [Case; 7] = [
        ("ours", |_| {}, None),
        ("another's", |at| nobodys(at), Some("belongs to user 65534")),
        (
            "everybody's",
            |at| set(at, 0o777),
            Some("can be written by everybody"),
        ),
        (
            "the group's",
            |at| set(at, 0o770),
            Some("can be written by its group"),
        ),
        (
            "another's note",
            |at| {
                fs::create_dir_all(at.join("programs-0123456789ab")).expect("made");
                fs::write(at.join("programs-0123456789ab/web:web"), "x").expect("written");
                nobodys(&at.join("programs-0123456789ab/web:web"));
            },
            Some("belongs to user 65534"),
        ),
        (
            "another's database",
            |at| {
                fs::write(at.join("httpok.db"), "").expect("written");
                nobodys(&at.join("httpok.db"));
            },
            Some("belongs to user 65534"),
        ),
        (
            "another's link",
            |at| {
                symlink("/etc/passwd", at.join("httpok.db")).expect("made");
                nobodys(&at.join("httpok.db"));
            },
            Some("belongs to user 65534"),
        ),
    ];
    for (what, change, refused) in cases {
        let dir = directory();
        let state = dir.path().join("state");
        fs::create_dir(&state).expect("made");
        set(&state, 0o700);
        change(&state);
        configure(dir.path(), "state_dir = \"state\"", "command = [\"true\"]");
        let words = ["watch", "--once", "--config", "httpok.toml"];
        let (code, said) = run(dir.path(), &words);
        match refused {
            None => assert_eq!(code, Some(0), "{what}: {said}"),
            Some(why) => {
                assert_ne!(code, Some(0), "{what}: {said}");
                assert!(
                    said.contains(why) && said.contains("chown"),
                    "{what}: {said}"
                );
            }
        }
    }
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

#[test]
fn journal_readable_or_redirectable_by_others_is_not_written() {
    let dir = directory();
    let theirs = dir.path().join("theirs");
    fs::create_dir(&theirs).expect("made");
    nobodys(&theirs);
    let at = |name: &str| theirs.join(name);
    fs::write(at("file"), "").expect("written");
    set(&at("file"), 0o666);
    nobodys(&at("file"));
    fs::write(dir.path().join("precious"), "precious").expect("written");
    symlink("../precious", at("link")).expect("made");
    nobodys(&at("link"));
    fs::write(at("open"), "").expect("written");
    set(&at("open"), 0o666);
    for (name, why) in [
        ("file", "belongs to user 65534"),
        ("link", "is a symbolic link that belongs to user 65534"),
        ("open", "can be written by everybody"),
    ] {
        let keys = format!("state_dir = \"state\"\njournal = \"theirs/{name}\"");
        configure(dir.path(), &keys, "command = [\"true\"]");
        let (_, said) = run(dir.path(), &["watch", "--once", "--config", "httpok.toml"]);
        assert!(
            said.contains("no journal is written") && said.contains(why),
            "{name}: {said}"
        );
        assert_eq!(
            fs::read_to_string(at(name))
                .expect("text")
                .replace("precious", ""),
            ""
        );
    }
    let keys = "state_dir = \"state\"\njournal = \"theirs/new\"";
    configure(dir.path(), keys, "command = [\"true\"]");
    run(dir.path(), &["watch", "--once", "--config", "httpok.toml"]);
    let meta = fs::metadata(at("new")).expect("it is made");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    chown(at("new"), None, None).expect("ours");
}

#[test]
fn links_of_a_programs_user_are_not_followed() {
    let dir = directory();
    let (theirs, precious) = (dir.path().join("theirs"), dir.path().join("precious"));
    fs::create_dir(&theirs).expect("made");
    nobodys(&theirs);
    fs::write(&precious, "precious").expect("written");
    set(&precious, 0o600);
    // the program plants links where its log's backups are or will be, again and again, and writes on
    let script = theirs.join("program");
    let text = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\n\
                (until [ -e stop ] || [ ! -e program ]; do for n in .1 .2 .3; do ln -sfn ../precious \"log$n\"; done; done) &\n\
                until [ -e stop ] || [ ! -e program ]; do echo planted; done\nexec sleep 60\n";
    fs::write(&script, text).expect("written");
    set(&script, 0o755);
    let program = |name: &str, command: &str, log: &str| {
        format!(
            "[[program]]\nname = \"{name}\"\ncommand = [\"{command}\"]\nuser = \"nobody\"\n\
             stdout_logfile = \"{}\"\nstdout_logfile_maxbytes = \"64KiB\"\nstdout_logfile_backups = 3\n",
            theirs.join(log).display()
        )
    };
    let keys = format!(
        "state_dir = \"state\"\n{}",
        program("worker", &script.display().to_string(), "log")
    );
    configure(dir.path(), &keys, "command = [\"true\"]");
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let (mut links, mut logs) = (0, Vec::new());
    wait_until("the log was rotated among the links", LIMIT, || {
        let of = |name: &str| fs::symlink_metadata(theirs.join(name));
        links += usize::from(of("log.1").is_ok_and(|meta| meta.file_type().is_symlink()));
        if let Ok(inode) = of("log").map(|meta| meta.ino()) {
            logs.push(inode);
            logs.dedup();
        }
        let harmed = fs::read(&precious).expect("text") != b"precious";
        harmed || (links >= 10 && logs.len() >= 10)
    });
    fs::write(theirs.join("stop"), "").expect("written");
    watchdog.signal(nix::sys::signal::Signal::SIGTERM);
    watchdog.wait();
    assert_eq!(fs::read_to_string(&precious).expect("text"), "precious");
    let mode = fs::metadata(&precious).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn usage_errors_do_not_repeat_secrets() {
    let dir = directory();
    for words in [
        &[
            "check",
            "--header",
            "Authorization Bearer hunter2-4711",
            "http://127.0.0.1:1",
        ][..],
        &[
            "check",
            "--header=Authorization Bearer hunter2-4711",
            "http://127.0.0.1:1",
        ],
        &["check", "--user", ":hunter2-4711", "http://127.0.0.1:1"],
        &["check", "--timeout", "http://u:hunter2-4711@h/"],
        &["check", "ftp://u:hunter2-4711@h/"],
        &["check", "http://u:hunter2-4711@h:99x/"],
        &[
            "check",
            "--send",
            "AUTH hunter2-4711\\q",
            "tcp://127.0.0.1:1",
        ],
        &[
            "watch",
            "--supervisor",
            "http://u:hunter2-4711@h:99x",
            "http://127.0.0.1:1",
        ],
        &[
            "watch",
            "--smtp",
            "smtp://u:hunter2-4711@h:99x",
            "http://127.0.0.1:1",
        ],
        &[
            "watch",
            "--webhook",
            "htp://hooks/hunter2-4711",
            "http://127.0.0.1:1",
        ],
        &["status", "http://u:hunter2-4711@h/"],
        &["explain", "web", "http://u:hunter2-4711@h/"],
        &["sttus", "http://u:hunter2-4711@h/"],
        &[
            "--smtp",
            "smtp://u:hunter2-4711@h:99x",
            "http://127.0.0.1:1",
        ],
        &[
            "--webhook",
            "htp://hooks/hunter2-4711",
            "http://127.0.0.1:1",
        ],
        &[
            "--header",
            "Authorization Bearer hunter2-4711",
            "http://127.0.0.1:1",
        ],
        &["-t", "http://u:hunter2-4711@h/", "http://127.0.0.1:1"],
    ] {
        let (code, said) = run(dir.path(), words);
        assert_ne!(code, Some(0), "{words:?}: {said}");
        assert!(!said.contains(SECRET), "{words:?}: {said}");
    }
}

#[test]
fn children_get_three_descriptors_and_no_secret_variable() {
    let dir = directory();
    let check = "command = 'ls /proc/self/fd | tr \"\\n\" \" \"; env; exit 1'\n\
                 [[check]]\nname = \"asks\"\nurl = \"http://127.0.0.1:1/\"\n\
                 password = \"${env:WEB_PASSWORD}\"\nuser = \"me\"\n";
    configure(dir.path(), "state_dir = \"state\"", check);
    let mut shell = Command::new("/bin/sh");
    // a descriptor that nobody closed
    shell
        .args([
            "-c",
            "exec 7</etc/passwd; exec \"$0\" check --format json --config httpok.toml web",
        ])
        .arg(env!("CARGO_BIN_EXE_httpok"))
        .current_dir(dir.path())
        .env("WEB_PASSWORD", SECRET);
    let output = shell.output().expect("it runs");
    let said = String::from_utf8(output.stdout).expect("text");
    // 3 is the directory that ls reads
    assert!(said.contains("0 1 2 3 "), "{said}");
    assert!(
        !said.contains(" 7 ") && !said.contains("WEB_PASSWORD"),
        "{said}"
    );
}

#[test]
fn echoed_secret_is_stored_and_shown_nowhere() {
    let dir = directory();
    let site = Site::start();
    site.answer("/echo", || {
        says("500 hunter2-4711", "you sent Bearer hunter2-4711")
    });
    let url = format!("{}/echo", site.origin());
    let header = format!("Authorization: Bearer {SECRET}");
    for format in ["human", "plain", "json", "nagios"] {
        let words = ["check", "-v", "--format", format, "--header", &header, &url];
        let (code, said) = run(dir.path(), &words);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains("***") && !said.contains(SECRET),
            "{format}: {said}"
        );
    }

    let check = format!(
        "url = {url:?}\nheaders = {{ Authorization = \"Bearer {SECRET}\" }}\nfail_after = 1"
    );
    configure(
        dir.path(),
        "state_dir = \"state\"\njournal = \"journal\"",
        &check,
    );
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let status = || run(dir.path(), &["status", "--json", "--config", "httpok.toml"]).1;
    wait_until("the check is down", LIMIT, || {
        status().contains("\"status\":\"down\"")
    });
    let shown = [
        status(),
        run(dir.path(), &["explain", "web", "--config", "httpok.toml"]).1,
        run(
            dir.path(),
            &["explain", "web", "--json", "--config", "httpok.toml"],
        )
        .1,
    ];
    watchdog.signal(nix::sys::signal::Signal::SIGTERM);
    let end = watchdog.wait();
    for text in shown.iter().chain([&end.err, &end.out]) {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(end.err.contains("***"), "{}", end.err);
    for name in ["journal", "state/httpok.db", "state/httpok.db-wal"] {
        let bytes = fs::read(dir.path().join(name)).unwrap_or_default();
        let found = bytes
            .windows(SECRET.len())
            .any(|part| part == SECRET.as_bytes());
        assert!(!found, "{name}");
    }
}

#[test]
fn invisible_and_bidi_characters_are_escaped_everywhere() {
    const TRICKS: [char; 6] = [
        '\u{9b}', '\u{202e}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{2066}',
    ];
    let dir = directory();
    let site = Site::start();
    let tricks: String = TRICKS.iter().collect();
    site.answer("/", move || says("500 no", format!("a{tricks}b")));
    let url = format!("{}/", site.origin());
    for format in ["human", "plain", "json", "nagios"] {
        let (_, said) = run(
            dir.path(),
            &[
                "check",
                "-v",
                "--format",
                format,
                "--expect",
                "body == 'x'",
                &url,
            ],
        );
        assert!(!said.contains(TRICKS), "{format}: {said:?}");
    }
    let check = format!("url = {url:?}\nfail_after = 1\nexpect = [\"body == 'x'\"]");
    configure(
        dir.path(),
        "state_dir = \"state\"\njournal = \"journal\"",
        &check,
    );
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let status = || run(dir.path(), &["status", "--json", "--config", "httpok.toml"]).1;
    wait_until("the check is down", LIMIT, || {
        status().contains("\"status\":\"down\"")
    });
    let said = [
        status(),
        run(dir.path(), &["explain", "web", "--config", "httpok.toml"]).1,
    ];
    watchdog.signal(nix::sys::signal::Signal::SIGTERM);
    let end = watchdog.wait();
    let journal = fs::read_to_string(dir.path().join("journal")).expect("a journal");
    for text in said.iter().chain([&end.err, &journal]) {
        assert!(!text.contains(TRICKS), "{text:?}");
    }
}

#[test]
fn configured_secrets_are_masked_in_every_served_format() {
    const KEYS: [&str; 5] = [
        "api-key-4711",
        "supervisor-4711",
        "webhook<4711>",
        "mail-4711-pw",
        "variable-4711",
    ];
    let dir = directory();
    let site = Site::start();
    site.answer("/echo", || {
        says("500 api-key-4711", format!("{}\u{202e}", KEYS.join(" ")))
    });
    let port = free_port();
    let keys = format!(
        "state_dir = \"state\"\n[serve]\nlisten = \"127.0.0.1:{port}\"\napi_keys = [\"{}\"]\n\
         [supervisor.supervisord]\nurl = \"http://127.0.0.1:1\"\nusername = \"monitor\"\npassword = \"{}\"\n\
         [[webhook]]\nurl = \"http://127.0.0.1:1/\"\nsecret = \"{}\"\n\
         [mail]\nto = \"a@b.test\"\nsmtp = \"smtps://me@127.0.0.1:1\"\npassword = \"{}\"\n\
         [[program]]\nname = \"idle\"\ncommand = \"sleep 1000\"\nenvironment = {{ DB_PASSWORD = \"{}\" }}\n",
        KEYS[0], KEYS[1], KEYS[2], KEYS[3], KEYS[4]
    );
    let check = format!(
        "url = \"{}/echo\"\nfail_after = 1\nexpect = [\"body == 'x'\"]",
        site.origin()
    );
    configure(dir.path(), &keys, &check);
    let watchdog = Program::start(&mut httpok(
        dir.path(),
        &["watch", "--config", "httpok.toml"],
    ));
    let get = |path: &str| {
        use std::io::{Read, Write};
        let mut text = String::new();
        if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: h\r\nX-API-Key: {}\r\nConnection: close\r\n\r\n",
                KEYS[0]
            );
            stream.write_all(head.as_bytes()).expect("sent");
            stream.read_to_string(&mut text).expect("text");
        }
        text
    };
    wait_until("the check is down", LIMIT, || {
        get("/api/v1/status").contains("\"status\":\"down\"")
    });
    for path in [
        "/api/v1/status",
        "/api/v1/checks",
        "/api/v1/incidents",
        "/status.json",
        "/metrics",
        "/health",
        "/",
        "/check/web",
    ] {
        let shown = get(path);
        assert!(shown.starts_with("HTTP/1.1 "), "{path}: {shown}");
        for key in KEYS {
            let in_html = key.replace('<', "&#60;").replace('>', "&#62;");
            assert!(
                !shown.contains(key) && !shown.contains(&in_html),
                "{path}: {shown}"
            );
        }
        assert!(!shown.contains('\u{202e}'), "{path}: {shown}");
    }
    let shown = get("/api/v1/status");
    assert!(
        shown.contains("***"),
        "a secret was there to be masked: {shown}"
    );
    watchdog.signal(nix::sys::signal::Signal::SIGTERM);
    let end = watchdog.wait();
    for key in KEYS {
        assert!(!end.err.contains(key), "{}", end.err);
    }
}

#[test]
fn cleartext_password_is_warned_about() {
    let dir = directory();
    for (mail, warned) in [
        (
            "[mail]\nto = \"a@b\"\nsmtp = \"smtp://u:hunter2-4711@mail.test\"",
            true,
        ),
        (
            "[mail]\nto = \"a@b\"\nsmtp = \"smtps://u:hunter2-4711@mail.test\"",
            false,
        ),
        (
            "[mail]\nto = \"a@b\"\nsmtp = \"smtp+starttls://u:hunter2-4711@mail.test\"",
            false,
        ),
        (
            "[mail]\nto = \"a@b\"\nsmtp = \"smtp://u:hunter2-4711@localhost\"",
            false,
        ),
        ("[mail]\nto = \"a@b\"\nsmtp = \"smtp://mail.test\"", false),
        (
            "[[webhook]]\nurl = \"http://u:hunter2-4711@hooks.test/\"",
            true,
        ),
        (
            "[[webhook]]\nurl = \"https://u:hunter2-4711@hooks.test/\"",
            false,
        ),
        (
            "[[webhook]]\nurl = \"http://u:hunter2-4711@127.0.0.1/\"",
            false,
        ),
    ] {
        configure(dir.path(), mail, "command = [\"true\"]");
        let (code, said) = run(dir.path(), &["config", "check", "httpok.toml"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.contains("in the clear"), warned, "{mail}: {said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}
