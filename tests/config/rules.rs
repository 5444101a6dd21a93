//! Every rule of a configuration file broken once, and where and how that is told.

use httpok::config::Faults;

use super::{faults, file};

/// What is written, where its fault is, in which key, and parts of the message and of the help.
pub type Rule = (
    &'static str,
    (usize, usize),
    &'static str,
    &'static str,
    &'static str,
);

/// One fault each: keys of a check that begin on line 4; where, in what, and parts of message and help.
#[rustfmt::skip] // one line each
const CHECK_FAULTS: &[Rule] = &[
    ("timeot = 1", (4, 1), "timeot", "unknown key \"timeot\"", "did you mean \"timeout\"?"),
    ("zzz = 1", (4, 1), "zzz", "unknown key", "expected one of name, url"),
    ("\"a.b\" = 1", (4, 1), "\"a.b\"", "unknown key \"a.b\"", ""),
    ("dry_runs = true", (4, 1), "dry_runs", "unknown key", "\"dry_run\""),
    ("max_restarts = \"1/1h\"", (4, 1), "max_restarts", "unknown key", "above the first [section]"),
    ("every = 0", (4, 9), "every", "zero", "more than"),
    ("every = -5", (4, 9), "every", "\"-5\" is not a duration", "\"10s\""),
    ("every = true", (4, 9), "every", "a boolean where a duration belongs", "\"10s\""),
    ("every = inf", (4, 9), "every", "\"inf\" is not a duration", "\"10s\""),
    ("every = 1979-05-27", (4, 9), "every", "a date where a duration belongs", "\"10s\""),
    ("timeout = 99999999999999999999", (4, 11), "timeout", "\"99999999999999999999\" is too long", "ten years"),
    ("every = \"100y\"", (4, 9), "every", "too long", "ten years"),
    ("timeout = \"0s\"", (4, 11), "timeout", "zero", "more than"),
    ("timeout = \"5 m s\"", (4, 11), "timeout", "\"5 m s\" is not a duration", "\"10s\""),
    ("status = []", (4, 10), "status", "a list of no status", "[200]"),
    ("status = [200, \"20x\"]", (4, 16), "status[1]", "\"20x\" is not a status", "2xx"),
    ("status = 1.5", (4, 10), "status", "a float where a status belongs", "\"2xx\""),
    ("body = 5", (4, 8), "body", "an integer where a string belongs", "quotes"),
    ("body = [\"a\", \"\"]", (4, 14), "body[1]", "an empty string", "leave"),
    ("restart = [\" \"]", (4, 12), "restart[0]", "not the name of a process", "such as"),
    ("fleet = \"\"", (4, 9), "fleet", "a string where a table belongs", "fleet = {"),
    ("not_body = [[\"a\"]]", (4, 13), "not_body[0]", "a list where a string", "quotes"),
    ("expect = 'statsu == 200'", (4, 11), "expect", "\"statsu\" is nothing", "\"status\""),
    ("expect = ['status == 200', 'size < 10MB']", (4, 36), "expect[1]", "\"10MB\" has no unit", "10MiB"),
    ("expect = \"duration < 5KiB\"", (4, 22), "expect", "cannot be compared with a size", "500ms"),
    // an escape is longer than what it means: the fault is told at the string's beginning
    ("expect = \"jsonpath \\\"$.a\\\" = 1\"", (4, 10), "expect", "\"=\" is not a predicate", "\"==\""),
    ("expect = '''\nbody contains 'ä' or'''", (5, 19), "expect", "cannot hold two", "of its own"),
    ("expect = 5", (4, 10), "expect", "an integer where a string belongs", "quotes"),
    ("expect = ''", (4, 10), "expect", "an empty string", "leave"),
    ("degraded = ['line == OK']", (4, 22), "degraded[0]", "\"OK\" is not a value", "quotes: \"OK\""),
    ("verdicts = [{ when = 'lin == 1', is = 'fail' }]",
        (4, 23), "verdicts[0].when", "\"lin\" is nothing", "\"line\""),
    ("verdicts = [{ when = 'line == 1', is = 'stating' }]",
        (4, 40), "verdicts[0].is", "\"stating\" is not a verdict", "\"starting\""),
    ("verdicts = [{ when = 'line == 1' }]", (4, 13), "verdicts[0].is", "missing key", "starting"),
    ("verdicts = [{ is = 'fail' }]", (4, 13), "verdicts[0].when", "missing key", "line =="),
    ("verdicts = [{ when = 'line == 1', is = 'fail', zzz = 1 }]",
        (4, 48), "verdicts[0].zzz", "unknown key", "when, is"),
    ("verdicts = ['line == 1']", (4, 13), "verdicts[0]", "a string where a table belongs", "{ when = VALUE, is = VALUE }"),
    ("headers = { \"a b\" = \"c\" }", (4, 21), "headers.\"a b\"", "is not a header name", "X-API-Key"),
    ("headers = { a = \"b\\nc\" }", (4, 17), "headers.a", "control characters", "one line"),
    ("headers = [\"a: b\"]", (4, 11), "headers", "a list where a table belongs", "headers = { NAME = VALUE }"),
    ("headers.a = \"${env:NO}\"", (4, 13), "headers.a", "\"NO\" is not set", "${file:"),
    ("headers.a = \"${env:SHOP_KEY\"", (4, 13), "headers.a", "no end", "$${"),
    ("method = \"get\"", (4, 10), "method", "case matters", "\"GET\""),
    ("method = \"GE T\"", (4, 10), "method", "is not a method", "GET, HEAD"),
    ("user = \"me\"", (4, 8), "user", "a user without a password", "name:password"),
    ("password = \"x\"", (4, 12), "password", "a password without a user", "user ="),
    ("user = \"a:b\"\npassword = \"c\"", (5, 12), "password", "holds a password already", "colon"),
    ("follow = \"true\"", (4, 10), "follow", "a string where a boolean belongs", "without quotes"),
    ("insecure = 1", (4, 12), "insecure", "an integer where a boolean", "true or false"),
    ("cacert = \"\"", (4, 10), "cacert", "an empty string", "leave the key out"),
    ("max_parsed = 0", (4, 14), "max_parsed", "no room for any answer", "16MiB"),
    ("max_parsed = \"1M\"", (4, 14), "max_parsed", "\"1M\" is not a size", "\"1MiB\""),
    ("max_body = \"5MB\"", (4, 12), "max_body", "\"5MB\" is not a size", "\"5MiB\""),
    ("max_body = 0", (4, 12), "max_body", "no room", "16MiB"),
    ("max_body = 1.5", (4, 12), "max_body", "a float where a size belongs", "16MiB"),
    ("key = \"k.pem\"", (4, 7), "key", "a key without a certificate", "cert ="),
    ("resolve = \"h:1\"", (4, 11), "resolve", "\"h:1\" is not an address", "HOST:PORT:ADDRESS"),
    ("ip = 5", (4, 6), "ip", "not a version of IP", "\"4\" or \"6\""),
    ("send = \"x\"", (4, 8), "send", "for tcp or unix checks, and this is not one", "leave it out"),
    ("until = \"line\"", (4, 9), "until", "for tcp or unix checks", "leave it out"),
    ("preset = \"haproxy\"", (4, 10), "preset", "\"haproxy\" is not a preset", "haproxy-agent"),
    ("preset = \"haproxy-agent\"", (3, 7), "url", "over a plain connection", "tcp or unix"),
    ("ready = \"tcp://h:1\"", (4, 9), "ready", "cannot be asked whether", "/ready"),
    ("command = \"true\"", (3, 7), "url", "a URL beside a command", "exec:"),
    ("restart = [\"systemd/-x\"]", (4, 12), "restart[0]", "is not the name of a unit", "nginx.service"),
    ("restart = [\"systemd/web:*\"]", (4, 12), "restart[0]", "is not a unit", "app@:*"),
    ("fail_after = 0", (4, 14), "fail_after", "0 is out of range", "from 1 to 1000"),
    ("fail_after = -1", (4, 14), "fail_after", "-1 is out of range", "from 1"),
    ("fail_after = \"3\"", (4, 14), "fail_after", "a string where an integer", "whole number"),
    ("fail_within = \"0/5\"", (4, 15), "fail_within", "never happens or always", "3/5"),
    ("fail_within = \"6/5\"", (4, 15), "fail_within", "never happens or always", "3/5"),
    ("fail_within = \"3\"", (4, 15), "fail_within", "is not \"m of n\"", "3/5"),
    ("fail_within = \"3/5000\"", (4, 15), "fail_within", "too many", "1000"),
    ("fail_within = \"3/5\"\nfail_after = 2",
        (5, 14), "fail_after", "\"fail_after\" and \"fail_within\" exclude each other", "keep one"),
    ("pass_after = 0", (4, 14), "pass_after", "0 is out of range", "from 1"),
    ("warmup = \"tcp://h:1\"", (4, 10), "warmup", "not supported here", "http"),
    ("warmup = \"/warm\"", (4, 10), "warmup", "is not a URL", "http"),
    ("warmup = \"http://h/\"\nwarmup_timeout = 0", (5, 18), "warmup_timeout", "zero", "more than"),
    ("warmup_timeout = 5", (4, 18), "warmup_timeout", "a time limit without a warm-up", "warmup ="),
    ("grace = \"soon\"", (4, 9), "grace", "\"soon\" is not a duration", "\"10s\""),
    ("backoff = 5", (4, 11), "backoff", "an integer where a table belongs", "backoff = { min = VALUE, max = VALUE"),
    ("backoff = { min = \"2m\", max = \"1m\" }",
        (4, 31), "backoff.max", "shorter than the shortest", "min = \"2m\" and max = \"1m\""),
    ("backoff.factor = 0.5", (4, 18), "backoff.factor", "out of range", "double"),
    ("backoff.factor = nan", (4, 18), "backoff.factor", "out of range", "double"),
    ("backoff = { mni = 1 }", (4, 13), "backoff.mni", "unknown key", "\"min\""),
    ("restarts = 5", (4, 12), "restarts", "an integer where a budget belongs", "5/10m"),
    ("restarts = \"5\"", (4, 12), "restarts", "\"5\" is not a budget", "5/10m"),
    ("restarts = \"5/x\"", (4, 12), "restarts", "is not a budget", "COUNT/DURATION"),
    ("restarts = \"0/1h\"", (4, 12), "restarts", "a budget of none", "5/10m"),
    ("restarts = true", (4, 12), "restarts", "a boolean where a budget", "false"),
    ("rearm = true", (4, 9), "rearm", "a boolean where a duration", "10s"),
    ("restart = [\"dcoker/web\"]", (4, 12), "restart[0]", "\"dcoker\" is not a supervisor", "did you mean \"docker/web\"?"),
    ("restart = [\"sytemd/nginx\"]", (4, 12), "restart[0]", "\"sytemd\" is not a supervisor", "\"systemd/nginx\""),
    ("restart = [\"kubernetes/x\"]", (4, 12), "restart[0]", "\"kubernetes\" is not a supervisor", "expected one of supervisord"),
    ("restart = [\"/x\"]", (4, 12), "restart[0]", "\"\" is not a supervisor", "\"supervisord//x\""),
    ("restart = [\"web\"]", (4, 12), "restart[0]", "no supervisord is configured", "[supervisor.supervisord]"),
    ("restart = \"\"", (4, 11), "restart", "name of a process", ""),
    ("restart = [\"\"]", (4, 12), "restart[0]", "name of a process", ""),
    ("restart = \"embedded/x\"", (4, 11), "restart", "\"embedded/x\"", "program/x"),
    ("restart = \"systemd/\"", (4, 11), "restart", "\"systemd/\"", "a name is missing"),
    ("restart = [\"docker/a\", \"command/x\"]",
        (4, 24), "restart[1]", "no commands are configured that stop and start command/x", "add [supervisor.command]"),
    ("restart = \"command/app:*\"",
        (4, 11), "restart", "means all of \"app\", which no command can list", "\"command/app:one\""),
    ("requires = [\"sohp\"]", (4, 13), "requires[0]", "\"sohp\" is not a check", "\"shop\""),
    ("requires = \"shop\"", (4, 12), "requires", "requires itself", "leave it out"),
    ("act_on = [\"refuse\"]", (4, 11), "act_on[0]", "\"refuse\" is not a reason", "\"refused\""),
    ("act_on = [\"no_fds\"]", (4, 11), "act_on[0]", "the watchdog's own", "leave"),
    ("act_on = []", (4, 10), "act_on", "nothing to act on", "dry_run"),
    ("[check.capture]\nkeep = 10001", (5, 8), "capture.keep", "out of range", "from 0"),
    ("[check.capture]\nrun = [[]]", (5, 8), "capture.run[0]", "no words", "ss"),
    ("[check.capture]\nrun = [[\"gstack\", \"{pdi}\"]]",
        (5, 20), "capture.run[0][1]", "\"{pdi}\" is not a placeholder", "\"{pid}\""),
    ("[check.capture]\nrun = \"dump {nme} {pid}\"",
        (5, 13), "capture.run", "\"{nme}\" is not a placeholder", "\"{name}\""),
    ("[check.capture]\nrun = \"dump {group}\"",
        (5, 13), "capture.run", "\"{group}\" is not a placeholder", "\"{pid}\" or \"{name}\" or \"{check}\""),
    ("[check.capture]\nruns = []", (5, 1), "capture.runs", "unknown key", "\"run\""),
    ("[check.capture]\nevery = 1", (5, 1), "capture.every", "unknown key", "above the first"),
    ("[[check.ladder]]\nsignal = \"QIUT\"\n[[check.ladder]]\nrestart = \"docker/a\"",
        (5, 10), "ladder[0].signal", "\"QIUT\" is not a signal: did you mean \"QUIT\"?", ""),
    ("[[check.ladder]]\nsignal = \"TERM\"\n[[check.ladder]]\nrestart = \"docker/a\"",
        (5, 10), "ladder[0].signal", "\"TERM\" ends a process: use restart", ""),
    ("[[check.ladder]]\nsignal = \"QUIT\"", (4, 1), "ladder[0]", "nothing to send the signal to", "restart in the check"),
    ("[[check.ladder]]\nrun = \"a\"\ngive_up = true", (6, 11), "ladder[0].give_up", "exclude each other", "keep one"),
    ("[[check.ladder]]\ntimeout = 5", (4, 1), "ladder[0]", "a rung that says nothing", "signal = \"QUIT\""),
    ("[[check.ladder]]\ngive_up = true\ntimeout = 5", (6, 11), "ladder[0].timeout", "a timeout without a command", "run ="),
    ("[[check.ladder]]\ngive_up = false", (5, 11), "ladder[0].give_up", "does nothing else", "leave the rung out"),
    ("[[check.ladder]]\ngive_up = true\n[[check.ladder]]\nrun = \"a\"", (6, 1), "ladder[1]", "never reached", "to the end"),
    ("[[check.ladder]]\nrestart = []", (5, 11), "ladder[0].restart", "nothing to restart", "restart = [\"shop\"]"),
    ("[[check.ladder]]\nrestart = \"systmd/a\"", (5, 11), "ladder[0].restart", "\"systmd\" is not a supervisor", "systemd/a"),
    ("[[check.ladder]]\nrestart = \"program/b\"", (5, 11), "ladder[0].restart", "is not a program", "[[program]]"),
    ("[[check.ladder]]\nrun = [\"\"]", (5, 7), "ladder[0].run", "no program to run", "its name"),
    ("[[check.ladder]]\nrun = \" \"", (5, 7), "ladder[0].run", "a string of blanks", ""),
    ("[[check.ladder]]\nrun = \"move {chek}\"", (5, 13), "ladder[0].run", "\"{chek}\" is not a placeholder", "\"{check}\""),
    ("[[check.ladder]]\nrnu = \"a\"\ngive_up = true", (5, 1), "ladder[0].rnu", "unknown key", "\"run\""),
];

#[test]
fn each_invalid_check_key_is_reported_in_place() {
    for (keys, place, key, message, help) in CHECK_FAULTS {
        let faults = faults(&file(keys, ""));
        let key = format!("check[0].{key}");
        expect_one(&faults, keys, *place, &key, message, help);
    }
}

/// One fault each: a whole file.
#[rustfmt::skip] // one line each
const FILE_FAULTS: &[Rule] = &[
    ("", (0, 0), "check", "there is no check", "[[check]]"),
    ("[[check]]\nname = \"a\"\nurl = \"http://u:p@h\"\nuser = \"a:b\"",
        (4, 8), "check[0].user", "the URL names a user already", "keep one"),
    ("check = []", (1, 9), "check", "there is no check", "[[check]]"),
    ("[check]\nname = \"a\"", (1, 1), "check", "a table where a list", "[[check]]"),
    ("check = [5]", (1, 10), "check[0]", "an integer where a table belongs", "{"),
    ("[[check]]\nname = \"a\"", (1, 1), "check[0].url", "missing key \"url\"", "url = \"http"),
    ("[[check]]\nurl = \"http://h\"", (1, 1), "check[0].name", "missing key \"name\"", "name ="),
    ("[[check]]\nurl = \"http://h\"\nname = \" \"", (3, 8), "check[0].name", "an empty name", ""),
    ("[[check]]\nurl = \"http://h\"\nname = \"a\\u0007\"", (3, 8), "check[0].name", "control", ""),
    ("[[check]]\nname = \"é\"\nurl = \"ftp://h\"", (3, 7), "check[0].url", "\"ftp\"", "http+unix"),
    ("[[check]]\nname = \"a\"\nurl = \"http://h\"\n[[check]]\nurl = \"http://h\"\nname = \"a\"",
        (6, 8), "check[1].name", "already, on line 2", "of its own"),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://h\"", (3, 7), "check[0].url", "not a plain connection", "HOST:PORT"),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://h:1\"\nstatus = 200", (4, 10), "check[0].status", "for HTTP", ""),
    ("[[check]]\nname = \"a\"\nurl = \"http://127.0.0.1/\"\nip = 6",
        (4, 6), "check[0].ip", "127.0.0.1 is not an IPv6 address", "a host's name"),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://[::1]:1\"\nip = 4",
        (4, 6), "check[0].ip", "::1 is not an IPv4 address", "a host's name"),
    ("[[check]]\nname = \"a\"\nurl = \"http://h:0/\"", (3, 7), "check[0].url", "has port 0", "1 to 65535"),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://h:1\"\nsend = '\\q'", (4, 8), "check[0].send", "a backslash", ""),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://h:1\"\nuntil = \"eof\"",
        (4, 9), "check[0].until", "\"eof\" is not an end of an answer", "line, close, text"),
    ("[[check]]\nname = \"a\"\nurl = \"tcp://h:1\"\nuntil = \"text\"",
        (4, 9), "check[0].until", "no text to wait for", "body ="),
    ("[[check]]\nname = \"a\"\nurl = \"exec:\"", (3, 7), "check[0].url", "no command to run", "command ="),
    ("[[check]]\nname = \"a\"\ncommand = []", (3, 11), "check[0].command", "no words", ""),
    ("[[check]]\nname = \"a\"\ncommand = \" \"", (3, 11), "check[0].command", "a string of blanks", "leave"),
    ("[[check]]\nname = \"a\"\ncommand = [\"\"]", (3, 11), "check[0].command", "no program", "first"),
    ("[[check]]\nname = \"a\"\ncommand = \"x\"\nsend = \"y\"", (4, 8), "check[0].send", "for tcp or unix", ""),
    ("a = [", (1, 6), "", "not TOML: ", "expected"),
    ("every = 60s", (1, 9), "", "not TOML: ", "quotes"),
    ("every = 1\nevery = 2", (2, 1), "", "not TOML: duplicate key", "one place"),
];

#[test]
fn each_invalid_file_is_reported() {
    for (text, place, key, message, help) in FILE_FAULTS {
        expect_one(&faults(text), text, *place, key, message, help);
    }
}

/// One fault each: what stands beside a sound check, before it or after it.
#[rustfmt::skip] // one line each
const SECTION_FAULTS: &[Rule] = &[
    ("timeout = 5\n", (1, 1), "timeout", "unknown key", "[defaults]"),
    ("panic_threshold = 60\n", (1, 19), "panic_threshold", "an integer where a share", "60%"),
    ("panic_threshold = \"60\"\n", (1, 19), "panic_threshold", "\"60\" is not a share", "60%"),
    ("panic_threshold = 0.0\n", (1, 19), "panic_threshold", "out of range", "100%"),
    ("panic_threshold = nan\n", (1, 19), "panic_threshold", "out of range", "100%"),
    ("max_concurrent_restarts = 0\n", (1, 27), "max_concurrent_restarts", "out of range", "1"),
    ("[[maintenance]]\nfor = \"2h\"\n", (1, 1), "maintenance[0].at", "missing key \"at\"", "Sun 02:00"),
    ("[[maintenance]]\nat = \"daily\"\n", (1, 1), "maintenance[0].for", "missing key \"for\"", "2h"),
    ("[[maintenance]]\nat = \"Sunn 02:00\"\nfor = \"2h\"\n",
        (2, 6), "maintenance[0].at", "has a weekday \"Sunn\" that there is not", "Mon..Fri 22:30"),
    ("[[maintenance]]\nat = \"daily\"\ntimezone = \"Mars\"\nfor = \"2h\"\n",
        (3, 12), "maintenance[0].timezone", "\"Mars\" is not a time zone that this system knows", "Europe/Berlin"),
    ("[[maintenance]]\nat = \"daily\"\ntimezone = \" \"\nfor = \"2h\"\n",
        (3, 12), "maintenance[0].timezone", "a string of blanks", "leave the key out"),
    ("[[maintenance]]\nat = \"\"\nfor = \"2h\"\n",
        (2, 6), "maintenance[0].at", "an empty string", "at = \"Sun 02:00\""),
    ("[[webhook]]\nurl = \"http://127.0.0.1/\"\nsecret = \"\"\n",
        (3, 10), "webhook[0].secret", "an empty secret", "what it refers to"),
    ("[[webhook]]\nurl = \"http://127.0.0.1/\"\nrouting_key = \" \"\n",
        (3, 15), "webhook[0].routing_key", "an empty secret", "what it refers to"),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtps://u@h\"\npassword = \"\"\n",
        (4, 12), "mail.password", "an empty secret", "what it refers to"),
    ("[[maintenance]]\nat = \"daily\"\nfor = \"8d\"\n", (3, 7), "maintenance[0].for", "1m to 7d", "httpok pause"),
    ("[[maintenance]]\nat = \"daily\"\nfor = \"1h\"\nrestart = true\nnotify = true\n",
        (5, 10), "maintenance[0].notify", "holds nothing", "leave restart or notify out"),
    ("[[notify]]\nname = \"a\"\nexec = [\"x\"]\nmin_duration = \"25h\"\n",
        (4, 16), "notify[0].min_duration", "a day and more", "24h"),
    ("[[notify]]\nname = \"a\"\nmin_duration = \"2m\"\nwebhook = { url = \"http://h/\", format = \"alertmanager\" }\n",
        (3, 16), "notify[0].min_duration", "again and again", "group_wait"),
    ("defaults = 1\n", (1, 12), "defaults", "an integer where a table", "{"),
    ("[defaults]\nname = \"x\"\n", (2, 8), "defaults.name", "cannot be a default", "[[check]]"),
    ("[defaults]\ncommand = \"x\"\n", (2, 11), "defaults.command", "cannot be a default", "[[check]]"),
    ("[defaults]\nsend = '\\q'\n", (2, 8), "defaults.send", "a backslash", ""),
    ("[defaults]\nnmae = \"x\"\n", (2, 1), "defaults.nmae", "unknown key", "\"name\""),
    ("[defaults]\nuser = \"x\"\n", (2, 8), "defaults.user", "without a password", ""),
    ("[superviser]\n", (1, 2), "superviser", "unknown key", "\"supervisor\""),
    ("[supervisor]\ndefault = \"supervisor\"\n", (2, 11), "supervisor.default", "", "\"supervisord\""),
    ("[supervisor.systemd]\nscope = \"users\"\n", (2, 9), "supervisor.systemd.scope", "is not a scope", "\"user\""),
    ("[supervisor.systemd]\nurl = \"x\"\n", (2, 1), "supervisor.systemd.url", "unknown key", "scope"),
    ("[supervisor.supervisord]\n", (1, 1), "supervisor.supervisord.url", "missing", "unix://"),
    ("[supervisor.docker]\nsocket = \"tcp://h:2375\"\n",
        (2, 10), "supervisor.docker.socket", "not a socket of a container engine", "/run/docker.sock"),
    ("[supervisor.docker]\nsocket = \"docker.sock\"\n",
        (2, 10), "supervisor.docker.socket", "not a socket of a container engine", "podman.sock"),
    ("[supervisor.docker]\nsockets = \"/x\"\n", (2, 1), "supervisor.docker.sockets", "unknown key", "\"socket\""),
    ("[supervisor.command]\nstatus = \"x\"\nstop = \"x\"\n",
        (1, 1), "supervisor.command.start", "missing", "[\"rc-service\", \"{name}\", \"start\"]"),
    ("[supervisor.command]\nstatus = []\nstop = \"x\"\nstart = \"x\"\n",
        (2, 10), "supervisor.command.status", "no words", ""),
    ("[supervisor.command]\nstatus = \" \"\nstop = \"x\"\nstart = \"x\"\n",
        (2, 10), "supervisor.command.status", "a string of blanks", "status = [\"rc-service\""),
    ("[supervisor.command]\nstatus = \"x\"\nstop = \"x\"\nstart = \"x\"\npidfile = \"x.pid\"\n",
        (5, 11), "supervisor.command.pidfile", "is not an absolute path", "/run/{name}.pid"),
    ("[supervisor.supervisord]\nurl = \"tcp://h\"\n",
        (2, 7), "supervisor.supervisord.url", "not the URL of a supervisord", "http://127.0.0.1:9001"),
    ("[supervisor.supervisord]\nurl = \"http://h\"\nusername = \"u\"\n",
        (3, 12), "supervisor.supervisord.username", "without a password", "password ="),
    ("[supervisor.supervisord]\nurl = \"http://u:p@h\"\nusername = \"u\"\npassword = \"p\"\n",
        (2, 7), "supervisor.supervisord.url", "names a user, and so does", "keep one"),
    ("[supervisor.supervisord]\nurl = \"http://h\"\npassword = \"p\"\n",
        (3, 12), "supervisor.supervisord.password", "without a username", "username ="),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://u:p@h\"\npassword = \"p\"\n",
        (4, 12), "mail.password", "holds a password already", "URL"),
    ("[mail]\n", (1, 1), "mail.to", "missing key \"to\"", "ops@example.org"),
    ("[mail]\nto = []\n", (2, 6), "mail.to", "a list of no addresses", "leave [mail] out"),
    ("[mail]\nto = [\"a@b.c\", \"me\"]\nsmtp = \"smtp://h\"\n",
        (2, 16), "mail.to[1]", "\"me\" is not a mail address, but a user", "@"),
    ("[mail]\nto = \"a@b.c\"\nfrom = \"me\"\nsmtp = \"smtp://h\"\n",
        (3, 8), "mail.from", "\"me\" is not a mail address, but a user", "@"),
    ("[mail]\nto = [\"root\", \"a@b.c, root\"]\n", (2, 15), "mail.to[1]", "is not a mail address", "@"),
    ("[mail]\nto = \"<a@b.c> x\"\n", (2, 6), "mail.to", "is not a mail address", "@"),
    ("[mail]\nto = \"a@b.c\"\nsendmail = \"x\"\nsmtp = \"smtp://h\"\n",
        (4, 8), "mail.smtp", "\"smtp\" and \"sendmail\" exclude", "keep one"),
    ("[mail]\nto = \"a@b.c\"\npassword = \"x\"\n", (3, 12), "mail.password", "no SMTP", "smtp ="),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"http://h\"\n", (3, 8), "mail.smtp", "\"http\"", "smtps"),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://h/x\"\n", (3, 8), "mail.smtp", "is not a mail server", "host"),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://u@h\"\n", (3, 8), "mail.smtp", "without a password", ""),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://h\"\npassword = \"x\"\n",
        (4, 12), "mail.password", "without a user", "smtp+starttls://user@"),
    ("[mail]\nto = \"a@b.c\"\nreminder = 0\n", (3, 12), "mail.reminder", "zero", ""),
    ("[mail]\nto = \"a@b.c\"\nsmtp = \"smtp://h\"\ncacert = \"/ca.pem\"\n",
        (4, 10), "mail.cacert", "without TLS", "smtps"),
    ("[mail]\nto = \"a@b.c\"\ncacert = \"/ca.pem\"\n", (3, 10), "mail.cacert", "without TLS", "smtps"),
    ("[webhook]\nurl = \"http://h\"\n", (1, 1), "webhook", "a table where a list", "[[webhook]]"),
    ("[[webhook]]\n", (1, 1), "webhook[0].url", "missing", "https://"),
    ("[[webhook]]\nurl = \"http://h\"\ncacert = \"/ca.pem\"\n",
        (3, 10), "webhook[0].cacert", "without TLS", "https"),
    ("[[webhook]]\nurl = \"h\"\n", (2, 7), "webhook[0].url", "no URL of http or https", "https://"),
];

#[test]
fn each_invalid_section_is_reported() {
    for (section, place, key, message, help) in SECTION_FAULTS {
        let text = format!("{section}{}", file("", ""));
        expect_one(&faults(&text), &text, *place, key, message, help);
    }
}

pub fn expect_one(
    faults: &Faults,
    text: &str,
    place: (usize, usize),
    key: &str,
    message: &str,
    help: &str,
) {
    assert_eq!(faults.len(), 1, "{text}\n{faults}");
    let fault = faults.iter().next().expect("one");
    assert_eq!((fault.line, fault.column), place, "{text}\n{faults}");
    assert_eq!(fault.key, key, "{faults}");
    assert!(
        fault.message.contains(message),
        "{message:?} not in:\n{faults}"
    );
    assert!(fault.help.contains(help), "{help:?} not in:\n{faults}");
    // the machine's words are the people's words
    let shown = faults.to_string();
    assert!(
        shown.contains(&fault.message) && shown.contains(&fault.help),
        "{shown}"
    );
    if fault.line > 0 {
        let place = format!("httpok.toml:{}:{}", fault.line, fault.column);
        assert!(shown.contains(&place), "{place} not in:\n{shown}");
    }
}

#[test]
fn cyclic_requires_are_reported_once_each() {
    let check = |name: &str, requires: &str| {
        format!("[[check]]\nname = \"{name}\"\nurl = \"http://h\"\nrequires = [{requires}]\n")
    };
    let text = [
        check("a", "\"b\""),
        check("b", "\"c\", \"e\""),
        check("c", "\"a\", \"d\""),
        check("d", "\"c\", \"e\""),
        check("e", ""),
    ]
    .concat();
    let faults = faults(&text);
    let found: Vec<_> = faults
        .iter()
        .map(|fault| (fault.line, fault.column, fault.message.as_str()))
        .collect();
    let expected = [
        (12, 13, "cyclic requires: a -> b -> c -> a"),
        (16, 13, "cyclic requires: c -> d -> c"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn invalid_default_is_reported_once() {
    let one = "[[check]]\nurl = \"http://h\"\nname = ";
    let text =
        format!("[defaults]\nevery = \"x\"\n{one}\"a\"\n{one}\"b\"\n{one}\"c\"\nevery = 5\n");
    assert_eq!(faults(&text).len(), 1);
}

/// What a fault leaves out is not reported as missing, too.
#[test]
fn fault_of_a_supervisor_or_program_is_the_only_one() {
    for (rest, key) in [
        (
            "restart = \"web\"\n[supervisor.supervisord]\nurl = \"unix:///s\"\npassword = \"${env:NONE}\"\n",
            "supervisor.supervisord.password",
        ),
        (
            "restart = \"command/web\"\n[supervisor.command]\nstatus = \"s\"\nstop = \"s\"\nstart = 5\n",
            "supervisor.command.start",
        ),
        (
            "restart = \"program/web\"\n[[program]]\nname = \"w b\"\ncommand = 5\n[[program]]\nname = \"db\"\ncommand = \"c\"\n",
            "program[0].command",
        ),
    ] {
        let found = faults(&file(rest, ""));
        let keys: Vec<_> = found.iter().map(|fault| fault.key.as_str()).collect();
        assert!(keys.contains(&key), "{found}");
        assert!(!keys.iter().any(|key| key.contains("restart")), "{found}");
    }
}
