//! The JSON schema of model files (draft 7), for editors, from the table of keys.

use serde_json::{Map, Value, json};

use super::keys::{Key, MODEL, Names, Required, Shape, Table};

/// The schema that `schema/model.schema.json` holds.
pub fn json() -> Value {
    let mut schema = of_table(&MODEL);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!("saltus model file, format 1");
    schema
}

fn of_table(table: &Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_string(), of_key(key))).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    let always: Vec<&str> =
        table.keys.iter().filter(|key| key.required == Required::Always).map(|key| key.name).collect();
    if !always.is_empty() {
        schema["required"] = json!(always);
    }
    if let Some(Shape::Choice(kinds)) = table.key("kind").map(|key| key.shape) {
        schema["allOf"] = kinds.iter().filter_map(|kind| of_kind(table, kind)).collect();
    }
    schema
}

/// What a table of this kind must have besides.
fn of_kind(table: &Table, kind: &str) -> Option<Value> {
    let in_kind = |key: &&Key| key.required != Required::Always && key.is_required_in(Some(kind));
    let required: Vec<&str> = table.keys.iter().filter(in_kind).map(|key| key.name).collect();
    let mut condition = json!({"properties": {"kind": {"const": kind}}});
    if table.default_kind != Some(kind) {
        condition["required"] = json!(["kind"]);
    }
    (!required.is_empty()).then(|| json!({"if": condition, "then": {"required": required}}))
}

fn of_key(key: &Key) -> Value {
    let mut schema = of_shape(&key.shape);
    let kinds = key.kinds.join(", ");
    schema["description"] =
        if kinds.is_empty() { json!(key.about) } else { json!(format!("{} (kind: {kinds})", key.about)) };
    schema
}

fn of_shape(shape: &Shape) -> Value {
    const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
    match shape {
        Shape::Any(shapes) => json!({"anyOf": shapes.iter().map(of_shape).collect::<Vec<_>>()}),
        Shape::Text | Shape::Object(_) => json!({"type": "string"}),
        Shape::Identifier => json!({"type": "string", "pattern": IDENTIFIER}),
        Shape::Choice(choices) => json!({"enum": choices}),
        Shape::Number => json!({"type": "number"}),
        Shape::Integer { min: i64::MIN, max: i64::MAX } => json!({"type": "integer"}),
        Shape::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::List { of, at_least: 0 } => json!({"type": "array", "items": of_shape(of)}),
        Shape::List { of, at_least } => json!({"type": "array", "items": of_shape(of), "minItems": at_least}),
        Shape::Table(table) => of_table(table),
        Shape::Map { of, names } => {
            let pattern = match names {
                Names::Identifier => IDENTIFIER,
                Names::Variable => "^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)?$",
            };
            json!({"type": "object", "additionalProperties": of_shape(of), "propertyNames": {"pattern": pattern}})
        }
    }
}
