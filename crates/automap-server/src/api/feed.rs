//! Changes of incidents as they happen: server-sent events that go on where a client lost them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use automap_core::incident::Incident;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::Api;

/// Changes that are kept for clients that were away.
const KEPT: usize = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A change as JSON, and its number.
type Numbered = (u64, Arc<str>);

/// The latest changes, numbered.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Tells one process' numbers from another's.
    epoch: i64,
    kept: Arc<Mutex<VecDeque<Numbered>>>,
    last: watch::Sender<u64>,
}

impl Feed {
    /// An empty feed; `epoch` is any number that no earlier process had, such as its start.
    pub fn new(epoch: i64) -> Self {
        Self { epoch, kept: Arc::default(), last: watch::Sender::new(0) }
    }

    /// Tells everybody who listens.
    pub fn publish(&self, incident: &Incident) {
        let brief = Incident { report: None, ..incident.clone() };
        let Ok(body) = serde_json::to_string(&brief) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.back().map_or(1, |(n, _)| n + 1);
        kept.push_back((number, body.into()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        self.last.send_replace(number);
    }

    /// The first change after a number.
    fn after(&self, number: u64) -> Option<Numbered> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(n, _)| *n > number).cloned()
    }

    /// Where a client that saw `id` last goes on; one that saw nothing begins with what comes next, one of an earlier process with all that is kept.
    fn place(&self, id: Option<&str>) -> u64 {
        let Some(id) = id else { return *self.last.borrow() };
        let (epoch, number) = id.split_once('-').unwrap_or_default();
        let ours = epoch.parse() == Ok(self.epoch);
        number.parse().ok().filter(|_| ours).unwrap_or(0)
    }
}

pub(super) async fn events(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let id = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let (feed, from) = (api.feed.clone(), api.feed.place(id));
    let changes = feed.last.subscribe();
    let stream = unfold((feed, changes, from), |(feed, mut changes, from)| async move {
        loop {
            if let Some((number, body)) = feed.after(from) {
                let id = format!("{}-{number}", feed.epoch);
                let event = Event::default().event("incident").id(id).data(&*body);
                return Some((Ok(event), (feed, changes, number)));
            }
            changes.changed().await.ok()?;
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_goes_on_where_it_lost_the_feed() {
        let feed = Feed::new(7);
        assert_eq!(
            (feed.place(None), feed.place(Some("7-3")), feed.place(Some("6-3")), feed.place(Some("x"))),
            (0, 3, 0, 0)
        );
        let incident = crate::api::tests::incident("a", 0);
        (0..KEPT + 5).for_each(|_| feed.publish(&incident));
        assert_eq!(feed.after(0).map(|(n, _)| n), Some(6), "the first five were forgotten");
        assert_eq!(feed.after(KEPT as u64 + 4).map(|(n, _)| n), Some(KEPT as u64 + 5));
        assert_eq!(feed.place(None), KEPT as u64 + 5);
    }
}
