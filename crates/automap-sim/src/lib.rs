//! A simulated fleet of services: individual requests pass through queues, workers, pools, timeouts and retries, on nodes that they share; with
//! labelled faults, and metrics as in Prometheus. Seeded and without a clock: the same options give the same bytes.
//!
//! It provides what recordings and the lab cannot: any number of incidents with a known truth, systems of any size, and quiet stretches. It is a
//! second opinion, not a target to tune for. No rule of the diagnosis is built in: faults change what services do (a worker is slower, a packet is
//! lost, a lock is held), and all metrics follow from the queues.
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
//! Left out: packets and bytes on the wire beyond delay and loss, kernel scheduling beyond fair shares, garbage collection, differences between pods
//! of one service.

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
