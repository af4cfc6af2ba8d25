//! The OpenAPI document against an earlier one: every changed or removed part must be listed here, and in CHANGELOG.md. Additions are allowed. Texts
//! (`description`, `summary`) are not compared, and the fixture does not contain them.

use std::collections::BTreeSet;

use automap_server::api::document;
use serde_json::{Map, Value};

/// The document of the version in which service maps, comparisons and explanations had no schema.
const BEFORE: &str = include_str!("../fixtures/openapi-before-typed-answers.json");

/// Every change since, as [`differences`] names it.
const LISTED: [&str; 44] = [
    // The answer of a webhook has a clearer name; its fields are the same.
    "GONE schema Taken",
    "POST /api/v1/alerts/alertmanager responses",
    "POST /api/v1/alerts/grafana responses",
    // Bodies without key, status or fingerprint and with nulls are read, too.
    "schema AlertWebhook.groupKey",
    "schema AlertWebhook.required",
    "schema WebhookAlert.annotations",
    "schema WebhookAlert.fingerprint",
    "schema WebhookAlert.labels",
    "schema WebhookAlert.required",
    "schema WebhookAlert.status",
    // A note's severity has a name of its own; its values are the same.
    "GONE schema Severity2",
    "schema VerdictKind.oneOf",
    "schema Note.severity",
    // A query may be rejected for its cost.
    "schema QueryState.oneOf",
    // Typed answers instead of a schema that allows anything.
    "GET /api/v1/incidents/{id}/explain/{service} responses",
    "GET /api/v1/incidents/{id}/graph responses",
    "GET /api/v1/openapi.json responses",
    "GET /api/v1/targets/{target}/compare responses",
    // Report version 4: evidence against a cause and next steps are objects; engine, unit and source of the onset are enumerations.
    "schema Cause.counter_evidence",
    "schema Evidence.unit",
    "schema Report.engine",
    "schema Report.next",
    "schema Sign.unit",
    "schema WindowInfo.incident_start_is",
    // Times were strings before, and are now declared as times.
    "schema Cause.onset",
    "schema CauseRow.onset",
    "schema Evidence.onset",
    "schema Incident.closed",
    "schema Incident.onset",
    "schema Incident.opened",
    "schema Incident.updated",
    "schema ProfileTable.baseline_start",
    "schema ProfileTable.incident_start",
    "schema TimelineEntry.at",
    "schema WindowInfo.baseline_end",
    "schema WindowInfo.baseline_start",
    "schema WindowInfo.incident_end",
    "schema WindowInfo.incident_start",
    // These two are always present, `null` included, and are now declared so.
    "schema CauseRow.required",
    "schema Incident.required",
    "schema Moment.oneOf",
    // `warnings` was added.
    "schema Status.required",
    // The role `changes` was added.
    "schema Role.oneOf",
    // The state `recorded` was added.
    "schema State.oneOf",
];

/// The value without its texts. A property may itself be called `title` or `description`.
fn without_texts(value: &Value, are_names: bool) -> Value {
    match value {
        Value::Object(map) => {
            let is_text = |key: &str, inner: &Value| {
                !are_names && inner.is_string() && matches!(key, "description" | "summary" | "title")
            };
            let kept = map.iter().filter(|(key, inner)| !is_text(key, inner));
            Value::Object(kept.map(|(key, inner)| (key.clone(), without_texts(inner, key == "properties"))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| without_texts(item, false)).collect()),
        other => other.clone(),
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// Everything that a client of the earlier document could notice: changed or missing parts of routes, changed or missing properties of schemas.
fn differences(before: &Value, after: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, methods) in object(&before["paths"]) {
        for (method, operation) in object(&methods) {
            let now = &after["paths"][&path][&method];
            let route = format!("{} {path}", method.to_uppercase());
            found
                .extend(object(&operation).iter().filter(|(k, v)| now[*k] != **v).map(|(k, _)| format!("{route} {k}")));
        }
    }
    for (name, schema) in object(&before["components"]["schemas"]) {
        let now = &after["components"]["schemas"][&name];
        if now.is_null() {
            found.insert(format!("GONE schema {name}"));
            continue;
        }
        for (key, value) in object(&schema) {
            if key == "properties" {
                let properties = object(&value);
                let changed = properties.iter().filter(|(k, v)| now["properties"][*k] != **v);
                found.extend(changed.map(|(k, _)| format!("schema {name}.{k}")));
            } else if now[&key] != value {
                found.insert(format!("schema {name}.{key}"));
            }
        }
    }
    found
}

#[test]
fn the_document_differs_from_the_earlier_one_only_as_listed() {
    let before: Value = serde_json::from_str(BEFORE).unwrap();
    let found = differences(&before, &without_texts(&document(), false));
    let listed: BTreeSet<String> = LISTED.iter().map(ToString::to_string).collect();
    let unlisted: Vec<&String> = found.difference(&listed).collect();
    assert!(unlisted.is_empty(), "list these changes here and in CHANGELOG.md, or take them back: {unlisted:#?}");
    let obsolete: Vec<&String> = listed.difference(&found).collect();
    assert!(obsolete.is_empty(), "these changes are listed but are not there: {obsolete:#?}");
}
