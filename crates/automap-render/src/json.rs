//! Values for programs: JSON and its schema.

use schemars::JsonSchema;
use serde::Serialize;

/// The value as JSON, indented, with a final newline.
///
/// # Errors
/// Never for the types of `automap-core`, whose maps have string keys; the error type of `serde_json` is passed on anyway.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}

/// The JSON Schema of a type, for programs that read its JSON.
///
/// # Errors
/// As [`json`].
pub fn schema<T: JsonSchema>() -> Result<String, serde_json::Error> {
    json(&schemars::schema_for!(T))
}
