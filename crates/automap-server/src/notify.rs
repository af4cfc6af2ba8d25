//! Notifications: the outbox's worker, routes, owners, and one file for each kind of receiver.
//!
//! ```text
//!  Store::put(incident, config.routes_for(…)) ─▶ outbox ─▶ Worker::step ─▶ fold ─▶ words ─▶ receiver ─▶ delivered | again later | given up
//! ```
//!
//! A message is queued in the transaction that stores the incident, so none is lost; messages of one incident and route go out one at a time
//! and in order; updates fold into what comes after them ([`Event::Opened`](crate::store::Event), `Closed` and `Reopened` never do). A refusal
//! with 429 or 5xx and a broken connection are retried, any other 4xx is given up with its reason in the outbox.
//!
//! # How often a message arrives
//!
//! At least once, unless it is given up; the outbox then says so. If automap crashes between a receiver's answer and recording it, or if the answer
//! does not come in time, the message is sent again. What that means depends on the receiver:
//!
//! | receiver | a message sent twice |
//! |---|---|
//! | Alertmanager | is one alert: the labels are its identity |
//! | PagerDuty | is one alert: the incident's id is the `dedup_key` |
//! | Grafana | is one annotation: it is searched by its tag before one is made |
//! | webhook | has the same `Idempotency-Key` and the same body; exactly once if the receiver remembers keys |
//! | CloudEvents | has the same `source` and `id`; exactly once if the consumer drops duplicates |
//! | Slack, WeCom, Feishu, DingTalk | is shown twice; the second says "(may be a repetition)". Chats have no key, and a lost alarm is worse |
//!
//! Only one process may run the worker on a store; [`outbox::Outbox`] takes a lease for it.

pub mod config;
pub mod outbox;
pub mod receiver;
pub mod route;
pub use crate::secret::SecretSource;
pub mod template;
pub mod worker;

mod backoff;
mod fold;
mod gate;
pub(crate) mod glob;
mod guard;
mod http;
mod message;
mod sign;
mod text;

pub use backoff::RetryOptions;
pub use config::{NotifyConfig, ReceiverConfig};
pub(crate) use guard::is_internal_host;
pub use http::HttpOptions;
pub use message::MESSAGE_VERSION;
pub use outbox::Outbox;
pub use worker::{Step, Worker};
