//! A flagd file, looked at again and again: from a path or an address.

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use automap_chaos::{Entry, Recorder};
use automap_core::time::Timestamp;
use serde_json::Value;

use crate::console::say;

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Largest file or answer.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where the flags are, and when they were looked at.
pub(super) struct Flags {
    place: String,
    agent: ureq::Agent,
    looked: Option<Instant>,
    /// The last failure, so that it is told once.
    failure: Option<String>,
}

impl Flags {
    pub(super) fn new(place: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_WITHIN)).max_redirects(0).build();
        Self { place: place.to_owned(), agent: ureq::Agent::new_with_config(config), looked: None, failure: None }
    }

    /// Takes the file in when it is time. One that cannot be read changes nothing: a fault does not end because nobody could look.
    pub(super) fn look(&mut self, recorder: &mut Recorder, now: Timestamp) -> Vec<Entry> {
        if self.looked.is_some_and(|at| at.elapsed() < EVERY) {
            return Vec::new();
        }
        self.looked = Some(Instant::now());
        match self.read() {
            Ok(file) => {
                if self.failure.take().is_some() {
                    say(&format!("{}: read again", self.place));
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
        let mut body = Vec::new();
        if self.place.starts_with("http://") || self.place.starts_with("https://") {
            let mut response = self.agent.get(&self.place).header("accept", "application/json").call()?;
            response.body_mut().as_reader().take(MAX_BYTES + 1).read_to_end(&mut body)?;
        } else {
            File::open(&self.place)?.take(MAX_BYTES + 1).read_to_end(&mut body)?;
        }
        if body.len() as u64 > MAX_BYTES {
            bail!("larger than {MAX_BYTES} bytes");
        }
        let file: Value = serde_json::from_slice(&body).context("this is not JSON")?;
        if !file.get("flags").is_some_and(Value::is_object) {
            bail!("no flags in it: this is not a flagd file");
        }
        Ok(file)
    }
}
