//! SMTP servers that do what none should: memory stays bounded, nothing is waited for beyond the deadline, no
//! mail counts as delivered that was not, and nothing is sent in the clear that was to be secured.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use httpok::notify::smtp::MailServer;
use httpok::notify::spec::{Security, SmtpSpec};
use httpok::secret::Secret;

use crate::mail::{down, send, server, server_of, spec};

/// What a server does next.
#[derive(Clone, Debug)]
enum Act {
    Say(&'static str),
    /// Reads one line.
    Hear,
    /// Reads a mail up to its end.
    HearMail,
    /// Says this again and again, until the client goes.
    Endless(&'static str),
    /// The same, slowly.
    Drip(&'static str),
    /// Cuts the connection.
    Close,
    /// Holds the connection.
    Hang,
}

use Act::{Close, Drip, Endless, Hang, Hear, HearMail, Say};

/// What a server of these tests heard, and how many bytes it sent.
type Record = Arc<Mutex<(Vec<String>, usize)>>;

/// Plays the acts for one client. Gives the port, and what was heard and how many bytes were said.
fn play(acts: Vec<Act>) -> (u16, Record) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let record = Arc::new(Mutex::new((Vec::new(), 0)));
    let kept = Arc::clone(&record);
    thread::spawn(move || {
        let Ok((client, _)) = listener.accept() else {
            return;
        };
        let mut reader = BufReader::new(client.try_clone().expect("a copy"));
        for act in acts {
            if !perform(&act, &client, &mut reader, &kept) {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    });
    (port, record)
}

fn perform(
    act: &Act,
    mut client: &TcpStream,
    reader: &mut BufReader<TcpStream>,
    record: &Mutex<(Vec<String>, usize)>,
) -> bool {
    let mut say = |text: &str| {
        record.lock().expect("no panic").1 += text.len();
        client.write_all(text.as_bytes()).is_ok()
    };
    let mut hear = || {
        let mut line = String::new();
        let heard = reader.read_line(&mut line).is_ok_and(|count| count > 0);
        record
            .lock()
            .expect("no panic")
            .0
            .push(line.trim_end().to_owned());
        heard.then_some(line)
    };
    match act {
        Say(text) => say(text),
        Hear => hear().is_some(),
        HearMail => {
            while let Some(line) = hear() {
                if line == ".\r\n" {
                    return true;
                }
            }
            false
        }
        Endless(text) => {
            let text = text.repeat(64 * 1024 / text.len());
            while say(&text) {}
            false
        }
        Drip(text) => {
            while say(text) {
                thread::sleep(Duration::from_millis(20));
            }
            false
        }
        Close => false,
        Hang => {
            // until the client goes
            while hear().is_some() {}
            false
        }
    }
}

const EHLO: [Act; 3] = [
    Say("220 ready\r\n"),
    Hear,
    Say("250-mail.test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"),
];

/// From the greeting to the reply to DATA.
fn up_to_data() -> Vec<Act> {
    let mut acts = EHLO.to_vec();
    acts.extend([
        Hear,
        Say("250 ok\r\n"),
        Hear,
        Say("250 ok\r\n"),
        Hear,
        Say("354 go\r\n"),
    ]);
    acts
}

fn hasty(port: u16) -> MailServer {
    MailServer {
        deadline: Duration::from_secs(2),
        ..server(port)
    }
}

#[tokio::test]
async fn server_replies_are_bounded() {
    let then = |begin: &[Act], act: Act| [begin, &[act]].concat();
    let ehlo = &EHLO[..2];
    let data = up_to_data();
    for (acts, said) in [
        (vec![Endless("x")], "line of more than 4096 bytes"),
        (vec![Endless("220-x\r\n")], "more than 100 lines"),
        (vec![Endless("\r\n")], "not SMTP"),
        (vec![Endless("220 x\r\n")], "before the command"),
        (then(ehlo, Endless("250-x")), "line of more than 4096 bytes"),
        (then(ehlo, Endless("250-x\r\n")), "more than 100 lines"),
        (
            then(&data[..4], Endless("250 ")),
            "line of more than 4096 bytes",
        ),
        (
            then(&[&data[..], &[HearMail]].concat(), Endless("250-")),
            "line of more than 4096 bytes",
        ),
        (vec![Drip("2")], "not done within 2 s"),
        (vec![Drip("220-x\r\n")], "not done within 2 s"),
        (vec![Hang], "not done within 2 s"),
        (then(&data, Hang), "not done within 2 s"),
    ] {
        let (port, record) = play(acts.clone());
        let started = Instant::now();
        let error = send(hasty(port), &down()).await.expect_err("not delivered");
        assert!(
            error.is_temporary() && error.to_string().contains(said),
            "{acts:?}: {error}"
        );
        assert!(started.elapsed() < Duration::from_secs(20), "{acts:?}");
        // what is in the buffers of two sockets comes on top of what we read
        let sent = record.lock().expect("no panic").1;
        assert!(sent < 16 << 20, "{acts:?}: {sent}");
        assert!(error.to_string().len() < 500, "{error}");
    }
}

#[tokio::test]
async fn server_that_closes_at_any_stage_is_retried() {
    let mut whole = up_to_data();
    whole.push(HearMail);
    for stage in 0..=whole.len() {
        let mut acts = whole[..stage].to_vec();
        acts.push(Close);
        let (port, _) = play(acts);
        let error = send(hasty(port), &down()).await.expect_err("not delivered");
        assert!(error.is_temporary(), "stage {stage}: {error}");
    }
    whole.extend([Say("250 taken\r\n"), Close]);
    let (port, _) = play(whole);
    send(hasty(port), &down())
        .await
        .expect("nothing is wrong with a short good-bye");
}

#[tokio::test]
async fn server_that_goes_down_at_any_stage_is_retried() {
    let whole = [up_to_data(), vec![HearMail]].concat();
    for stage in (0..=whole.len()).filter(|stage| matches!(whole.get(*stage), None | Some(Say(_))))
    {
        let mut acts = whole[..stage].to_vec();
        acts.extend([Say("421 4.3.2 going down\r\n"), Close]);
        let (port, _) = play(acts);
        let error = send(hasty(port), &down()).await.expect_err("not delivered");
        assert!(error.is_temporary(), "stage {stage}: {error}");
        assert!(
            error.to_string().contains("421 4.3.2 going down"),
            "stage {stage}: {error}"
        );
    }
}

#[tokio::test]
async fn early_reply_is_refused() {
    let early = ["250 ok\r\n250 ok\r\n", "250 ok\r\n250-", "250 ok\r\nx"];
    for early in early {
        let mut acts = EHLO.to_vec();
        // the second of them would be taken for the answer to RCPT, and so on
        acts.extend([
            Hear,
            Say(early),
            Hear,
            Say("550 no such user\r\n"),
            Hear,
            Say("354 go\r\n"),
        ]);
        acts.extend([HearMail, Say("554 spam\r\n"), Hear]);
        let (port, _) = play(acts);
        let error = send(hasty(port), &down()).await.expect_err("not delivered");
        assert!(
            error.to_string().contains("before the command"),
            "{early:?}: {error}"
        );
        assert!(error.is_temporary());
    }
    // 354 is no answer to MAIL, and 250 none to DATA
    for (at, said) in [(4, "354 go\r\n"), (8, "250 ok\r\n")] {
        let mut acts = up_to_data();
        acts[at] = Say(said);
        let (port, _) = play(acts);
        let error = send(hasty(port), &down()).await.expect_err("not delivered");
        assert!(
            error.is_temporary() && error.to_string().contains(said.trim_end()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn cleartext_behind_starttls_is_refused() {
    let replies = [
        "220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n",
        "220 go\r\n2",
        "220 go\r\n\r\n",
    ];
    for reply in replies {
        let mut acts = EHLO.to_vec();
        acts.extend([Hear, Say(reply), Hang]);
        let (port, record) = play(acts);
        let secured = server_of(SmtpSpec {
            host: "localhost".into(),
            security: Security::StartTls,
            user: Some(("me".into(), Secret::new("hunter2"))),
            ..spec(port)
        });
        let error = send(secured, &down()).await.expect_err("not delivered");
        let said = error.to_string();
        assert!(error.is_temporary() && said.contains("STARTTLS"), "{said}");
        assert!(said.contains("before the command"), "{said}");
        let heard = record.lock().expect("no panic").0.clone();
        assert_eq!(heard[1], "STARTTLS");
        assert!(
            heard
                .iter()
                .all(|line| !line.contains("AUTH") && !line.contains("MAIL")),
            "{heard:?}"
        );
    }
}

#[tokio::test]
async fn echoed_password_is_masked() {
    let mut acts = EHLO.to_vec();
    acts.extend([Hear, Say("535 AG1lAGh1bnRlcjI= is me hunter2\r\n"), Close]);
    let (port, _) = play(acts);
    let known = server_of(SmtpSpec {
        user: Some(("me".into(), Secret::new("hunter2"))),
        ..spec(port)
    });
    let error = send(known, &down()).await.expect_err("refused").to_string();
    assert!(
        error.contains("535 *** is me ***")
            && !error.contains("hunter2")
            && !error.contains("AG1l"),
        "{error}"
    );
}
