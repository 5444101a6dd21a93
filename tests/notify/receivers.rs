//! What each format makes of a receiver that answers badly: it is overloaded, broken, somewhere else, or hangs.

use std::time::{Duration, SystemTime};

use httpok::notify::format::{Template, WebhookFormat};
use httpok::notify::spec::{WebhookSpec, WebhookUrl};
use httpok::notify::webhook::WebhookNotifier;
use httpok::notify::{DeliveryError, Notifier};
use httpok::secret::Secret;

use crate::hostile::{Act, scripted};
use crate::mail::down;
use crate::webhook::exchange;

fn formats() -> Vec<WebhookFormat> {
    vec![
        WebhookFormat::Json,
        WebhookFormat::Slack,
        WebhookFormat::Alertmanager,
        WebhookFormat::PagerDuty {
            routing_key: Secret::new("k3y".to_owned()),
        },
        WebhookFormat::Ntfy,
        WebhookFormat::Template(Template::new("{{ subject }}".to_owned())),
    ]
}

async fn answered(format: &WebhookFormat, answer: &str) -> DeliveryError {
    let text = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
    let change = |spec: &mut WebhookSpec| spec.format = format.clone();
    let (_, _, posted) = exchange(&text, change).await;
    posted.expect_err(answer)
}

async fn sent(format: &WebhookFormat, url: &str) -> Result<(), DeliveryError> {
    let mut spec = WebhookSpec::new(WebhookUrl::parse(url).expect("a URL"));
    spec.format = format.clone();
    let notifier = WebhookNotifier::new(spec, Duration::from_millis(500));
    let sent = Notifier::Webhook(notifier).deliver(&down(), None).await;
    sent.map(drop)
}

#[tokio::test]
async fn overload_and_errors_are_tried_again_when_the_receiver_wants_it_with_every_format() {
    for format in formats() {
        let error = answered(&format, "429 Too Many Requests\r\nRetry-After: 7").await;
        assert_eq!(
            error.not_before(),
            Some(Duration::from_secs(7)),
            "{format:?}"
        );
        let at = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(600));
        let error = answered(
            &format,
            &format!("429 Too Many Requests\r\nRetry-After: {at}"),
        )
        .await;
        let pause = error.not_before().expect("a pause");
        let (least, most) = (Duration::from_secs(540), Duration::from_secs(600));
        assert!(pause > least && pause <= most, "{format:?}: {pause:?}");
        let error = answered(&format, "500 Internal Server Error").await;
        assert!(error.is_temporary(), "{format:?}: {error}");
    }
}

#[tokio::test]
async fn redirect_to_another_host_gets_nothing_with_every_format() {
    for format in formats() {
        let taken = Act::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let elsewhere = scripted(vec![taken]).await;
        for code in ["302 Found", "307 Temporary Redirect"] {
            let answer = format!("{code}\r\nLocation: {}", elsewhere.url("/"));
            let error = answered(&format, &answer).await;
            assert!(error.is_temporary(), "{format:?}: {error}");
            assert!(error.to_string().contains(&code[..3]), "{error}");
        }
        let asked = elsewhere.asked();
        assert!(asked.is_empty(), "{format:?}: {asked:?}");
    }
}

#[tokio::test]
async fn receiver_that_hangs_ends_at_the_deadline_with_every_format() {
    for format in formats() {
        let server = scripted(vec![Act::Hang]).await;
        let error = sent(&format, &server.url("/topic"))
            .await
            .expect_err("no answer");
        assert!(error.is_temporary(), "{format:?}: {error}");
        assert!(error.to_string().contains("not done in time"), "{error}");
    }
}
