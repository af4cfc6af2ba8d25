//! From a server and a namespace to an observation. The number of requests depends on the presets, not on the number of services.
//!
//! Istio, cAdvisor and kube-state-metrics take 26 requests: six to look for exporters, two about scraping, one for the owners of pods, 13 for 23
//! signals, one for nodes and three for changes; a node near a limit takes one more. Several clusters are looked for together, and then queried one
//! after the other: 18 requests for each. Retries, and pieces of queries that a server refuses as too large, are additional and have limits of their
//! own.

use automap_core::frame::assemble;
use automap_core::note::{NotChecked, Note};
use automap_core::observation::Observation;
use automap_core::time::Timestamp;

use super::changes::{self, Known, Question};
use super::chosen::Chosen;
use super::client::Client;
use super::clusters::{self, Looked};
use super::discover::{self, Found};
use super::gather::Gathered;
use super::look::{self, Look};
use super::observe_options::{Fetched, ObserveOptions, Preset, Progress};
use super::pods::Owners;
use super::preselection::{self, Preselection};
use super::scrape::{self, Scraped};
use super::screen::Screening;
use super::source_error::SourceError;
use super::tail::{Discovered, Tail};
use super::window::{self, Window};

/// Fetches everything that a diagnosis of one namespace needs.
///
/// # Errors
/// [`SourceError`] when the server does not answer, does not know the namespace, or has nothing in the window. A
/// signal that fails or is absent is not an error: it is reported in the observation.
pub fn observe(
    client: &Client,
    options: &ObserveOptions,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Fetched, SourceError> {
    observe_incrementally(&mut Tail::default(), client, options, progress)
}

/// The same, fetching only what `tail` does not have from earlier observations of the same namespace of the same server.
///
/// # Errors
/// As for [`observe`]; the tail is then unchanged.
pub fn observe_incrementally(
    tail: &mut Tail,
    client: &Client,
    options: &ObserveOptions,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Fetched, SourceError> {
    check(options)?;
    let client = client.metered();
    let discovered = match tail.discovered(options.now) {
        Some(known) => known,
        None => discover(&client, options)?,
    };
    let Discovered { clusters, scrape_ms, mut notes, .. } = discovered.clone();
    let (window, more) = window::settle(options, scrape_ms)?;
    notes.extend(more);
    let (discovered, more) = preselected(&client, tail, discovered, (&window, options));
    notes.extend(more);
    let found = discovered.found.clone();
    tail.discover(discovered);

    let looks: Vec<Look> = found.into_iter().map(|found| Look::prepare(&client, found, &window)).collect();
    tail.begin(window.grid);
    let asked: usize = looks.iter().map(|look| look.requests.len()).sum();
    let (mut done, total) = (1, asked + 1 + usize::from(options.changes));
    progress(Progress { done, total, what: "owners of pods" });
    let presets = presets(&looks);
    let (mut of_changes, mut looked) = (Vec::new(), Vec::new());
    for look in looks {
        let question = look::question(&look.found, options, &window, scrape_ms);
        of_changes.push((look.found.chosen.clone(), look.owners.clone(), question));
        let screening = screening(tail, &look, options);
        looked.push(look.gather(&client, tail, (window, screening), &mut |what| {
            // Groups of services take more requests than planned.
            done = total.min(done + 1);
            progress(Progress { done, total, what });
        }));
    }
    tail.end();
    let looked = clusters::together(looked);
    let is_slow = looked.gathered.first_failure.as_ref().is_some_and(|error| error.failure.is_slow());
    let mut observation = compose(&client, options, &window, notes, looked)?;
    if options.changes {
        let services = observation.frame.services();
        let ask = |(chosen, owners, question): (Chosen, Owners, Question)| {
            let services = clusters::services_of(chosen.place(), services);
            let known = Known { owners: &owners, services: &services };
            let outcome = match is_slow {
                true => changes::Outcome::too_slow(),
                false => changes::read(tail.changes_of(chosen.asked()), &client, &question, &known),
            };
            (chosen, outcome)
        };
        let (log, not_checked, queries) = clusters::changes(of_changes.into_iter().map(ask).collect());
        progress(Progress { done: total, total, what: "changes" });
        observation.changes = log;
        observation.not_checked.extend(not_checked);
        observation.queries.extend(queries);
    }
    Ok(Fetched { observation, presets, clusters, scrape_ms, stats: client.stats() })
}

/// What was discovered, with the observed services of each cluster.
fn preselected(
    client: &Client,
    tail: &Tail,
    mut discovered: Discovered,
    question: (&Window, &ObserveOptions),
) -> (Discovered, Vec<Note>) {
    let notes = discovered.found.iter_mut().filter_map(|found| preselect(client, tail, found, question)).collect();
    (discovered, notes)
}

/// Lets the server pick the services to observe if there are many; returns a note if it does not, and all are queried.
fn preselect(
    client: &Client,
    tail: &Tail,
    found: &mut Found,
    (window, options): (&Window, &ObserveOptions),
) -> Option<Note> {
    options.screen_above?;
    let kept = tail.preselected(found.chosen.asked());
    if let Some(standing) = kept.filter(|kept| kept.stands_at(window.grid.end)) {
        found.preselected = Some(standing.clone());
        return None;
    }
    let names = kept.map_or(&[][..], |kept| &kept.names);
    let question = Preselection { window, hint: &options.hint, above: options.preselect_above, kept: names };
    match preselection::preselect(client, found, &question) {
        Ok(preselected) => {
            found.preselected = preselected;
            None
        }
        Err(error) => {
            found.preselected = kept.cloned();
            let instead = if found.preselected.is_some() { "those picked before" } else { "all" };
            let text =
                format!("the query for services whose requests changed failed: {error}; {instead} are looked at");
            Some(Note::warning("query_failed", text))
        }
    }
}

/// Whether suspects are chosen, besides those that an earlier observation chose.
fn screening(tail: &Tail, look: &Look, options: &ObserveOptions) -> Screening {
    let Some(above) = options.screen_above else { return Screening::Off };
    let kept = tail.chosen(look.found.chosen.asked()).cloned().unwrap_or_default();
    Screening::Choose { above, hint: options.hint, kept }
}

/// The presets in use, each once.
fn presets(looks: &[Look]) -> Vec<Preset> {
    let mut presets: Vec<Preset> = Vec::new();
    for e in looks.iter().flat_map(|look| look.found.exporters.iter().chain(&look.found.outside)) {
        let (name, title) = (e.preset.to_owned(), e.title.to_owned());
        let preset = Preset { name, title, is_of_services: e.is_of_services() };
        if looks.len() == 1 || !presets.contains(&preset) {
            presets.push(preset);
        }
    }
    presets
}

fn discover(client: &Client, options: &ObserveOptions) -> Result<Discovered, SourceError> {
    let (found, clusters) = discover::exporters(client, options)?;
    let Scraped { interval_ms, notes } = scrape::find(client, options, &found);
    Ok(Discovered { found, clusters, scrape_ms: interval_ms, notes, at: options.now })
}

fn check(options: &ObserveOptions) -> Result<(), SourceError> {
    let refuse = |option, reason: &str| Err(SourceError::BadOption { option, reason: reason.to_owned() });
    if options.namespace.split(',').all(|part| part.trim().is_empty()) {
        return refuse("namespace", "it is empty");
    }
    if options.from >= options.to {
        return refuse("window", "it ends before it starts");
    }
    if options.from >= options.now {
        return refuse("window", "it starts in the future");
    }
    if options.step_ms.is_some_and(|ms| ms <= 0) {
        return refuse("step", "it must be longer than nothing");
    }
    if options.scrape_interval_ms.is_some_and(|ms| ms <= 0) {
        return refuse("scrape interval", "it must be longer than nothing");
    }
    Ok(())
}

fn compose(
    client: &Client,
    options: &ObserveOptions,
    window: &Window,
    mut notes: Vec<Note>,
    Looked { gathered, not_there, .. }: Looked,
) -> Result<Observation, SourceError> {
    let Gathered { raw, calls, entities, notes: more, mut not_checked, queries, first_failure, warned, .. } = gathered;
    notes.extend(more);
    notes.extend(warned.notes());
    let times = || raw.iter().flat_map(|series| series.points.iter().map(|(time, _)| *time));
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Err(nothing_usable(&not_checked, queries.len(), first_failure.map(SourceError::Request)));
    };
    let axis = axis(window, first, last, &mut notes);
    window.check(axis.len())?;
    not_checked.splice(0..0, not_there);
    let (frame, more) = assemble(raw, axis)?;
    notes.extend(more);
    let source = format!("{}, namespace {}", client.address(), options.namespace);
    let observation = Observation::new(frame, calls, source);
    Ok(Observation { entities, hint: options.hint, notes, not_checked, queries, ..observation })
}

/// The grid from the first data on. Time without data at the end is kept: it may be the incident.
fn axis(window: &Window, first: Timestamp, last: Timestamp, notes: &mut Vec<Note>) -> Vec<Timestamp> {
    let grid = window.grid;
    if first > grid.start {
        let text = format!(
            "no data before {} (asked from {}); the cluster, its pods or the server's retention may be younger",
            first.rfc3339(),
            grid.start.rfc3339()
        );
        notes.push(Note::warning("data_begins_late", text));
    }
    if last < grid.end {
        notes.push(Note::warning("data_ends_early", format!("no data after {}", last.rfc3339())));
    }
    let all = grid.times();
    all.filter(|time| *time >= first).collect()
}

fn nothing_usable(not_checked: &[NotChecked], signals: usize, failure: Option<SourceError>) -> SourceError {
    failure.unwrap_or_else(|| {
        let reason = not_checked.first().map_or("every answer was empty", |n| &n.reason).to_owned();
        SourceError::NothingUsable { signals, reason }
    })
}
