//! The supported questions, one sentence each. The API's routes and the MCP tools use the same sentences, so that both describe a question alike.

/// Incidents.
pub const LIST_INCIDENTS: &str = "Incidents, the latest opened first, without their reports";
/// One incident.
pub const GET_INCIDENT: &str = "An incident with its timeline and its latest report";
/// Targets.
pub const LIST_TARGETS: &str = "The watched systems and their state";
/// A diagnosis on request.
pub const DIAGNOSE: &str = "Diagnose a target now: the most likely root cause, with the evidence";
/// An explanation.
pub const EXPLAIN: &str = "Why a service ranks where it ranks in an incident";
/// A service map.
pub const SERVICE_MAP: &str =
    "The service map of an incident: which service calls which, and which is affected by which";
/// A page's data.
pub const DOSSIER: &str = "Everything that a page about an incident shows: report, map, spread and series";
/// A comparison.
pub const COMPARE: &str = "What differs between two periods of a target: services, metrics and calls";

/// The error that a client sees when the database fails. The database's own text may contain paths and addresses: it is for the log only.
pub const STORE_UNAVAILABLE: &str = "the database does not answer";
