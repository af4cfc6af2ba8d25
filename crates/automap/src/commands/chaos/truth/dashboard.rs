//! What Chaos Mesh's dashboard remembers: events, and the archive of deleted experiments.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use automap_chaos::Entry;
use automap_chaos::fallback::{archive, events};
use automap_chaos::pods::Pods;
use automap_sources::bounded::read_stream;
use automap_sources::http::agent_config;
use serde_json::Value;
use ureq::tls::TlsConfig;

use super::{MAX_BYTES, text};

/// Timeout of the dashboard.
const DASHBOARD_WITHIN: Duration = Duration::from_secs(30);

/// Events first; the archive only knows that an experiment existed.
pub(super) fn entries(url: &str, token_file: Option<&Path>) -> Result<[Vec<Entry>; 2]> {
    let token = token_file.map(|path| text(path).map(|t| t.trim().to_owned())).transpose()?;
    let agent = ureq::Agent::new_with_config(agent_config(TlsConfig::default(), DASHBOARD_WITHIN).build());
    let get = |path: &str| -> Result<Value> {
        let place = format!("{}{path}", url.trim_end_matches('/'));
        let mut request = agent.get(&place).header("accept", "application/json");
        if let Some(token) = &token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        let mut response = request.call().with_context(|| format!("the dashboard at {place}"))?;
        let body = read_stream(response.body_mut().as_reader(), &place, MAX_BYTES)?;
        serde_json::from_slice(&body).with_context(|| format!("the dashboard at {place}: this is not JSON"))
    };
    let events = events::dashboard(&get("/api/events?limit=10000")?, &Pods::default());
    let archived = archive::archives(&get("/api/archives")?);
    Ok([events, archived])
}
