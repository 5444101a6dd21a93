//! Configuration files: good ones become settings, bad ones are told with all their faults.

mod fleet;
mod include;
mod keys;
mod programs;
mod robustness;
mod rules;
mod warnings;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use httpok::action::{CaptureSpec, Dumper};
use httpok::config::notify::NotifySettings;
use httpok::config::settings::{CheckSettings, Settings};
use httpok::config::supervisor::SupervisorSettings;
use httpok::config::{Faults, load, parse};
use httpok::exec::CommandLine;
use httpok::health::{
    Assertion, Backend, Backoff, Budget, Expectation, Fails, Policy, Reason, StatusSet, Target,
    Verdict, VerdictRule,
};
use httpok::net::http::{Header, header};
use httpok::notify::spec::{MailSpec, MailVia, Security, SmtpSpec, WebhookSpec, WebhookUrl};
use httpok::probe::http::{HttpSpec, Override, TlsSpec};
use httpok::probe::line::{LineSpec, Peer, Until};
use httpok::probe::spec::ExecSpec;
use httpok::probe::{IpFamily, ProbeSpec};
use httpok::secret::SecretBytes;
use httpok::supervisor::command::CommandSpec;
use httpok::supervisor::docker::spec::DockerSpec;
use httpok::supervisor::supervisord::SupervisordSpec;
use httpok::supervisor::systemd::ManagerScope;

fn env(name: &str) -> Option<String> {
    (name == "SHOP_KEY").then(|| "hunter2".to_owned())
}

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/fixtures/config").join(name)
}

fn faults(text: &str) -> Faults {
    match parse(text, "httpok.toml", &env) {
        Err(faults) => faults,
        Ok(settings) => panic!("no fault in {text:?}: {settings:?}"),
    }
}

/// A file with one sound check, `keys` among its keys, and `rest` after it.
fn file(keys: &str, rest: &str) -> String {
    format!("[[check]]\nname = \"shop\"\nurl = \"http://h/\"\n{keys}\n{rest}\n")
}

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn minimal_example_has_one_check_and_a_mail() {
    let settings = load(Path::new("examples/minimal.toml"), &env).unwrap_or_else(|f| panic!("{f}"));
    let mut shop = CheckSettings::of_url("shop", "http://127.0.0.1:8080/health").expect("a URL");
    shop.expectation.body = vec!["all fine".into()];
    shop.restart = vec![Target::new("shop")];
    let expected = Settings {
        checks: vec![shop],
        supervisor: SupervisorSettings {
            default: Backend::Supervisord,
            supervisord: Some(supervisord("unix:///run/supervisor.sock", "", "")),
            ..SupervisorSettings::default()
        },
        notify: NotifySettings {
            mail: Some(MailSpec {
                html: true,
                down_after: Duration::from_secs(30),
                to: vec!["ops@example.org".into()],
                from: None,
                via: MailVia::Sendmail("/usr/sbin/sendmail -t -i".into()),
            }),
            reminder: Some(SECONDS(3600)),
            ..NotifySettings::default()
        },
        ..Settings::default()
    };
    assert_eq!(settings, expected);
}

#[test]
fn examples_are_valid() {
    let mut checks = 0;
    for file in fs::read_dir("examples").expect("there are examples") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            let settings = load(&path, &|_| Some("hunter2".into()));
            checks += settings.unwrap_or_else(|f| panic!("{f}")).checks.len();
        }
    }
    assert!(checks >= 14, "{checks}");
}

#[test]
fn systemd_targets_take_every_name_of_a_unit() {
    let targets = |restart: &str, rest: &str| -> Vec<String> {
        let text = file(&format!("restart = {restart}"), rest);
        let settings = parse(&text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
        let restart = settings.checks[0].restart.iter();
        restart.map(ToString::to_string).collect()
    };
    assert_eq!(
        targets(
            r#"["web", "systemd/nginx", "systemd/app@:*"]"#,
            "[supervisor.supervisord]\nurl = \"unix:///s\""
        ),
        ["web", "systemd/nginx.service", "systemd/app@:*"]
    );
    assert_eq!(
        targets(
            r#"["nginx", "app@1", "app@*", "supervisord/web"]"#,
            "[supervisor]\ndefault = \"systemd\"\n[supervisor.supervisord]\nurl = \"unix:///s\""
        ),
        [
            "nginx.service",
            "app@1.service",
            "app@:*",
            "supervisord/web"
        ]
    );
    let invalid = file("restart = [\"a b\"]", "[supervisor]\ndefault = \"systemd\"");
    assert!(
        faults(&invalid)
            .to_string()
            .contains("is not the name of a unit")
    );
    let text = file("", "[supervisor.systemd]\nscope = \"user\"");
    let settings = parse(&text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
    let systemd = settings.supervisor.systemd.expect("a section");
    assert_eq!(systemd.scope, ManagerScope::User);
}

#[test]
fn containers_and_commands_have_their_keys() {
    let text = file(
        "restart = [\"docker/web\", \"command/redis\", \"command/host:db\"]",
        "[supervisor.docker]\nsocket = \"unix:///run/podman/podman.sock\"\n\
         [supervisor.command]\nstatus = [\"rc-service\", \"{name}\", \"status\"]\n\
         stop = \"ssh {group} stop {name}\"\nstart = [\"rc-service\", \"{name}\", \"start\"]\n\
         pidfile = \"/run/{name}.pid\"\ntimeout = \"20s\"",
    );
    let settings = parse(&text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
    let argv =
        |word: &str| CommandLine::Argv(["rc-service", "{name}", word].map(Into::into).into());
    let expected = SupervisorSettings {
        docker: Some(DockerSpec {
            socket: Some("/run/podman/podman.sock".into()),
        }),
        command: Some(CommandSpec {
            status: argv("status"),
            stop: CommandLine::Shell("ssh {group} stop {name}".into()),
            start: argv("start"),
            pidfile: Some("/run/{name}.pid".into()),
            timeout: SECONDS(20),
        }),
        ..SupervisorSettings::default()
    };
    assert_eq!(settings.supervisor, expected);
    let restart: Vec<_> = settings.checks[0]
        .restart
        .iter()
        .map(|t| t.to_string())
        .collect();
    assert_eq!(restart, ["docker/web", "command/redis", "command/host:db"]);
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = parse(&file("[check.capture]", ""), "x", &env).unwrap_or_else(|f| panic!("{f}"));
    let http = http_of(&settings.checks[0].probe);
    assert_eq!(http.timeout, SECONDS(10));
    assert_eq!((http.method.as_str(), http.follow), ("GET", false));
    assert_eq!(http.max_body, 16 * 1024 * 1024);
    let check = &settings.checks[0];
    assert_eq!(check.every, SECONDS(60));
    assert_eq!(check.expectation.status.to_string(), "200");
    assert_eq!(check.policy.fail, Fails::InARow(3));
    assert_eq!(
        (check.policy.pass_after, check.policy.grace),
        (1, SECONDS(30))
    );
    let backoff = check.policy.backoff;
    assert_eq!((backoff.min, backoff.max), (SECONDS(10), SECONDS(300)));
    assert_eq!(
        check.policy.restarts.map(|b| b.to_string()),
        Some("5 within 600s".into())
    );
    assert_eq!(check.policy.rearm, Some(SECONDS(1800)));
    let capture = check.capture.as_ref().expect("asked for");
    assert_eq!((capture.timeout, capture.keep), (SECONDS(30), 5));
    assert_eq!((capture.max_bytes, capture.min_free), (2 << 30, 1 << 30));
    assert_eq!(settings.max_concurrent_restarts, 1);
}

#[test]
fn cheap_evidence_is_kept_without_a_table_and_none_with_keep_0() {
    for (table, kept) in [
        ("", Some(CaptureSpec::default())),
        ("[check.capture]", Some(CaptureSpec::default())),
        ("[check.capture]\nkeep = 0\nrun = [\"ps\"]", None),
    ] {
        let settings = parse(&file(table, ""), "x", &env).unwrap_or_else(|f| panic!("{f}"));
        assert_eq!(settings.checks[0].capture, kept, "{table}");
    }
    assert_eq!(CaptureSpec::default().core, None, "a core is not cheap");
}

/// The HTTP request that `probe` is.
fn http_of(probe: &ProbeSpec) -> &HttpSpec {
    match probe {
        ProbeSpec::Http(http) => http,
        other => panic!("not HTTP: {other:?}"),
    }
}

fn http_spec(url: &str) -> HttpSpec {
    HttpSpec::of_url(url).expect("a URL")
}

fn sent(name: &str, value: &str) -> Header {
    header(name, value).expect("a header")
}

fn supervisord(url: &str, username: &str, password: &str) -> SupervisordSpec {
    SupervisordSpec::new(url, username, password.into()).expect("a server URL")
}

fn assertion(text: &str) -> Assertion {
    Assertion::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// `full.toml`'s check `shop`, which sets every key of its own.
fn full_shop(base: &Path) -> CheckSettings {
    let mut shop = CheckSettings::new(
        "shop",
        ProbeSpec::Http(HttpSpec {
            timeout: Duration::from_millis(500),
            method: http::Method::POST,
            headers: vec![
                sent("Accept", "text/plain"),
                sent("x-site", "b"),
                sent("X-Key", "<hunter2>"),
            ],
            data: Some(SecretBytes::new("ping")),
            user: Some(("user".into(), "pass word".into())),
            tls: TlsSpec {
                insecure: true,
                cacert: Some("/etc/ssl/shop.pem".into()),
                cert: Some(base.join("me.pem")),
                key: Some(base.join("me.key")),
                as_original: false,
            },
            follow: true,
            max_body: 64 << 10,
            resolve: vec![Override {
                host: "shop.example.org".into(),
                port: 443,
                address: "::1".parse().expect("an address"),
            }],
            family: Some(IpFamily::V6),
            http2: true,
            unix_socket: Some("/run/shop.sock".into()),
            ..http_spec("https://shop.example.org/health")
        }),
    );
    shop.every = SECONDS(10);
    shop.expectation = Expectation {
        status: StatusSet::from_words(&["2xx", "304", "400-404"]).expect("words"),
        body: vec!["all".into(), "fine".into()],
        not_body: vec!["panic".into()],
        expect: vec![
            assertion("duration < 500ms"),
            assertion("header 'X-Up' exists"),
        ],
        degraded: vec![assertion("size <= 10KiB")],
        verdicts: vec![VerdictRule {
            when: assertion("line == 'Warmup in progress'"),
            is: Verdict::Starting,
        }],
        max_parsed: 2 << 20,
    };
    shop.policy = Policy {
        fail: Fails::InARow(4),
        pass_after: 2,
        grace: Duration::ZERO,
        backoff: Backoff {
            min: SECONDS(20),
            max: SECONDS(60),
            factor: 1.5,
        },
        restarts: Some(Budget {
            count: 3,
            window: SECONDS(3600),
        }),
        rearm: Some(SECONDS(2700)),
        act_on: Some(BTreeSet::from([Reason::Refused, Reason::Status])),
        ..Policy::default()
    };
    shop.restart = vec![
        Target::new("shop"),
        Target {
            backend: Some(Backend::Supervisord),
            pattern: "app:*".into(),
        },
    ];
    shop.start_stopped = true;
    shop.dry_run = true;
    shop.requires = vec!["db".into()];
    if let ProbeSpec::Http(asked) = &shop.probe {
        // it asks as the check does, but for what it asks, how long and what of
        shop.warmup = Some(Box::new(HttpSpec {
            url: http_spec("https://shop.example.org/@@warmup").url,
            timeout: SECONDS(300),
            method: http::Method::GET,
            data: None,
            max_body: 16 << 20,
            ..asked.clone()
        }));
    }
    let py_spy = ["py-spy", "dump", "--pid", "{pid}"];
    shop.capture = Some(CaptureSpec {
        original: false,
        dir: Some(base.join("cores")),
        core: Some(Dumper::Command("/opt/gcore -o".into())),
        run: vec![
            CommandLine::Shell("ss -tnp".into()),
            CommandLine::Argv(py_spy.map(String::from).to_vec()),
        ],
        timeout: SECONDS(60),
        keep: 2,
        max_bytes: 1 << 30,
        min_free: 1 << 20,
    });
    shop
}

#[test]
fn every_key_arrives_in_the_settings() {
    let path = fixture("full.toml");
    let base = path.parent().expect("a directory");
    let settings = load(&path, &env).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(settings.state_dir, Some(base.join("state")));
    assert_eq!(settings.panic_threshold, Some(0.5));
    assert_eq!(settings.max_concurrent_restarts, 2);
    let overall = settings.max_restarts.map(|budget| budget.to_string());
    assert_eq!(overall, Some("7 within 7200s".into()));
    assert!(settings.dry_run);
    assert_eq!(settings.checks[1], full_shop(base));
    let supervisord = settings.supervisor.supervisord.expect("configured");
    assert_eq!(supervisord.shown, "http://127.0.0.1:9001");
    assert_eq!(supervisord.username, "admin");
    assert_eq!(supervisord.password, "hunter2".into());
    let mail = settings.notify.mail.expect("configured");
    assert_eq!(mail.to, ["Ops <ops@example.org>"]);
    assert_eq!(mail.from.as_deref(), Some("httpok@example.org"));
    let smtp = SmtpSpec {
        security: Security::StartTls,
        host: "mail.example.org".into(),
        port: 587,
        user: Some(("user@example.org".into(), "x${y}".into())),
        cacert: Some("/etc/ca.pem".into()),
    };
    assert_eq!(mail.via, MailVia::Smtp(smtp));
    let hooks = [
        WebhookSpec {
            down_after: Duration::ZERO,
            name: None,
            url: WebhookUrl::parse("https://hooks.example.org/hunter2").expect("a URL"),
            headers: vec![sent("Authorization", "Bearer hunter2")],
            secret: Some("hunter2".into()),
            cacert: Some("/etc/ca.pem".into()),
            format: httpok::notify::format::WebhookFormat::Json,
        },
        WebhookSpec::new(WebhookUrl::parse("http://127.0.0.1:1/x").expect("a URL")),
    ];
    assert_eq!(settings.notify.webhooks, hooks);
}

#[test]
fn defaults_apply_to_each_check_and_tables_are_merged() {
    let settings = load(&fixture("full.toml"), &env).unwrap_or_else(|f| panic!("{f}"));
    let [db, _, blog] = settings.checks.as_slice() else {
        panic!("three checks");
    };
    assert_eq!(db.every, SECONDS(30));
    assert_eq!(db.policy.fail, Fails::Within { fails: 3, of: 5 });
    assert_eq!((db.policy.restarts, db.policy.rearm), (None, None));
    let backoff = db.policy.backoff;
    assert_eq!((backoff.min, backoff.max), (SECONDS(20), SECONDS(300)));
    assert!(db.requires.is_empty(), "db is not meant to require itself");
    let http = http_of(&db.probe);
    assert_eq!(http.url.to_string(), "http+unix://%2Frun%2Fdb.sock/ping");
    assert_eq!(http.timeout, SECONDS(3));
    let names: Vec<_> = http.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["accept", "x-site"]);
    assert_eq!(blog.requires, ["shop", "db"]);
    assert_eq!(blog.policy.act_on, None);
    assert_eq!(blog.restart, [Target::new("blog")]);
    let http = http_of(&blog.probe);
    assert_eq!(http.user, Some(("reader".into(), "hunter2".into())));
}

#[test]
fn plain_connections_have_their_keys() {
    let text = "[defaults]\nuntil = \"line\"\nheaders = { A = \"b\" }\nip = 4\nstatus = 204\n\
                [[check]]\nname = \"zope\"\nurl = \"tcp://zope.example.org:8160/\"\ntimeout = 3\n\
                send = 'auth ${env:SHOP_KEY}\\x00\\r\\n'\nbody = \"OK\"\nuntil = \"text\"\nmax_body = 99\n\
                [[check]]\nname = \"agent\"\nurl = \"unix:///run/agent.sock\"\n";
    let settings = parse(text, "x", &|_| Some(r"a\n".into())).unwrap_or_else(|f| panic!("{f}"));
    let [zope, agent] = settings.checks.as_slice() else {
        panic!("two checks");
    };
    let tcp = Peer::Tcp {
        host: "zope.example.org".into(),
        port: 8160,
    };
    let expected = LineSpec {
        timeout: SECONDS(3),
        // what is put in is no escape
        send: Some(SecretBytes::new(b"auth a\\n\0\r\n".to_vec())),
        until: Some(Until::Texts(vec![b"OK".to_vec()])),
        max_body: 99,
        family: Some(IpFamily::V4),
        ..LineSpec::new("tcp://zope.example.org:8160", tcp)
    };
    assert_eq!(zope.probe, ProbeSpec::Line(expected));
    assert!(!format!("{settings:?}").contains("auth"));
    let expected = LineSpec {
        until: Some(Until::Line),
        family: Some(IpFamily::V4),
        ..LineSpec::new(
            "unix:///run/agent.sock",
            Peer::Unix("/run/agent.sock".into()),
        )
    };
    assert_eq!(agent.probe, ProbeSpec::Line(expected));
}

#[test]
fn commands_have_their_keys() {
    let text = "[[check]]\nname = \"disk\"\ncommand = [\"check_disk\", \"-w\", \"\"]\n\
                [[check]]\nname = \"queue\"\nurl = \"exec:\"\ncommand = \"test -e x\"\ntimeout = 1\nmax_body = 9\n";
    let settings = parse(text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
    let words = ["check_disk", "-w", ""].map(String::from).to_vec();
    let queue = ExecSpec {
        timeout: SECONDS(1),
        max_body: 9,
        ..ExecSpec::new(CommandLine::Shell("test -e x".into()))
    };
    let probes: Vec<_> = settings.checks.iter().map(|check| &check.probe).collect();
    assert_eq!(
        probes,
        [
            &ProbeSpec::Exec(ExecSpec::new(CommandLine::Argv(words))),
            &ProbeSpec::Exec(queue)
        ]
    );
}

#[test]
fn limits_are_switched_off_by_false_or_a_word() {
    for (keys, rest) in [
        (
            "panic_threshold = false\nmax_restarts = false",
            "restarts = false\nrearm = false",
        ),
        (
            "panic_threshold = \"off\"\nmax_restarts = \"unlimited\"",
            "restarts = \"unlimited\"\nrearm = \"never\"",
        ),
    ] {
        let text = format!("{keys}\n{}", file(rest, ""));
        let settings = parse(&text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
        assert_eq!(settings.panic_threshold, None);
        assert_eq!(settings.max_restarts, None);
        let policy = &settings.checks[0].policy;
        assert_eq!((policy.restarts, policy.rearm), (None, None));
    }
}

#[test]
fn ten_diagnostics_are_reported_in_order() {
    let faults = load(&fixture("ten-faults.toml"), &env).expect_err("it is bad");
    let places: Vec<_> = faults
        .iter()
        .map(|fault| (fault.line, fault.column, fault.key.as_str()))
        .collect();
    let expected = [
        (1, 13, "state_dir"),
        (2, 1, "evry"),
        (5, 11, "defaults.timeout"),
        (6, 14, "defaults.fail_after"),
        (10, 7, "check[0].url"),
        (11, 18, "check[0].status[1]"),
        (12, 25, "check[0].headers.X-API-Key"),
        (13, 19, "check[0].backoff.min"),
        (16, 8, "check[1].name"),
        (18, 13, "check[1].requires[0]"),
    ];
    assert_eq!(places, expected);
    assert_eq!(faults.len(), 10);
    let shown = faults.to_string();
    assert_eq!(shown.matches("error: ").count(), 10);
    assert!(shown.ends_with("10 faults in tests/fixtures/config/ten-faults.toml"));
    assert!(!shown.contains('\u{1b}') && faults.styled().contains('\u{1b}'));
}

#[test]
fn diagnostic_shows_its_line_and_a_fix() {
    let shown =
        faults("every = \"10 parsecs\"\n[[check]]\nname = \"é\"\nurl = \"http://h\"").to_string();
    let expected = r#"error: "10 parsecs" is not a duration
 --> httpok.toml:1:9
  |
1 | every = "10 parsecs"
  |         ^^^^^^^^^^^^ every
  |
  = help: expected a number with a unit, such as "10s", "1m 30s" or "500ms"; a bare number is seconds

1 fault in httpok.toml"#;
    assert_eq!(shown, expected);
}

#[test]
fn unreadable_file_is_one_diagnostic() {
    let dir = tempfile::tempdir().expect("a directory");
    let latin = dir.path().join("latin.toml");
    fs::write(&latin, b"name = \"\xe9\"").expect("written");
    let large = dir.path().join("large.toml");
    fs::write(&large, vec![b'\n'; (32 << 20) + 1]).expect("written");
    for (path, part) in [
        (dir.path().join("none.toml"), "No such file"),
        (dir.path().to_path_buf(), "directory"),
        (latin, "UTF-8"),
        (large, "larger than 32 MiB"),
    ] {
        let faults = load(&path, &env).expect_err("it cannot be read");
        let fault = faults.iter().next().expect("never empty");
        assert_eq!((faults.len(), fault.line, fault.column), (1, 0, 0));
        assert!(fault.message.contains(part), "{}", fault.message);
        assert!(faults.to_string().contains(&*path.to_string_lossy()));
    }
}

#[test]
fn a_secret_file_is_found_beside_the_configuration() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("key"), "hunter2\n").expect("written");
    let path = dir.path().join("httpok.toml");
    fs::write(&path, file("user = \"me:${file:key}\"", "")).expect("written");
    let settings = load(&path, &env).unwrap_or_else(|f| panic!("{f}"));
    let http = http_of(&settings.checks[0].probe);
    assert_eq!(http.user, Some(("me".into(), "hunter2".into())));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_url_brings_its_own_user_and_a_default_user_gives_way() {
    let text = "[defaults]\nuser = \"default:x\"\n[[check]]\nname = \"a\"\nurl = \"http://u:p@h\"\n\
                [[check]]\nname = \"b\"\nurl = \"http://h\"\n\
                [supervisor.supervisord]\nurl = \"http://admin:p%20w@h:9001\"\n\
                [mail]\nto = \"a@b.c\"\nsmtp = \"smtps://u:p@[::1]\"\n";
    let settings = parse(text, "x", &env).unwrap_or_else(|f| panic!("{f}"));
    let users = settings.checks.iter().map(|check| {
        let http = http_of(&check.probe);
        (http.url.to_string(), http.user.clone())
    });
    let expected = [
        ("http://h/".to_owned(), Some(("u".to_owned(), "p".into()))),
        (
            "http://h/".to_owned(),
            Some(("default".to_owned(), "x".into())),
        ),
    ];
    assert!(users.eq(expected));
    let supervisord = settings.supervisor.supervisord.expect("configured");
    assert_eq!(supervisord.shown, "http://h:9001");
    assert_eq!(
        (supervisord.username.as_str(), supervisord.password.expose()),
        ("admin", "p w")
    );
    let smtp = SmtpSpec {
        security: Security::Tls,
        host: "::1".into(),
        port: 465,
        user: Some(("u".into(), "p".into())),
        cacert: None,
    };
    assert_eq!(
        settings.notify.mail.map(|mail| mail.via),
        Some(MailVia::Smtp(smtp))
    );
}
