//! The OpenAPI document: made of the table of paths, and of the schemas in `schemas.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::paths::PATHS;
use crate::serve::asks::ASKS;

/// What JSON that is sent and taken looks like.
const SCHEMAS: &str = include_str!("schemas.json");

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Everyone,
    /// Those with a key, where there are keys.
    WithKey,
    /// Those with a key; nobody where there are none.
    WithKeyAlone,
}

/// What is asked of a path by one method, and what it answers.
#[derive(Clone, Copy)]
pub struct Op {
    summary: &'static str,
    access: Access,
    query: &'static [Param],
    takes: Option<Body>,
    says: &'static [Content],
    fails: &'static [u16],
    /// Its errors are for people.
    text_errors: bool,
    unavailable: bool,
    nothing: bool,
    redirects: bool,
}

#[derive(Clone, Copy)]
enum Body {
    /// By its schema.
    Json(&'static str),
    Form,
}

impl Body {
    /// Whether its schema takes no empty object.
    fn is_needed(self) -> bool {
        match self {
            Self::Json(schema) => {
                let schema = &schemas()[schema];
                schema["required"].is_array() || schema["anyOf"].is_array()
            }
            Self::Form => true,
        }
    }
}

/// What JSON looks like, by name.
fn schemas() -> Value {
    // checked by a test
    let mut schemas = serde_json::from_str::<Value>(SCHEMAS).unwrap_or_default();
    let words: Vec<_> = ASKS.iter().map(|ask| ask.word).collect();
    schemas["ControlRequest"]["properties"]["ask"] = json!({ "enum": words });
    schemas
}

/// A key of the query.
#[derive(Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    pub says: &'static str,
    pub repeats: bool,
}

impl Param {
    pub const fn text(name: &'static str, says: &'static str) -> Self {
        Self {
            name,
            says,
            repeats: false,
        }
    }
}

/// What an answer is.
#[derive(Clone, Copy)]
pub enum Content {
    /// JSON, by its schema.
    Json(&'static str),
    /// JSON of another type.
    Other(&'static str, &'static str),
    Text,
    Html,
    Typed(&'static str),
}

impl Op {
    /// What it is for, and whether it needs a key.
    pub fn described(&self) -> String {
        let access = match self.access {
            Access::Everyone => "",
            Access::WithKey => " Needs a key where api_keys is set.",
            Access::WithKeyAlone => " Needs one of api_keys.",
        };
        format!("{}{access}", self.summary)
    }

    const fn new(summary: &'static str, access: Access) -> Self {
        Self {
            summary,
            access,
            query: &[],
            takes: None,
            says: &[],
            fails: &[],
            text_errors: false,
            unavailable: false,
            nothing: false,
            redirects: false,
        }
    }

    /// For everyone.
    pub const fn open(summary: &'static str) -> Self {
        Self::new(summary, Access::Everyone)
    }

    /// For those with a key.
    pub const fn closed(summary: &'static str) -> Self {
        Self::new(summary, Access::WithKey)
    }

    /// For those with a key, and nobody where there are none.
    pub const fn changes(summary: &'static str) -> Self {
        Self::new(summary, Access::WithKeyAlone)
    }

    pub const fn query(self, query: &'static [Param]) -> Self {
        Self { query, ..self }
    }

    pub const fn takes(self, schema: &'static str) -> Self {
        let takes = Some(Body::Json(schema));
        Self { takes, ..self }
    }

    pub const fn takes_form(self) -> Self {
        let takes = Some(Body::Form);
        Self { takes, ..self }
    }

    pub const fn says(self, says: &'static [Content]) -> Self {
        Self { says, ..self }
    }

    pub const fn fails(self, fails: &'static [u16]) -> Self {
        Self { fails, ..self }
    }

    pub const fn says_text_errors(self, fails: &'static [u16]) -> Self {
        Self {
            fails,
            text_errors: true,
            ..self
        }
    }

    /// It answers with `unavailable_status_code` when something is not well.
    pub const fn or_unavailable(self) -> Self {
        Self {
            unavailable: true,
            ..self
        }
    }

    pub const fn or_nothing(self) -> Self {
        Self {
            nothing: true,
            ..self
        }
    }

    pub const fn redirects(self) -> Self {
        Self {
            redirects: true,
            ..self
        }
    }

    fn describe(&self, path: &str, unavailable: u16) -> Value {
        let mut op = json!({
            "summary": self.summary,
            "parameters": parameters(path, self.query),
            "responses": self.responses(unavailable),
        });
        op["security"] = match self.access {
            Access::Everyone => json!([]),
            Access::WithKey | Access::WithKeyAlone => {
                json!([{ "key": [] }, { "bearer": [] }, { "basic": [] }])
            }
        };
        if let Some(body) = self.takes {
            let content = match body {
                Body::Json(schema) => json!({ "application/json": { "schema": named(schema) } }),
                Body::Form => json!({ "application/x-www-form-urlencoded": { "schema": {
                    "type": "object",
                    "properties": { "token": { "type": "string" } },
                } } }),
            };
            op["requestBody"] = json!({ "required": body.is_needed(), "content": content });
        }
        op
    }

    fn responses(&self, unavailable: u16) -> Value {
        let mut all = BTreeMap::new();
        let mut add = |code: u16, content: &[Content]| {
            let of = all.entry(code.to_string()).or_insert_with(Map::new);
            for one in content {
                let (kind, schema) = one.described();
                of.insert(kind.to_owned(), json!({ "schema": schema }));
            }
        };
        match (self.redirects, self.nothing) {
            (true, _) => add(303, &[Content::Text]),
            (false, nothing) => {
                add(200, self.says);
                if nothing {
                    add(204, &[]);
                }
            }
        }
        if self.unavailable {
            add(unavailable, self.says);
        }
        let is_for_people = self.says.iter().any(|one| matches!(one, Content::Html));
        let mut errors = self.fails.to_vec();
        if self.access != Access::Everyone {
            add(401, &[Content::Json("Error")]);
        }
        if self.access == Access::WithKeyAlone {
            errors.extend([400, 403]);
        }
        if self.takes.is_some() {
            // what keeps a body from coming
            for code in [400, 408, 413, 503] {
                add(code, &[Content::Json("Error")]);
            }
        }
        for code in errors {
            match (self.access, self.text_errors, is_for_people) {
                (Access::Everyone, ..) => add(code, self.says),
                (_, true, _) => add(code, &[Content::Text]),
                (_, _, true) => add(code, &[Content::Html, Content::Text]),
                _ => add(code, &[Content::Json("Error")]),
            }
        }
        let described = all.into_iter().map(|(code, content)| {
            let says = meaning(&code);
            let response = match content.is_empty() {
                true => json!({ "description": says }),
                false => json!({ "description": says, "content": content }),
            };
            (code, response)
        });
        let mut responses = Map::new();
        responses.extend(described);
        Value::Object(responses)
    }
}

impl Content {
    fn described(self) -> (&'static str, Value) {
        match self {
            Self::Json(schema) => ("application/json", named(schema)),
            Self::Other(kind, schema) => (kind, named(schema)),
            Self::Text => ("text/plain; charset=utf-8", json!({ "type": "string" })),
            Self::Html => ("text/html; charset=utf-8", json!({ "type": "string" })),
            Self::Typed(kind) => (kind, json!({ "type": "string" })),
        }
    }
}

fn named(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn meaning(code: &str) -> &'static str {
    match code {
        "200" => "As asked for.",
        "204" => "Done, and nothing to say.",
        "303" => "Done; the page that it was sent from.",
        "400" => "It cannot be understood; the error says where.",
        "401" => "It needs a key.",
        "403" => "It is not allowed so; the error says how.",
        "404" => "There is no such thing; the error says what is near.",
        "408" => "The request did not come in time.",
        "409" => "It cannot be done as things are.",
        "413" => "The request is too large.",
        _ => "Something is not well, or the watchdog is busy or ending.",
    }
}

/// What varies in `path`, and the keys of its query.
fn parameters(path: &str, query: &[Param]) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        let schema = match name {
            "action" => json!({ "enum": crate::serve::api::ACTIONS }),
            _ => json!({ "type": "string", "minLength": 1 }),
        };
        Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
    });
    let query = query.iter().map(|param| {
        let text = json!({ "type": "string" });
        let schema = match param.repeats {
            true => json!({ "type": "array", "items": text }),
            false => text,
        };
        json!({ "name": param.name, "in": "query", "description": param.says, "schema": schema })
    });
    names.chain(query).collect()
}

/// The whole document, for a watchdog whose "not well" is `unavailable`.
pub fn document(unavailable: u16) -> Value {
    let mut paths = Map::new();
    for served in PATHS {
        let mut methods = Map::new();
        for (method, op) in [("get", &served.get), ("post", &served.post)] {
            if let Some(op) = op {
                methods.insert(method.to_owned(), op.describe(served.path, unavailable));
            }
        }
        paths.insert(served.path.to_owned(), Value::Object(methods));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "httpok",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A watchdog: what it watches, and how it can be steered. With api_keys all but the liveness \
                            paths wants a key; without them nothing can be changed.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic" },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::route::Route;
    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str) {
                    found.insert(name.rsplit('/').next().unwrap_or_default().to_owned());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there_and_no_other() {
        let document = document(503);
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        let schemas = document["components"]["schemas"]
            .as_object()
            .expect("an object");
        let there: BTreeSet<_> = schemas.keys().cloned().collect();
        // what an event of the stream is, which no answer as a whole can say
        named.insert("Event".to_owned());
        assert_eq!(named, there);
    }

    #[test]
    fn a_body_is_needed_where_its_schema_needs_a_key() {
        let document = document(503);
        for (path, is_needed) in [
            ("/api/v1/health", true),
            ("/api/v1/fleet/release", true),
            ("/api/v1/control", true),
            ("/rpc", true),
            ("/api/v1/reload", false),
            ("/api/v1/heartbeat/{check}", false),
            ("/api/v1/checks/{check}/{action}", false),
        ] {
            let body = &document["paths"][path]["post"]["requestBody"];
            assert_eq!(body["required"], is_needed, "{path}");
        }
    }

    #[test]
    fn the_document_has_the_methods_that_are_answered() {
        for served in PATHS {
            let path = served.path.replace(['{', '}'], "");
            let route = Route::of(&path).unwrap_or_else(|| panic!("{path} is served"));
            let methods: Vec<_> = route.methods().iter().map(hyper::Method::as_str).collect();
            assert_eq!(methods.contains(&"GET"), served.get.is_some(), "{path}");
            assert_eq!(methods.contains(&"POST"), served.post.is_some(), "{path}");
        }
    }
}
