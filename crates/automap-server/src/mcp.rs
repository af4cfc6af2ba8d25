//! The same questions for language models: the Model Context Protocol over standard input and output.
//!
//! JSON-RPC 2.0, one message a line. Read-only: nothing here confirms, notifies or changes a setting. What is not known to the protocol is
//! answered with a JSON-RPC error; what goes wrong inside a tool is an answer marked as an error, so that the model can read it and try
//! something else. Left out: resources, prompts, sampling, progress.

mod lines;
mod tools;

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::system::System;
use crate::store::Store;
use lines::Line;
pub use tools::{Asked, ToolError};

/// Versions of the protocol that are spoken, the latest first.
const VERSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const INTERNAL_ERROR: i64 = -32_603;

/// What a model is told about all of it.
const INSTRUCTIONS: &str = "automap finds the root cause of incidents in microservices from their metrics. Begin with list_incidents; \
    explain says why a service is or is not the cause. Numbers are measured, `null` is not observed. An answer without a cause means that \
    the evidence singles nobody out: do not guess one.";

#[derive(Deserialize)]
struct Request {
    jsonrpc: String,
    /// Missing in a notification, which is not answered.
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

/// Tells `"id": null` from no id.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Answers one line after the other until the input ends.
///
/// # Errors
/// When reading or writing fails; never because of what was read.
pub fn serve(
    mut input: impl BufRead,
    mut output: impl Write,
    system: &dyn System,
    store: &dyn Store,
) -> io::Result<()> {
    let asked = Asked { system, store };
    let mut buffer = Vec::new();
    loop {
        let reply = match lines::next(&mut input, &mut buffer)? {
            Line::End => return Ok(()),
            Line::TooLong => Some(error(&Value::Null, INVALID_REQUEST, "a message has at most 1 MiB")),
            Line::Text if buffer.iter().all(u8::is_ascii_whitespace) => None,
            Line::Text => answer(&asked, &buffer),
        };
        if let Some(reply) = reply {
            output.write_all(format!("{reply}\n").as_bytes())?;
            output.flush()?;
        }
    }
}

/// The reply to one message; `None` for a notification.
fn answer(asked: &Asked<'_>, line: &[u8]) -> Option<Value> {
    let message: Value = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(e) => return Some(error(&Value::Null, PARSE_ERROR, &format!("this is no JSON: {e}"))),
    };
    let id = message.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or(Value::Null);
    // The answer to a question that we asked; we ask none.
    if message.get("method").is_none() && (message.get("result").is_some() || message.get("error").is_some()) {
        return None;
    }
    let request = match serde_json::from_value::<Request>(message) {
        Ok(request) if request.jsonrpc == "2.0" => request,
        Ok(_) => return Some(error(&id, INVALID_REQUEST, "jsonrpc is not \"2.0\"")),
        Err(e) => return Some(error(&id, INVALID_REQUEST, &format!("this is no JSON-RPC request: {e}"))),
    };
    match request.id {
        None => return None,
        Some(Value::String(_) | Value::Number(_)) => {}
        Some(_) => return Some(error(&id, INVALID_REQUEST, "id is neither a string nor a number")),
    }
    // What went wrong inside must not take the connection with it.
    let result = catch_unwind(AssertUnwindSafe(|| dispatch(asked, &request.method, &request.params)));
    Some(match result.unwrap_or_else(|_| Err((INTERNAL_ERROR, "automap made a mistake; see its log".into()))) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, message)) => error(&id, code, &message),
    })
}

fn dispatch(asked: &Asked<'_>, method: &str, params: &Value) -> Result<Value, (i64, String)> {
    match method {
        "initialize" => Ok(initialize(params)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools::list()})),
        "tools/call" => call(asked, params),
        other => Err((
            METHOD_NOT_FOUND,
            format!("there is no method {other:?}; there are initialize, ping, tools/list, tools/call"),
        )),
    }
}

/// The client's version where it is spoken here, else our latest: the client decides whether that will do.
fn initialize(params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str();
    let version = VERSIONS.iter().find(|v| Some(**v) == wanted).unwrap_or(&VERSIONS[0]);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {"listChanged": false}},
        "serverInfo": {"name": "automap", "title": "automap", "version": env!("CARGO_PKG_VERSION")},
        "instructions": INSTRUCTIONS,
    })
}

fn call(asked: &Asked<'_>, params: &Value) -> Result<Value, (i64, String)> {
    let name = params["name"].as_str().ok_or((INVALID_PARAMS, "params.name is missing".to_owned()))?;
    let arguments = match &params["arguments"] {
        Value::Null => json!({}),
        object @ Value::Object(_) => object.clone(),
        _ => return Err((INVALID_PARAMS, "params.arguments is no object".into())),
    };
    match tools::call(asked, name, arguments) {
        Ok(value) => Ok(json!({
            "content": [{"type": "text", "text": value.to_string()}],
            "structuredContent": value,
            "isError": false,
        })),
        Err(ToolError::Arguments(message)) => Err((INVALID_PARAMS, message)),
        Err(ToolError::Failed(message)) => Ok(json!({"content": [{"type": "text", "text": message}], "isError": true})),
    }
}

fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}
