//! Incidents for people: as a list, as one line for each thing that happened, and whole.

use automap_core::incident::{Incident, TimelineEntry};
use automap_core::quantity::duration;
use automap_core::time::Timestamp;

use crate::table::{Align, Table};
use crate::text::{TextOptions, text};

/// `14:03:15  verdict     payment (network), confidence 0.88`.
pub fn timeline_line(entry: &TimelineEntry, options: &TextOptions) -> String {
    format!("{}  {:<10}  {}", entry.at.clock(options.utc_offset_s), entry.kind.as_str(), entry.text)
}

/// The moments of an incident that came with its latest revision, one line each; the first is preceded by the incident's id.
pub fn change_text(incident: &Incident, options: &TextOptions) -> String {
    let new = incident.timeline.iter().filter(|e| e.at == incident.updated);
    let line = |e: &TimelineEntry| format!("{}   {}\n", timeline_line(e, options), incident.id);
    new.map(line).collect()
}

/// A table of incidents: opened, how long, state, severity, cause, id.
pub fn incidents_text(incidents: &[Incident], now: Timestamp, options: &TextOptions) -> String {
    if incidents.is_empty() {
        return "no incident\n".to_owned();
    }
    let mut table = Table::new([Align::Left; 6]);
    table.row(["OPENED", "LASTED", "STATE", "SEVERITY", "CAUSE", "ID"]);
    for i in incidents {
        let lasted = i.closed.unwrap_or(now).ms() - i.onset.ms();
        let opened = format!("{} {}", day(i.opened, options), i.opened.clock(options.utc_offset_s));
        let confirmed = i.confirmed.as_ref().map(|c| format!("{c} (confirmed)"));
        let cause = confirmed.or_else(|| i.cause.as_ref().map(|c| c.service.clone()));
        let cause = cause.unwrap_or_else(|| "not clear".to_owned());
        table.row([opened, duration(lasted), i.state.as_str().into(), i.severity.as_str().into(), cause, i.id.clone()]);
    }
    table.text()
}

/// Everything about one incident, its latest diagnosis last.
pub fn incident_text(incident: &Incident, options: &TextOptions) -> String {
    let offset = options.utc_offset_s;
    let mut out = format!("{}\n{}\n\n", incident.id, incident.title);
    let ended = incident.closed.map_or_else(|| "goes on".to_owned(), |t| format!("closed {}", t.clock(offset)));
    let (state, severity) = (incident.state.as_str(), incident.severity.as_str());
    let onset = format!("{} {}", day(incident.onset, options), incident.onset.clock(offset));
    out +=
        &format!("STATE       {state}, {severity}; began {onset}, opened {}, {ended}\n", incident.opened.clock(offset));
    if let Some(confirmed) = &incident.confirmed {
        out += &format!("CONFIRMED   {confirmed}\n");
    }
    if let Some(owner) = &incident.owner {
        let told = [&owner.team, &owner.runbook, &owner.dashboard].into_iter().flatten().cloned();
        out += &format!("OWNER       {}\n", told.collect::<Vec<_>>().join("  "));
    }
    for slo in &incident.slos {
        let share = slo.budget_share.map(|s| format!(", {:.1} % of its budget so far", 100.0 * s)).unwrap_or_default();
        out += &format!("OBJECTIVE   {} burns at {:.1} times the sustainable rate{share}\n", slo.slo, slo.burn_rate);
    }
    if !incident.victims.is_empty() {
        out += &format!("VICTIMS     {}\n", incident.victims.join(", "));
    }
    out += "\nTIMELINE\n";
    for entry in &incident.timeline {
        out += &format!("  {}\n", timeline_line(entry, options));
    }
    if let Some(report) = &incident.report {
        out += &format!("\n{}", text(report, options));
    }
    out
}

fn day(at: Timestamp, options: &TextOptions) -> String {
    at.plus_ms(i64::from(options.utc_offset_s) * 1000).rfc3339().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automap_core::incident::Severity;

    fn an_incident() -> Incident {
        let t = Timestamp::from_ms(1_763_906_595_000);
        Incident { severity: Severity::Warning, ..Incident::new("shop-20251123T140315Z", "shop", t, t) }
    }

    #[test]
    fn a_list_aligns_and_says_how_long() {
        let open = an_incident();
        let (now, options) = (open.opened.plus_ms(754_000), TextOptions::default());
        let closed =
            Incident { closed: Some(open.onset.plus_ms(40_000)), confirmed: Some("db".into()), ..open.clone() };
        assert_eq!(
            incidents_text(&[open, closed], now, &options),
            "OPENED               LASTED  STATE  SEVERITY  CAUSE           ID\n\
             2025-11-23 14:03:15  12 min  open   warning   not clear       shop-20251123T140315Z\n\
             2025-11-23 14:03:15  40 s    open   warning   db (confirmed)  shop-20251123T140315Z\n"
        );
        assert_eq!(incidents_text(&[], now, &options), "no incident\n");
    }
}
