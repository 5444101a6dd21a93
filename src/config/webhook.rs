//! `[[webhook]]`, and `webhook` of `[[notify]]`: where reports are posted, and in which format.

use http::header::CONTENT_TYPE;

use super::diagnostics::Diagnostic;
use super::http::read_headers;
use super::notify::{down_after, notifier_name, untrusting};
use super::table::TomlTable;
use super::value::TomlValue;
use super::warnings::is_here;
use crate::notify::spec::{NotifierPolicy, Template, WebhookFormat, WebhookSpec, WebhookUrl};
use crate::secret::login_end;

/// A `[[webhook]]`.
pub fn read_named_webhook(table: &TomlTable<'_>) -> Option<WebhookSpec> {
    let name = table.read("name", |value| value.parsed(notifier_name));
    let spec = read_webhook(table, name);
    table.finish();
    spec
}

/// The receiver that `table` describes, under this name.
pub fn read_webhook(table: &TomlTable<'_>, name: Option<String>) -> Option<WebhookSpec> {
    let url = table.required("url", "\"https://hooks.example.org/x\"");
    let headers = read_headers(table);
    let secret = table.get("secret").and_then(|value| value.some_secret());
    let trusted = table.own("cacert");
    let down_after = down_after(table, NotifierPolicy::FOR_PROGRAMS);
    let cacert = trusted.as_ref().and_then(TomlValue::file);
    let is_typed = headers.iter().any(|(name, _)| *name == CONTENT_TYPE);
    let format = read_format(table, is_typed);
    let value = url?;
    let url = value.accept(WebhookUrl::parse(value.hidden()?.expose()))?;
    if let Some(cacert) = trusted.as_ref().filter(|_| !url.is_secure) {
        untrusting(cacert, "https://");
    }
    if !url.is_secure && login_end(url.url.expose()).is_some() && !is_here(&url.host) {
        value.warn(
            format!("the password for {:?} is sent in the clear", url.host),
            "use https://",
        );
    }
    let format = format?;
    if format == WebhookFormat::Ntfy {
        let topic = url::Url::parse(url.url.expose()).ok();
        if topic.is_none_or(|url| url.path().trim_end_matches('/').is_empty()) {
            value.reject(Diagnostic::new(
                "the URL of ntfy has no topic",
                "add it, such as \"https://ntfy.sh/mytopic\"",
            ));
        }
    }
    Some(WebhookSpec {
        name,
        url,
        headers,
        secret,
        cacert,
        format,
        down_after,
    })
}

/// What is sent; `is_typed`: with a `Content-Type` of the user's own.
fn read_format(table: &TomlTable<'_>, is_typed: bool) -> Option<WebhookFormat> {
    let format = table.get("format");
    let key = table.get("routing_key");
    let body = table.get("body");
    let word = match &format {
        Some(value) => {
            let word = value.text()?;
            if !WebhookFormat::WORDS.contains(&word.as_str()) {
                value.none_of("format", &word, &WebhookFormat::WORDS);
                return None;
            }
            word
        }
        None if key.is_some() => "pagerduty".to_owned(),
        None if body.is_some() => "template".to_owned(),
        None => "json".to_owned(),
    };
    for (value, wanted) in [(&key, "pagerduty"), (&body, "template")] {
        if let Some(value) = value.as_ref().filter(|_| word != wanted) {
            value.reject(Diagnostic::new(
                format!("a key for the format {wanted} beside format = {word:?}"),
                "keep one of them",
            ));
            return None;
        }
    }
    let lacks = |what: &str| {
        if let Some(value) = &format {
            value.reject(Diagnostic::new(
                format!("the format {word} without its key"),
                format!("add {what}"),
            ));
        }
        None
    };
    Some(match word.as_str() {
        "slack" => WebhookFormat::Slack,
        "alertmanager" => WebhookFormat::Alertmanager,
        "ntfy" => WebhookFormat::Ntfy,
        "pagerduty" => match key {
            Some(value) => WebhookFormat::PagerDuty {
                routing_key: value.some_secret()?,
            },
            None => return lacks("routing_key = \"${env:PAGERDUTY_KEY}\""),
        },
        "template" => match body {
            Some(value) => WebhookFormat::Template(template(&value, is_typed)?),
            None => return lacks("body = '{\"text\": {{ subject | tojson }}}'"),
        },
        _ => WebhookFormat::Json,
    })
}

/// The user's own body, tried with a sample. Without a `Content-Type` it is JSON.
fn template(value: &TomlValue<'_>, is_typed: bool) -> Option<Template> {
    let text = value.some_text()?;
    let template = Template::new(text);
    let rendered = value.accept(template.sample())?;
    if let (false, Err(error)) = (
        is_typed,
        serde_json::from_str::<serde_json::Value>(&rendered),
    ) {
        value.reject(Diagnostic::new(
            format!("the template gives no JSON: {error}"),
            "write texts as {{ subject | tojson }}, or say what it is: headers = { Content-Type = \"text/plain\" }",
        ));
        return None;
    }
    Some(template)
}
