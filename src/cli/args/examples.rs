//! Examples of every command, for `--help` and for the manual pages alike.

use std::fmt::Write;

/// What it does, and the words that do it.
pub type Example = (&'static str, &'static str);

pub const MAIN: &[Example] = &[
    (
        "Under supervisord: restart web when its page does not answer with 200 within 10 seconds, and send a mail",
        "[eventlistener:httpok]\ncommand=httpok -p web -m ops@example.org http://127.0.0.1:8080/health\nevents=TICK_60",
    ),
    (
        "The same without an event listener",
        "httpok watch -p web --mail-to ops@example.org http://127.0.0.1:8080/health",
    ),
    ("Just ask", "httpok check http://127.0.0.1:8080/health"),
];

pub const HEALTH_SET: &[Example] = &[
    (
        "Keep a load balancer away during a deployment",
        "httpok health set --unhealthy --reason deploy",
    ),
    ("And let it come back", "httpok health set --healthy"),
];

pub const MONITOR: &[Example] = &[
    (
        "How is the watchdog?",
        "httpok monitor 127.0.0.1:9261 health_check",
    ),
    (
        "What can be asked of a Plone instance on port 8080?",
        "httpok monitor 127.0.0.1:8160",
    ),
];

pub const CHECK: &[Example] = &[
    ("Is it well?", "httpok check http://127.0.0.1:8080/health"),
    (
        "Any 2xx within two seconds, with a text in the body",
        "httpok check -t 2 -c 2xx -b 'all fine' https://example.org/",
    ),
    (
        "In a deployment: wait until the new version answers, for a minute at most",
        "httpok check -q --wait 1m -b 'version 2.1' http://127.0.0.1:8080/",
    ),
    (
        "A new server before the name leads to it",
        "httpok check --resolve example.org:443:192.0.2.7 https://example.org/",
    ),
    (
        "Make sure that the admin's page is not open to the world",
        "httpok check --invert http://example.org/admin",
    ),
    (
        "As a Nagios plugin: warn beyond half a second, critical beyond two",
        "httpok check --format nagios --warn 0.5 --crit 2 http://127.0.0.1:8080/",
    ),
    (
        "Metrics for node_exporter's textfile collector, from cron",
        "cd /var/lib/prometheus/node-exporter && { httpok check --config /etc/httpok/httpok.toml --format openmetrics > httpok.new; mv httpok.new httpok.prom; }",
    ),
    (
        "Which of the configured checks fail?",
        "httpok check --config /etc/httpok/httpok.toml --format json | jq -r 'select(.verdict != \"pass\").name'",
    ),
];

pub const RUN: &[Example] = &[
    (
        "A service in a container, restarted when it hangs",
        "httpok run --url http://127.0.0.1:8000/health --every 10s -- python3 -m http.server 8000",
    ),
    (
        "See it happen: a sample that hangs after eight seconds",
        "httpok run --url http://127.0.0.1:8399/ --every 1s --timeout 1s --grace 5s -- httpok sample",
    ),
];

pub const SAMPLE: &[Example] = &[(
    "Hang at once",
    "httpok sample --listen 127.0.0.1:8399 --hang-after 0",
)];

pub const WATCH: &[Example] = &[
    (
        "Everything that a configuration file says",
        "httpok watch --config /etc/httpok/httpok.toml",
    ),
    (
        "One URL every ten seconds, restarting web after three failures in a row",
        "httpok watch --every 10s -p web http://127.0.0.1:8080/health",
    ),
    (
        "See what it would do",
        "httpok watch --dry-run --every 5s -p web http://127.0.0.1:8080/health",
    ),
    (
        "From cron",
        "* * * * * httpok watch --once --config /etc/httpok/httpok.toml",
    ),
];

pub const STATUS: &[Example] = &[
    ("How does everything stand?", "httpok status"),
    (
        "Which checks are down?",
        "httpok status --json | jq -r '.snapshot.checks[] | select(.status == \"down\").name'",
    ),
];

pub const EXPLAIN: &[Example] = &[
    ("Why was shop restarted last night?", "httpok explain shop"),
    (
        "What would another configuration have decided?",
        "httpok explain shop --trace > shop.jsonl\nhttpok simulate --config new.toml shop.jsonl",
    ),
];

pub const EVENTS: &[Example] = &[
    ("What has happened lately?", "httpok events"),
    (
        "Restarts of the shop's checks as they begin, for a script",
        "httpok events --follow --last 0 --format json 'shop*' | jq -r 'select(.kind == \"acting\").text'",
    ),
];

pub const PAUSE: &[Example] = &[
    (
        "During a deployment",
        "httpok pause shop --for 30m --reason 'deploying 2.1'",
    ),
    (
        "Everything whose name begins with shop, and the database",
        "httpok pause 'shop*' database --for 1h",
    ),
    (
        "Without reports, too",
        "httpok pause shop --silent --for 30m --reason 'deploying 2.1'",
    ),
];

pub const SILENCE: &[Example] = &[
    (
        "During a deployment, after which it passes or is reported",
        "httpok silence 'shop*' --for 20m --reason deploy",
    ),
    ("Before it is over", "httpok resume 'shop*'"),
];

pub const BEAT: &[Example] = &[
    (
        "At the end of a backup, in crontab",
        "0 3 * * * /usr/local/bin/backup && httpok beat backup || httpok beat backup --fail \"exit status $?\"",
    ),
    (
        "From another host, with nothing but the check's token",
        "httpok beat backup --url https://watchdog.example.org:9181 --key-file /etc/backup.token",
    ),
    (
        "The same by curl",
        "curl -fsS -X POST -H \"X-API-Key: $TOKEN\" https://watchdog.example.org:9181/api/v1/heartbeat/backup",
    ),
];

pub const RESUME: &[Example] = &[
    ("When it is done", "httpok resume shop"),
    ("Every pause on this host", "httpok resume --all"),
];

pub const START: &[Example] = &[(
    "A worker that failed, or was stopped",
    "httpok start worker",
)];
pub const STOP: &[Example] = &[
    ("Until it is started again", "httpok stop worker"),
    ("All programs of a group", "httpok stop pool"),
];
pub const RESTART: &[Example] = &[
    ("Now, whatever the check says", "httpok restart shop"),
    ("A program that no check restarts", "httpok restart worker"),
];

pub const RESET: &[Example] = &[("When the cause is mended", "httpok reset shop")];

pub const RELOAD: &[Example] = &[(
    "After a change",
    "httpok config check /etc/httpok/httpok.toml && httpok reload",
)];

pub const NOTIFY_SEND: &[Example] = &[(
    "A webhook was taken out of the configuration while it did not answer: mail what waits for it",
    "httpok notify send 'https://hooks.example.org#1f0c22ab' mail",
)];

pub const NOTIFY_TEST: &[Example] = &[
    ("Does everybody get what they should?", "httpok notify test"),
    (
        "On another host",
        "httpok notify test --url https://web1:9181 --key-file /etc/httpok/key",
    ),
    (
        "Before the watchdog is started",
        "httpok notify test --config /etc/httpok/httpok.toml",
    ),
    (
        "After a change of the mail server",
        "httpok notify test mail --config /etc/httpok/httpok.toml",
    ),
];

pub const FLEET_STATUS: &[Example] = &[(
    "Who restarts just now, and who waits",
    "httpok fleet status",
)];

pub const FLEET_RELEASE: &[Example] =
    &[("The host is gone for good", "httpok fleet release web-7")];

pub const NOTIFY_DROP: &[Example] = &[("Nobody needs to know any more", "httpok notify drop mail")];

pub const SIMULATE: &[Example] = &[
    (
        "Three fails, then it passes",
        "printf '%s\\n' '{\"at\":0,\"check\":\"shop\",\"code\":500}' \\\n  '{\"at\":10,\"check\":\"shop\",\"verdict\":\"fail\",\"reason\":\"refused\"}' \\\n  '{\"at\":20,\"check\":\"shop\",\"verdict\":\"fail\"}' \\\n  '{\"at\":23,\"check\":\"shop\",\"verdict\":\"pass\"}' |\n  httpok simulate --config /etc/httpok/httpok.toml -",
    ),
    (
        "What would the new configuration have decided yesterday?",
        "httpok simulate --config new.toml /var/lib/httpok/journal",
    ),
];

pub const CONFIG_CHECK: &[Example] = &[
    (
        "Before a reload",
        "httpok config check /etc/httpok/httpok.toml && systemctl reload httpok",
    ),
    (
        "The file of an event listener, which knows its supervisord only when that has started it",
        "httpok config check --listener /etc/httpok/listener.toml",
    ),
];

pub const CONFIG_SHOW: &[Example] = &[(
    "Which timeout holds for shop, and where does it come from?",
    "httpok config show /etc/httpok/httpok.toml",
)];

pub const CONFIG_IMPORT: &[Example] = &[
    (
        "Replace the listeners of supervisord by one watchdog",
        "httpok config import /etc/supervisor/supervisord.conf > httpok.toml",
    ),
    (
        "And the services of Monit",
        "httpok config import /etc/monit/monitrc > httpok.toml",
    ),
];

pub const CONFIG_EXAMPLE: &[Example] = &[(
    "Begin a configuration",
    "httpok config example > httpok.toml",
)];

pub const CONFIG_SCHEMA: &[Example] = &[(
    "For an editor with taplo, whose files begin with #:schema ./httpok.schema.json",
    "httpok config schema > httpok.schema.json",
)];

pub const MAN: &[Example] = &[(
    "For this machine",
    "httpok generate man /usr/local/share/man/man1",
)];

pub const COMPLETIONS: &[Example] = &[(
    "For bash, this user only",
    "httpok generate completions bash > ~/.local/share/bash-completion/completions/httpok",
)];

/// The examples of the command with this display name, such as `httpok-check`.
pub fn of_command(name: &str) -> &'static [Example] {
    match name {
        "httpok" => MAIN,
        "httpok-check" => CHECK,
        "httpok-watch" => WATCH,
        "httpok-run" => RUN,
        "httpok-sample" => SAMPLE,
        "httpok-status" => STATUS,
        "httpok-explain" => EXPLAIN,
        "httpok-pause" => PAUSE,
        "httpok-silence" => SILENCE,
        "httpok-resume" => RESUME,
        "httpok-restart" => RESTART,
        "httpok-start" => START,
        "httpok-stop" => STOP,
        "httpok-reset" => RESET,
        "httpok-reload" => RELOAD,
        "httpok-notify-send" => NOTIFY_SEND,
        "httpok-notify-test" => NOTIFY_TEST,
        "httpok-notify-drop" => NOTIFY_DROP,
        "httpok-fleet-status" => FLEET_STATUS,
        "httpok-fleet-release" => FLEET_RELEASE,
        "httpok-beat" => BEAT,
        "httpok-events" => EVENTS,
        "httpok-health-set" => HEALTH_SET,
        "httpok-monitor" => MONITOR,
        "httpok-simulate" => SIMULATE,
        "httpok-config-check" => CONFIG_CHECK,
        "httpok-config-show" => CONFIG_SHOW,
        "httpok-config-import" => CONFIG_IMPORT,
        "httpok-config-example" => CONFIG_EXAMPLE,
        "httpok-config-schema" => CONFIG_SCHEMA,
        "httpok-generate-man" => MAN,
        "httpok-generate-completions" => COMPLETIONS,
        _ => &[],
    }
}

/// What stands before an example's words.
pub fn lead(what: &str) -> String {
    let end = if what.ends_with('?') { "" } else { ":" };
    format!("{what}{end}")
}

/// `examples` as `--help` shows them.
pub fn help(examples: &[Example]) -> String {
    let mut text = String::from("Examples:\n");
    for (what, words) in examples {
        // writing to a String cannot fail
        let _ = writeln!(text, "  {}", lead(what));
        for line in words.lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    text
}
