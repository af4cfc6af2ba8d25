//! The tools: what each is for, what it takes, and its answer. Answers are short: a model pays for every word.

use automap_core::incident::{Incident, IncidentState};
use automap_core::report::Report;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::system::{CompareRequest, DiagnoseRequest, System, SystemError};
use crate::store::{IncidentFilter, Store, StoreError};

/// Most incidents of a list.
const MAX_INCIDENTS: usize = 50;
/// Incidents of a list when nobody says how many.
const DEFAULT_INCIDENTS: usize = 10;
/// Candidates of a diagnosis that are told.
const MAX_CAUSES: usize = 5;
/// Changes of a candidate that are told.
const MAX_EVIDENCE: usize = 5;
/// Longest answer. Longer ones fill a model's memory and help nobody.
const MAX_ANSWER: usize = 100_000;

/// Whom the tools ask.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The running watcher.
    pub system: &'a dyn System,
    /// The incidents.
    pub store: &'a dyn Store,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// Why a tool has no answer.
#[derive(Debug)]
pub enum ToolError {
    /// It was called wrongly: a fault of the client.
    Arguments(String),
    /// It was called rightly, and the model should read what went wrong.
    Failed(String),
}

impl From<SystemError> for ToolError {
    fn from(error: SystemError) -> Self {
        Self::Failed(match &error {
            SystemError::Refused { message, next } => format!("{message}; {next}"),
            SystemError::NotFound { .. } => format!("{error}; list_incidents and list_targets say what there is"),
            SystemError::Unavailable { .. } => format!("{error}; try again later"),
        })
    }
}

impl From<StoreError> for ToolError {
    fn from(_: StoreError) -> Self {
        Self::Failed("the database of incidents does not answer; try again later".into())
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListArguments {
    /// Of this target only.
    target: Option<String>,
    /// In this state only.
    state: Option<IncidentState>,
    /// With this service as the cause.
    cause: Option<String>,
    /// At most so many, the latest first; 10 when left out.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IncidentArguments {
    /// The incident's id, as list_incidents tells it.
    incident: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExplainArguments {
    /// The incident's id, as list_incidents tells it.
    incident: String,
    /// The service, as the incident names it.
    service: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

/// One tool: its name, what a model is told about it, what it takes, and what it does.
type Tool =
    (&'static str, &'static str, fn(&mut SchemaGenerator) -> Schema, fn(&Asked<'_>, Value) -> Result<Value, ToolError>);

const TOOLS: [Tool; 7] = [
    (
        "list_incidents",
        "Incidents, the latest first: where each stands, what users feel, the service named as its cause.",
        ListArguments::json_schema,
        list_incidents,
    ),
    (
        "get_incident",
        "One incident with its timeline and its latest diagnosis.",
        IncidentArguments::json_schema,
        get_incident,
    ),
    ("list_targets", "The watched systems and how they are.", NoArguments::json_schema, list_targets),
    (
        "diagnose",
        "Fetch the metrics of a target and say which service causes what is wrong now, with evidence. Takes seconds.",
        DiagnoseRequest::json_schema,
        diagnose,
    ),
    (
        "explain",
        "Why a service ranks where it ranks in an incident: what speaks for it, what against, what it cannot be told from.",
        ExplainArguments::json_schema,
        explain,
    ),
    (
        "graph",
        "The service map of an incident: who calls whom, and who suffers from whom.",
        IncidentArguments::json_schema,
        graph,
    ),
    (
        "compare",
        "What differs between two periods of a target: services, metrics and calls. Names no cause.",
        CompareRequest::json_schema,
        compare,
    ),
];

/// The tools as the protocol lists them.
pub(super) fn list() -> Vec<Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let tool = |(name, description, schema, _): &Tool| {
        let mut input = schema(&mut settings.clone().into_generator()).to_value();
        input["type"] = "object".into();
        json!({
            "name": name,
            "description": description,
            "inputSchema": input,
            "annotations": {
                "readOnlyHint": true,
                "destructiveHint": false,
                "idempotentHint": true,
                // Only the sources of the configuration are asked, never an address from an argument.
                "openWorldHint": false,
            },
        })
    };
    TOOLS.iter().map(tool).collect()
}

/// Calls a tool by name.
pub(super) fn call(asked: &Asked<'_>, name: &str, arguments: Value) -> Result<Value, ToolError> {
    let Some((.., run)) = TOOLS.iter().find(|(n, ..)| *n == name) else {
        let names = TOOLS.map(|(n, ..)| n).join(", ");
        return Err(ToolError::Arguments(format!("there is no tool {name:?}; there are {names}")));
    };
    let value = run(asked, arguments)?;
    let bytes = value.to_string().len();
    if bytes > MAX_ANSWER {
        let message =
            format!("the answer has {bytes} bytes, more than {MAX_ANSWER}; ask for less, or read it over HTTP");
        return Err(ToolError::Failed(message));
    }
    // Structured content is an object.
    Ok(if value.is_object() { value } else { json!({"answer": value}) })
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments).map_err(|e| ToolError::Arguments(format!("arguments: {e}")))
}

fn list_incidents(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let ListArguments { target, state, cause, limit } = read(arguments)?;
    let limit = limit.unwrap_or(DEFAULT_INCIDENTS).clamp(1, MAX_INCIDENTS);
    let states = state.into_iter().collect();
    let filter = IncidentFilter { target, states, cause, limit, ..IncidentFilter::default() };
    let incidents = asked.store.list(&filter)?;
    Ok(json!({"incidents": incidents.iter().map(brief).collect::<Vec<_>>()}))
}

fn get_incident(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let IncidentArguments { incident: id } = read(arguments)?;
    let missing = || ToolError::from(SystemError::NotFound { what: "incident", name: id.clone() });
    let incident = asked.store.get(&id)?.ok_or_else(missing)?;
    let mut out = brief(&incident);
    out["timeline"] = json!(incident.timeline);
    out["slos"] = json!(incident.slos);
    out["diagnosis"] = incident.report.as_ref().map_or(Value::Null, short);
    Ok(out)
}

fn list_targets(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let NoArguments {} = read(arguments)?;
    Ok(json!({"targets": asked.system.targets()}))
}

fn diagnose(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    Ok(short(&asked.system.diagnose(&read(arguments)?)?))
}

fn explain(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let ExplainArguments { incident, service } = read(arguments)?;
    Ok(asked.system.explain(&incident, &service)?)
}

fn graph(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let IncidentArguments { incident } = read(arguments)?;
    Ok(asked.system.graph(&incident)?)
}

fn compare(asked: &Asked<'_>, arguments: Value) -> Result<Value, ToolError> {
    let request: CompareRequest = read(arguments)?;
    for (name, period) in [("before", request.before), ("after", request.after)] {
        if period.start >= period.end {
            return Err(ToolError::Arguments(format!("arguments: {name}.start is not before {name}.end")));
        }
    }
    Ok(asked.system.compare(&request)?)
}

fn brief(i: &Incident) -> Value {
    json!({
        "id": i.id, "target": i.target, "state": i.state, "severity": i.severity, "title": i.title,
        "onset": i.onset.rfc3339(), "closed": i.closed.map(|t| t.rfc3339()),
        "cause": i.cause, "confirmed": i.confirmed, "symptoms": i.symptoms, "victims": i.victims,
    })
}

/// A report without its queries and its long tail.
fn short(report: &Report) -> Value {
    let causes = report.causes.iter().take(MAX_CAUSES).map(|c| {
        json!({
            "rank": c.rank, "service": c.service, "confidence": c.confidence, "onset": c.onset, "path": c.path,
            "evidence": c.evidence.iter().take(MAX_EVIDENCE).map(|e| &e.summary).collect::<Vec<_>>(),
            "counter_evidence": c.counter_evidence,
        })
    });
    json!({
        "verdict": report.verdict,
        "windows": report.windows,
        "symptoms": report.symptoms.iter().map(|s| format!("{}: {}", s.service, s.evidence.summary)).collect::<Vec<_>>(),
        "causes": causes.collect::<Vec<_>>(),
        "victims": report.victims.iter().map(|v| &v.summary).collect::<Vec<_>>(),
        "coverage": report.coverage,
        "not_checked": report.not_checked,
        "next": report.next,
    })
}
