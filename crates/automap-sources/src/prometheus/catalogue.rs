//! Lists which presets find anything on a server, and why the others do not. Used by `discover`, never by a diagnosis.

use super::client::Client;
use super::discover;
use super::error::RequestError;
use super::namespaces;
use super::native;
use super::observe_options::ObserveOptions;
use super::parallel;
use super::presets::Exporter;
use super::query::Answer;
use super::scope::NamespaceSpec;

/// One preset, and whether it finds anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The preset's name.
    pub preset: String,
    /// The system that it is for.
    pub title: String,
    /// The file it was read from; `None` for the two systems that are tables.
    pub file: Option<String>,
    /// What it observes: `requests, latency, errors, calls`.
    pub covers: String,
    /// Whether it finds anything.
    pub state: OfferState,
}

/// Whether a preset finds anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferState {
    /// Series of the namespace: the largest number at any sampled time.
    Found {
        /// Their number.
        series: u64,
    },
    /// Series without any namespace: used only if no other preset counts requests.
    WithoutNamespace {
        /// Their number.
        series: u64,
        /// The label that would name it.
        label: String,
    },
    /// Series of other namespaces, by name.
    Elsewhere(Vec<String>),
    /// Nothing at all.
    Absent,
    /// The server rejects the query.
    Failed(String),
}

/// Probes every preset, in order: up to four requests each.
///
/// # Errors
/// [`RequestError`] when the server does not answer. An expression that it refuses is reported in its offer.
pub fn catalogue(client: &Client, options: &ObserveOptions) -> Result<Vec<Offer>, RequestError> {
    let grid = discover::probe_grid(options);
    let ask = |e: &&'static Exporter| -> (&'static Exporter, Result<(Answer, Answer), RequestError>) {
        let scope = NamespaceSpec::parse(&options.namespace).scope();
        let mut probed = [(*e, client.range(&discover::probe(e, &scope), grid))];
        native::settle(client, &mut probed, &scope, grid);
        let [(exporter, ours)] = probed;
        let with_listing = |ours: Answer| {
            let anywhere = match ours.series.is_empty() {
                true => client.range_of(&namespaces::listing(&[*e]), grid)?,
                false => Answer::default(),
            };
            Ok((ours, anywhere))
        };
        (exporter, ours.and_then(with_listing))
    };
    let exporters = client.presets().exporters();
    let answers = parallel::map(exporters, client.concurrency(), ask, |_| {});
    answers.into_iter().map(|(exporter, answer)| offer(exporter, answer)).collect()
}

fn offer(exporter: &'static Exporter, answer: Result<(Answer, Answer), RequestError>) -> Result<Offer, RequestError> {
    let state = match answer {
        Err(error) if discover::is_beyond_server(exporter, Some(&error)) => OfferState::Absent,
        Err(error) if error.is_rejected_query() => OfferState::Failed(error.failure.to_string()),
        Err(error) => return Err(error),
        Ok((ours, anywhere)) if ours.series.is_empty() => {
            let mut names = namespaces::namespaces(&[exporter], &anywhere);
            names.retain(|name| !name.is_empty());
            if names.is_empty() { OfferState::Absent } else { OfferState::Elsewhere(names) }
        }
        Ok((ours, _)) => {
            let series = most(&ours);
            match discover::knows_namespace(exporter, &ours.series) {
                true => OfferState::Found { series },
                false => OfferState::WithoutNamespace { series, label: exporter.namespace_label.to_owned() },
            }
        }
    };
    Ok(Offer {
        preset: exporter.preset.to_owned(),
        title: exporter.title.to_owned(),
        file: exporter.file.map(ToOwned::to_owned),
        covers: exporter.covers.to_owned(),
        state,
    })
}

/// The maximum count of each job, summed over all jobs.
fn most(answer: &Answer) -> u64 {
    let greatest = |points: &[(_, f64)]| points.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    answer.series.iter().map(|s| greatest(&s.points) as u64).sum()
}
