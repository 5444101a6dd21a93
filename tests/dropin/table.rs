//! One tick per row: a command line and a table of processes in, what is said and done out.

use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use crate::fixture::{RESTARTED, Stage};

/// Name; processes; words, separated by `|`; all of standard error, where `RESTARTED` stands for a plain
/// restart of `web`; what is stopped and started; how many requests the service sees.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    usize,
);

const WEB: &str = "httpok=RUNNING web=RUNNING";
const REASON: &str = "status contacting URL/500: 500 Internal Server Error\n";
const BOTH: &str = "stop web, start web";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // what is a good answer
    ("a good answer", WEB, "-p|web|URL/ok", "", "", 1),
    ("a bad status", WEB, "-p|web|URL/500", "RESTARTED", BOTH, 1),
    ("another good code", WEB, "-p|web|-c|500|URL/500", "", "", 1),
    ("codes replace the default", WEB, "-p|web|-c|500|URL/ok",
        "status contacting URL/ok: 200 OK\nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("several codes, as Python reads numbers", WEB, "-p|web|-c| 5_00 |-c|+204|URL/204", "", "", 1),
    ("a class of codes", WEB, "-p|web|-c|5xx|URL/500", "", "", 1),
    ("a range of codes", WEB, "-p|web|-c|499-501|URL/500", "", "", 1),
    ("no redirect is followed", WEB, "-p|web|URL/302",
        "status contacting URL/302: 302 Found\nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("a redirect may be wanted", WEB, "-p|web|-c|302|URL/302", "", "", 1),
    ("--follow", WEB, "-p|web|--follow|URL/302", "", "", 2),
    ("early hints are no answer", WEB, "-p|web|URL/early", "", "", 1),
    ("an empty reason keeps its space", WEB, "-p|web|URL/emptyreason",
        "status contacting URL/emptyreason: 503 \nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("-b found", WEB, "-p|web|-b|works|URL/ok", "", "", 1),
    ("-b among bytes that are no text", WEB, "-p|web|-b|naïve|URL/bytes", "", "", 1),
    ("-b is case-sensitive", WEB, "-p|web|-b|Works|URL/ok",
        "status contacting URL/ok: 200 OK\nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("-b is no pattern", WEB, "-p|web|-b|w.rks|URL/ok",
        "status contacting URL/ok: 200 OK\nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("an empty -b is none", WEB, "-p|web|-b|zzz|-b||URL/ok", "", "", 1),
    ("the last -b counts", WEB, "-p|web|-b|zzz|-b|it|URL/ok", "", "", 1),
    ("--not-body", WEB, "-p|web|--not-body|works|URL/ok",
        "status contacting URL/ok: 200 OK\nSELECTEDweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("--not-body, not there", WEB, "-p|web|--not-body|Traceback|URL/ok", "", "", 1),
    // the URL
    ("a scheme in capitals", WEB, "-p|web|HTTP://HOST/ok", "", "", 1),
    ("a query without a path", WEB, "-p|web|URL?x=1", "", "", 1),
    ("no path", WEB, "-p|web|URL", "", "", 1),
    ("a fragment is not sent", WEB, "-p|web|URL/ok#top", "", "", 1),
    // whom to restart
    ("a name in every group", "a:web=RUNNING b:web=RUNNING web=RUNNING", "-p|web|URL/500",
        "REASONSELECTEDa:web is in RUNNING state, restarting\na:web restarted\n\
         b:web is in RUNNING state, restarting\nb:web restarted\n\
         web is in RUNNING state, restarting\nweb restarted\n",
        "stop a:web, start a:web, stop b:web, start b:web, stop web, start web", 1),
    ("one member", "a:web=RUNNING b:web=RUNNING", "-p|b:web|URL/500",
        "REASONRestarting selected processes ['b:web']\nb:web is in RUNNING state, restarting\nb:web restarted\n",
        "stop b:web, start b:web", 1),
    ("a whole group in supervisorctl's other spelling", "a:x=RUNNING a:y=FATAL", "-p|a:|URL/500",
        "REASONRestarting selected processes ['a:']\na:x is in RUNNING state, restarting\na:x restarted\n\
         a:y not in RUNNING state, NOT restarting\n",
        "stop a:x, start a:x", 1),
    ("every state but RUNNING is left alone",
        "a:b=BACKOFF a:e=EXITED a:f=FATAL a:p=STOPPING a:s=STARTING a:t=STOPPED a:u=UNKNOWN", "-p|a:*|URL/500",
        "REASONRestarting selected processes ['a:*']\na:b not in RUNNING state, NOT restarting\n\
         a:e not in RUNNING state, NOT restarting\na:f not in RUNNING state, NOT restarting\n\
         a:p not in RUNNING state, NOT restarting\na:s not in RUNNING state, NOT restarting\n\
         a:t not in RUNNING state, NOT restarting\na:u not in RUNNING state, NOT restarting\n", "", 1),
    ("--start-stopped starts what ended, not what an operator stopped",
        "a:b=BACKOFF a:e=EXITED a:f=FATAL a:r=RUNNING a:s=STARTING a:t=STOPPED", "--start-stopped|-p|a:*|URL/500",
        "REASONRestarting selected processes ['a:*']\na:b not in RUNNING state, NOT restarting\n\
         a:e is in EXITED state, starting\na:e restarted\na:f is in FATAL state, starting\na:f restarted\n\
         a:r is in RUNNING state, restarting\na:r restarted\n\
         a:s not in RUNNING state, NOT restarting\na:t not in RUNNING state, NOT restarting\n",
        "start a:e, start a:f, stop a:r, start a:r", 1),
    ("-a skips itself and its pool and goes on",
        "aaa=RUNNING httpok:httpok=RUNNING httpok:other=RUNNING web=RUNNING zzz=STOPPED", "-a|URL/500",
        "REASONRestarting all running processes\naaa is in RUNNING state, restarting\naaa restarted\n\
         web is in RUNNING state, restarting\nweb restarted\nzzz not in RUNNING state, NOT restarting\n",
        "stop aaa, start aaa, stop web, start web", 1),
    ("-a outdoes -p", "aaa=RUNNING web=RUNNING", "-p|web|-a|URL/500",
        "REASONRestarting all running processes\naaa is in RUNNING state, restarting\naaa restarted\n\
         web is in RUNNING state, restarting\nweb restarted\n",
        "stop aaa, start aaa, stop web, start web", 1),
    ("never itself", WEB, "-p|httpok|-p|web|URL/500",
        "REASONRestarting selected processes ['httpok', 'web']\nhttpok is this listener, NOT restarting\n\
         web is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("names that only other languages have", "café:naïve=RUNNING", "-p|naïve|URL/500",
        "REASONRestarting selected processes ['naïve']\ncafé:naïve is in RUNNING state, restarting\n\
         café:naïve restarted\n", "stop café:naïve, start café:naïve", 1),
    ("a name that XML does not like", "a&b=RUNNING", "-p|a&b|URL/500",
        "REASONRestarting selected processes ['a&b']\na&b is in RUNNING state, restarting\na&b restarted\n",
        "stop a&b, start a&b", 1),
    ("nobody to restart", WEB, "URL/500", "REASONRestarting selected processes []\n", "", 1),
    // -E
    ("-E with a member's name", "a:x=RUNNING", "-E|-p|a:x|URL/500",
        "REASONRestarting selected processes ['a:x']\na:x is in RUNNING state, restarting\na:x restarted\n",
        "stop a:x, start a:x", 1),
    ("-E with a group", "a:x=RUNNING", "-E|-p|a:*|URL/ok", "", "", 1),
    ("-E with -a", WEB, "-E|-a|URL/500",
        "REASONRestarting all running processes\nweb is in RUNNING state, restarting\nweb restarted\n", BOTH, 1),
    ("-E with -a: itself alone is nobody", "httpok=RUNNING web=STOPPED", "-E|-a|URL/500", "", "", 0),
    ("-E: one that starts does not run", "web=STARTING", "-E|-p|web|URL/500", "", "", 0),
    ("-E: one of several is enough", "web=FATAL x=RUNNING", "-E|-p|web|-p|x|URL/ok", "", "", 1),
    ("-E without -p", WEB, "-E|URL/500", "", "", 0),
    ("the last of -e and -E counts", "web=STOPPED", "-E|-e|-p|web|URL/ok", "", "", 1),
    ("the last of -e and -E counts, clustered", "web=STOPPED", "-eE|-p|web|URL/ok", "", "", 0),
    // what getopt reads
    ("abbreviations", WEB, "--prog=web|--timeo|5|--cod|200|URL/500", "RESTARTED", BOTH, 1),
    ("clusters and glued values", WEB, "-et5|-pweb|--|URL/500", "RESTARTED", BOTH, 1),
    // our own
    ("--dry-run", WEB, "--dry-run|-p|web|URL/500",
        "REASONSELECTEDweb is in RUNNING state, NOT restarting (dry run)\n", "", 1),
    ("--method", WEB, "--method|HEAD|-p|web|URL/ok", "", "", 1),
];

#[test]
fn option_table_behaves_as_documented() {
    let rows = Mutex::new(ROWS.iter());
    let work = || {
        loop {
            let row = rows.lock().unwrap().next();
            let Some(row) = row else { return };
            play(row);
        }
    };
    thread::scope(|scope| (0..6).for_each(|_| _ = scope.spawn(work)));
}

fn play((name, processes, words, says, actions, asked): &Row) {
    let stage = Stage::with(processes);
    let words: Vec<_> = words.split('|').collect();
    let end = stage.one_tick(&words);
    let says = says
        .replace("RESTARTED", RESTARTED)
        .replace("REASON", REASON)
        .replace("SELECTED", "Restarting selected processes ['web']\n");
    assert_eq!(end.err, says, "{name}");
    assert_eq!(stage.supervisord.actions(), *actions, "{name}");
    assert_eq!(stage.site.asked().len(), *asked, "{name}");
}

#[test]
fn the_request_is_the_originals() {
    let stage = Stage::with(WEB);
    stage.one_tick(&["-p", "web", "URL/ok?q=1"]);
    let asked = stage.site.asked();
    let head = asked[0].head.to_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "get /ok?q=1 http/1.1");
    lines.retain(|line| *line != "accept: */*");
    lines.sort_unstable();
    let host = format!("host: {}", stage.site.address);
    assert_eq!(
        lines,
        ["accept-encoding: identity", &host, "user-agent: httpok"]
    );
}

#[test]
fn a_user_in_the_url_is_sent_and_never_shown() {
    let stage = Stage::with(WEB);
    let words = [
        "-m",
        "a@b",
        "-s",
        "DIR/sendmail",
        "-p",
        "web",
        "http://me:hunter2@HOST/500",
    ];
    let end = stage.one_tick(&words);
    let head = &stage.site.asked()[0].head;
    assert!(head.contains("Basic bWU6aHVudGVyMg=="), "{head}");
    let mails = stage.mails().concat();
    assert!(mails.contains("httpok: URL/500: bad status"), "{mails}");
    assert!(!(end.err + &mails).contains("hunter2"));
}

/// Filters of mail match what the original writes.
#[test]
fn url_is_shown_as_it_is_given() {
    for (given, shown) in [
        ("http://HOST", "URL"),
        ("HTTP://HOST/500?a=%7e", "HTTP://HOST/500?a=%7e"),
        ("http://HOST/a/../500", "URL/a/../500"),
    ] {
        let stage = Stage::with(WEB);
        stage.site.answer("/", || crate::site::says("500 Oh", ""));
        let words = ["-m", "a@b", "-s", "DIR/sendmail", "-p", "web", given];
        let end = stage.one_tick(&words);
        let mails = stage.mails().concat();
        assert!(
            mails.contains(&format!("Subject: httpok: {shown}: bad status")),
            "{mails}"
        );
        assert!(
            mails.contains(&format!("status contacting {shown}: ")),
            "{mails}"
        );
        assert!(end.err.contains(shown), "{}", end.err);
    }
}

#[test]
fn headers_are_sent() {
    let stage = Stage::with(WEB);
    stage.one_tick(&[
        "--header",
        "X-Key: s:1",
        "--header",
        "Host: shop.example",
        "URL/ok",
    ]);
    let head = stage.site.asked()[0].head.to_lowercase();
    assert!(head.contains("\r\nx-key: s:1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: shop.example\r\n"), "{head}");
    assert!(!head.contains(&stage.site.address.to_string()), "{head}");
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let stage = Stage::with(WEB);
    let mut command = stage.httpok(&["-p", "web", "URL/ok"]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    let mut listener = crate::eventlistener::EventListener::start(&mut command);
    listener.tick();
    assert_eq!(listener.close().err, "");
    assert_eq!(stage.site.count("/ok"), 1);
}

/// The words of an error are our own; its frame is the original's.
#[test]
fn trouble_has_its_exact_reason() {
    thread::scope(|scope| {
        for (path, says) in [
            ("URL/close", "closed"),
            ("URL/garbage", ""),
            ("URL/short", "expected 100 bytes"),
            ("URL/hang", "1s"),
            ("URL/hangbody", "1s"),
            ("URL/drip", "1s"),
            ("URL/headerdrip", "1s"),
            ("http://127.0.0.1:1/", "refused"),
            ("http://no.such.name.invalid/", ""),
            ("https://HOST/", ""),
        ] {
            scope.spawn(move || {
                let stage = Stage::with(WEB);
                let words = [
                    "-m",
                    "a@b",
                    "-s",
                    "DIR/sendmail",
                    "-t",
                    "1",
                    "-p",
                    "web",
                    path,
                ];
                let end = stage.one_tick(&words);
                let mails = stage.mails();
                let url = stage.neutral(&path.replace("HOST", &stage.site.address.to_string()));
                let subject = format!("Subject: httpok: {url}: bad status returned\n");
                assert!(mails[0].contains(&subject), "{mails:?}");
                let frame = format!("error contacting {url}:\n\n ");
                let detail = end
                    .err
                    .split_once(&frame)
                    .unwrap_or_else(|| panic!("{}", end.err))
                    .1;
                let (detail, rest) = detail.split_once('\n').unwrap();
                assert!(
                    !detail.is_empty() && detail.contains(says),
                    "{path}: {detail}"
                );
                assert!(
                    rest.starts_with("Restarting selected processes ['web']\n"),
                    "{rest}"
                );
                assert_eq!(stage.supervisord.actions(), BOTH, "{path}");
                assert!(end.took.as_secs_f32() < 4.0, "{path} took {:?}", end.took);
            });
        }
    });
}

/// `-t` is more than ten seconds, so a refused connection is tried again after ten, as was always promised.
#[test]
fn a_refused_connection_is_tried_again_every_ten_seconds() {
    // an address that no other test uses, so that nobody else takes the port
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let stage = Stage::with(WEB);
    let url = format!("http://{address}/ok");
    let begun = std::time::Instant::now();
    let mut listener = stage.listen(&["-t", "12", "-p", "web", &url]);
    listener.tick();
    // refused at once; what listens a second later is found
    thread::sleep(std::time::Duration::from_secs(1));
    let site = crate::site::Site::on(TcpListener::bind(address).unwrap());
    let end = listener.close();
    assert_eq!((end.err.as_str(), site.count("/ok")), ("", 1));
    let took = begun.elapsed().as_secs_f32();
    assert!((9.5..12.0).contains(&took), "{took}");
}
