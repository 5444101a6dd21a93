//! JSON-RPC 2.0 with the two methods of RoadRunner's status plugin.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::roadrunner::{PluginQuery, SHUTTING_DOWN, entry};
use super::view::View;

/// The answer to JSON-RPC 2.0: a request, or a batch of them. `None`: there were only notifications.
pub fn answer(view: &View, body: &[u8], unavailable: u16) -> Option<String> {
    match crate::json::from_bytes::<&RawValue>(body) {
        Err(why) => Some(fault("null", -32700, &format!("parse error: {why}"))),
        Ok(one) => match serde_json::from_str::<Vec<&RawValue>>(one.get()) {
            Ok(calls) if calls.is_empty() => {
                Some(fault("null", -32600, "invalid request: an empty batch"))
            }
            Ok(calls) => {
                let answers = calls.iter().filter_map(|one| call(view, one, unavailable));
                let answers: Vec<_> = answers.collect();
                (!answers.is_empty()).then(|| format!("[{}]", answers.join(",")))
            }
            // it is no batch
            Err(_) => call(view, one, unavailable),
        },
    }
}

/// The id of a call as it was written: a number may be larger than any of ours.
#[derive(Deserialize)]
struct WrittenId<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

fn call(view: &View, written: &RawValue, unavailable: u16) -> Option<String> {
    let call: Value = serde_json::from_str(written.get()).unwrap_or_default();
    let id = call.get("id");
    let echoed = match id {
        Some(id @ Value::Number(_)) => serde_json::from_str::<WrittenId<'_>>(written.get())
            .map_or_else(|_| id.to_string(), |written| written.id.get().to_owned()),
        Some(id @ Value::String(_)) => id.to_string(),
        _ => "null".to_owned(),
    };
    let valid = call.get("jsonrpc").and_then(Value::as_str) == Some("2.0")
        && call.get("method").is_some_and(Value::is_string)
        && id.is_none_or(|id| !(id.is_object() || id.is_array() || id.is_boolean()));
    if !valid {
        return Some(fault(&echoed, -32600, "invalid request: not JSON-RPC 2.0"));
    }
    let method = call["method"].as_str().unwrap_or_default();
    let answered = match method {
        "status.Status" => of_plugin(PluginQuery::Health, view, call.get("params"), unavailable),
        "status.Ready" => of_plugin(PluginQuery::Ready, view, call.get("params"), unavailable),
        other => Err((
            -32601,
            format!("no method {other:?}: there are status.Status and status.Ready"),
        )),
    };
    // a notification is done, and not answered
    id?;
    Some(match answered {
        Ok(result) => answered_as(&echoed, "result", &result),
        Err((code, text)) => fault(&echoed, code, &text),
    })
}

fn of_plugin(
    question: PluginQuery,
    view: &View,
    params: Option<&Value>,
    unavailable: u16,
) -> Result<Value, (i32, String)> {
    // net/rpc's own codec wraps its one argument in a list
    let params = match params {
        Some(Value::Array(list)) => list.first(),
        other => other,
    };
    let name = params.and_then(|params| params.get("plugin")?.as_str());
    let Some(name) = name else {
        let text = "invalid params: expected {\"plugin\": NAME}";
        return Err((-32602, text.to_owned()));
    };
    let Some(check) = view.check(name) else {
        let text = format!("no such plugin: {}", view.no_such_check(name));
        return Err((-32000, text));
    };
    if view.snapshot.shutting_down {
        let text = SHUTTING_DOWN.trim_end();
        return Ok(json!({ "code": unavailable, "message": text }));
    }
    let entry = entry(question, check, unavailable);
    Ok(json!({ "code": entry.status_code, "message": entry.error_message }))
}

fn fault(id: &str, code: i32, text: &str) -> String {
    answered_as(id, "error", &json!({ "code": code, "message": text }))
}

/// An answer to the call whose id is written as `id`.
fn answered_as(id: &str, key: &str, value: &Value) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"{key}\":{value},\"id\":{id}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::testing::{self, SeenResult};

    const ALL: &[(&str, SeenResult)] =
        &[("shop", SeenResult::Code(200)), ("db", SeenResult::Refused)];

    #[test]
    fn json_rpc_answers_as_its_specification_says() {
        let view = testing::view(ALL);
        let ask = |text: &str| -> Option<Value> {
            let answer = answer(&view, text.as_bytes(), 503)?;
            Some(serde_json::from_str(&answer).expect("JSON"))
        };
        let ok = json!({"jsonrpc":"2.0","result":{"code":200,"message":""},"id":1});
        let call =
            r#"{"jsonrpc":"2.0","method":"status.Status","params":{"plugin":"shop"},"id":1}"#;
        assert_eq!(ask(call), Some(ok.clone()));
        let listed =
            r#"{"jsonrpc":"2.0","method":"status.Status","params":[{"plugin":"shop"}],"id":1}"#;
        assert_eq!(ask(listed), Some(ok.clone()));
        assert_eq!(ask(&format!("[{call},{call}]")), Some(json!([ok, ok])));
        assert_eq!(
            ask(r#"{"jsonrpc":"2.0","method":"status.Status","params":{"plugin":"shop"}}"#),
            None
        );
        let down =
            ask(r#"{"jsonrpc":"2.0","method":"status.Ready","params":{"plugin":"db"},"id":"x"}"#);
        assert_eq!(
            down,
            Some(
                json!({"jsonrpc":"2.0","result":{"code":503,"message":"connection refused"},"id":"x"})
            )
        );
        for (text, code) in [
            ("{", -32700),
            ("[]", -32600),
            ("1", -32600),
            (r#"{"method":"status.Status","id":1}"#, -32600),
            (r#"{"jsonrpc":"2.0","method":"x","id":1}"#, -32601),
            (
                r#"{"jsonrpc":"2.0","method":"status.Ready","id":1}"#,
                -32602,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"status.Ready","params":{"plugin":"nope"},"id":1}"#,
                -32000,
            ),
        ] {
            let answer = ask(text).expect(text);
            assert_eq!(answer["error"]["code"], code, "{text}: {answer}");
        }
    }

    #[test]
    fn ids_come_back_as_they_were_written() {
        let view = testing::view(ALL);
        for id in [
            "123456789012345678901234567890",
            "-0.10e+2",
            "18446744073709551616",
            "\"a\\u0000b\"",
            "null",
        ] {
            let call = format!(
                r#"{{"jsonrpc":"2.0","id": {id} ,"method":"status.Ready","params":{{"plugin":"shop"}}}}"#
            );
            for (call, end) in [
                (call.clone(), format!("\"id\":{id}}}")),
                (format!("[{call}]"), format!("\"id\":{id}}}]")),
            ] {
                let answer = answer(&view, call.as_bytes(), 503).expect("an answer");
                assert!(answer.ends_with(&end), "{call}: {answer}");
            }
        }
    }
}
