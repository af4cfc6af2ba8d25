//! The dashboard's `GET /api/archives`: experiments that are gone. They show the requested faults, not the injected ones.

use serde_json::Value;

use crate::entry::{Entry, Source, State};
use crate::kinds;
use crate::object::{text, time};

/// Most archives read at a time.
const MAX_ARCHIVES: usize = 10_000;

/// One entry for each archived experiment: its start is known, its targets and its end are not.
pub fn archives(list: &Value) -> Vec<Entry> {
    list.as_array().into_iter().flatten().take(MAX_ARCHIVES).filter_map(archive).collect()
}

fn archive(value: &Value) -> Option<Entry> {
    let kind = text(value, "/kind").filter(|k| kinds::is_experiment(k))?;
    let (name, uid) = (text(value, "/name")?, text(value, "/uid")?);
    let namespace = text(value, "/namespace").unwrap_or_default();
    let mut entry = Entry::new(uid, kind, namespace, name, Source::DashboardArchive);
    entry.started = time(value, "/created_at");
    entry.state = State::UnknownEnd;
    entry.note(
        "taken from the dashboard's archive, which keeps the request only: the pods hit and the end are not in it",
    );
    Some(entry)
}
