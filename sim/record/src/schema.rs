//! JSON Schemas of our own messages, in the plain subset that viewers understand: one type a field, nothing nullable
//! (what is absent is left out).

use serde_json::{Map, Value, json};

/// A field of a message.
pub(crate) struct Field {
    name: &'static str,
    kind: Kind,
    what: &'static str,
}

/// The type of a field.
pub(crate) enum Kind {
    Integer,
    Number,
    Text,
    Flag,
    Numbers,
    /// Any keys, numbers.
    Table(&'static [&'static str]),
}

/// A field, for tables of them.
pub(crate) const fn field(name: &'static str, kind: Kind, what: &'static str) -> Field {
    Field { name, kind, what }
}

/// The schema of an object with these fields.
pub(crate) fn schema(title: &str, fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "type": "object", "properties": properties })
}

fn property(field: &Field) -> Value {
    let mut property = match field.kind {
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Numbers => json!({ "type": "array", "items": { "type": "number" } }),
        Kind::Table(keys) => {
            let keys: Map<String, Value> =
                keys.iter().map(|key| ((*key).to_owned(), json!({ "type": "number" }))).collect();
            json!({ "type": "object", "properties": keys })
        }
    };
    property["description"] = field.what.into();
    property
}
