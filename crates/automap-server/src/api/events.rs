//! `GET /api/v1/events`: changes of incidents as they happen (server-sent events). Who comes back with `Last-Event-ID` misses nothing that
//! is still kept; who missed more is sent a `reset` and reads the list again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::gate::one;
use super::hub::Event;
use super::problem::Problem;
use super::state::App;

/// A sign of life for proxies that close what is silent.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Listener {
    app: App,
    missed: VecDeque<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
    closing: watch::Receiver<bool>,
    /// One of the places for listeners.
    _place: OwnedSemaphorePermit,
}

/// The handler.
pub(crate) async fn events(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::too_many("all places for listeners are taken", 30))?;
    let resumed = app.hub.resume(one(&headers, "last-event-id"));
    let listener = Listener {
        closing: app.closing.subscribe(),
        app,
        missed: resumed.missed.into(),
        live: resumed.live,
        _place: place,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(wire(&event)), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Listener {
    /// `None` when automap shuts down.
    async fn next(&mut self) -> Option<Arc<Event>> {
        if let Some(event) = self.missed.pop_front() {
            return Some(event);
        }
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            event = self.live.recv() => match event {
                Ok(event) => Some(event),
                Err(RecvError::Lagged(_)) => Some(self.app.hub.reset()),
                Err(RecvError::Closed) => None,
            },
        }
    }
}

fn wire(event: &Event) -> sse::Event {
    sse::Event::default().id(&event.id).event(event.kind).data(&event.data)
}
