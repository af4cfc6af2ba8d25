//! Incidents of the watcher for a terminal: as a list, as one line for each event, and in full with the latest report.

use automap_core::incident::{Incident, TimelineEntry};
use automap_core::quantity::duration;
use automap_core::time::Timestamp;

use crate::clock::Zone;
use crate::report_text::text;
use crate::table::{Align, Table, plain};
use crate::text_options::{HEADING_WIDTH, TextOptions};

/// `14:03:15  verdict     payment (network), confidence 0.88`.
pub fn timeline_line(entry: &TimelineEntry, options: &TextOptions) -> String {
    format!("{}  {:<10}  {}", options.zone.clock(entry.at), entry.kind.as_str(), entry.text)
}

/// The events of an incident that came with its latest revision, one line each, followed by the incident's id.
pub fn change_text(incident: &Incident, options: &TextOptions) -> String {
    let new = incident.timeline.iter().filter(|e| e.at == incident.updated);
    let line = |e: &TimelineEntry| plain(&format!("{}   {}", timeline_line(e, options), incident.id)) + "\n";
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
        let opened = options.zone.date_and_clock(i.opened);
        let confirmed = i.confirmed.as_ref().map(|c| format!("{c} (confirmed)"));
        let cause = confirmed.or_else(|| i.cause.as_ref().map(|c| c.service.clone()));
        let cause = cause.unwrap_or_else(|| "not clear".to_owned());
        let state = i.state.as_str().to_owned() + i.muted.as_ref().map_or("", |_| " (muted)");
        table.row([opened, duration(lasted), state, i.severity.as_str().into(), cause, i.id.clone()]);
    }
    table.text()
}

/// Everything about one incident, its latest diagnosis last.
pub fn incident_text(incident: &Incident, options: &TextOptions) -> String {
    let mut lines = vec![incident.id.clone(), incident.title.clone(), String::new()];
    let facts = facts(incident, options.zone);
    lines.extend(facts.iter().map(|(heading, fact)| format!("{heading:<HEADING_WIDTH$}{fact}")));
    lines.extend([String::new(), "TIMELINE".to_owned()]);
    lines.extend(incident.timeline.iter().map(|entry| format!("  {}", timeline_line(entry, options))));
    let head: String = lines.iter().map(|line| plain(line) + "\n").collect();
    head + &incident.report.as_ref().map_or_else(String::new, |report| format!("\n{}", text(report, options)))
}

/// Headings, and the known facts under each.
fn facts(incident: &Incident, zone: Zone) -> Vec<(&'static str, String)> {
    let ended = incident.closed.map_or_else(|| "still open".to_owned(), |t| format!("closed {}", zone.clock(t)));
    let (state, severity) = (incident.state.as_str(), incident.severity.as_str());
    let (onset, opened) = (zone.date_and_clock(incident.onset), zone.clock(incident.opened));
    let mut facts = vec![("STATE", format!("{state}, {severity}; began {onset}, opened {opened}, {ended}"))];
    facts.extend(incident.confirmed.iter().map(|confirmed| ("CONFIRMED", confirmed.clone())));
    facts.extend(
        incident.muted.iter().map(|m| ("MUTED", format!("until {} by {}", zone.date_and_clock(m.until), m.by))),
    );
    facts.extend(incident.owner.iter().map(|owner| {
        let contacts = [&owner.team, &owner.runbook, &owner.dashboard].into_iter().flatten().cloned();
        ("OWNER", contacts.collect::<Vec<_>>().join("  "))
    }));
    facts.extend(incident.slos.iter().map(|slo| {
        let share = slo.budget_share.map(|s| format!(", {:.1} % of its budget so far", 100.0 * s)).unwrap_or_default();
        ("OBJECTIVE", format!("{} burns at {:.1} times the sustainable rate{share}", slo.slo, slo.burn_rate))
    }));
    if incident.slos_omitted > 0 {
        facts.push(("OBJECTIVE", format!("and {} more", incident.slos_omitted)));
    }
    if !incident.victims.is_empty() {
        facts.push(("VICTIMS", incident.victims.join(", ")));
    }
    facts
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
