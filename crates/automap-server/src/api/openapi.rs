//! The OpenAPI 3.1 document, made from the routes and from the schemas that their types derive. Nothing is written by hand, so the document
//! cannot disagree with the code.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::api::http::problem::{PROBLEM_JSON, Problem};
use crate::api::routes::route::Route;

/// Stands for the document in its own schema.
#[derive(JsonSchema)]
pub(crate) struct OpenApiDocument {
    /// The version of OpenAPI.
    #[expect(dead_code, reason = "the type only describes the document")]
    openapi: String,
}

/// The document of these routes.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut schemas = settings.into_generator();
    let problem = schemas.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut schemas, &problem);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "automap",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Incidents of microservices, their likely causes, and the evidence.",
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

fn operation(route: &Route, schemas: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut responses: Map<String, Value> = Map::new();
    for (status, media, schema) in &route.answers {
        let content = match schema {
            Some(schema) => json!({"schema": schema(schemas)}),
            None => json!({"schema": {"type": "string"}}),
        };
        responses.insert(status.to_string(), json!({"description": route.summary, "content": {*media: content}}));
    }
    if let Some(where_to) = route.redirect {
        let location = json!({"description": where_to, "schema": {"type": "string"}});
        responses.insert("303".into(), json!({"description": route.summary, "headers": {"Location": location}}));
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
    if let Some(role) = route.role {
        operation["security"] = json!([{"bearer": []}, {"basic": []}]);
        operation["x-automap-role"] = json!(role.as_str());
    }
    operation
}

/// The variable parts of the path, then the fields of the query's type.
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
            "schema": without_null(schema),
        }));
    }
    all
}

/// The schema of a query parameter. A parameter is present or absent, never `null`.
fn without_null(schema: &Value) -> Value {
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
