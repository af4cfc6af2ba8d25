//! Queries an observed server again, for the details that the first diagnosis calls for.

use automap_core::DiagnoseOptions;
use automap_core::breakdown::Wanted;
use automap_core::second_look::{BrokenDown, SecondLook, SecondLookOptions, look_again};
use automap_core::time_of_day::{EarlierDay, WantedDay};

use super::breakdown;
use super::client::{Client, FetchStats};
use super::clusters;
use super::earlier_day;
use super::observe::observe_incrementally;
use super::observe_options::{Fetched, ObserveOptions, Progress};
use super::source_error::SourceError;
use super::tail::Tail;

/// Fetches what a diagnosis needs, and then the details that the first diagnosis calls for.
///
/// # Errors
/// As for [`super::observe`]. An observation that cannot be diagnosed is no error here; the following diagnosis reports it.
pub fn observe_closely(
    client: &Client,
    options: &ObserveOptions,
    diagnosis: &DiagnoseOptions,
    may_ask: SecondLookOptions,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Fetched, SourceError> {
    let mut tail = Tail::default();
    let mut fetched = observe_incrementally(&mut tail, client, options, progress)?;
    progress(Progress { done: 1, total: 1, what: "a second look" });
    let mut again = Again::new(&tail, client, &options.namespace);
    let _ = look_again(&mut fetched.observation, diagnosis, may_ask, &mut again);
    fetched.stats.add(again.stats());
    Ok(fetched)
}

/// The server, with what the first observation found out about it.
#[derive(Debug)]
pub struct Again<'a> {
    tail: &'a Tail,
    client: Client,
    namespace: &'a str,
}

impl<'a> Again<'a> {
    /// After an observation of this namespace by [`super::observe_incrementally`] with this tail.
    pub fn new(tail: &'a Tail, client: &Client, namespace: &'a str) -> Self {
        Self { tail, client: client.metered(), namespace }
    }

    /// The cost of the queries.
    pub fn stats(&self) -> FetchStats {
        self.client.stats()
    }
}

impl SecondLook for Again<'_> {
    fn break_down(&mut self, wanted: &[Wanted]) -> BrokenDown {
        let Some(known) = self.tail.known() else { return BrokenDown::default() };
        let places: Vec<_> = known.found.iter().map(|found| found.chosen.place()).collect();
        clusters::break_down(&places, wanted, |at, wanted| {
            breakdown::read(&self.client, &known.found[at], self.namespace, known.scrape_ms, wanted)
        })
    }

    fn earlier_day(&mut self, wanted: &WantedDay) -> EarlierDay {
        match self.tail.known() {
            Some(known) => earlier_day::read(&self.client, self.tail, known, wanted),
            None => EarlierDay::not_observed(wanted.days_back, "the server has not been observed yet"),
        }
    }
}
