//! Entries from sources that provide less than the records of Chaos Mesh, or other faults.
//!
//! | source | knows | does not know |
//! |---|---|---|
//! | [`events`]: Kubernetes Events, the dashboard's `/api/events` | who was hit, from when to when | which keys were only peers; Events are gone after an hour, the dashboard's after a week |
//! | [`archive`]: the dashboard's `/api/archives` | that an experiment existed, and when it began | which pods it hit, when it ended |
//! | [`labels`]: a file | what its author wrote | – |
//! | [`polled`]: VirtualServices, flags of flagd, ChaosResults of Litmus | what is in place at each poll | what came and went between two polls |

pub mod archive;
pub mod flagd;
pub mod istio;
pub mod labels;
pub mod litmus;
pub mod events;
pub mod polled;

#[cfg(test)]
mod tests;
