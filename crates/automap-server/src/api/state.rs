//! What the API remembers between requests: alerts that wait for the watcher, the latest changes for listeners, requested diagnoses, and request
//! counts. Each has a named bound, and none of it outlives the process.

pub(crate) mod alert_queue;
pub(crate) mod diagnosis_jobs;
pub(crate) mod event_history;
pub(crate) mod request_metrics;
pub(crate) mod sessions;
pub(crate) mod store_probe;
