//! What is valid and most likely not meant: each rule with its place, and beside it what must not be warned of.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use httpok::config::{parse_and_warn, try_here};

use super::env;

/// The warnings of the file `text`, each in one line.
fn warnings(text: &str) -> Vec<String> {
    match parse_and_warn(text, "httpok.toml", &env) {
        Ok((_, warnings)) => warnings.iter().flat_map(|found| found.lines()).collect(),
        Err(faults) => panic!("{faults}\n{text}"),
    }
}

/// A check on the first line, `keys` from the second one on.
fn check(keys: &str) -> String {
    format!("[[check]]\n{keys}\nname = \"shop\"\nurl = \"http://h/\"\n")
}

/// The file with one sound check, and `rest` from line 4 on.
fn beside(rest: &str) -> String {
    format!("[[check]]\nname = \"shop\"\nurl = \"http://h/\"\n{rest}\n")
}

#[test]
fn unlikely_settings_are_warned_of_with_their_place_and_what_would_be_right() {
    let mail = "mail = { to = \"a@b.c\" }";
    // the columns: the file; the place, the key, a part of what is wrong, a part of what would be right
    for (text, place, key, what, help) in [
        (check("status = [200, \"9xx\"]"), "2:16", "check[0].status[1]", "no answer has the status 9xx", "from 200 to 599"),
        (check("status = \"600-700\""), "2:10", "check[0].status", "no answer has the status 600-700", "from 200"),
        (check("status = [\"600\"]"), "2:11", "check[0].status[0]", "no answer has the status 600", "from 200"),
        (check("status = [200, 700]"), "2:16", "check[0].status[1]", "no answer has the status 700", "from 200"),
        (check("status = \"700-800\""), "2:10", "check[0].status", "no answer has the status 700-800", "from 200"),
        (check("status = [\"100\", \"2xx\"]"), "2:11", "check[0].status[0]", "no answer has the status 100", "from 200"),
        (check("status = \"1xx\""), "2:10", "check[0].status", "no answer has the status 1xx", "from 200"),
        (check("expect = ['status == 204']"), "2:11", "check[0].expect[0]", "no answer meets both this and status = 200", "status = [204]"),
        (check("degraded = ['duration > 5s']"), "2:13", "check[0].degraded[0]", "warns of every good answer", "good answers meet"),
        (check("method = \"HEAD\"\nbody = \"x\""), "3:8", "check[0].body", "HEAD has no body", "GET"),
        (check("ladder = []"), "2:10", "check[0].ladder", "without rungs", "[[check.ladder]]"),
        (check("every = \"5s\""), "2:9", "check[0].every", "may take 10s, and the next one is due after 5s", "timeout = \"3s\""),
        (check("every = \"5s\"\ntimeout = \"5s\""), "3:11", "check[0].timeout", "hangs is noticed late", "below every"),
        (check("timeout = \"90s\""), "2:11", "check[0].timeout", "noticed late", "below every"),
        (check("rearm = \"1h\""), "2:9", "check[0].rearm", "restarts nothing", "add restart"),
        (check("rearm = \"15s\"\nrestarts = \"2/2m\"\nrestart = \"docker/w\""), "2:9", "check[0].rearm", "which restarts = \"2/2m\" may not allow yet", "\"2m\""),
        (check("start_stopped = true"), "2:17", "check[0].start_stopped", "restarts nothing", "add restart"),
        (check("body = \"${env:KEY}\""), "2:8", "check[0].body", "a reference is not replaced here", "keys of secrets and paths"),
        (check("expect = ['header \"X\" == \"${file:/etc/k}\"']"), "2:11", "check[0].expect[0]", "a reference is not replaced here", "keys of secrets"),
        ("[[check]]\nname = \"a\"\nurl = \"http://u:${env:KEY}@h/\"\n".to_owned(), "3:7", "check[0].url", "a reference is not replaced here", "keys of secrets"),
        (check("insecure = true"), "2:12", "check[0].insecure", "no effect on an http:// URL", "https://"),
        (check("http2 = true"), "2:9", "check[0].http2", "no effect on an http:// URL", "https://"),
        (
            "[[check]]\nname = \"a\"\nurl = \"http://h/\"\nrestart = \"program/w\"\n[[check.ladder]]\nsignal = \"QUIT\"\n\
             [[check.ladder]]\ngive_up = true\n[[program]]\nname = \"w\"\ncommand = \"sleep 1\"\n".to_owned(),
            "5:1", "check[0].ladder[0]", "no later rung restarts it", "before give_up",
        ),
        (
            "[[check]]\nname = \"a\"\nurl = \"http://h/\"\nrestarts = \"1/1h\"\n[[check.ladder]]\nrun = \"true\"\n\
             [[check.ladder]]\nrun = \"true\"\n".to_owned(),
            "7:1", "check[0].ladder[1]", "may give up before this rung", "restarts = \"2/1h\"",
        ),
        (beside(&format!("[[notify]]\nname = \"a\"\nchecks = [\"shpo\"]\n{mail}")), "6:11", "notify[0].checks[0]", "\"shpo\" matches no check", "did you mean \"shop\"?"),
        (beside(&format!("[[notify]]\nname = \"a\"\nchecks = \"zz*\"\n{mail}")), "6:10", "notify[0].checks", "\"zz*\" matches no check", "expected the name of a check"),
        (beside(&format!("[[notify]]\nname = \"a\"\nnot_checks = \"sho\"\n{mail}")), "6:14", "notify[0].not_checks", "\"sho\" matches no check", "did you mean"),
        (beside("[mail]\nto = \"ops.a.org\"\nsendmail = \"/bin/true\""), "5:6", "mail.to", "\"ops.a.org\" is a user of this host", "with @"),
        (beside("[[maintenance]]\nchecks = [\"db\"]\nat = \"daily\"\nfor = \"2h\""), "5:11", "maintenance[0].checks[0]", "\"db\" matches no check", "expected"),
        (beside("[[maintenance]]\nat = \"daily\"\nfor = \"24h\""), "6:7", "maintenance[0].for", "always open", "restart = []"),
        (beside("[[maintenance]]\nat = \"*:00\"\nfor = \"2h\""), "6:7", "maintenance[0].for", "always open", "less than the time"),
        (beside(&format!("[[notify]]\nname = \"a\"\non = [\"down\", \"recovered\"]\n{mail}")), "6:6", "notify[0].on", "\"cured\" alone", "add \"cured\""),
        (beside(&format!("[mail]\nto = \"a@b.c\"\n[[notify]]\nname = \"a\"\n{mail}")), "8:15", "notify[0].mail.to", "sent there already, by [mail]", "leave out one"),
        (
            beside("[[webhook]]\nurl = \"https://x/y\"\n[[notify]]\nname = \"a\"\nwebhook = { url = \"https://x/y\" }"),
            "8:19", "notify[0].webhook.url", "sent there already, by a [[webhook]]", "leave out one",
        ),
        (
            beside(&format!("[mail]\nto = \"c@b.c\"\nreminder = \"1h\"\n[[notify]]\nname = \"a\"\nmin_duration = \"2h\"\n{mail}")),
            "9:16", "notify[0].min_duration", "a reminder is sent after 1h", "at most the reminder",
        ),
        (beside("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://u@mail.example.org\"\npassword = \"hunter2hunter2\""), "6:8", "mail.smtp", "in the clear", "smtps://"),
        (beside("[[webhook]]\nurl = \"http://u:hunter2@hooks.example.org/\""), "5:7", "webhook[0].url", "in the clear", "https://"),
        (beside("[serve]\nlisten = \":1\"\napi_keys = [\"short\"]"), "6:13", "serve.api_keys[0]", "can be guessed", "openssl rand"),
        (beside("[serve]\nenvironment = true"), "4:1", "serve", "nothing is served", "listen ="),
        (
            "[[check]]\nname = \"a\"\nheartbeat = \"1h\"\nheartbeat_token = \"hunter2hunter2hunter2\"\n".to_owned(),
            "4:19", "check[0].heartbeat_token", "nothing serves", "httpok beat",
        ),
        (beside("[[program]]\nname = \"w\"\ncommand = \"cd /srv && ./run\""), "6:11", "program[0].command", "no shell runs", "\"sh\", \"-c\""),
    ] {
        let found = warnings(&text);
        let begin = format!("httpok.toml:{place}: {key}: ");
        let right = found.iter().any(|line| {
            line.starts_with(&begin) && line.contains(what) && line.contains(help)
        });
        assert!(right, "{begin}{what}: {found:#?}\n{text}");
        assert_eq!(found.len(), 1, "{found:#?}\n{text}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
}

#[test]
fn settings_that_may_well_be_meant_are_not_warned_of() {
    let mail = "mail = { to = \"a@b.c\" }";
    for text in [
        check("status = [\"2xx\", \"500-599\", 999]"),
        check("status = [101, \"599\"]"),
        check("body = \"  \""),
        check("expect = ['status == 200', 'status not == 404']"),
        check("status = [\"2xx\"]\nexpect = ['status in 200-204']"),
        check("degraded = ['duration < 500ms']"),
        check("method = \"HEAD\"\nexpect = ['header \"Age\" exists']"),
        check("every = \"10s\""),
        check("every = \"5s\"\ntimeout = \"4s\""),
        check("restarts = \"2/1h\"\nrestart = \"docker/w\""),
        check("restart = []\nbody = []\nexpect = []\nrequires = []"),
        check("follow = true\ninsecure = true"),
        "[defaults]\nrearm = \"1h\"\nbackoff = { min = \"1s\" }\ninsecure = true\n[[check]]\nname = \"a\"\nurl = \"http://h/\"\n".to_owned(),
        "[[check]]\nname = \"a\"\nheartbeat = \"1h\"\nheartbeat_token = \"hunter2hunter2hunter2\"\n[serve]\nlisten = \":1\"\n".to_owned(),
        // a window of nights, and one that is as long as its week has nights
        beside("[[maintenance]]\nat = \"02:00\"\nfor = \"23h\""),
        beside("[[maintenance]]\nat = \"Mon..Fri 22:30\"\nfor = \"1d\""),
        beside("[[maintenance]]\nchecks = \"w*\"\nat = \"daily\"\nfor = \"2h\"\n[[program]]\nname = \"worker\"\ncommand = \"sleep 9\""),
        beside(&format!("[[notify]]\nname = \"a\"\nchecks = \"s?op\"\nnot_checks = \"*-test\"\n{mail}")),
        beside(&format!("[mail]\nto = \"b@b.c\"\n[[notify]]\nname = \"a\"\n{mail}")),
        beside(&format!("[mail]\nto = \"b@b.c\"\nreminder = \"1h\"\n[[notify]]\nname = \"a\"\nmin_duration = \"1h\"\n{mail}")),
        beside(&format!("[[notify]]\nname = \"a\"\non = [\"down\", \"recovered\"]\ndown_after = 0\n{mail}")),
        beside("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://u@127.0.0.1\"\npassword = \"hunter2hunter2\""),
        beside("[serve]\nline = \":2\""),
        beside("[[program]]\nname = \"w\"\ncommand = ['sh', '-c', 'cd /srv && ./run']"),
    ] {
        assert_eq!(warnings(&text), [""; 0], "{text}");
    }
}

#[test]
fn what_can_never_work_is_a_fault() {
    for (text, place, what) in [
        (
            beside("[[notify]]\nname = \"a\"\non = []\nexec = \"x\""),
            (6, 6),
            "gets nothing",
        ),
        (
            beside("[[notify]]\nname = \"a\"\nchecks = []\nexec = \"x\""),
            (6, 10),
            "gets nothing",
        ),
        (
            beside("[[maintenance]]\nchecks = []\nat = \"daily\"\nfor = \"2h\""),
            (5, 10),
            "a window for no check",
        ),
        (
            beside(
                "[[webhook]]\nname = \"a\"\nurl = \"http://h/\"\n[[webhook]]\nname = \"a\"\nurl = \"http://i/\"",
            ),
            (8, 8),
            "a notifier \"a\" already, on line 5",
        ),
        (
            beside("[[webhook]]\nurl = \"http://h/\"\n[[webhook]]\nurl = \"http://h/\""),
            (7, 7),
            "already, on line 5",
        ),
        (
            beside(
                "[[webhook]]\nname = \"a\"\nurl = \"http://h/\"\n[[notify]]\nname = \"a\"\nexec = \"x\"",
            ),
            (8, 8),
            "already, on line 5",
        ),
        (
            beside("[serve]\nlisten = \":1\"\nagent = \"0.0.0.0:1\""),
            (6, 9),
            "the same address as \"listen\"",
        ),
        (
            beside("[serve]\nlisten = \"/run/a\"\nline = \"unix:///run/a\""),
            (6, 8),
            "the same address",
        ),
    ] {
        let faults = super::faults(&text);
        let found = faults.iter().find(|fault| fault.message.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what}: {faults}"));
        assert_eq!((found.line, found.column), place, "{faults}");
        assert_eq!(faults.len(), 1, "{faults}");
    }
}

/// What the file names on this machine, `{dir}` for a directory of the test.
#[test]
fn what_is_missing_or_exposed_on_this_machine_is_warned_of() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = |name: &str, mode: u32| {
        let path = dir.path().join(name);
        fs::write(&path, "secret-of-a-file").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    };
    made("open", 0o644);
    made("closed", 0o640);
    made("plain", 0o644);
    made("runs", 0o755);
    // the columns: below the check; the key, and a part of what is wrong; none: no warning
    for (rest, key, what) in [
        (
            "exec = [\"{dir}/none\"]",
            "notify[0].exec",
            "there is no program",
        ),
        (
            "exec = [\"no-such-program\"]",
            "notify[0].exec",
            "\"no-such-program\" in PATH",
        ),
        (
            "exec = [\"{dir}/plain\"]",
            "notify[0].exec",
            "cannot be executed",
        ),
        ("exec = [\"{dir}/runs\"]", "", ""),
        ("exec = [\"sh\"]", "", ""),
        (
            "exec = \"{dir}/none --now\"",
            "notify[0].exec",
            "there is no program",
        ),
        ("exec = \"no-such-program | grep x\"", "", ""),
        ("exec = [\"./relative\"]", "", ""),
        (
            "mail = { to = \"a@b.c\", sendmail = \"{dir}/none -t\" }",
            "notify[0].mail.sendmail",
            "there is no program",
        ),
        (
            "webhook = { url = \"https://h/\", cacert = \"{dir}/none\" }",
            "notify[0].webhook.cacert",
            "cannot read",
        ),
        (
            "webhook = { url = \"https://h/\", cacert = \"open\" }",
            "",
            "",
        ),
        (
            "webhook = { url = \"https://h/\", secret = \"${file:open}\" }",
            "notify[0].webhook.secret",
            "everyone can read",
        ),
        (
            "webhook = { url = \"https://h/\", secret = \"${file:closed}\" }",
            "",
            "",
        ),
        (
            "exec = [\"sh\"]\n[serve]\nlisten = \":1\"\n[serve.tls]\ncert = \"open\"\nkey = \"open\"",
            "serve.tls.key",
            "a private key in a file",
        ),
        (
            "exec = [\"sh\"]\n[[check]]\nname = \"b\"\ncommand = [\"{dir}/none\"]",
            "check[1].command",
            "there is no program",
        ),
        (
            "exec = [\"sh\"]\n[[check]]\nname = \"b\"\nurl = \"http://h/\"\n[check.capture]\nrun = [[\"{dir}/none\", \"{pid}\"]]",
            "check[1].capture.run[0]",
            "there is no program",
        ),
        (
            "exec = [\"sh\"]\n[[check]]\nname = \"b\"\nurl = \"http://h/\"\n[[check.ladder]]\nrun = [\"{dir}/none\"]",
            "check[1].ladder[0].run",
            "there is no program",
        ),
        (
            "exec = [\"sh\"]\n[supervisor.command]\nstatus = [\"{dir}/none\", \"{name}\"]\nstart = [\"sh\"]\nstop = [\"sh\"]",
            "supervisor.command.status",
            "there is no program",
        ),
        (
            "exec = [\"sh\"]\n[[program]]\nname = \"w\"\ncommand = [\"{dir}/none\"]",
            "program[0].command",
            "can't find command",
        ),
        (
            "exec = [\"sh\"]\n[[program]]\nname = \"w\"\ncommand = [\"sh\"]\ndirectory = \"none\"",
            "program[0].directory",
            "is missing",
        ),
    ] {
        let text = beside(&format!("[[notify]]\nname = \"a\"\n{rest}"));
        let text = text.replace("{dir}", &dir.path().display().to_string());
        let path = dir.path().join("httpok.toml");
        fs::write(&path, &text).expect("written");
        let (_, found) = try_here(&path, &|name| std::env::var(name).ok())
            .unwrap_or_else(|faults| panic!("{faults}"));
        let found: Vec<_> = found.iter().flat_map(|found| found.lines()).collect();
        if what.is_empty() {
            assert_eq!(found, [""; 0], "{text}");
            continue;
        }
        let right = found
            .iter()
            .any(|line| line.contains(&format!(": {key}: ")) && line.contains(what));
        assert!(right && found.len() == 1, "{key}: {found:#?}\n{text}");
    }
}

#[test]
fn secret_in_a_file_that_everyone_can_read_is_warned_of_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("httpok.toml");
    let text = beside(
        "[serve]\nlisten = \":1\"\napi_keys = [\"hunter2hunter2hunter2\", \"hunter3hunter3hunter3\"]",
    );
    fs::write(&path, text).expect("written");
    for (mode, count) in [(0o644, 1), (0o640, 0), (0o600, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let (_, found) = try_here(&path, &env).unwrap_or_else(|faults| panic!("{faults}"));
        let found: Vec<_> = found.iter().flat_map(|found| found.lines()).collect();
        assert_eq!(found.len(), count, "{mode:o}: {found:?}");
        assert!(
            found.iter().all(|line| line.contains("chmod 640")),
            "{found:?}"
        );
    }
}

#[test]
fn examples_have_no_warnings() {
    let mut files = 0;
    for file in fs::read_dir("examples").expect("there are examples") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|ext| ext == "toml") {
            let text = fs::read_to_string(&path).expect("text");
            let read = parse_and_warn(&text, &path.to_string_lossy(), &|_| {
                Some("a-long-and-random-key".to_owned())
            });
            let (_, found) = read.unwrap_or_else(|faults| panic!("{faults}"));
            assert!(found.is_none(), "{}", found.expect("some"));
            files += 1;
        }
    }
    assert!(
        files >= 10,
        "{files} in {}",
        Path::new("examples").display()
    );
}
