//! One simulated user: browses the shop and often logs in and buys something. The steps are those of the original's load test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{COOKIE, HeaderValue, SET_COOKIE};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::stats::LoadStats;
use crate::shop::endpoints::Balancer;
use crate::shop::goods::{CUSTOMERS, SOCKS};
use crate::shop::http::{Local, Request, get, post_json, request};
use crate::shop::locked;
use automap_core::random::Rng;

/// How long a user waits for a response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Mean pause between two requests, in seconds.
const THINK_MEAN_S: f64 = 0.3;
/// Share of users who browse without buying.
const BROWSERS_PERCENT: f64 = 30.0;

/// One simulated user with a session cookie.
pub(super) struct SimulatedUser {
    shop: Arc<Balancer<Local>>,
    stats: Arc<Mutex<LoadStats>>,
    rng: Rng,
    cookie: Option<HeaderValue>,
}

impl SimulatedUser {
    pub(super) fn new(shop: Arc<Balancer<Local>>, stats: Arc<Mutex<LoadStats>>, rng: Rng) -> Self {
        Self { shop, stats, rng, cookie: None }
    }

    /// Runs the whole visit. As in the original's load test, errors do not end it.
    pub(super) async fn visit(mut self) {
        locked(&self.stats).journeys += 1;
        for step in self.plan() {
            self.send(step).await;
            sleep(Duration::from_secs_f64(self.rng.exponential(THINK_MEAN_S))).await;
        }
    }

    fn plan(&mut self) -> Vec<Request> {
        let sock = SOCKS[self.rng.below(SOCKS.len())].id;
        let detail = format!("/detail.html?id={sock}");
        if self.rng.percent(BROWSERS_PERCENT) {
            return vec![get("/"), get("/category.html"), get(&detail), get("/cart")];
        }
        let customer = self.rng.below(CUSTOMERS);
        vec![
            get("/"),
            get(&format!("/login?username=user-{customer}")),
            get("/category.html"),
            get(&detail),
            request(Method::DELETE, "/cart", Bytes::new()),
            post_json("/cart", &json!({"id": sock, "quantity": 1})),
            get("/cart"),
            post_json("/orders", &json!({})),
        ]
    }

    async fn send(&mut self, mut request: Request) {
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(COOKIE, cookie.clone());
        }
        locked(&self.stats).sent += 1;
        let start = Instant::now();
        let outcome = self.shop.next().call(request, REQUEST_TIMEOUT).await;
        let status = outcome.as_ref().ok().map(|response| response.status().as_u16());
        locked(&self.stats).count(status, start.elapsed());
        if let Ok(response) = outcome
            && let Some(cookie) = response.headers().get(SET_COOKIE)
        {
            self.cookie = Some(cookie.clone());
        }
    }
}
