//! The texts of a message. Templates are minijinja's, without files, macros or escaping (each receiver escapes its input), and bounded in steps and
//! output. The fields:
//!
//! | field | what |
//! |---|---|
//! | `event` | `opened`, `updated`, `closed`, `reopened` |
//! | `uncertain` | whether this message may have been sent before |
//! | `id`, `target`, `title`, `state`, `severity` | as in the incident; the severity is the owner's where one sets its own |
//! | `cause`, `mechanism`, `confidence` | the service named, the kind of fault, percent; none while no cause is named |
//! | `candidates` | of the latest diagnosis, at most 3: `rank`, `service`, `confidence` in percent |
//! | `parts` | sentences that say which part of the cause it is, such as one pod; may be empty |
//! | `symptoms`, `victims`, `slos` | lists of lines, at most 10 each |
//! | `onset`, `opened`, `closed` | RFC 3339, UTC; `closed` is none while it goes on |
//! | `duration` | from the onset to the end or to now: `1 h 5 min` |
//! | `reopened`, `confirmed` | how often it was reopened; the cause that users confirmed |
//! | `team`, `runbook`, `dashboard` | of the owner, or none |
//! | `link` | to the incident's page, or none |

use std::io::{self, Write};

use automap_core::incident::{Incident, Owner, Severity};
use automap_core::text::{REPLACEMENT, is_hidden};
use automap_core::time::Timestamp;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use super::text::{number, span};
use crate::store::Event;

/// The built-in first line.
pub const DEFAULT_TITLE: &str = "{% if event == 'closed' %}Resolved: {% elif event == 'reopened' %}Again: \
    {% elif event == 'updated' %}Update: {% endif %}[{{ severity }}] {{ target }}: {{ title }}";
/// The built-in text.
pub const DEFAULT_TEXT: &str = "\
{% if cause %}Cause: {{ cause }}{% if mechanism %} ({{ mechanism }}){% endif %}, {{ confidence }} % sure
{% else %}Cause: not known yet
{% endif %}{% if candidates|length > 1 %}Next in line: {% for c in candidates[1:] %}{{ c.service }} {{ c.confidence }} %{% if not loop.last %}, \
{% endif %}{% endfor %}
{% endif %}{% for line in parts %}Breakdown by {{ line }}
{% endfor %}{% for line in symptoms %}{{ line }}
{% endfor %}{% if victims %}Suffering: {{ victims|join(', ') }}
{% endif %}{% for line in slos %}Objective {{ line }}
{% endfor %}{% if event == 'closed' %}Lasted {{ duration }}, from {{ onset }} to {{ closed }}
{% else %}Since {{ onset }} ({{ duration }})
{% endif %}{% if confirmed %}Confirmed cause: {{ confirmed }}
{% endif %}{% if team %}Owner: {{ team }}
{% endif %}{% if runbook %}Runbook: {{ runbook }}
{% endif %}{% if dashboard %}Dashboard: {{ dashboard }}
{% endif %}{% if link %}{{ link }}
{% endif %}";

/// Steps that a template may take.
const FUEL: u64 = 20_000;
/// Longest output, in bytes; receivers with a lower limit cut further.
const MAX_BYTES: usize = 32 << 10;
/// Longest template, in bytes.
const MAX_TEMPLATE: usize = 16 << 10;
/// Lines of a list.
const MAX_LIST: usize = 10;
/// Most candidates in a message.
pub(super) const MAX_CANDIDATES: usize = 3;

/// The fields of templates.
#[derive(Debug, Serialize)]
pub(super) struct Fields<'a> {
    event: Event,
    uncertain: bool,
    id: &'a str,
    target: &'a str,
    title: &'a str,
    state: automap_core::incident::IncidentState,
    pub(super) severity: Severity,
    cause: Option<&'a str>,
    mechanism: Option<&'a str>,
    confidence: Option<u32>,
    candidates: Vec<Candidate<'a>>,
    parts: Vec<&'a str>,
    symptoms: Vec<String>,
    victims: Vec<&'a str>,
    slos: Vec<String>,
    onset: String,
    opened: String,
    closed: Option<String>,
    duration: String,
    reopened: u32,
    confirmed: Option<&'a str>,
    team: Option<&'a str>,
    runbook: Option<&'a str>,
    dashboard: Option<&'a str>,
    link: Option<&'a str>,
}

/// A candidate of the latest diagnosis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Candidate<'a> {
    pub(super) rank: usize,
    pub(super) service: &'a str,
    pub(super) confidence: u32,
}

/// The first candidates, the named cause first; nothing while no cause is named.
pub(super) fn candidates(incident: &Incident) -> Vec<Candidate<'_>> {
    let Some(cause) = &incident.cause else { return Vec::new() };
    let first = Candidate { rank: 1, service: &cause.service, confidence: percent(cause.confidence) };
    let others = incident.report.iter().flat_map(|r| &r.causes).filter(|c| c.service != cause.service);
    let others = others.map(|c| Candidate { rank: 0, service: &c.service, confidence: percent(c.confidence) });
    let all = std::iter::once(first).chain(others).take(MAX_CANDIDATES).enumerate();
    all.map(|(i, c)| Candidate { rank: i + 1, ..c }).collect()
}

fn percent(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u32
}

/// Which part of the named cause it is: `latency: all of it on pod carts-1 …`.
pub(super) fn parts(incident: &Incident) -> Vec<&str> {
    let Some(cause) = &incident.cause else { return Vec::new() };
    let of_cause = incident.report.iter().flat_map(|r| &r.causes).filter(|c| c.service == cause.service);
    of_cause.flat_map(|c| c.telling_parts().map(|p| p.summary.as_str())).take(MAX_LIST).collect()
}

/// `front-end latency_p95_ms 74.1 → 376 ms`, the worst first.
pub(super) fn symptoms(incident: &Incident) -> Vec<String> {
    let line = |s: &automap_core::incident::IndicatorChange| {
        format!("{} {} {} → {} {}", s.service, s.metric, number(s.from), number(s.to), s.unit).trim_end().to_owned()
    };
    incident.symptoms.iter().take(MAX_LIST).map(line).collect()
}

/// `checkout of front-end: burns 14.4× too fast, 3.1 % of the budget gone`.
pub(super) fn slos(incident: &Incident) -> Vec<String> {
    let line = |s: &automap_core::incident::SloImpact| {
        let of = if s.service.is_empty() { String::new() } else { format!(" of {}", s.service) };
        let gone = s.budget_share.map(|b| format!(", {} % of the budget gone", number(b * 100.0)));
        format!("{}{of}: burns {}× too fast{}", s.slo, number(s.burn_rate), gone.unwrap_or_default())
    };
    incident.slos.iter().take(MAX_LIST).map(line).collect()
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        event: Event,
        uncertain: bool,
        incident: &'a Incident,
        owner: Option<&'a Owner>,
        link: Option<&'a str>,
        now: Timestamp,
    ) -> Self {
        let cause = incident.cause.as_ref();
        let end = incident.closed.unwrap_or(now);
        Self {
            event,
            uncertain,
            id: &incident.id,
            target: &incident.target,
            title: &incident.title,
            state: incident.state,
            severity: owner.and_then(|o| o.severity).unwrap_or(incident.severity),
            cause: cause.map(|c| c.service.as_str()),
            mechanism: cause.and_then(|c| c.mechanism.as_deref()),
            confidence: cause.map(|c| percent(c.confidence)),
            candidates: candidates(incident),
            parts: parts(incident),
            symptoms: symptoms(incident),
            victims: incident.victims.iter().take(MAX_LIST).map(String::as_str).collect(),
            slos: slos(incident),
            onset: incident.onset.rfc3339(),
            opened: incident.opened.rfc3339(),
            closed: incident.closed.map(Timestamp::rfc3339),
            duration: span(end.ms() - incident.onset.ms()),
            reopened: incident.reopened,
            confirmed: incident.confirmed.as_deref(),
            team: owner.and_then(|o| o.team.as_deref()),
            runbook: owner.and_then(|o| o.runbook.as_deref()),
            dashboard: owner.and_then(|o| o.dashboard.as_deref()),
            link,
        }
    }
}

/// Renders a template; output beyond the limit is left out.
pub(super) fn render(template: &str, fields: &Fields<'_>) -> Result<String, String> {
    if template.len() > MAX_TEMPLATE {
        return Err(format!("the template is longer than {} KiB", MAX_TEMPLATE >> 10));
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_trim_blocks(false);
    let compiled = environment.template_from_str(template).map_err(|e| e.to_string())?;
    let mut out = Bounded(Vec::new());
    let rendered = compiled.render_captured_to(fields, &mut out).map(|_| ());
    match rendered {
        Err(e) if out.0.len() < MAX_BYTES => Err(e.to_string()),
        // Full: truncated, at worst inside a character.
        _ => Ok(visible(&String::from_utf8_lossy(&out.0))),
    }
}

/// The lines of a message without hidden characters, to which a receiver or a reader's program may react.
fn visible(text: &str) -> String {
    text.trim_end().chars().map(|c| if c != '\n' && is_hidden(c) { REPLACEMENT } else { c }).collect()
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_BYTES - self.0.len();
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::Error::other("longer than a message may be")) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Checks that a template parses; its result shows only with an incident.
pub(super) fn check(template: &str) -> Result<(), String> {
    if template.len() > MAX_TEMPLATE {
        return Err(format!("the template is longer than {} KiB", MAX_TEMPLATE >> 10));
    }
    Environment::new().template_from_str(template).map(|_| ()).map_err(|e| e.to_string())
}
