//! Turns all answers into series, calls, and notes on what could not be observed.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::{Entities, Entity, EntityKind};
use automap_core::frame::RawSeries;
use automap_core::metric::{CPU_CORES, Metric, THROUGHPUT_RPS};
use automap_core::note::{NotChecked, Note};
use automap_core::observation::{QueryRecord, QueryState};
use automap_core::topology::{CallGraph, Protocol};

use super::bounds::{LeftOut, MAX_SERIES};
use super::cluster;
use super::combine::{self, Combined};
use super::egress;
use super::enumerate::enumerate;
use super::error::RequestError;
use super::names::{Names, Owner};
use super::plan::{Planned, Request};
use super::presets::{Absence, Formula, Key};
use super::query::{Answer, Grid};
use super::service_limit;
use super::stores_found;
use super::warnings::{self, Warnings};
use super::window::Window;

/// The result of all requests.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) raw: Vec<RawSeries>,
    pub(crate) calls: CallGraph,
    /// Stores and brokers that are known from exporters or their callers.
    pub(crate) entities: Entities,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
    pub(crate) queries: Vec<QueryRecord>,
    /// The first failure, in case nothing else was received.
    pub(crate) first_failure: Option<RequestError>,
    /// Values that were used, and their preset: the first preset with a value keeps it.
    taken: BTreeMap<(&'static str, Owner), &'static str>,
    /// Signals that are missing, with the reason.
    missed: Vec<(&'static str, String)>,
    /// Signals with a missing half, by reason.
    halves: BTreeMap<String, Vec<&'static str>>,
    /// Signals whose queries failed, by reason.
    failed: BTreeMap<String, Vec<&'static str>>,
    /// Answers that came with a warning, by warning.
    pub(crate) warned: Warnings,
    /// Services over the limit.
    services_left_out: Option<NotChecked>,
    /// What exceeded the limits in answers, by request.
    left_out: BTreeMap<&'static str, LeftOut>,
}

/// Evaluates every signal.
pub(crate) fn gather(
    requests: &[Request],
    answers: &[Result<Answer, RequestError>],
    mut names: Names,
    Window { grid, rate_ms, .. }: Window,
) -> Gathered {
    let mut out = Gathered::default();
    for (request, answer) in requests.iter().zip(answers) {
        if let (Some(Key::Call), Ok(answer)) = (request.signals.first().map(|p| p.signal.key), answer) {
            answer.series.iter().for_each(|series| names.learn(&series.labels));
        }
    }
    out.match_stores(requests, answers, &mut names);
    let beyond = service_limit::apply_beyond(requests, answers, &mut names);
    out.services_left_out = service_limit::apply(requests, answers, &mut names);
    let mut entries = BTreeSet::new();
    for (request, answer) in requests.iter().zip(answers) {
        match answer {
            Err(error) => out.failed(request, error),
            Ok(answer) => {
                out.remarks(request, answer);
                for planned in &request.signals {
                    let mut combined = combine::signal(planned, answer, &names, grid);
                    if planned.signal.formula.is_rate() {
                        combine::without_partial_windows(&mut combined.columns, rate_ms, grid.step_ms);
                    }
                    out.note_unnamed(planned, &combined);
                    out.signal((planned, request.part_of.as_ref()), combined, answer, grid);
                }
                if request.signals.iter().any(|p| p.signal.key == Key::ServedCall) {
                    entries.extend(names.entered(answer));
                }
            }
        }
    }
    if let Some(beyond) = beyond {
        out.notes.push(Note::warning("neighbours_left_out", beyond.reason.clone()));
        out.not_checked.push(beyond);
    }
    out.note_missed();
    out.note_failed();
    out.note_halves();
    out.note_left_out();
    out.note_entries(entries);
    egress::bound(&mut out.raw, &mut out.calls, &mut out.not_checked);
    out.note_stores();
    out.describe_places();
    out
}

impl Gathered {
    /// Describes the namespace of each name, and marks external hosts.
    fn describe_places(&mut self) {
        let names = self.raw.iter().flat_map(|series| [Some(&series.service), series.peer.as_ref()]).flatten();
        for name in names.collect::<BTreeSet<_>>() {
            if let Some(entity) = cluster::elsewhere(name) {
                self.entities.describe(name, entity);
                continue;
            }
            let Some((place, workload)) = name.split_once('/') else { continue };
            let mut entity = self.entities.get(name).cloned().unwrap_or_default();
            match place {
                _ if entity.namespace.is_some() => continue,
                "external" if entity.kind == EntityKind::Service => entity.kind = EntityKind::External,
                "external" | "node" => continue,
                namespace => entity.namespace = Some(namespace.to_owned()),
            }
            if entity.kind == EntityKind::Service && workload.contains("ingressgateway") {
                entity.kind = EntityKind::Gateway;
                entity.known_from = Some("its name".to_owned());
            }
            self.entities.describe(name, entity);
        }
    }

    /// Describes gateways and the DNS.
    fn describe_outside(&mut self, planned: &Planned, combined: &Combined) {
        let (Key::Outside(outside) | Key::OutsideCall(outside)) = planned.signal.key else { return };
        if outside.kind != EntityKind::External {
            let known_from = Some(outside.title.to_owned());
            for owner in combined.columns.keys() {
                let entity = Entity { known_from: known_from.clone(), ..Entity::of(outside.kind) };
                self.entities.describe(&owner.service, entity);
            }
        }
    }

    /// Finds the stores behind exporters. If only a name is known, other measurements under that name decide.
    fn match_stores(&mut self, requests: &[Request], answers: &[Result<Answer, RequestError>], names: &mut Names) {
        let tells_of_stores = requests.iter().any(|r| r.signals.iter().any(|p| matches!(p.signal.key, Key::Store(_))));
        if tells_of_stores {
            let found = stores_found::find(requests, answers, names);
            self.entities = found.entities;
            self.notes.extend(found.notes);
        }
        names.placed().place(names.workloads(), &mut self.entities);
    }

    fn signal(
        &mut self,
        (planned, part_of): (&Planned, Option<&String>),
        mut combined: Combined,
        answer: &Answer,
        grid: Grid,
    ) {
        let (name, preset) = (planned.signal.name, planned.exporter.preset);
        let bound = self.bound(answer).or_else(|| self.halved(planned, &combined));
        let is_whole = answer.warnings.is_empty() && bound.is_none();
        let state = match (combined.columns.is_empty(), is_whole, part_of) {
            (_, false, _) => QueryState::Partial,
            (_, true, Some(_)) => QueryState::Screened,
            (true, true, None) => QueryState::Empty,
            (false, true, None) => QueryState::Complete,
        };
        // Suspects without such series say nothing about other services.
        if combined.columns.is_empty() && part_of.is_none() {
            self.nothing(planned, &combined, answer);
        }
        let reason = answer.warnings.first().map(|warning| warnings::shown(warning)).or(bound).or(part_of.cloned());
        self.record(planned, combined.series, combined.samples, state, reason);
        self.describe_outside(planned, &combined);
        let times: Vec<_> = grid.times().collect();
        if planned.exporter.outside.is_some_and(|outside| outside.kind == EntityKind::External) {
            // A host that was allowed and is now blocked is counted under two names.
            egress::merge(&mut self.raw, planned, &mut combined.columns, &times);
        }
        combined.columns.retain(|owner, _| *self.taken.entry((name, owner.clone())).or_insert(preset) == preset);
        self.connect(planned, &combined);
        self.raw.extend(combined.columns.into_iter().map(|(owner, values)| RawSeries {
            service: owner.service,
            metric: name.to_owned(),
            peer: owner.peer,
            points: times.iter().copied().zip(values).filter(|(_, value)| !value.is_nan()).collect(),
        }));
    }

    fn nothing(&mut self, planned: &Planned, combined: &Combined, answer: &Answer) {
        let Absence::Unobserved(likely) = planned.signal.absence else { return };
        let reason = match (combined.series, planned.signal.key) {
            (0, _) if answer.histograms_ignored > 0 => {
                format!(
                    "{} series hold native histograms, which this signal is not read from",
                    answer.histograms_ignored
                )
            }
            (0, _) if !answer.warnings.is_empty() => "nothing in an answer that the server calls incomplete".to_owned(),
            (0, _) => likely.to_owned(),
            // If all calls come from outside, there is no edge to report on.
            (series, Key::Call | Key::ServedCall) => {
                format!("none of the {series} series is a call inside the namespace")
            }
            (series, _) if combined.unnamed == series => {
                format!("the {series} series lack the label {}", planned.exporter.service_label)
            }
            (series, _) => format!("the {series} series hold no number in this window"),
        };
        self.miss(planned.signal.name, reason);
    }

    /// No service is left out silently.
    fn note_unnamed(&mut self, planned: &Planned, combined: &Combined) {
        let is_first = [THROUGHPUT_RPS, CPU_CORES].contains(&planned.signal.name);
        if is_first && combined.unnamed > 0 && combined.unnamed < combined.series {
            let (title, label) = (planned.exporter.title, planned.exporter.service_label);
            let text = format!("{title}: series that name no service are left out (expected label: {label})");
            self.notes.push(Note::warning("unnamed_series", text));
        }
    }

    fn miss(&mut self, signal: &'static str, reason: String) {
        // A signal that is queried in several requests is reported missing once.
        if !self.missed.iter().any(|(known, why)| *known == signal && *why == reason) {
            self.missed.push((signal, reason));
        }
    }

    /// Reports signals that no preset provided. Neighbouring ones with the same reason share one line.
    fn note_missed(&mut self) {
        let taken: BTreeSet<&str> = self.taken.keys().map(|(signal, _)| *signal).collect();
        for (signal, reason) in std::mem::take(&mut self.missed) {
            match self.not_checked.last_mut().filter(|last| last.reason == reason) {
                _ if taken.contains(signal) => {}
                Some(last) => last.signal = format!("{}, {signal}", last.signal),
                None => self.not_checked.push(NotChecked { signal: signal.to_owned(), services: Vec::new(), reason }),
            }
        }
    }

    fn failed(&mut self, request: &Request, error: &RequestError) {
        let (state, what) = match error.is_too_much() {
            true => (QueryState::Refused, "the server refuses so large a query"),
            false => (QueryState::Failed, "the query failed"),
        };
        for planned in &request.signals {
            self.failed.entry(error.to_string()).or_default().push(planned.signal.name);
            self.miss(planned.signal.name, format!("{what}: {}", error.failure));
            self.record(planned, 0, 0, state, Some(error.failure.to_string()));
        }
        self.first_failure.get_or_insert_with(|| error.clone());
    }

    /// One note for each reason, regardless of the number of queries.
    fn note_failed(&mut self) {
        for (error, signals) in std::mem::take(&mut self.failed) {
            let queries = if signals.len() == 1 { "query" } else { "queries" };
            let text = format!("the {queries} for {} failed: {error}", signals.join(", "));
            self.notes.push(Note::warning("query_failed", text));
        }
    }

    fn record(&mut self, planned: &Planned, series: u64, samples: u64, state: QueryState, reason: Option<String>) {
        let (signal, promql) = (planned.signal.name.to_owned(), planned.shown.clone());
        // A signal that was queried for several groups of services is shown as one query.
        let is_same = |q: &&mut QueryRecord| {
            q.signal == signal && q.promql == promql && q.state == state && reason.is_some() && q.reason == reason
        };
        if let Some(known) = self.queries.iter_mut().rev().find(is_same) {
            known.series += series;
            known.samples += samples;
            return;
        }
        self.queries.push(QueryRecord { signal, promql, series, samples, state, reason });
    }

    /// Why an answer is partial, if series were dropped here.
    fn bound(&self, answer: &Answer) -> Option<String> {
        let series =
            (answer.left_out.excess > 0).then(|| format!("{} series are beyond the bound", answer.left_out.excess));
        let misplaced = (answer.left_out.misplaced > 0)
            .then(|| format!("{} samples disagree in time with what was asked for", answer.left_out.misplaced));
        series.or(misplaced).or_else(|| self.services_left_out.as_ref().map(|n| n.reason.clone()))
    }

    /// Reports what was dropped: repeated series, and series over the limit.
    fn note_left_out(&mut self) {
        let twice: Vec<_> = self.left_out.iter().filter(|(_, l)| l.duplicates > 0).collect();
        if !twice.is_empty() {
            let count: u64 = twice.iter().map(|(_, l)| l.duplicates).sum();
            let names = enumerate(twice.iter().map(|(name, _)| (**name).to_owned()));
            let text = format!(
                "{count} series came twice in one answer ({names}), with the same labels; one of each is used: does a front end merge replicas?"
            );
            self.notes.push(Note::warning("repeated_series", text));
        }
        let misplaced: Vec<_> = self.left_out.iter().filter(|(_, l)| l.misplaced > 0).collect();
        if !misplaced.is_empty() {
            let count: u64 = misplaced.iter().map(|(_, l)| l.misplaced).sum();
            let names = enumerate(misplaced.iter().map(|(name, _)| (**name).to_owned()));
            let text = format!(
                "{count} samples ({names}) have other times than were asked for, or two values at one time, and are left out; their answers count as partial: does a clock jump, or a proxy mix answers?"
            );
            self.notes.push(Note::warning("times_disagree", text));
        }
        for (name, l) in self.left_out.iter().filter(|(_, l)| l.excess > 0) {
            let reason = format!("{name}: {} series more than the {MAX_SERIES} with the most samples", l.excess);
            self.notes.push(Note::warning("series_left_out", reason.clone()));
            self.not_checked.push(NotChecked { signal: (*name).to_owned(), services: Vec::new(), reason });
        }
        if let Some(left_out) = self.services_left_out.take() {
            self.notes.push(Note::warning("services_left_out", left_out.reason.clone()));
            self.not_checked.push(left_out);
        }
    }

    fn remarks(&mut self, request: &Request, answer: &Answer) {
        if answer.left_out != LeftOut::default() {
            self.left_out.entry(request.name).or_default().add(answer.left_out);
        }
        self.warned.add(&answer.warnings);
        self.warned.add(&answer.earlier_warnings);
        if answer.histograms_ignored > 0 {
            let text =
                format!("{}: {} series with native histograms are left out", request.name, answer.histograms_ignored);
            self.notes.push(Note::info("native_histograms", text));
        }
    }

    /// Why an answer is partial, if its own vectors do not match.
    fn halved(&mut self, planned: &Planned, combined: &Combined) -> Option<String> {
        let count = combined.halves.len();
        if count == 0 || planned.signal.key == Key::Pod {
            return None;
        }
        let reason = format!("{count} of what it measures lack one of the two series that it is made of");
        self.halves.entry(reason.clone()).or_default().push(planned.signal.name);
        Some(reason)
    }

    fn note_halves(&mut self) {
        for (reason, signals) in std::mem::take(&mut self.halves) {
            let text = format!(
                "the answers for {} are not whole: {reason}; does a proxy or a remote store drop series?",
                signals.join(", ")
            );
            self.notes.push(Note::warning("answers_not_whole", text));
        }
    }

    /// A call with traffic at any time is an edge: a count above zero, any value of a mean or a share, or one half of these.
    fn connect(&mut self, planned: &Planned, combined: &Combined) {
        let protocol = match planned.signal.key {
            Key::Call if Metric::parse(planned.signal.name).is_of_connections() => Protocol::Tcp,
            Key::Call | Key::ServedCall => Protocol::Request,
            Key::OutsideCall(_) => Protocol::Request,
            Key::Workload | Key::Pod | Key::Node | Key::Store(_) | Key::Outside(_) | Key::OutsidePeer(_) => return,
        };
        let is_count = matches!(planned.signal.formula, Formula::Sum(_) | Formula::Events { .. });
        let carried = |v: &f64| if is_count { *v > 0.0 } else { v.is_finite() };
        let whole = combined.columns.iter().filter(|(_, values)| values.iter().any(carried)).map(|(owner, _)| owner);
        for owner in whole.chain(&combined.halves) {
            if let Some(peer) = &owner.peer {
                self.calls.add(&owner.service, peer, protocol);
                if let Some(kind) = planned.exporter.callees.filter(|_| self.entities.get(peer).is_none()) {
                    let known_from = Some(format!("{}: called by {}", planned.exporter.title, owner.service));
                    self.entities.describe(peer, Entity { known_from, ..Entity::of(kind) });
                }
            }
        }
    }

    fn note_entries(&mut self, entries: BTreeSet<String>) {
        if !entries.is_empty() {
            let text = format!("called from outside the namespace: {}", enumerate(entries));
            self.notes.push(Note::info("entry_services", text));
        }
    }

    /// Stores and brokers speak TCP: meshes count their bytes, not their requests.
    fn note_stores(&mut self) {
        let mut spoken: BTreeMap<&str, bool> = BTreeMap::new();
        for (_, callee, protocol) in self.calls.edges() {
            *spoken.entry(callee).or_default() |= protocol == Protocol::Request;
        }
        for series in self.raw.iter().filter(|s| s.metric == THROUGHPUT_RPS) {
            spoken.insert(&series.service, true);
        }
        let stores: Vec<String> =
            spoken.into_iter().filter(|(_, requests)| !requests).map(|(s, _)| s.to_owned()).collect();
        if !stores.is_empty() {
            let reason = "TCP only: bytes and connections are seen, no requests".to_owned();
            self.not_checked.push(NotChecked { signal: "latency".to_owned(), services: stores, reason });
        }
    }
}
