//! Changes: the webhooks that receive them, one for each form, and the list of received changes.

use automap_core::change::Change;
use automap_core::time::{Timestamp, as_rfc3339};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::alerts::webhook_fields::ParseError;
use crate::api::app::App;
use crate::api::http::cursor;
use crate::api::http::extract::{EventBytes, JsonBytes, QueryParameters, UnprovenBytes};
use crate::api::http::header::single;
use crate::api::http::peer::ClientAddress;
use crate::api::http::problem::Problem;
use crate::api::http::response::{cacheable, uncached};
use crate::api::routes::route::Route;
use crate::auth::Role;
use crate::changes::receipt::{ChangeReceipt, receive};
use crate::changes::{ChangeForm, ChangeWebhook, Signature, parse};
use crate::secret::ExposeSecret;
use crate::store::{ChangeFilter, Cursor, MAX_PAGE, ToldChange};

/// Changes of a page when the request does not say how many.
const DEFAULT_PAGE: usize = 50;

/// Parameters of a webhook's address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangeQuery {
    /// The target that the changes belong to; left out: derived from what they say.
    target: Option<String>,
}

/// Which changes to list.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only changes of this target.
    target: Option<String>,
    /// Only changes made at or after this time (RFC 3339).
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    since: Option<Timestamp>,
    /// Only changes made before this time (RFC 3339).
    #[serde(default, with = "as_rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    until: Option<Timestamp>,
    /// `next` of the previous page.
    after: Option<String>,
    /// Most changes on the page; 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

/// A page of reported changes, the latest first. Changes read from Prometheus and Grafana are in the reports.
#[derive(Debug, Serialize, JsonSchema)]
struct ChangePage {
    /// The changes.
    changes: Vec<ListedTold>,
    /// The value of `after` for the next page; `null` on the last one.
    next: Option<String>,
}

/// A reported change.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedTold {
    /// Identifies it.
    id: String,
    /// The target that it belongs to.
    target: String,
    /// When it was received.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    received: Timestamp,
    /// The change; its service is named as the sender does.
    change: Change,
}

impl From<ToldChange> for ListedTold {
    fn from(told: ToldChange) -> Self {
        Self { id: told.id(), target: told.target, received: told.received, change: told.change }
    }
}

pub(super) fn routes() -> Vec<Route> {
    let webhook = |route: Route| {
        route.role(Role::Changes).query::<ChangeQuery>().body::<ChangeWebhook>().answers::<ChangeReceipt>(202)
    };
    let json = |path, id, summary, form| {
        let take = move |State(app): State<App>, headers: HeaderMap, query: Query, body: JsonBytes| async move {
            tell(&app, &headers, query, &body, form).await
        };
        webhook(Route::post(path, id, summary, take))
    };
    vec![
        Route::get("/api/v1/changes", "listChanges", "Changes that were reported to automap", list)
            .query::<ListQuery>()
            .answers::<ChangePage>(200),
        json("/api/v1/changes", "tellChanges", "Receives changes in automap's plain form", ChangeForm::Plain),
        webhook(Route::post(
            "/api/v1/changes/cloudevents",
            "cloudEventsWebhook",
            "Receives CloudEvents, CDEvents among them",
            cloudevents,
        )),
        json("/api/v1/changes/flux", "fluxWebhook", "Receives the events of Flux", ChangeForm::Flux),
        json("/api/v1/changes/flagger", "flaggerWebhook", "Receives the events of Flagger", ChangeForm::Flagger),
        json(
            "/api/v1/changes/grafana",
            "annotationWebhook",
            "Receives what is posted as an annotation to Grafana",
            ChangeForm::Grafana,
        ),
        // GitHub sends no credentials: its signature is checked instead.
        webhook(Route::post("/api/v1/changes/github", "githubWebhook", "Receives GitHub's deployment_status", github))
            .without_credentials(),
    ]
}

type Query = QueryParameters<ChangeQuery>;

/// `POST /api/v1/changes/cloudevents`
async fn cloudevents(
    State(app): State<App>,
    headers: HeaderMap,
    query: Query,
    body: EventBytes,
) -> Result<Response, Problem> {
    tell(&app, &headers, query, &body.0, ChangeForm::CloudEvents).await
}

/// `POST /api/v1/changes/github`
///
/// Whoever cannot be GitHub is refused before the body is read: anybody may call this.
async fn github(
    State(app): State<App>,
    headers: HeaderMap,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    let Some(secret) = &app.config.changes.github_secret else {
        let detail = "GitHub's webhook is not set up here";
        return Err(Problem::forbidden(detail, "set api.changes.github_secret to the file with the webhook's secret"));
    };
    let client = ClientAddress::of(request.extensions());
    let count_guess = || {
        let guess = app.wrong_credentials.take(client, std::time::Instant::now());
        guess.map_err(|wait| Problem::too_many("too many wrong signatures", wait))
    };
    let Some(signature) = single(&headers, "x-hub-signature-256").and_then(Signature::parse) else {
        count_guess()?;
        return Err(not_signed());
    };
    let UnprovenBytes(body) = UnprovenBytes::from_request(request, &app).await?;
    // Counted before the check, like any other wrong credential.
    count_guess()?;
    let secret = secret.read().map_err(|error| {
        warn!(target: "change", %error, "the secret of GitHub's webhook cannot be read");
        Problem::unavailable("api.changes.github_secret", "the secret cannot be read; the log says why")
    })?;
    if !signature.is_of(secret.expose_secret(), &body.0) {
        return Err(not_signed());
    }
    app.wrong_credentials.give_back(client);
    tell(&app, &headers, query, &body, ChangeForm::Github).await
}

fn not_signed() -> Problem {
    let next = "give the webhook in GitHub the secret that api.changes.github_secret has, and the content type application/json";
    Problem::forbidden("the body is not signed with the secret of GitHub's webhook", next)
        .at("header X-Hub-Signature-256")
}

async fn tell(
    app: &App,
    headers: &HeaderMap,
    QueryParameters(query): Query,
    body: &JsonBytes,
    form: ChangeForm,
) -> Result<Response, Problem> {
    let now = app.now();
    let header = |name: &str| single(headers, name).map(str::to_owned);
    let delivery = parse(form, &header, &body.0, now).map_err(|ParseError { place, reason }| {
        Problem::bad_request(place, reason, "send it as docs/changes.md shows for this address")
    })?;
    if let Some(target) = &query.target {
        let name = target.clone();
        if !app.ask(move |s| s.targets().iter().any(|t| t.target == name)).await? {
            return Err(Problem::not_found("target", target));
        }
    }
    let receipt = app.ask(move |system| receive(system, query.target.as_deref(), delivery, now)).await??;
    if let Some((ignored, reason)) = receipt.ignored()
        && let Some(more) = app.alerts.may_log(now)
    {
        warn!(target: "change", ignored, reason, more, "changes have no effect");
    }
    uncached(StatusCode::ACCEPTED, &receipt)
}

/// `GET /api/v1/changes`
async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if limit == 0 || limit > MAX_PAGE {
        let detail = format!("{limit} is not within 1 to {MAX_PAGE}");
        return Err(Problem::bad_request("query parameter limit", detail, "ask for fewer and continue with `after`"));
    }
    let filter = ChangeFilter {
        target: query.target,
        since: query.since,
        until: query.until,
        after: query.after.as_deref().map(cursor::decode).transpose()?,
        // One more than requested, to see whether there is another page.
        limit: limit + 1,
    };
    let mut found = app.read(move |store| store.told_changes(&filter)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|last| Cursor { opened: last.change.at, id: last.id() });
    let changes = found.into_iter().map(ListedTold::from).collect();
    cacheable(&headers, &ChangePage { changes, next: last.as_ref().map(cursor::encode) })
}
