//! XML-RPC as supervisord speaks it: calls are written, answers are read. Pure.

use dxr::{FaultResponse, MethodCall, MethodResponse, Value};

use crate::health::CallError;

/// How many characters of an unreadable response a message quotes.
const SHOWN: usize = 200;

/// The call of `method` as XML.
pub fn call(method: &str, params: Vec<Value>) -> Result<String, CallError> {
    let call = MethodCall {
        name: method.into(),
        params,
    };
    match call.to_xml() {
        Ok(xml) => Ok(format!("<?xml version='1.0'?>\n{xml}\n")),
        Err(error) => Err(CallError::Malformed {
            detail: format!("cannot be written as XML: {error}"),
        }),
    }
}

/// The value in an answer, or the fault.
pub fn answer(body: &[u8]) -> Result<Value, CallError> {
    let text = String::from_utf8_lossy(body);
    if let Ok(response) = MethodResponse::from_xml(&text) {
        return Ok(response.value);
    }
    match FaultResponse::from_xml(&text) {
        Ok(response) => Err(CallError::Fault {
            code: response.fault.code().into(),
            text: response.fault.string().to_owned(),
        }),
        Err(_) => {
            let shown: String = text.chars().take(SHOWN).collect();
            Err(CallError::Malformed {
                detail: format!("not an XML-RPC answer: {shown:?}"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_written_as_the_original_writes_them() {
        for (method, params, body) in [
            ("supervisor.getAllProcessInfo", vec![], ""),
            (
                "supervisor.stopProcess",
                vec!["caf\u{e9}:<a&b>"],
                "<params><param><value><string>caf\u{e9}:&lt;a&amp;b&gt;</string></value></param></params>",
            ),
            (
                "supervisor.signalProcess",
                vec!["web", "HUP"],
                "<params><param><value><string>web</string></value></param>\
                 <param><value><string>HUP</string></value></param></params>",
            ),
        ] {
            let params = params.into_iter().map(|p| Value::String(p.to_owned()));
            assert_eq!(
                call(method, params.collect()).unwrap(),
                format!(
                    "<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName>\
                     {body}</methodCall>\n"
                )
            );
        }
    }

    #[test]
    fn a_value_is_read() {
        let stopped = include_bytes!("../../tests/fixtures/supervisord/stopped.xml");
        assert_eq!(answer(stopped), Ok(Value::Boolean(true)));
    }

    /// What reads an answer does so recursively.
    #[test]
    fn nesting_is_limited_before_the_stack_overflows() {
        let nested = |depth: usize| {
            let (begin, end) = ("<value><array><data>", "</data></array></value>");
            format!(
                "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n{}<value><int>1</int></value>\n{}\n</param>\n</params>\n</methodResponse>\n",
                format!("{begin}\n").repeat(depth),
                format!("{end}\n").repeat(depth)
            )
        };
        for (depth, fine) in [(3, true), (200_000, false)] {
            assert_eq!(answer(nested(depth).as_bytes()).is_ok(), fine, "{depth}");
        }
    }

    #[test]
    fn faults_and_values_are_distinguished() {
        for (body, code, text) in [
            (
                &include_bytes!("../../tests/fixtures/supervisord/fault-bad-name.xml")[..],
                10,
                "BAD_NAME: nosuch",
            ),
            (
                include_bytes!("../../tests/fixtures/supervisord/fault-no-file.xml"),
                20,
                "NO_FILE: can't find command '/nonexistent'",
            ),
        ] {
            let text = text.to_owned();
            assert_eq!(answer(body), Err(CallError::Fault { code, text }));
        }
    }

    #[test]
    fn invalid_response_is_shown_up_to_a_bound() {
        let page = include_bytes!("../../tests/fixtures/supervisord/bad-request.html");
        let whole = include_bytes!("../../tests/fixtures/supervisord/process-info.xml");
        let half = &whole[..whole.len() / 2];
        for (body, shown) in [
            (&b""[..], "\"\"".to_owned()),
            (b"\xff<>", "\"\u{fffd}<>\"".to_owned()),
            (page, format!("{:?}", str::from_utf8(page).unwrap())),
            (half, format!("{:?}", str::from_utf8(&half[..200]).unwrap())),
        ] {
            let detail = format!("not an XML-RPC answer: {shown}");
            assert_eq!(answer(body), Err(CallError::Malformed { detail }));
        }
    }
}
