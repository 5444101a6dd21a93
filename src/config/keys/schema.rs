//! The JSON Schema of a configuration file, for editors and for other programs that write one.

use serde_json::{Map, Value, json};

use super::{Default, Key, ROOT, Section, top};

/// The whole schema.
pub fn schema() -> Value {
    let mut schema = section(&ROOT, false);
    if let Some(object) = schema.as_object_mut() {
        let about = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "configuration of httpok",
        });
        object.extend(about.as_object().cloned().unwrap_or_default());
    }
    schema
}

/// What `section` may look like; without what must be there where it holds `defaults`.
pub fn section(section: &'static Section, defaults: bool) -> Value {
    let keys: Vec<_> = section
        .all()
        .filter(|key| !(defaults && key.is_own))
        .collect();
    let mut properties = Map::new();
    properties.extend(keys.iter().map(|key| (key.name.to_owned(), property(key))));
    let mut schema = json!({
        "type": "object",
        "description": section.says,
        "properties": properties,
        "additionalProperties": false,
    });
    if defaults {
        return schema;
    }
    let required = keys.iter().filter(|key| key.default == Default::Required);
    let required: Vec<_> = required.map(|key| key.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if !section.any_of.is_empty() {
        let any = section.any_of.iter();
        let any: Vec<_> = any.map(|key| json!({"required": [key]})).collect();
        schema["anyOf"] = json!(any);
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = match key.kind.section() {
        Some((inner, _)) if key.name == top::DEFAULTS => section(inner, true),
        _ => key.kind.schema(),
    };
    schema["description"] = json!(format!("{} (since {})", key.says, key.since));
    if let Some(value) = key.default_value() {
        schema["default"] = value;
    }
    if let Some(value) = super::toml_value(key.example) {
        schema["examples"] = json!([value]);
    }
    schema
}
