//! Words which part of a cause is affected: the pods, nodes, versions, callers and routes on which the rise is concentrated, or over which it is
//! spread.
//!
//! The counts come with the observation, and [`crate::breakdown::judge`] decides whether a label singles anything out; this module requests the
//! useful counts, selects and words.

use super::evidence::round;
use super::model::{Cause, Evidence, Report, VerdictKind};
use super::parts_model::{LabelParts, Parts, ValuePart};
use crate::breakdown::judge::{Finding, LabelFinding, judge};
use crate::breakdown::{Breakdown, ByLabel, Label, Measure, Wanted};
use crate::metric::{Family, Unit};
use crate::quantity::{change, value};
use crate::time::Interval;

/// Causes that are broken down.
const MAX_CAUSES: usize = 2;
/// Values of one label in a report.
const MAX_VALUES: usize = 5;
/// Values that a sentence names.
const MAX_NAMED: usize = 3;
/// Longest part of either window that is counted: the hour around the onset.
const MAX_WINDOW_MS: i64 = 3_600_000;
/// Counts whose windows begin further apart belong to another incident.
const SAME_ONSET_MS: i64 = 300_000;
/// Evidence from which a resource is broken down too.
const CLEAR_RESOURCE: f64 = 1.0;
/// Share of a rise that is worded as all of it.
const ALL: f64 = 0.95;
/// A node, zone or version whose share of the requests exceeds that of the affected pods by this much also has healthy pods.
const WIDER: f64 = 0.05;
/// What proxies write if there is no flag.
const NO_FLAG: &str = "-";

/// What to count for a report: its named causes, or the first candidate if none is named. At most two services, each with at most two measures.
pub fn wanted(report: &Report) -> Vec<Wanted> {
    let services: Vec<&str> = match report.verdict.kind {
        VerdictKind::Cause => {
            report.verdict.causes.iter().filter_map(|c| c.services.first()).map(String::as_str).collect()
        }
        VerdictKind::NotEnoughEvidence => report.causes.first().map(|c| c.service.as_str()).into_iter().collect(),
        VerdictKind::NoIncident | VerdictKind::CannotTell => Vec::new(),
    };
    let (baseline, incident) = (report.windows.baseline(), report.windows.incident());
    let baseline = Interval { start: baseline.start.max(baseline.end.plus_ms(-MAX_WINDOW_MS)), ..baseline };
    let incident = Interval { end: incident.end.min(incident.start.plus_ms(MAX_WINDOW_MS)), ..incident };
    let of = |service: &str| {
        let cause = report.causes.iter().find(|c| c.service == service)?;
        Some(Wanted { service: service.to_owned(), measures: measures(cause), baseline, incident })
    };
    services.into_iter().take(MAX_CAUSES).filter_map(of).collect()
}

/// The request measure that rose most, and the resource that rose clearly, if any.
fn measures(cause: &Cause) -> Vec<Measure> {
    let rose = |e: &&Evidence| e.to.unwrap_or(0.0) > e.from.unwrap_or(0.0);
    let strongest = |of: fn(&Family) -> Option<Measure>| {
        let all = cause.evidence.iter().filter(rose).filter_map(|e| Some((e.strength, of(&e.metric.family)?)));
        all.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
    };
    let symptom = strongest(|family| match family {
        Family::Error => Some(Measure::Failures),
        Family::Latency => Some(Measure::Latency),
        _ => None,
    });
    let resource = strongest(|family| match family {
        Family::Cpu => Some(Measure::Cpu),
        Family::Throttle => Some(Measure::Throttling),
        Family::Memory => Some(Measure::Memory),
        Family::Lifecycle => Some(Measure::Restarts),
        _ => None,
    });
    let resource = resource.filter(|(strength, _)| *strength >= CLEAR_RESOURCE);
    std::iter::once(symptom.map_or(Measure::Latency, |(_, m)| m)).chain(resource.map(|(_, m)| m)).collect()
}

/// The parts of a service, if they were counted for this incident.
pub(super) fn of_service(breakdowns: &[Breakdown], service: &str, incident: Interval) -> Vec<Parts> {
    let is_of_this = |b: &&Breakdown| {
        let apart = (b.incident.start.ms() - incident.start.ms()).abs();
        b.service == service && b.incident.overlaps(incident) && apart <= SAME_ONSET_MS
    };
    breakdowns.iter().filter(is_of_this).map(parts).collect()
}

/// Adds parts that were counted later to the candidates of a report.
pub fn add_parts(report: &mut Report, breakdowns: &[Breakdown]) {
    let incident = report.windows.incident();
    for cause in &mut report.causes {
        let found = of_service(breakdowns, &cause.service, incident);
        if !found.is_empty() {
            cause.parts = found;
        }
    }
}

/// The counts of one measure, judged and worded.
pub fn parts(counts: &Breakdown) -> Parts {
    let judged: Vec<(Label, LabelFinding)> =
        counts.labels.iter().map(|by: &ByLabel| (by.label, judge(by, counts.measure))).collect();
    let labels = judged.iter().map(|(label, found)| LabelParts {
        label: *label,
        finding: found.finding,
        values: found.values,
        listed: found.shares.iter().take(MAX_VALUES).map(value_part).collect(),
        summary: of_label(*label, found, counts.measure),
    });
    Parts {
        measure: counts.measure,
        baseline_start: counts.baseline.start,
        baseline_end: counts.baseline.end,
        incident_start: counts.incident.start,
        incident_end: counts.incident.end,
        labels: labels.collect(),
        unseen: counts.unseen.clone(),
        summary: format!("{}: {}", word(counts.measure), summary(&judged, counts.measure)),
    }
}

fn value_part(share: &crate::breakdown::judge::ValueShare) -> ValuePart {
    ValuePart {
        value: share.value.clone(),
        share_of_rise: round(share.of_rise),
        share_of_requests: round(share.of_base),
        from: share.from.map(round),
        to: share.to.map(round),
    }
}

fn word(measure: Measure) -> &'static str {
    match measure {
        Measure::Failures => "failures",
        Measure::Latency => "latency",
        Measure::Cpu => "CPU",
        Measure::Throttling => "throttling",
        Measure::Memory => "memory",
        Measure::Restarts => "container restarts",
    }
}

fn unit(measure: Measure) -> Unit {
    match measure {
        Measure::Failures | Measure::Throttling => Unit::Ratio,
        Measure::Latency => Unit::Ms,
        Measure::Cpu => Unit::Cores,
        Measure::Memory => Unit::Bytes,
        Measure::Restarts => Unit::PerS,
    }
}

/// `all of it on pod carts-1 (12 → 250 ms, 33 % of the requests), version v2; spread evenly over 2 callers; too few requests to tell by route`.
fn summary(judged: &[(Label, LabelFinding)], measure: Measure) -> String {
    let of = |finding: Finding| judged.iter().filter(move |(_, found)| found.finding == finding);
    let mut sentences = Vec::new();
    let places: Vec<(String, String)> = concentrated(judged, measure);
    let mut amounts: Vec<&str> = places.iter().map(|(amount, _)| amount.as_str()).collect();
    amounts.dedup();
    for amount in amounts {
        let on: Vec<&str> = places.iter().filter(|(a, _)| a == amount).map(|(_, place)| place.as_str()).collect();
        sentences.push(format!("{amount} of it on {}", on.join(", ")));
    }
    let even: Vec<String> =
        of(Finding::Even).map(|(label, found)| format!("{} {}", found.values, label.words().1)).collect();
    if !even.is_empty() {
        sentences.push(format!("spread evenly over {}", listed(&even)));
    }
    let few: Vec<String> = of(Finding::TooFew).map(|(label, _)| label.words().0.to_owned()).collect();
    if !few.is_empty() {
        sentences.push(format!("too few {} to tell by {}", counted(measure), listed(&few)));
    }
    if sentences.is_empty() {
        return match (judged.is_empty(), of(Finding::NoRise).next()) {
            (true, _) => "nothing tells its parts apart".to_owned(),
            (_, Some(_)) => {
                format!(
                    "no rise in what {} counts itself",
                    if measure.is_of_pods() { "its containers' exporter" } else { "it" }
                )
            }
            (_, None) => "there is only one of everything".to_owned(),
        };
    }
    sentences.join("; ")
}

/// Amounts and places of the labels that single something out: (`all`, `pod carts-1 (12 → 250 ms, 33 % of the requests)`).
fn concentrated(judged: &[(Label, LabelFinding)], measure: Measure) -> Vec<(String, String)> {
    let found = |wanted: Label| judged.iter().find(|(label, f)| *label == wanted && f.finding == Finding::Concentrated);
    let is_one = |label: Label| found(label).is_some_and(|(_, f)| f.shares.len() == 1);
    let is_shown = |(label, f): &&(Label, LabelFinding)| {
        // The zone of a single node, a label value that also covers healthy pods, and an empty flag add nothing new.
        let is_wider = matches!(label, Label::Node | Label::Zone | Label::Version)
            && found(Label::Pod).is_some_and(|(_, pods)| f.together().1 > pods.together().1 + WIDER);
        let is_known = *label == Label::Zone && is_one(Label::Node);
        let is_none = *label == Label::ResponseFlag && f.shares.iter().all(|s| s.value == NO_FLAG);
        f.finding == Finding::Concentrated && ![is_wider, is_known, is_none].contains(&true)
    };
    let mut has_numbers = false;
    let mut out: Vec<(String, String)> = Vec::new();
    for (label, f) in judged.iter().filter(is_shown) {
        let mut place = place(*label, f);
        if !label.is_outcome() && !std::mem::replace(&mut has_numbers, true) {
            place = format!("{place} ({})", numbers(f, measure));
        }
        out.push((amount(f.together().0), place));
    }
    out.sort_by_key(|(amount, _)| amount != "all");
    out
}

fn amount(of_rise: f64) -> String {
    if of_rise >= ALL { "all".to_owned() } else { format!("{:.0} %", 100.0 * of_rise) }
}

/// `12 → 250 ms, 33 % of the requests`.
fn numbers(found: &LabelFinding, measure: Measure) -> String {
    let first = found.shares.first();
    let level = match first.map(|s| (s.from, s.to)) {
        Some((None, Some(to))) => format!("new, {}", value(to, unit(measure))),
        Some((from, to)) => change(from, to, unit(measure)),
        None => String::new(),
    };
    let of_base = found.together().1;
    if measure.is_of_pods() { level } else { format!("{level}, {:.0} % of the {}", 100.0 * of_base, counted(measure)) }
}

fn counted(measure: Measure) -> &'static str {
    match measure {
        Measure::Failures | Measure::Latency => "requests",
        Measure::Throttling => "periods",
        Measure::Cpu | Measure::Memory | Measure::Restarts => "pods",
    }
}

/// `pod carts-1`, `pods carts-1 and carts-2`, `4 of 9 pods: carts-1, carts-2, carts-3, …`.
fn place(label: Label, found: &LabelFinding) -> String {
    let names: Vec<String> = found.shares.iter().take(MAX_NAMED).map(|s| shown(label, &s.value)).collect();
    let (one, several) = label.words();
    match found.shares.len() {
        1 => format!("{one} {}", names[0]),
        n if n <= MAX_NAMED => format!("{several} {}", listed(&names)),
        n => format!("{n} of {} {several}: {}, …", found.values, names.join(", ")),
    }
}

fn shown(label: Label, value: &str) -> String {
    match (label, value) {
        (_, "") => "(none)".to_owned(),
        (Label::Caller, "unknown") => "unknown (outside the mesh)".to_owned(),
        (_, value) => value.to_owned(),
    }
}

/// `a, b and c`.
fn listed(all: &[String]) -> String {
    match all {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        all => all.join(", "),
    }
}

/// The line of one label.
fn of_label(label: Label, found: &LabelFinding, measure: Measure) -> String {
    let (one, several) = label.words();
    match found.finding {
        Finding::Concentrated => {
            let (rise, base) = found.together();
            let of_base = format!(", {:.0} % of the {}", 100.0 * base, counted(measure));
            format!("{}: {:.0} % of the rise{of_base}", place(label, found), 100.0 * rise)
        }
        Finding::Even => format!("spread evenly over {} {several}", found.values),
        Finding::TooFew => format!("too few {} to tell by {one}", counted(measure)),
        Finding::OnlyOne => {
            format!("only {one} {}", found.shares.first().map_or_else(String::new, |s| shown(label, &s.value)))
        }
        Finding::NoRise => format!("no rise by {one}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breakdown::{Counts, ValueCounts};
    use crate::time::Timestamp;

    fn by(label: Label, values: &[(&str, f64, f64, f64, f64)]) -> ByLabel {
        let values = values.iter().map(|(name, n0, y0, n1, y1)| ValueCounts {
            value: (*name).to_owned(),
            before: (*n0 > 0.0).then_some(Counts { base: *n0, amount: *y0 }),
            during: (*n1 > 0.0).then_some(Counts { base: *n1, amount: *y1 }),
        });
        ByLabel { label, values: values.collect() }
    }

    fn counts(measure: Measure, labels: Vec<ByLabel>) -> Breakdown {
        let at = Timestamp::from_ms;
        let (baseline, incident) =
            (Interval { start: at(0), end: at(600_000) }, Interval { start: at(600_000), end: at(900_000) });
        Breakdown { service: "carts".into(), measure, baseline, incident, labels, unseen: Vec::new() }
    }

    #[test]
    fn a_bad_canary_in_one_sentence() {
        let told = parts(&counts(
            Measure::Latency,
            vec![
                by(
                    Label::Pod,
                    &[("carts-1", 900.0, 10_800.0, 300.0, 75_000.0), ("carts-2", 900.0, 10_800.0, 600.0, 7200.0)],
                ),
                by(Label::Version, &[("v1", 1800.0, 21_600.0, 600.0, 7200.0), ("v2", 0.0, 0.0, 300.0, 75_000.0)]),
                by(
                    Label::Caller,
                    &[("web", 900.0, 10_800.0, 450.0, 41_000.0), ("orders", 900.0, 10_800.0, 450.0, 41_200.0)],
                ),
                by(Label::Method, &[("GET", 1800.0, 21_600.0, 900.0, 82_200.0)]),
                by(Label::Route, &[("/a", 2.0, 20.0, 2.0, 600.0), ("/b", 2.0, 20.0, 1.0, 10.0)]),
            ],
        ));
        assert_eq!(
            told.summary,
            "latency: all of it on pod carts-1 (12 → 250 ms, 33 % of the requests), version v2; spread evenly over 2 callers; \
             too few requests to tell by route"
        );
        let pod = &told.labels[0];
        assert_eq!(
            (pod.finding, pod.summary.as_str()),
            (Finding::Concentrated, "pod carts-1: 100 % of the rise, 33 % of the requests")
        );
        assert_eq!(told.labels[3].summary, "only method GET");
    }

    #[test]
    fn failures_of_one_route_and_their_code() {
        let told = parts(&counts(
            Measure::Failures,
            vec![
                by(Label::Pod, &[("a", 500.0, 0.0, 500.0, 40.0), ("b", 500.0, 0.0, 500.0, 38.0)]),
                by(Label::ResponseCode, &[("200", 1000.0, 0.0, 922.0, 0.0), ("503", 0.0, 0.0, 78.0, 78.0)]),
                by(Label::Route, &[("/carts", 400.0, 0.0, 400.0, 66.0), ("/items", 600.0, 0.0, 600.0, 12.0)]),
            ],
        ));
        assert_eq!(
            told.summary,
            "failures: all of it on response code 503; 85 % of it on route /carts (0 → 16.5 %, 40 % of the requests); spread evenly over 2 pods"
        );
    }

    #[test]
    fn nothing_to_tell_is_said() {
        assert_eq!(parts(&counts(Measure::Latency, Vec::new())).summary, "latency: nothing tells its parts apart");
        let calm = by(Label::Pod, &[("a", 500.0, 6000.0, 500.0, 6000.0), ("b", 500.0, 6000.0, 500.0, 6000.0)]);
        assert_eq!(parts(&counts(Measure::Latency, vec![calm])).summary, "latency: no rise in what it counts itself");
        let single = parts(&counts(Measure::Latency, vec![by(Label::Pod, &[("a", 500.0, 6000.0, 500.0, 90_000.0)])]));
        assert_eq!((single.summary.as_str(), single.tells()), ("latency: there is only one of everything", false));
    }

    #[test]
    fn counts_of_another_incident_are_not_this_ones() {
        let all = [counts(Measure::Latency, Vec::new())];
        let at = |ms| Interval { start: Timestamp::from_ms(ms), end: Timestamp::from_ms(ms + 200_000) };
        assert_eq!(of_service(&all, "carts", at(650_000)).len(), 1);
        assert_eq!(of_service(&all, "carts", at(1_000_000)).len(), 0);
        assert_eq!(of_service(&all, "user", at(650_000)).len(), 0);
    }
}
