//! The HTML alternative of a mail, as Python's email package reads it, over both ways a mail leaves.

use std::io::Write as _;
use std::process::{Command, Stdio};

use httpok::notify::mail::{MailNotifier, MailRoute};
use httpok::notify::sendmail::Pipe;
use httpok::notify::{MAIL_DEADLINE, Notification, Notifier};
use serde_json::Value;
use tempfile::TempDir;

use crate::mail::{down, server};
use crate::smtp::SmtpServer;

const READ: &str = r#"
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = [part for part in mail.walk()]
print(json.dumps({
    "type": mail.get_content_type(),
    "parts": [part.get_content_type() for part in parts],
    "defects": [str(defect) for part in parts for defect in part.defects],
    "text": mail.get_body(("plain",)).get_content(),
    "html": (lambda part: part and part.get_content())(mail.get_body(("html",))),
    "subject": mail["Subject"],
}))
"#;

/// What Python makes of `mail`.
fn read(mail: &[u8]) -> Value {
    let mut python = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    python
        .stdin
        .take()
        .expect("a pipe")
        .write_all(mail)
        .expect("written");
    let output = python.wait_with_output().expect("its end");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn notifier(via: MailRoute, html: bool) -> Notifier {
    let to = ["ops@example.org".to_owned()];
    let mailer = MailNotifier::new(&to, None, "box1.example.org", via).expect("addresses");
    Notifier::Mail(mailer.with_html(html))
}

fn hostile() -> Notification {
    let mut message = down();
    message.text.push_str(
        "\n\nEvidence\n  <script>alert(1)</script> & \"caf\u{e9}\" <img src=\"http://h/x.png\">",
    );
    message.text.push_str(&format!("\n  {}", "x".repeat(5000)));
    message
}

/// Sends `message` to a command, and gives what that read.
async fn through_sendmail(message: &Notification, html: bool) -> Vec<u8> {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("mail");
    let pipe = Pipe {
        command: format!("cat > '{}'", file.display()),
        deadline: MAIL_DEADLINE,
    };
    let notifier = notifier(MailRoute::Sendmail(pipe), html);
    notifier.deliver(message, None).await.expect("taken");
    std::fs::read(file).expect("it was written")
}

fn check(mail: &Value, message: &Notification) {
    assert_eq!(mail["type"], "multipart/alternative", "{mail}");
    let parts = serde_json::json!(["multipart/alternative", "text/plain", "text/html"]);
    assert_eq!(mail["parts"], parts);
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(mail["subject"], message.subject);
    let text = mail["text"].as_str().expect("a text").replace("\r\n", "\n");
    assert!(text.trim_end() == message.text.trim_end(), "{text}");
    let html = mail["html"].as_str().expect("a page");
    for word in [
        "What was seen",
        "What happens next",
        "first_byte_timeout",
        "caf\u{e9}",
        "alert(1)",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    for foreign in [
        "<script", "<img", "<link", "src=\"", "href=\"", "url(", "@import",
    ] {
        assert!(!html.contains(foreign), "{foreign}: {html}");
    }
}

#[tokio::test]
async fn mail_has_text_and_html_that_say_the_same_over_smtp_and_sendmail() {
    let message = hostile();
    let smtp = SmtpServer::start(&[]);
    let over_smtp = notifier(MailRoute::Smtp(server(smtp.port)), true);
    over_smtp.deliver(&message, None).await.expect("taken");
    let taken = smtp.taken().remove(0);
    let content = taken.facts["content"]
        .as_str()
        .expect("the content is text");
    check(&read(content.as_bytes()), &message);
    let local = through_sendmail(&message, true).await;
    assert!(!local.contains(&b'\r'));
    check(&read(&local), &message);
}

#[tokio::test]
async fn mail_without_html_is_its_text_alone() {
    let message = hostile();
    let mail = read(&through_sendmail(&message, false).await);
    assert_eq!(
        (mail["type"].as_str(), mail["html"].as_str()),
        (Some("text/plain"), None)
    );
}
