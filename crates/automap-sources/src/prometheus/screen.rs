//! In a large system, queries the requests of all services first, and the details of pods only for the suspects that these show.
//!
//! ```text
//!  requests, errors, latency, calls of all ─▶ as many services as are asked for everything, or fewer ─▶ the details of all
//!                                          └▶ more ─▶ automap_core::screening ─▶ the details of its suspects, in groups of names
//! ```
//!
//! Details are what the built-in presets read about pods, and the quantile of latencies next to their mean. Anything that is not queried is reported
//! as not checked, and its queries have a state of their own, so that it is never called calm. Services that were chosen once stay chosen while there
//! is room: a different list of names is a different query, whose whole window would be fetched again. Not screened: presets from files, nodes,
//! stores, gateways and the DNS, which are always queried.

use std::collections::BTreeSet;

use automap_core::entity::{Entities, EntityKind};
use automap_core::frame::{RawSeries, assemble};
use automap_core::metric::{LATENCY_MS, LATENCY_P95_MS, Metric};
use automap_core::note::NotChecked;
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::screening::{MAX_SUSPECTS, Outline, Suspects, suspects};
use automap_core::time::WindowHint;

use super::cluster::ELSEWHERE;
use super::decode::LabelledSeries;
use super::error::RequestError;
use super::found::Found;
use super::gather::{self, Gathered};
use super::names::Names;
use super::plan::{self, Planned, Request};
use super::presets::Key;
use super::promql::{self, Only, Values};
use super::query::Answer;
use super::window::Window;

/// Longest pattern of names in one request, in bytes; an expression has up to 16 of them.
const MAX_PATTERN_BYTES: usize = 4_096;
/// Most groups of names; with more they are formed anew.
const MAX_GROUPS: usize = 6;
/// Most services that are named as not checked.
const MAX_NAMED: usize = 100;
/// Describes the details, for users.
const DETAILS: &str = "cpu, memory, disk, network and state of pods, quantile of latency";

/// Services by the request that they share.
pub(crate) type Groups = Vec<Vec<String>>;

/// The services whose details are queried.
#[derive(Clone, Debug)]
pub(crate) enum Screening {
    /// All.
    Off,
    /// Suspects only, if there are many services.
    Choose {
        /// More services than this.
        above: usize,
        hint: WindowHint,
        /// Chosen earlier.
        kept: Groups,
    },
    /// The services that were chosen; all if none were.
    Known(Option<Groups>),
}

/// What is known before any query.
pub(crate) struct Setting<'a> {
    pub(crate) found: &'a Found,
    pub(crate) names: &'a Names,
    /// The values of placeholders, except for the cluster.
    pub(crate) values: Values,
    pub(crate) window: Window,
}

/// The result of all requests.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) requests: Vec<Request>,
    pub(crate) answers: Answers,
    /// The chosen services, unless all details were queried.
    pub(crate) groups: Option<Groups>,
    /// Services whose details were not queried.
    pub(crate) screened_out: BTreeSet<String>,
    pub(crate) not_checked: Vec<NotChecked>,
    /// Queries that were not sent.
    pub(crate) unasked: Vec<QueryRecord>,
}

/// Answers requests, in their order.
type Fetch<'a> = dyn FnMut(&[Request]) -> Answers + 'a;
type Answers = Vec<Result<Answer, RequestError>>;

/// Sends the requests by `fetch`, which answers them in order.
pub(crate) fn ask(setting: &Setting<'_>, requests: Vec<Request>, screening: Screening, fetch: &mut Fetch<'_>) -> Asked {
    let is_possible = match &screening {
        Screening::Off | Screening::Known(None) => false,
        Screening::Known(Some(_)) => true,
        Screening::Choose { above, .. } => setting.may_be_more_than(*above),
    };
    if !is_possible || !requests.iter().any(is_detail) {
        let answers = fetch(&requests);
        return Asked { requests, answers, ..Asked::default() };
    }
    let (details, outline): (Vec<_>, Vec<_>) = requests.into_iter().enumerate().partition(|(_, r)| is_detail(r));
    let (places, outline): (Vec<usize>, Vec<Request>) = outline.into_iter().unzip();
    let (of_details, details): (Vec<usize>, Vec<Request>) = details.into_iter().unzip();
    let answers = fetch(&outline);
    let chosen = match screening {
        Screening::Off | Screening::Known(None) => None,
        Screening::Known(Some(groups)) => Some(Chosen::known(groups)),
        Screening::Choose { above, hint, kept } => setting.choose((&outline, &answers), above, &hint, kept),
    };
    let mut out = Asked::default();
    let mut all = joined(places, outline, answers);
    match chosen {
        None => {
            let answers = fetch(&details);
            all.extend(joined(of_details, details, answers));
        }
        Some(chosen) => {
            all.extend(setting.ask_suspects((&of_details, &details), &chosen, fetch, &mut out.not_checked));
            if chosen.groups.is_empty() {
                out.unasked = records(&details, &chosen.reason());
            }
            out.not_checked.extend(chosen.not_checked());
            (out.groups, out.screened_out) = (Some(chosen.groups), chosen.screened_out);
        }
    }
    // The first preset with a value keeps it, so the order of the table is kept.
    all.sort_by_key(|(place, ..)| *place);
    for (_, request, answer) in all {
        out.requests.push(request);
        out.answers.push(answer);
    }
    out
}

/// Requests and their results, by their position in the table.
type Answered = Vec<(usize, Request, Result<Answer, RequestError>)>;

fn joined(places: Vec<usize>, requests: Vec<Request>, answers: Answers) -> Answered {
    let pairs = places.into_iter().zip(requests).zip(answers);
    pairs.map(|((place, request), answer)| (place, request, answer)).collect()
}

/// Whether a request is about pods, or about a quantile that also has a mean, with expressions that can be narrowed to some workloads.
pub(crate) fn is_detail(request: &Request) -> bool {
    request.signals.iter().all(|planned| {
        let is_quantile = planned.signal.name == LATENCY_P95_MS && planned.exporter.has_signal(LATENCY_MS);
        planned.exporter.file.is_none() && (planned.signal.key == Key::Pod || is_quantile)
    })
}

/// Records of the queries that were not sent.
fn records(details: &[Request], reason: &str) -> Vec<QueryRecord> {
    let record = |planned: &Planned| QueryRecord {
        signal: planned.signal.name.to_owned(),
        promql: planned.shown.clone(),
        series: 0,
        samples: 0,
        state: QueryState::Screened,
        reason: Some(reason.to_owned()),
    };
    details.iter().flat_map(|request| &request.signals).map(record).collect()
}

fn failed(request: &Request, group: &[String], error: &RequestError) -> NotChecked {
    let services = group.iter().take(MAX_NAMED).cloned().collect();
    NotChecked { signal: request.name.to_owned(), services, reason: format!("the query failed: {}", error.failure) }
}

/// The chosen services.
#[derive(Debug, Default)]
struct Chosen {
    above: usize,
    groups: Groups,
    screened_out: BTreeSet<String>,
    /// Suspects for whom there was no room.
    omitted: usize,
}

impl Chosen {
    /// For another day: what was left out was reported for this one.
    fn known(groups: Groups) -> Self {
        Self { groups, ..Self::default() }
    }

    fn asked(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Why the answers are partial.
    fn reason(&self) -> String {
        let (asked, out) = (self.asked(), self.screened_out.len());
        format!("asked for {asked} of {} services, {out} are screened out", asked + out)
    }

    fn not_checked(&self) -> Vec<NotChecked> {
        let mut out = Vec::new();
        let named = |reason: String| {
            let services = self.screened_out.iter().take(MAX_NAMED).cloned().collect();
            NotChecked { signal: DETAILS.to_owned(), services, reason }
        };
        if !self.screened_out.is_empty() {
            out.push(named(format!(
                "not asked: {} services are screened out, since there are more than {} and requests point to others ({} were asked); \
                 to ask for all: --full, or full: true of a target; for fewer services: --namespace",
                self.screened_out.len(),
                self.above,
                self.asked()
            )));
        }
        if self.omitted > 0 {
            out.push(NotChecked {
                signal: DETAILS.to_owned(),
                services: Vec::new(),
                reason: format!(
                    "the list of suspects is too long: requests point to {} services, and the {MAX_SUSPECTS} nearest to what users feel were asked; \
                     a later start of the incident, or --namespace, makes it shorter",
                    MAX_SUSPECTS + self.omitted
                ),
            });
        }
        out
    }
}

impl Setting<'_> {
    /// Whether there may be too many services to query everything, by the owners of pods; true if these are unknown.
    fn may_be_more_than(&self, above: usize) -> bool {
        let owners = self.names.workloads();
        owners.is_empty() || owners.all().collect::<BTreeSet<_>>().len() > above
    }

    /// Queries the details of the chosen services, group by group.
    fn ask_suspects(
        &self,
        (places, details): (&[usize], &[Request]),
        chosen: &Chosen,
        fetch: &mut Fetch<'_>,
        not_checked: &mut Vec<NotChecked>,
    ) -> Answered {
        let mut all = Answered::new();
        for group in &chosen.groups {
            let narrowed = self.narrowed(details, group, &chosen.reason());
            let answers = fetch(&narrowed);
            for (place, request, answer) in joined(places.to_vec(), narrowed, answers) {
                let answer = answer.map(|answer| self.of_group(&request, answer, group));
                not_checked.extend(answer.as_ref().err().map(|error| failed(&request, group, error)));
                all.push((place, request, answer));
            }
        }
        all
    }

    /// The services whose details to query; `None`: all, since there are few services or nothing is known about their requests.
    fn choose(
        &self,
        (outline, answers): (&[Request], &[Result<Answer, RequestError>]),
        above: usize,
        hint: &WindowHint,
        kept: Groups,
    ) -> Option<Chosen> {
        let gathered = gather::gather(outline, answers, self.names.clone(), self.window);
        let known = self.askable(&gathered);
        if known.len() <= above || !gathered.raw.iter().any(|s| Metric::parse(&s.metric).family.is_symptom()) {
            return None;
        }
        let Suspects { services, omitted } = self.suspects(gathered, hint, &known)?;
        let groups = regrouped(kept, &services);
        let asked: BTreeSet<&String> = groups.iter().flatten().collect();
        let screened_out = known.iter().filter(|name| !asked.contains(name)).cloned().collect();
        Some(Chosen { above, groups, screened_out, omitted })
    }

    /// Services that have pods here, as far as is known.
    fn askable(&self, gathered: &Gathered) -> BTreeSet<String> {
        let Gathered { raw, calls, entities, .. } = gathered;
        let owners = self.names.workloads().all().map(str::to_owned);
        let measured = raw.iter().flat_map(|s| [Some(s.service.as_str()), s.peer.as_deref()]).flatten();
        let called = calls.edges().map(|(_, callee, _)| callee);
        let ours = measured.chain(called).filter(|name| self.is_ours(name, entities)).map(str::to_owned);
        owners.chain(ours).collect()
    }

    fn is_ours(&self, name: &str, entities: &Entities) -> bool {
        let is_of_place = match self.names.has_beyond() {
            true => !self.names.is_beyond(name) && !name.starts_with("external/"),
            false => !name.contains('/'),
        };
        let is_elsewhere = name.starts_with(ELSEWHERE) || entities.kind_of(name) == EntityKind::External;
        is_of_place && !is_elsewhere && !entities.is_beneath(name)
    }

    fn suspects(&self, gathered: Gathered, hint: &WindowHint, known: &BTreeSet<String>) -> Option<Suspects> {
        let Gathered { raw, calls, entities, .. } = gathered;
        let grid = self.window.grid;
        let first = raw.iter().flat_map(|series: &RawSeries| series.points.first()).map(|(time, _)| *time).min()?;
        let times = grid.times().filter(|time| *time >= first);
        let (frame, _) = assemble(raw, times.collect()).ok()?;
        let frame = frame.with_network_gaps();
        let outline = Outline { frame: &frame, calls: &calls, entities: &entities, hint };
        suspects(&outline, |name| known.contains(name), MAX_SUSPECTS).ok()
    }

    /// The same requests for one group of services.
    fn narrowed(&self, details: &[Request], group: &[String], reason: &str) -> Vec<Request> {
        let only = Some(self.only(group));
        let values = Values { only, ..self.values.clone() };
        let mut requests = plan::requests(&self.found.exporters, &values, &self.found.clusters);
        requests.retain(is_detail);
        for (request, whole) in requests.iter_mut().zip(details) {
            request.part_of = Some(reason.to_owned());
            // The report shows the query for all services.
            for (planned, of_all) in request.signals.iter_mut().zip(&whole.signals) {
                planned.shown.clone_from(&of_all.shown);
            }
        }
        requests
    }

    /// Patterns for a group: its workloads, and pods whose names begin with one of them or whose owner is one.
    fn only(&self, group: &[String]) -> Only {
        let own = |name: &'_ str| match self.names.has_beyond() {
            true => name.rsplit_once('/').map_or(name, |(_, own)| own).to_owned(),
            false => name.to_owned(),
        };
        let names: BTreeSet<String> = group.iter().map(|name| own(name)).collect();
        let members: BTreeSet<&str> = group.iter().map(String::as_str).collect();
        let owners = self.names.workloads();
        let is_odd = |(pod, workload): &(&str, &str)| {
            members.contains(workload) && !own(pod).starts_with(&format!("{}-", own(workload)))
        };
        let odd: BTreeSet<String> = owners.pods().filter(is_odd).map(|(pod, _)| own(pod)).collect();
        // A bare pod is a workload of its own name.
        let odd = odd.iter().chain(names.iter().filter(|_| owners.is_empty())).map(String::as_str);
        let workloads = promql::any_of(names.iter().map(String::as_str));
        let odd = promql::any_of(odd);
        let bar = if odd.is_empty() { "" } else { "|" };
        Only { pods: format!("(?:{workloads})-.*{bar}{odd}"), workloads, has_other_end: true }
    }

    /// The part of an answer that belongs to a group: a pattern of `orders` also finds the pods of `orders-db`.
    fn of_group(&self, request: &Request, mut answer: Answer, group: &[String]) -> Answer {
        let members: BTreeSet<&str> = group.iter().map(String::as_str).collect();
        if let Some(key) = request.signals.first().map(|planned| planned.signal.key) {
            let is_member = |s: &LabelledSeries| {
                self.names.owners(key, &s.labels).iter().all(|owner| members.contains(owner.service.as_str()))
            };
            answer.series.retain(is_member);
        }
        answer
    }
}

/// The earlier groups followed by the new names, or newly formed groups if there is no room.
fn regrouped(kept: Groups, wanted: &[String]) -> Groups {
    let known: BTreeSet<&String> = kept.iter().flatten().collect();
    let new: BTreeSet<String> = wanted.iter().filter(|name| !known.contains(name)).cloned().collect();
    let has_room = known.len() + new.len() <= MAX_SUSPECTS;
    let new = grouped(new);
    if has_room && kept.len() + new.len() <= MAX_GROUPS {
        return kept.into_iter().chain(new).collect();
    }
    grouped(wanted.iter().cloned().collect())
}

/// Names in groups whose patterns are short enough.
fn grouped(names: BTreeSet<String>) -> Groups {
    let mut groups = Groups::new();
    let mut bytes = 0;
    for name in names {
        let more = promql::any_of([name.as_str()]).len() + 1;
        match groups.last_mut().filter(|_| bytes + more <= MAX_PATTERN_BYTES) {
            Some(group) => group.push(name),
            None => {
                groups.push(vec![name]);
                bytes = 0;
            }
        }
        bytes += more;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prometheus::presets::TABLES;

    fn names(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|i| format!("service-{i:04}")).collect()
    }

    #[test]
    fn groups_have_short_patterns_and_stay_while_there_is_room() {
        let first = regrouped(Groups::new(), &names(0..200));
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [200]);
        assert_eq!(regrouped(first.clone(), &names(50..60)), first, "who was chosen stays");
        let more = regrouped(first.clone(), &names(190..210));
        assert_eq!((&more[0], more[1].len()), (&first[0], 10), "who is new comes behind");
        let other = regrouped(more, &names(1000..1250));
        assert_eq!(other.iter().flatten().count(), 250, "no room for both");
        assert!(grouped(names(0..300).into_iter().collect()).len() <= MAX_GROUPS);
        let long: BTreeSet<String> = (0..40).map(|i| format!("{i}{}", "x".repeat(250))).collect();
        let groups = grouped(long);
        assert!(groups.iter().all(|g| g.iter().map(|name| name.len() + 1).sum::<usize>() <= MAX_PATTERN_BYTES));
        assert_eq!(groups.iter().flatten().count(), 40);
    }

    #[test]
    fn pods_and_a_quantile_beside_a_mean_are_details() {
        let values = Values { namespace: "shop".into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: None };
        let all = plan::requests(&TABLES, &values, &std::collections::BTreeMap::new());
        let (details, outline): (Vec<_>, Vec<_>) = all.iter().partition(|request| is_detail(request));
        let of = |requests: &[&Request]| requests.iter().map(|r| r.name).collect::<Vec<_>>();
        assert_eq!(
            of(&outline),
            ["requests served", "latency", "calls", "latency of calls", "latency of calls served", "connections"]
        );
        assert_eq!(
            &of(&details)[..7],
            ["latency quantile", "cpu", "throttling", "memory", "disk", "network", "pod state"]
        );
    }

    #[test]
    fn every_selector_of_a_detail_is_narrowed_and_names_are_escaped() {
        let only = Only {
            workloads: promql::any_of(["a.b\"c"]),
            pods: format!("(?:{})-.*", promql::any_of(["a.b\"c"])),
            has_other_end: true,
        };
        let values =
            Values { namespace: "shop".into(), cluster: None, rate_ms: 60_000, span_ms: 60_000, only: Some(only) };
        let requests = plan::requests(&TABLES, &values, &std::collections::BTreeMap::new());
        for request in requests.iter().filter(|request| is_detail(request)) {
            for selector in request.promql.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()) {
                let is_narrowed = ["pod=~\"(?:a\\\\.b\\\"c)-.*", "destination_workload=~\"a\\\\.b\\\"c\""]
                    .iter()
                    .any(|matcher| selector.contains(matcher));
                assert!(is_narrowed, "{selector} of {}", request.name);
            }
        }
    }
}
