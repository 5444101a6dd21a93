//! Mails through a real SMTP server and through commands that stand for sendmail.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use httpok::health::TEXT_MAX;
use httpok::health::{DownState, ReportKind};
use httpok::notify::mail::{self, MailRoute, OriginalMailer};
use httpok::notify::sendmail::Pipe;
use httpok::notify::smtp::MailServer;
use httpok::notify::spec::{Security, SmtpSpec};
use httpok::notify::{DeliveryError, MAIL_DEADLINE, Notification, Notifier};
use httpok::secret::Secret;
use tempfile::TempDir;

use crate::message;
use crate::smtp::{SmtpServer, Taken, parse};

const TO: &str = "ops@example.org";

pub fn down() -> Notification {
    message(ReportKind::Down {
        state: DownState::NotifyOnly,
        update: false,
    })
}

pub fn spec(port: u16) -> SmtpSpec {
    SmtpSpec {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plain,
        cacert: None,
        user: None,
    }
}

pub fn server_of(spec: SmtpSpec) -> MailServer {
    MailServer {
        spec,
        hello: "box1.example.org".into(),
        deadline: MAIL_DEADLINE,
    }
}

pub fn server(port: u16) -> MailServer {
    server_of(spec(port))
}

fn notifier(to: &[&str], via: MailRoute) -> Notifier {
    let to: Vec<_> = to.iter().map(|text| (*text).to_owned()).collect();
    let notifier = mail::MailNotifier::new(&to, None, "box1.example.org", via);
    Notifier::Mail(notifier.expect("addresses"))
}

pub async fn send(server: MailServer, message: &Notification) -> Result<(), DeliveryError> {
    notifier(&[TO], MailRoute::Smtp(server))
        .deliver(message, None)
        .await
        .map(drop)
}

fn only(server: &SmtpServer) -> Taken {
    let mut taken = server.taken();
    assert_eq!(taken.len(), 1, "one message is taken");
    taken.remove(0)
}

/// A certificate for `localhost`, as files: the certificate, the key.
pub fn certificate(dir: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let path = |name: &str, content: String| {
        let path = dir.join(name);
        std::fs::write(&path, content).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    (
        path("cert.pem", made.cert.pem()),
        path("key.pem", made.signing_key.serialize_pem()),
    )
}

#[tokio::test]
async fn a_mail_arrives_with_its_headers() {
    let smtp = SmtpServer::start(&[]);
    let mut message = down();
    message.number = 1;
    message.text.push_str("\ncafé ✓\n.\nfrom a line of a dot");
    let to = ["Ops <ops@example.org>, night@example.org", "root"];
    let via = MailRoute::Smtp(server(smtp.port));
    notifier(&to, via)
        .deliver(&message, None)
        .await
        .expect("taken");
    let taken = only(&smtp);
    assert_eq!(taken.facts["from"], "httpok@box1.example.org");
    assert_eq!(
        taken.facts["to"],
        serde_json::json!([
            "ops@example.org",
            "night@example.org",
            "root@box1.example.org"
        ])
    );
    assert_eq!(taken.facts["hello"], "box1.example.org");
    for (name, value) in [
        ("From", "httpok@box1.example.org"),
        (
            "To",
            "Ops <ops@example.org>, night@example.org, root@box1.example.org",
        ),
        (
            "Subject",
            "[httpok box1.example.org] shop is down: first_byte_timeout, no restart is configured",
        ),
        ("Date", "Fri, 01 May 2026 03:13:04 +0000"),
        (
            "Message-ID",
            "<shop-1777605124-1.1.httpok@box1.example.org>",
        ),
        ("References", "<shop-1777605124-1.httpok@box1.example.org>"),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("MIME-Version", "1.0"),
    ] {
        assert_eq!(taken.header(name), value, "{name}");
    }
    assert!(taken.body.contains("caf=C3=A9"), "{}", taken.body);
    assert!(
        taken.body.contains("\r\n.\r\nfrom a line of a dot"),
        "{}",
        taken.body
    );
}

#[tokio::test]
async fn later_mails_are_in_the_thread_and_a_retry_is_the_same_mail() {
    let smtp = SmtpServer::start(&[]);
    let message = message(ReportKind::Recovered {
        down: Duration::from_secs(9),
    });
    send(server(smtp.port), &message).await.expect("taken");
    send(server(smtp.port), &message)
        .await
        .expect("taken again");
    let taken = smtp.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].facts["content"], taken[1].facts["content"]);
    let first = "<shop-1777605124-1.1.httpok@box1.example.org>";
    assert_eq!(
        taken[0].header("Message-ID"),
        "<shop-1777605124-1.7.httpok@box1.example.org>"
    );
    assert_eq!(taken[0].header("In-Reply-To"), first);
    assert_eq!(
        taken[0].header("References"),
        format!("<shop-1777605124-1.httpok@box1.example.org> {first}")
    );
}

#[tokio::test]
async fn names_cannot_inject_headers() {
    let smtp = SmtpServer::start(&[]);
    let mut message = down();
    message.number = 1;
    message.subject = "café\r\nBcc: victim@example.com\r\n\r\nhello".into();
    message.incident = "x>\r\nBcc: victim@example.com".into();
    message.host = "box\r\nBcc: victim@example.com".into();
    send(server(smtp.port), &message).await.expect("taken");
    let taken = only(&smtp);
    assert_eq!(taken.facts["to"], serde_json::json!([TO]));
    let names: Vec<_> = taken
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(!names.contains(&"Bcc"), "{names:?}");
    assert_eq!(names.len(), 10, "{names:?}");
    assert!(
        taken.header("Subject").starts_with("=?utf-8?"),
        "{}",
        taken.header("Subject")
    );
    assert!(taken.header("Subject").is_ascii());
}

#[tokio::test]
async fn a_utf8_subject_is_what_python_decodes() {
    let smtp = SmtpServer::start(&[]);
    let mut message = down();
    message.subject =
        "[httpok büro] Größe ✓ 日本 is down: a rather long reason that has to be folded 😀".into();
    send(server(smtp.port), &message).await.expect("taken");
    let taken = only(&smtp);
    let program = "import email.header, sys
print(str(email.header.make_header(email.header.decode_header(sys.argv[1]))), end='')";
    let decoded = std::process::Command::new("python3")
        .args(["-c", program, taken.header("Subject")])
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python3");
    assert_eq!(String::from_utf8_lossy(&decoded.stdout), message.subject);
}

#[tokio::test]
async fn tls_is_required_and_verified() {
    let dir = TempDir::new().expect("a directory");
    let (cert, key) = certificate(dir.path());
    let files = ["--cert", &cert, "--key", &key];
    let starttls = SmtpServer::start(&files);
    let implicit = SmtpServer::start(&[&files[..], &["--implicit"]].concat());
    for (smtp, security) in [(&starttls, Security::StartTls), (&implicit, Security::Tls)] {
        let trusted = SmtpSpec {
            host: "localhost".into(),
            security,
            cacert: Some(cert.clone().into()),
            ..spec(smtp.port)
        };
        send(server_of(trusted.clone()), &down())
            .await
            .expect("taken");
        assert_eq!(only(smtp).facts["tls"], true, "{security:?}");

        let other_name = SmtpSpec {
            host: "127.0.0.1".into(),
            ..trusted.clone()
        };
        let unknown = SmtpSpec {
            cacert: None,
            ..trusted.clone()
        };
        let missing = SmtpSpec {
            cacert: Some("/nonexistent.pem".into()),
            ..trusted
        };
        for (server, said) in [
            (other_name, "not valid"),
            (unknown, ""),
            (missing, "nonexistent"),
        ] {
            let error = send(server_of(server), &down())
                .await
                .expect_err("not trusted");
            assert!(
                error.is_temporary() && error.to_string().contains(said),
                "{error}"
            );
        }
        assert_eq!(smtp.taken().len(), 1, "nothing was sent to a stranger");
    }
    let plain = SmtpServer::start(&[]);
    let upgrade = SmtpSpec {
        security: Security::StartTls,
        ..spec(plain.port)
    };
    let error = send(server_of(upgrade), &down())
        .await
        .expect_err("no STARTTLS there");
    assert!(
        error.is_temporary() && error.to_string().contains("STARTTLS"),
        "{error}"
    );
    assert!(plain.taken().is_empty(), "nothing is sent in the clear");
}

#[tokio::test]
async fn auth_is_plain_or_login() {
    for without in ["PLAIN", "LOGIN"] {
        let smtp = SmtpServer::start(&["--user", "me", "hunter2", "--without", without]);
        let user = |password: &str| SmtpSpec {
            user: Some(("me".into(), Secret::new(password))),
            ..spec(smtp.port)
        };
        send(server_of(user("hunter2")), &down())
            .await
            .expect("taken");
        assert_eq!(only(&smtp).facts["user"], "me", "without {without}");
        // a wrong password says nothing about the message: it may be mended while it waits
        let error = send(server_of(user("wrong-secret")), &down())
            .await
            .expect_err("refused");
        assert!(
            error.is_temporary() && error.to_string().contains("535"),
            "{error}"
        );
        assert!(!error.to_string().contains("wrong-secret"), "{error}");
        let error = send(server(smtp.port), &down())
            .await
            .expect_err("AUTH is required");
        assert!(error.to_string().contains("530"), "{error}");
    }
}

#[tokio::test]
async fn answers_of_4xx_are_temporary_and_of_5xx_permanent() {
    for (options, temporary) in [
        (["--mail", "451 later"], true),
        (["--mail", "550 never"], false),
        (["--rcpt", "ops@example.org=450 mailbox busy"], true),
        (["--rcpt", "ops@example.org=550 no such user"], false),
        (["--data", "452 full"], true),
        (["--data", "554 spam"], false),
    ] {
        let smtp = SmtpServer::start(&options);
        let error = send(server(smtp.port), &down()).await.expect_err("refused");
        assert_eq!(error.is_temporary(), temporary, "{options:?}: {error}");
        let said = options[1].rsplit('=').next().expect("an answer");
        assert!(error.to_string().contains(said), "{options:?}: {error}");
    }
}

#[tokio::test]
async fn one_bad_address_does_not_keep_a_report_from_the_others() {
    let smtp = SmtpServer::start(&["--rcpt", "gone@example.org=550 no such user"]);
    let via = MailRoute::Smtp(server(smtp.port));
    let both = notifier(&["gone@example.org", TO], via);
    let taken = both.deliver(&down(), None).await.expect("taken for one");
    let refused = taken.refused_text().expect("and not for the other");
    assert_eq!(
        refused,
        "recipient \"gone@example.org\" not taken: 550 no such user"
    );
    assert_eq!(only(&smtp).facts["to"], serde_json::json!([TO]));
}

#[tokio::test]
async fn hung_server_is_abandoned_at_the_deadline() {
    let smtp = SmtpServer::start(&["--hang"]);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let silent = silent.local_addr().expect("bound").port();
    for port in [smtp.port, silent] {
        let started = Instant::now();
        let hasty = MailServer {
            deadline: Duration::from_millis(300),
            ..server(port)
        };
        let error = send(hasty, &down()).await.expect_err("no answer");
        assert!(error.is_temporary(), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = closed.local_addr().expect("bound").port();
    drop(closed);
    let error = send(server(port), &down()).await.expect_err("nobody there");
    assert!(
        error.is_temporary() && error.to_string().contains("refused"),
        "{error}"
    );
}

#[test]
fn wrong_addresses_are_refused_at_once() {
    let via = || MailRoute::Smtp(server(25));
    for invalid in [
        "",
        "a@b@c",
        "a b",
        "ops@example.org\r\nBcc: x@y",
        "<a@b",
        "@x",
    ] {
        let made = mail::MailNotifier::new(&[invalid.to_owned()], None, "h", via());
        let fault = made.expect_err(invalid);
        assert!(fault.contains(&format!("{invalid:?}")), "{fault}");
        assert!(
            mail::MailNotifier::new(&[TO.to_owned()], Some(invalid), "h", via()).is_err(),
            "{invalid}"
        );
    }
    assert!(mail::MailNotifier::new(&[], None, "h", via()).is_err());
}

/// A command that stands for sendmail, and where it writes what it reads.
fn script(dir: &TempDir, body: &str) -> String {
    let path = dir.path().join("sendmail");
    let mail = dir.path().join("mail");
    std::fs::write(
        &path,
        format!("#!/bin/sh\nMAIL='{}'\n{body}\n", mail.display()),
    )
    .expect("written");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("ours");
    format!("sh '{}' -t -i", path.display())
}

fn pipe(command: String) -> Pipe {
    Pipe {
        command,
        deadline: MAIL_DEADLINE,
    }
}

#[tokio::test]
async fn sendmail_reads_the_whole_mail_in_local_lines() {
    let dir = TempDir::new().expect("a directory");
    let command = script(&dir, "echo noise; [ \"$*\" = '-t -i' ] && cat > \"$MAIL\"");
    let full = notifier(&[TO], MailRoute::Sendmail(pipe(command)));
    full.deliver(&down(), None).await.expect("taken");
    let mail = std::fs::read_to_string(dir.path().join("mail")).expect("it was written");
    assert!(!mail.contains('\r'), "{mail}");
    let (headers, body) = parse(&mail, "\n");
    let id = (
        "Message-ID".to_owned(),
        "<shop-1777605124-1.7.httpok@box1.example.org>".to_owned(),
    );
    assert!(headers.contains(&id), "{headers:?}");
    assert!(
        headers.contains(&("To".to_owned(), TO.to_owned())),
        "{headers:?}"
    );
    assert!(body.contains("What was seen"), "{body}");
}

#[tokio::test]
async fn original_mail_is_passed_on_unchanged() {
    let dir = TempDir::new().expect("a directory");
    let command = script(&dir, "cat > \"$MAIL\"");
    let original = OriginalMailer {
        to: "ops team".into(),
        pipe: pipe(command),
    };
    let bytes = original.bytes(&down());
    Notifier::Original(original)
        .deliver(&down(), None)
        .await
        .expect("taken");
    let mail = std::fs::read(dir.path().join("mail")).expect("it was written");
    assert_eq!(
        String::from_utf8_lossy(&mail),
        String::from_utf8_lossy(&bytes)
    );
    assert!(mail.starts_with(b"To: ops team\nSubject: [httpok box1"));
}

#[tokio::test]
async fn sendmails_exit_status_is_honoured() {
    for (body, temporary, said) in [
        (
            "cat >/dev/null; echo queue full >&2; exit 75",
            true,
            "status 75: queue full",
        ),
        (
            "cat >/dev/null; echo on stdout; exit 64",
            false,
            "status 64: on stdout",
        ),
        ("exit 67", false, "status 67"),
        ("exit 69", true, "status 69"),
        ("exec /nonexistent/sendmail", true, "status 127"),
        ("kill -9 $$", true, "status 137"),
        ("printf 'a\\033[2Jb' >&2; exit 1", true, "a\\x1b[2Jb"),
        (
            "cat >/dev/null; head -c 200000 /dev/zero | tr '\\0' x >&2; exit 75",
            true,
            "xxx",
        ),
    ] {
        let dir = TempDir::new().expect("a directory");
        let failing = notifier(&[TO], MailRoute::Sendmail(pipe(script(&dir, body))));
        let error = failing.deliver(&down(), None).await.expect_err(body);
        assert_eq!(error.is_temporary(), temporary, "{body}: {error}");
        assert!(error.to_string().contains(said), "{body}: {error}");
        assert!(error.to_string().len() <= TEXT_MAX, "{body}: {error}");
    }
}

#[tokio::test]
async fn killed_sendmail_is_a_temporary_failure() {
    let killed = notifier(&[TO], MailRoute::Sendmail(pipe("kill -9 $$".into())));
    let error = killed.deliver(&down(), None).await.expect_err("killed");
    assert!(
        error.is_temporary() && error.to_string().contains("signal 9"),
        "{error}"
    );
}

#[tokio::test]
async fn sendmail_that_succeeds_without_reading_is_a_success() {
    let mut long = down();
    long.text = "x".repeat(1 << 20);
    let deaf = notifier(&[TO], MailRoute::Sendmail(pipe("exit 0".into())));
    deaf.deliver(&long, None).await.expect("its word counts");
}

#[tokio::test]
async fn slow_sendmail_is_killed_and_delays_no_other() {
    let dir = TempDir::new().expect("a directory");
    let command = script(&dir, "echo working >&2; sleep 600");
    let slow = Pipe {
        command,
        deadline: Duration::from_millis(400),
    };
    let slow = notifier(&[TO], MailRoute::Sendmail(slow));
    let message = down();
    let started = Instant::now();
    let mut ticks = 0;
    let ticking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            ticks += 1;
        }
    };
    let error = tokio::select! {
        sent = slow.deliver(&message, None) => sent.expect_err("killed"),
        () = ticking => unreachable!("it ticks for ever"),
    };
    assert!(
        error.is_temporary() && error.to_string().contains("working"),
        "{error}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(ticks >= 5, "the runtime went on: {ticks}");
}
