//! The OpenAPI document, made of the table of endpoints and of the types that are read and written.

use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answer::json;
use super::endpoints;

/// The document of every build is the same.
pub(super) async fn document(headers: axum::http::HeaderMap) -> Response {
    json(&headers, &build()).into_response()
}

pub(super) fn build() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for e in endpoints::all() {
        let (status, content, schema) = e.answer;
        let mut parameters: Vec<Value> = path_parameters(e.path);
        parameters.extend(e.query.iter().map(|(name, description)| {
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": {"type": "string"}})
        }));
        let mut operation = json!({
            "summary": e.summary,
            "operationId": operation_id(e.method, e.path),
            "parameters": parameters,
            "responses": {
                status.to_string(): {"description": e.summary, "content": {content: {"schema": schema(&mut generator)}}},
                "default": {
                    "description": "What is wrong, and what to do",
                    "content": {"application/problem+json": {"schema": endpoints::problem(&mut generator)}},
                },
            },
            "security": if e.role.is_some() { json!([{"bearer": []}]) } else { json!([]) },
        });
        if let Some(body) = e.body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": body(&mut generator)}}});
        }
        let path = paths.entry(e.path.to_owned()).or_insert_with(|| json!({}));
        path[e.method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "automap", "version": "1", "description": "Incidents of microservices, and what caused them."},
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect()
}

fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty() && *w != "api" && *w != "v1");
    words.fold(method.to_owned(), |id, word| format!("{id}_{word}"))
}
