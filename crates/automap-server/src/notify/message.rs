//! What a message says, before it takes the form of a receiver.

use automap_core::incident::{Incident, IncidentState, span, timeline_line};
use automap_core::report::TextOptions;
use automap_core::time::Timestamp;

use crate::config::Owner;

/// Lines of the timeline that a message shows, the latest ones.
const SHOWN_MOMENTS: usize = 6;
/// Candidates that a message shows.
const SHOWN_CAUSES: usize = 3;

/// An incident to tell of.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// As it is now.
    pub incident: &'a Incident,
    /// Whose it is.
    pub owner: Option<&'a Owner>,
    /// What a receiver recognises a repetition by.
    pub key: &'a str,
    /// When it is sent.
    pub now: Timestamp,
}

impl Message<'_> {
    /// `[CRITICAL] sock-shop: payment (network): front-end p95 latency 74.1 → 376 ms`.
    pub fn headline(&self) -> String {
        let i = self.incident;
        let word = match i.state {
            IncidentState::Open => i.severity.as_str().to_uppercase(),
            IncidentState::Recovering => "RECOVERING".to_owned(),
            IncidentState::Closed => "CLOSED".to_owned(),
        };
        let lasted = i.closed.map(|end| format!(" after {}", span(end.ms() - i.onset.ms()))).unwrap_or_default();
        format!("[{word}{lasted}] {}: {}", i.target, i.title)
    }

    /// The evidence of the first candidates, one line each.
    pub fn evidence(&self) -> Vec<String> {
        let causes = self.incident.report.iter().flat_map(|r| &r.causes).take(SHOWN_CAUSES);
        let line = |c: &automap_core::report::Cause| {
            let why = c.evidence.first().map_or_else(String::new, |e| format!(": {}", e.summary));
            format!("{}. {} ({:.2}){why}", c.rank, c.service, c.confidence)
        };
        causes.map(line).collect()
    }

    /// The latest moments, in UTC.
    pub fn moments(&self) -> Vec<String> {
        let all = &self.incident.timeline;
        let options = TextOptions::default();
        all[all.len().saturating_sub(SHOWN_MOMENTS)..].iter().map(|e| timeline_line(e, &options)).collect()
    }

    /// Team, runbook and dashboard.
    pub fn links(&self) -> Vec<(&'static str, String)> {
        let Some(owner) = self.owner else { return Vec::new() };
        let mut links = vec![("team", owner.team.clone())];
        links.extend(owner.runbook.clone().map(|url| ("runbook", url)));
        links.extend(owner.dashboard.clone().map(|url| ("dashboard", url)));
        links
    }

    /// Everything as plain text.
    pub fn text(&self) -> String {
        let mut lines = vec![self.headline()];
        lines.extend(self.evidence());
        if !self.incident.victims.is_empty() {
            lines.push(format!("victims: {}", self.incident.victims.join(", ")));
        }
        lines.extend(self.links().into_iter().map(|(name, value)| format!("{name}: {value}")));
        lines.push(format!("automap incidents show {}", self.incident.id));
        lines.join("\n")
    }
}
