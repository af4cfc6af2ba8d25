//! `GET /api/v1/events`: changes of incidents as they happen (server-sent events). A client that reconnects with `Last-Event-ID` receives the
//! events that it missed, as far as they are kept; otherwise it receives a `reset` and should read the list of incidents again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{Extensions, HeaderMap};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use crate::api::app::App;
use crate::api::http::header::single;
use crate::api::http::peer::ClientAddress;
use crate::api::http::problem::Problem;
use crate::api::limits::counts::Held;
use crate::api::limits::rate_limit::client_network;
use crate::api::routes::route::Route;
use crate::api::state::event_history::StreamEvent;
use crate::auth::Identity;

/// How often a comment is sent on an idle stream, for proxies that close idle connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Seconds after which another try makes sense when all event streams are in use.
const RETRY_AFTER_S: u64 = 30;

/// A stream as counted: for all clients together, for the user, and for the address.
type HeldStream = (OwnedSemaphorePermit, Option<Held<String>>, Held<IpAddr>);

struct Listener {
    app: App,
    missed: VecDeque<Arc<StreamEvent>>,
    live: broadcast::Receiver<Arc<StreamEvent>>,
    closing: watch::Receiver<bool>,
    /// One of `api.limits.event_streams`, and of `event_streams_per_client` of the user and the address.
    _held: HeldStream,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/events", "listenEvents", "Changes of incidents as they happen", events)
            .answers_text("text/event-stream"),
    ]
}

/// `GET /api/v1/events`
async fn events(State(app): State<App>, extensions: Extensions, headers: HeaderMap) -> Result<Response, Problem> {
    let held = hold(&app, &extensions)?;
    let subscription = app.events.subscribe(single(&headers, "last-event-id"));
    let listener = Listener {
        closing: app.closing.subscribe(),
        app,
        missed: subscription.missed.into(),
        live: subscription.live,
        _held: held,
    };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(to_sse(&event)), listener))
    });
    // The head of an answer is sent with the first piece of its body; without this, a listener of a quiet system would wait until the first comment.
    let heard = stream::once(async { Ok(sse::Event::default().comment("listening")) });
    Ok(Sse::new(heard.chain(events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Counts a stream for the address, the user and all clients together.
fn hold(app: &App, extensions: &Extensions) -> Result<HeldStream, Problem> {
    let max = app.limits().event_streams_per_client;
    let client = client_network(ClientAddress::of(extensions));
    let by_address = app.streams_by_address.take(client, max).ok_or_else(|| {
        Problem::too_many(format!("this address already holds {max} event streams; close one of them"), RETRY_AFTER_S)
    })?;
    // Without credentials all callers have the same name.
    let who = extensions.get::<Identity>().filter(|_| app.auth.is_enabled());
    let by_name = match who {
        None => None,
        Some(who) => Some(app.streams_by_name.take(who.name.clone(), max).ok_or_else(|| {
            let detail = format!("{} already holds {max} event streams; close one of them", who.name);
            Problem::too_many(detail, RETRY_AFTER_S)
        })?),
    };
    let permit = Arc::clone(&app.event_streams).try_acquire_owned();
    let permit = permit.map_err(|_| Problem::too_many("all event streams are in use", RETRY_AFTER_S))?;
    Ok((permit, by_name, by_address))
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
