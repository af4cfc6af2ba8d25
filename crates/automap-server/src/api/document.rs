//! The OpenAPI 3.1 document, made from the table of routes and from the types' own schemas.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answer::tagged;
use super::problem::{PROBLEM_JSON, Problem};
use super::routes::{Route, routes};
use super::state::App;

/// The document.
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes() {
        let operation = operation(&route, &mut schemas, &problem);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "automap",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Incidents of microservices, their causes, and what led there.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    })
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn serve(State(_): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    tagged(&headers, &document())
}

fn operation(route: &Route, schemas: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for (status, media, schema) in &route.answers {
        let content = match schema {
            Some(schema) => json!({"schema": schema(schemas)}),
            None => json!({"schema": {"type": "string"}}),
        };
        responses.insert(status.to_string(), json!({"description": route.summary, "content": {*media: content}}));
    }
    responses.insert(
        "default".into(),
        json!({"description": "What is wrong, where, and what to try next", "content": {PROBLEM_JSON: {"schema": problem}}}),
    );
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "responses": responses,
        "parameters": parameters(route, schemas),
    });
    if let Some(body) = route.body {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body(schemas)}}});
    }
    if let Some(role) = route.needs {
        operation["security"] = json!([{"bearer": []}, {"basic": []}]);
        operation["x-automap-role"] = json!(role.word());
    }
    operation
}

/// Variable parts of the path, then the fields of the query's type.
fn parameters(route: &Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let names = route.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = names
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    let Some(query) = route.query else { return all };
    let query = query(schemas).to_value();
    let required = query["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        all.push(json!({
            "name": name,
            "in": "query",
            "required": required.iter().any(|r| r == name),
            "description": schema["description"],
            "schema": not_null(schema),
        }));
    }
    all
}

/// A parameter is there or not; it is never `null`.
fn not_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(map) = schema.as_object_mut() {
        map.remove("description");
        map.remove("default");
        if let Some(kinds) = map.get("type").and_then(Value::as_array) {
            let kind = kinds.iter().find(|k| *k != "null").cloned().unwrap_or(Value::Null);
            map.insert("type".into(), kind);
        }
    }
    schema
}
