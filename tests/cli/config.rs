//! `httpok config show`, `example`, `schema` and `import`, as people run them.

use std::fs;

use super::{Run, httpok, ran, run};

fn file(dir: &std::path::Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn show(words: &[&str], env: &[(&str, &str)]) -> Run {
    ran(httpok(&[&["config", "show"], words].concat()).envs(env.iter().copied()))
}

/// The line of `key` in `text`, blanks aside.
fn line(text: &str, key: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(key));
    let words = line
        .unwrap_or_else(|| panic!("no {key} in {text}"))
        .split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn config_show_names_value_sources_and_masks_secrets() {
    let dir = tempfile::tempdir().expect("a directory");
    let main = file(
        dir.path(),
        "httpok.toml",
        "include = \"more.toml\"\n[defaults]\ntimeout = \"3s\"\nheaders = { X-Key = \"hunter2\" }\n\
         [[check]]\nname = \"shop\"\nurl = \"http://me:hunter2@127.0.0.1:1/\"\npreset = \"spring\"\nfail_within = \"3/5\"\n\
         [mail]\nto = \"ops@example.org\"\nsmtp = \"smtps://me:hunter2@mail.example.org\"\n",
    );
    let more = file(
        dir.path(),
        "more.toml",
        "every = \"7s\"\n[[check]]\nname = \"db\"\nurl = \"tcp://127.0.0.1:2\"\ntimeout = \"1s\"\n",
    );
    let shown = show(
        &[&main, "--dry-run"],
        &[("STATE_DIRECTORY", "/run/somewhere")],
    );
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(!shown.out.contains("hunter2"), "{}", shown.out);
    let (shop, db) = shown.out.split_once("name = \"db\"").expect("both checks");
    for (text, key, expected) in [
        (
            shop,
            "state_dir",
            "state_dir = \"/run/somewhere\" # environment STATE_DIRECTORY".to_owned(),
        ),
        (
            shop,
            "dry_run",
            "dry_run = true # flag --dry-run".to_owned(),
        ),
        (shop, "every", format!("every = \"7s\" # {more}:1")),
        (
            shop,
            "panic_window",
            "panic_window = \"2m\" # default".to_owned(),
        ),
        (shop, "name", format!("name = \"shop\" # {main}:6")),
        (
            shop,
            "timeout",
            format!("timeout = \"3s\" # {main}:3 [defaults]"),
        ),
        (
            shop,
            "fail_within",
            format!("fail_within = \"3/5\" # {main}:9"),
        ),
        (shop, "pass_after", "pass_after = 1 # default".to_owned()),
        (
            shop,
            "headers",
            format!("headers = {{ X-Key = \"***\" }} # {main}:4 [defaults]"),
        ),
        (shop, "to", format!("to = \"ops@example.org\" # {main}:11")),
        (db, "timeout", format!("timeout = \"1s\" # {more}:5")),
    ] {
        assert_eq!(line(text, key), expected);
    }
    assert!(line(shop, "expect").ends_with("# preset"), "{shop}");
    assert!(!shop.contains("fail_after"), "it is excluded: {shop}");
    assert!(!db.contains("http2"), "it is for HTTP: {db}");
    assert!(line(shop, "smtp").contains("mail.example.org"), "{shop}");
    assert!(
        toml::from_str::<serde_json::Value>(&shown.out).is_ok(),
        "{}",
        shown.out
    );
    // a flag is nearer than the environment and the file
    let shown = show(&[&main, "--state-dir", "/x"], &[("STATE_DIRECTORY", "/y")]);
    assert_eq!(
        line(&shown.out, "state_dir"),
        "state_dir = \"/x\" # flag --state-dir"
    );
}

/// What is shown, read again, is the same configuration.
#[test]
fn config_show_is_the_whole_configuration() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "[defaults]\nbackoff = { min = \"20s\" }\nevery = 5\n\
                [[check]]\nname = \"a\"\nurl = \"http://h/\"\nstatus = [\"2xx\", 304]\nbody = 'a \"b\" \\'\n\
                verdicts = [{ when = 'line == \"x\"', is = \"starting\" }]\nrestart = \"program/w\"\n[check.capture]\nkeep = 2\n\
                [[check]]\nname = \"b\"\ncommand = [\"true\"]\nbackoff = { factor = 3 }\n\
                [[program]]\nname = \"w\"\ncommand = \"sleep 9\"\numask = 0o22\n[program.rlimits]\nnofile = 99\n\
                [serve]\nlisten = \"127.0.0.1:9181\"\n[serve.healthy]\noutbox = false\n";
    let given = file(dir.path(), "given.toml", text);
    let first = show(&[&given], &[]);
    assert_eq!(first.code, Some(0), "{first:?}");
    let again = file(dir.path(), "again.toml", &first.out);
    let read = |path: &str| {
        let settings = httpok::config::load(std::path::Path::new(path), &|_| None);
        let mut settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
        // it is told where it is
        settings.state_dir = None;
        settings
    };
    assert_eq!(read(&again), read(&given), "{}", first.out);
}

#[test]
fn config_show_refuses_what_config_check_refuses() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = file(
        dir.path(),
        "httpok.toml",
        "zzz = 1\n[[check]]\nname = \"a\"\n",
    );
    let shown = show(&[&path], &[]);
    assert_eq!((shown.code, shown.out.as_str()), (Some(3), ""), "{shown:?}");
    assert_eq!(shown.err, run(&["config", "check", &path]).err);
    assert_eq!(show(&["/none.toml"], &[]).code, Some(3));
}

#[test]
fn config_example_and_schema_are_printed() {
    let example = run(&["config", "example"]);
    assert_eq!((example.code, example.err.as_str()), (Some(0), ""));
    assert!(example.out.contains("\n#[[check]]\n"), "{}", example.out);
    let schema = run(&["config", "schema"]);
    assert_eq!((schema.code, schema.err.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&schema.out).expect("JSON");
    assert!(
        schema["properties"]["check"]["items"]["properties"]["timeout"]["description"].is_string()
    );
}

#[test]
fn listeners_of_supervisord_become_checks_and_memmon_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let conf = "[unix_http_server]\nfile=%(here)s/supervisor.sock\n[program:web]\ncommand=web\n\
                [eventlistener:httpok]\ncommand=/usr/bin/httpok -p web -p 'app:*' -t 5 -c 200 -c 302 -b \"all fine\"\n    \
                -m ops@example.org -n shop -d /var/cores -E https://127.0.0.1:8443/health ; the shop\nevents=TICK_5\n\
                [eventlistener:any]\ncommand=httpok -a --fail-after 3 --max-restarts 2/1h http://127.0.0.1:1/\nevents=TICK_60\n\
                [eventlistener:memmon]\ncommand=memmon -p web=200MB\nevents=TICK_60\n\
                [eventlistener:other]\ncommand=crashmail -a\n";
    let path = file(dir.path(), "supervisord.conf", conf);
    let made = run(&["config", "import", &path]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let toml = file(dir.path(), "httpok.toml", &made.out);
    let checked = run(&["config", "check", &toml]);
    assert_eq!(checked.code, Some(0), "{checked:?}\n{}", made.out);
    let settings = httpok::config::load(std::path::Path::new(&toml), &|_| None);
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    let [shop, any] = settings.checks.as_slice() else {
        panic!("{}", made.out);
    };
    assert_eq!((shop.name.as_str(), any.name.as_str()), ("shop", "any"));
    let targets = |check: &httpok::config::settings::CheckSettings| -> Vec<String> {
        check.restart.iter().map(ToString::to_string).collect()
    };
    assert_eq!(targets(shop), ["web", "app:*"]);
    assert_eq!(targets(any), ["web:*"]);
    assert_eq!((shop.every.as_secs(), any.every.as_secs()), (5, 60));
    let original = httpok::health::Policy::drop_in();
    assert_eq!(shop.policy.fail, original.fail);
    assert_eq!(
        (shop.policy.grace, shop.policy.restarts),
        (original.grace, original.restarts)
    );
    assert_eq!(any.policy.restarts.map(|budget| budget.count), Some(2));
    assert!(
        format!("{:?}", shop.probe).contains("insecure: true"),
        "the listener did not verify"
    );
    assert!(shop.capture.is_some() && settings.notify.mail.is_some());
    let server = settings.supervisor.supervisord.expect("it is reached");
    assert!(server.shown.contains("supervisor.sock"), "{}", server.shown);
    for part in [
        "supervisord.conf:13: [eventlistener:memmon]: memmon restarts programs by their memory",
        "supervisord.conf:16: [eventlistener:other]: not a listener of httpok",
        "supervisord.conf:6: -E: a check is probed also when",
    ] {
        assert!(
            made.out.contains(part) && made.err.contains(part),
            "{part}\n{}",
            made.out
        );
    }
}

#[test]
fn services_of_monit_become_checks_and_the_rest_is_named_by_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let monitrc = "set daemon 60 # a minute\nset alert ops@example.org\nset mailserver mail.example.org port 587\n\
                   set httpd port 2812\ncheck process nginx with pidfile /run/nginx.pid\n\
                   \u{20} start program = \"/bin/systemctl start nginx\" with timeout 90 seconds\n\
                   \u{20} stop program = \"/bin/systemctl stop nginx\"\n\
                   \u{20} if failed host 127.0.0.1 port 443 protocol https request \"/health\" with timeout 5 seconds\n\
                   \u{20}    content = \"all/fine\" for 3 cycles then restart\n\
                   \u{20} if 5 restarts within 10 cycles then unmonitor\n\
                   \u{20} if cpu > 80% for 5 cycles then alert\n\
                   \u{20} depends on redis\n\
                   check process redis matching \"redis-server\"\n\
                   \u{20} start program = \"/opt/redis/start.sh\"\n\
                   \u{20} if failed port 6379 2 times within 5 cycles then restart\n\
                   \u{20} if does not exist then start\n\
                   check host example with address example.org\n\
                   \u{20} every 2 cycles\n\
                   \u{20} if failed ping then alert\n\
                   \u{20} if failed port 80 protocol http status = 204 then alert\n\
                   check filesystem root with path /\n  if space usage > 80% then alert\n";
    let path = file(dir.path(), "monitrc", monitrc);
    let made = run(&["config", "import", &path]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let toml = file(dir.path(), "httpok.toml", &made.out);
    let checked = run(&["config", "check", &toml]);
    assert_eq!(checked.code, Some(0), "{checked:?}\n{}", made.out);
    for part in [
        "every = \"60s\"",
        "to = \"ops@example.org\"",
        "smtp = \"smtp://mail.example.org:587\"",
        "url = \"https://127.0.0.1:443/health\"",
        "status = [\"2xx\", \"3xx\"]",
        "expect = [\"body matches /all\\\\/fine/\"]",
        "timeout = \"5s\"",
        "fail_after = 3",
        "restart = [\"systemd/nginx\"]",
        "grace = \"90s\"",
        "restarts = \"5/600s\"",
        "requires = [\"redis\"]",
        "url = \"tcp://localhost:6379\"",
        "fail_within = \"2/5\"",
        "url = \"http://example.org:80/\"",
        "status = \"204\"",
        "every = \"120s\"",
    ] {
        assert!(made.out.contains(part), "{part}\n{}", made.out);
    }
    for part in [
        "monitrc:4: set httpd port 2812: no counterpart",
        "monitrc:11: if cpu > 80% for 5 cycles then alert: no counterpart",
        "monitrc:14: start program = /opt/redis/start.sh: make it a [[program]]",
        "monitrc:15: restart of redis: nothing says through which supervisor",
        "monitrc:16: if does not exist then start: a process that ended",
        "monitrc:19: if failed ping then alert: no counterpart",
        "monitrc:21: check filesystem root with path /: httpok watches services by their answers",
    ] {
        assert!(made.err.contains(part), "{part}\n{}", made.err);
    }
}

#[test]
fn import_of_an_unrelated_file_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text, why) in [
        (
            "a.conf",
            "[program:web]\ncommand=web\n",
            "no [eventlistener]",
        ),
        ("monitrc", "set daemon 30\n", "no service with a test"),
        ("empty", "", "no service with a test"),
    ] {
        let made = run(&["config", "import", &file(dir.path(), name, text)]);
        assert_eq!((made.code, made.out.as_str()), (Some(3), ""), "{made:?}");
        assert!(made.err.contains(why), "{made:?}");
    }
    assert_eq!(run(&["config", "import", "/none"]).code, Some(3));
}
