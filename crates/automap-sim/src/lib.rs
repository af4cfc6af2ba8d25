//! A fleet of services that exists in numbers only: requests one by one, through queues, workers, pools, timeouts and retries, on nodes that they
//! share; with labelled faults, and metrics as Prometheus would have them. Seeded and without a clock: the same options, the same bytes.
//!
//! It exists for what recordings and the lab cannot give: any number of incidents with a known truth, systems of any size, and quiet stretches.
//! It is a second opinion and no target: what is tuned to it fits it. What decides a diagnosis is not written down here anywhere; faults change what services do
//! (a worker is slower, a packet is lost, a lock is held), and all that metrics show comes out of the queues.
//!
//! ```text
//! plan        who calls whom, how much work, how many workers, which node        (from a seed)
//! fault       what is changed, where, from when to when                          (from a seed)
//! fleet       events in order of time: arrivals, slices of work, replies, …      → meters
//! meters      counters and gauges at every scrape                                → observation, exposition
//! observation rates as Prometheus computes them, in a frame
//! incident    one labelled recording: plan, faults, observation, truth
//! several     many of them, of many systems                                      (from a seed)
//! exposition  the same scrapes as text, for a Prometheus
//! ```
//!
//! Left out: packets and bytes on the wire beyond delay and loss, kernel scheduling beyond fair shares, garbage collection, pods of one service that differ from each other.

pub mod exposition;
pub mod fault;
pub mod fleet;
pub mod incident;
pub mod meters;
pub mod observation;
pub mod plan;
pub mod several;

mod chance;
mod events;
