//! `GET /api/v1/events`: changes of incidents as they happen (server-sent events). A client that reconnects with `Last-Event-ID` receives the
//! events that it missed, as far as they are kept; otherwise it receives a `reset` and should read the list of incidents again.

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

use crate::api::app::App;
use crate::api::http::header::single;
use crate::api::http::problem::Problem;
use crate::api::routes::route::Route;
use crate::api::state::event_history::StreamEvent;

/// How often a comment is sent on an idle stream, for proxies that close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Seconds after which another try makes sense when all event streams are in use.
const RETRY_AFTER_S: u64 = 30;

struct Listener {
    app: App,
    missed: VecDeque<Arc<StreamEvent>>,
    live: broadcast::Receiver<Arc<StreamEvent>>,
    closing: watch::Receiver<bool>,
    /// One of `api.limits.event_streams`.
    _permit: OwnedSemaphorePermit,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/events", "listenEvents", "Changes of incidents as they happen", events)
            .answers_text("text/event-stream"),
    ]
}

/// `GET /api/v1/events`
async fn events(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let permit = Arc::clone(&app.event_streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::too_many("all event streams are in use", RETRY_AFTER_S))?;
    let subscription = app.events.subscribe(single(&headers, "last-event-id"));
    let listener = Listener {
        closing: app.closing.subscribe(),
        app,
        missed: subscription.missed.into(),
        live: subscription.live,
        _permit: permit,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(to_sse(&event)), listener))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

impl Listener {
    /// The next event; `None` when automap shuts down.
    async fn next(&mut self) -> Option<Arc<StreamEvent>> {
        if let Some(event) = self.missed.pop_front() {
            return Some(event);
        }
        tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => None,
            event = self.live.recv() => match event {
                Ok(event) => Some(event),
                Err(RecvError::Lagged(_)) => Some(self.app.events.reset_event()),
                Err(RecvError::Closed) => None,
            },
        }
    }
}

fn to_sse(event: &StreamEvent) -> sse::Event {
    sse::Event::default().id(&event.id).event(event.kind).data(&event.data)
}
