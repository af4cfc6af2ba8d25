//! Fetches data for a diagnosis from a Prometheus, by the function that the command line uses.

use std::path::PathBuf;
use std::time::Duration;

use automap_core::DiagnoseOptions;
use automap_core::observation::Observation;
use automap_core::screening;
use automap_core::second_look::SecondLookOptions;
use automap_core::time::{Timestamp, WindowHint};
use automap_sources::prometheus::{
    Auth, Client, ClientOptions, ObserveOptions, SourceError, TlsOptions, observe_closely,
};
use serde::Deserialize;

use crate::error::Failure;
use crate::question::{Question, When};

/// How far to go back before the incident, or before the end: an hour, as on the command line.
const SINCE_MS: i64 = 3_600_000;
/// Longest wait for one answer.
const TIMEOUT_MS: u64 = 30_000;

/// The server and what to read from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerWords {
    namespace: Option<String>,
    cluster: Option<String>,
    since_ms: Option<i64>,
    end: Option<When>,
    step_ms: Option<i64>,
    timeout_ms: Option<u64>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    bearer_token_file: Option<PathBuf>,
    headers: Vec<(String, String)>,
    ca_file: Option<PathBuf>,
}

/// Fetches what a diagnosis needs, and then the details for the causes that the first diagnosis names.
pub(crate) fn read(url: &str, question: &Question, diagnosis: &DiagnoseOptions) -> Result<Observation, Failure> {
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let options = observe_options(question, now)?;
    let client = Client::new(question.server.client_options(url)).map_err(|e| Failure::new(SourceError::from(e)))?;
    let fetched = observe_closely(&client, &options, diagnosis, SecondLookOptions::default(), &|_| {});
    Ok(fetched.map_err(Failure::new)?.observation)
}

fn observe_options(question: &Question, now: Timestamp) -> Result<ObserveOptions, Failure> {
    let words = &question.server;
    let Some(namespace) = &words.namespace else {
        return Err(Failure::at("namespace", "it is missing; say in which namespace the services run"));
    };
    let hint = question.hint(now, WindowHint::default())?;
    if let Some(start) = hint.incident_start.filter(|start| *start > now) {
        let text = format!("{} is in the future; it is {} now", start.rfc3339(), now.rfc3339());
        return Err(Failure::at("incident_start", text));
    }
    let end = words.end.as_ref().map(|end| end.at(now, "end")).transpose()?.unwrap_or(now).min(now);
    let normal_until = hint.incident_start.unwrap_or(end).min(end);
    let from = normal_until.plus_ms(-words.since_ms.unwrap_or(SINCE_MS));
    let from = hint.baseline.map_or(from, |b| b.start.min(from));
    if from >= end {
        let text =
            format!("the data would begin at {} and end at {}; give a longer since", from.rfc3339(), end.rfc3339());
        return Err(Failure::at("since", text));
    }
    let screen_above = screening::above(false);
    Ok(ObserveOptions { step_ms: words.step_ms, hint, screen_above, ..ObserveOptions::new(namespace, from, end, now) })
}

impl ServerWords {
    fn client_options(&self, url: &str) -> ClientOptions {
        let auth =
            Auth::from_files(self.username.as_ref(), self.password_file.as_ref(), self.bearer_token_file.as_ref());
        ClientOptions {
            auth,
            headers: self.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect(),
            tls: TlsOptions { ca_file: self.ca_file.clone(), ..TlsOptions::default() },
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(TIMEOUT_MS)),
            cluster: self.cluster.clone(),
            ..ClientOptions::new(url)
        }
    }
}
