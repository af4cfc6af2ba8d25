//! Polls a flagd file from a path or an address, and reports which faults it turns on and off.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use automap_chaos::{Entry, Recorder};
use automap_core::time::Timestamp;
use automap_sources::bounded::{read_file, read_stream};
use automap_sources::http::agent_config;
use serde_json::Value;
use ureq::tls::TlsConfig;

use crate::console::say;

/// Time between two polls.
const EVERY: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Largest file or answer.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where the flags are, and when they were last polled.
pub(super) struct Flags {
    place: String,
    agent: ureq::Agent,
    polled: Option<Instant>,
    /// The last failure, so that it is reported once.
    failure: Option<String>,
}

impl Flags {
    pub(super) fn new(place: &str) -> Self {
        let agent = ureq::Agent::new_with_config(agent_config(TlsConfig::default(), ANSWER_WITHIN).build());
        Self { place: place.to_owned(), agent, polled: None, failure: None }
    }

    /// Reads the file if a poll is due. A file that cannot be read changes nothing: a fault does not end because a poll failed.
    pub(super) fn poll(&mut self, recorder: &mut Recorder, now: Timestamp) -> Vec<Entry> {
        if self.polled.is_some_and(|at| at.elapsed() < EVERY) {
            return Vec::new();
        }
        self.polled = Some(Instant::now());
        match self.read() {
            Ok(file) => {
                if self.failure.take().is_some() {
                    say(&format!("{}: readable again", self.place));
                }
                recorder.flags(&file, now)
            }
            Err(error) => {
                let failure = format!("{}: {error:#}", self.place);
                if self.failure.as_ref() != Some(&failure) {
                    say(&failure);
                }
                self.failure = Some(failure);
                Vec::new()
            }
        }
    }

    fn read(&self) -> Result<Value> {
        let body = if self.place.starts_with("http://") || self.place.starts_with("https://") {
            let mut response = self.agent.get(&self.place).header("accept", "application/json").call()?;
            read_stream(response.body_mut().as_reader(), &self.place, MAX_BYTES).map_err(|e| anyhow!("{}", e.reason))?
        } else {
            read_file(Path::new(&self.place), MAX_BYTES).map_err(|e| anyhow!("{}", e.reason))?
        };
        let file: Value = serde_json::from_slice(&body).context("this is not JSON")?;
        if !file.get("flags").is_some_and(Value::is_object) {
            bail!("it has no flags, so this is not a flagd file");
        }
        Ok(file)
    }
}
