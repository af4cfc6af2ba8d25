//! One service as a small page, for a frame in a portal or a dashboard: the incident that concerns it, or that there is none. No script, no asset, no
//! clock: the same input, the same bytes.
//!
//! "No incident" is only stated for a service that is watched and observed, so the caller passes what it knows ([`CardState`]). Left out: series and
//! maps; the incident's own page, which the card links to, has them.

use automap_core::incident::{Incident, Severity};
use automap_core::time::Timestamp;
use maud::{Markup, PreEscaped, html as markup};

use crate::clock::Zone;
use crate::escape;

const STYLE: &str = include_str!("card/style.css");

/// What is known of the service.
#[derive(Clone, Copy, Debug)]
pub enum CardState<'a> {
    /// This incident is not over, and concerns it.
    Open(&'a Incident),
    /// It is watched and observed, and no open incident concerns it. Names the last incident that it caused, if any.
    Quiet(Option<&'a Incident>),
    /// Its state is unknown, for this reason.
    Unknown(&'a str),
}

/// What the card is about.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// The watched system.
    pub target: &'a str,
    /// The service in it.
    pub service: &'a str,
    /// Its state.
    pub state: CardState<'a>,
    /// When its target was last polled successfully.
    pub looked: Option<Timestamp>,
    /// The part of a link to an incident's page before the id.
    pub page: &'a str,
}

/// How a service is related to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    Cause,
    Symptom,
}

/// Whether a service is the cause of an incident: the confirmed cause or, without one, the named cause.
pub fn is_cause(incident: &Incident, service: &str) -> bool {
    cause(incident) == Some(service)
}

/// Whether an incident concerns a service: named or confirmed as its cause, affected, a victim, or an entry whose users feel it.
pub fn concerns(incident: &Incident, service: &str) -> bool {
    concern(incident, service).is_some()
}

/// The confirmed cause, else the named one.
fn cause(incident: &Incident) -> Option<&str> {
    incident.confirmed.as_deref().or(incident.cause.as_ref().map(|c| c.service.as_str()))
}

fn concern(incident: &Incident, service: &str) -> Option<Concern> {
    let entries = || incident.report.iter().flat_map(|report| &report.impacts).flat_map(|impact| &impact.entries);
    let is_touched = || {
        incident.symptoms.iter().any(|s| s.service == service)
            || incident.victims.iter().chain(entries()).any(|touched| touched == service)
    };
    match cause(incident) {
        Some(cause) if cause == service => Some(Concern::Cause),
        _ => is_touched().then_some(Concern::Symptom),
    }
}

/// Renders the card, with times in a zone. Every name is escaped, and links open beside the frame. O(length).
pub fn card(card: &Card<'_>, zone: Zone) -> String {
    let class = match card.state {
        CardState::Open(incident) if concern(incident, card.service) == Some(Concern::Cause) => "is-open",
        CardState::Open(_) => "is-touched",
        CardState::Quiet(_) => "is-quiet",
        CardState::Unknown(_) => "is-unknown",
    };
    let page = markup! {
        (PreEscaped("<!doctype html>\n"))
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Without a script, a frame has no other way to stay current.
                meta http-equiv="refresh" content="60";
                title { (card.service) " – automap" }
                style { (PreEscaped(STYLE)) }
            }
            body class=(class) {
                main {
                    h1 { (card.service) " " small { (card.target) } }
                    (state(card, zone))
                    @if let Some(looked) = card.looked {
                        p.when { "as of " time { (zone.date_and_clock(looked)) } " " (zone.name()) }
                    }
                }
            }
        }
        "\n"
    };
    escape::page(&page.into_string(), &['\n'])
}

fn state(card: &Card<'_>, zone: Zone) -> Markup {
    match card.state {
        CardState::Open(incident) => markup! {
            p.state { (headline(incident, card.service)) }
            p { (link(card.page, incident)) }
            p.when { "since " time { (zone.date_and_clock(incident.onset)) } }
        },
        CardState::Quiet(last) => markup! {
            p.state { "No incident" }
            @if let Some(last) = last {
                p { "The last one that it caused: " (link(card.page, last)) ", " time { (zone.date_and_clock(last.onset)) } }
            }
        },
        CardState::Unknown(why) => markup! {
            p.state { "Cannot tell" }
            p { (why) }
        },
    }
}

fn headline(incident: &Incident, service: &str) -> String {
    let severity = match incident.severity {
        Severity::Info => "Incident (info)",
        Severity::Warning => "Incident (warning)",
        Severity::Critical => "Incident (critical)",
    };
    let sure = incident.cause.as_ref().filter(|_| incident.confirmed.is_none()).map(|c| 100.0 * c.confidence);
    match (concern(incident, service), cause(incident), sure) {
        (Some(Concern::Cause), _, Some(percent)) => format!("{severity}: this is the cause, {percent:.0} % sure"),
        (Some(Concern::Cause), _, None) => format!("{severity}: this is the cause (confirmed)"),
        (_, Some(cause), _) => format!("{severity}: it suffers from {cause}"),
        (_, None, _) => format!("{severity}: it is affected; the cause is not clear"),
    }
}

fn link(page: &str, incident: &Incident) -> Markup {
    markup! { a href=(format!("{page}{}", incident.id)) target="_blank" rel="noopener" { (incident.title) } }
}

#[cfg(test)]
mod tests {
    use automap_core::incident::NamedCause;

    use super::*;

    fn an_incident() -> Incident {
        let at = Timestamp::from_ms(1_763_906_595_000);
        let cause = NamedCause { service: "payment".into(), mechanism: None, confidence: 0.88, change: None };
        Incident {
            severity: Severity::Warning,
            cause: Some(cause),
            title: "payment (network): <b>front-end</b>".into(),
            victims: vec!["front-end".into()],
            ..Incident::new("shop-1", "shop", at, at)
        }
    }

    fn of(service: &str, state: CardState<'_>) -> String {
        let looked = Some(Timestamp::from_ms(1_763_906_655_000));
        card(&Card { target: "shop", service, state, looked, page: "../incidents/" }, Zone::UTC)
    }

    #[test]
    fn the_cause_and_its_victims_are_told_apart() {
        let incident = an_incident();
        let cause = of("payment", CardState::Open(&incident));
        assert!(cause.contains("Incident (warning): this is the cause, 88 % sure") && cause.contains("is-open"));
        assert!(cause.contains("href=\"../incidents/shop-1\"") && cause.contains("as of"), "{cause}");
        assert!(!cause.contains("<b>"), "{cause}");
        let victim = of("front-end", CardState::Open(&incident));
        assert!(victim.contains("it suffers from payment") && victim.contains("is-touched"));
        assert!(concerns(&incident, "front-end") && !concerns(&incident, "user"));
        let corrected = Incident { confirmed: Some("front-end".into()), ..incident };
        let headline = "this is the cause (confirmed)";
        assert!(of("front-end", CardState::Open(&corrected)).contains(headline));
        assert!(!concerns(&corrected, "payment"), "{:?}", corrected.cause);
    }

    #[test]
    fn what_cannot_be_seen_is_not_called_quiet() {
        let blind = of("user\u{202e}", CardState::Unknown("Prometheus does not answer"));
        assert!(blind.contains("Cannot tell") && !blind.contains("No incident") && !blind.contains('\u{202e}'));
        let last = an_incident();
        let quiet = of("payment", CardState::Quiet(Some(&last)));
        assert!(quiet.contains("No incident") && quiet.contains("2025-11-23 14:03:15"), "{quiet}");
    }
}
