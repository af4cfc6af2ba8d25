//! Where the metrics come from and which time is looked at: options that several commands share.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use automap_core::observation::Observation;
use automap_core::time::{Interval, Timestamp, WindowHint};
use automap_sources::prometheus::{
    Auth, Client, ClientOptions, FetchStats, Fetched, ObserveOptions, Presets, Secret, SecretSource, TlsOptions,
    observe,
};
use clap::Args;
use jiff::ZonedDateTime;

use crate::console::bar;
use crate::when;

/// A live server.
#[derive(Args, Clone, Debug)]
pub(crate) struct PrometheusArgs {
    /// Prometheus (or Thanos, Mimir, VictoriaMetrics): address with its path prefix
    #[arg(long, value_name = "URL", help_heading = "Prometheus")]
    pub(crate) prometheus: Option<String>,
    /// Kubernetes namespace of the services
    #[arg(long, short, value_name = "NAME", help_heading = "Prometheus")]
    pub(crate) namespace: Option<String>,
    /// User for basic authentication, with --password-file
    #[arg(long, value_name = "NAME", requires = "password_file", help_heading = "Prometheus")]
    username: Option<String>,
    /// File that holds the password
    #[arg(long, value_name = "FILE", requires = "username", help_heading = "Prometheus")]
    password_file: Option<PathBuf>,
    /// File that holds a token; read again for every request
    #[arg(long, value_name = "FILE", conflicts_with = "username", help_heading = "Prometheus")]
    bearer_token_file: Option<PathBuf>,
    /// Header to send, such as 'X-Scope-OrgID: shop'; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, help_heading = "Prometheus")]
    header: Vec<(String, String)>,
    /// Certificate authorities (PEM) to trust instead of the public ones
    #[arg(long, value_name = "FILE", help_heading = "Prometheus")]
    ca_file: Option<PathBuf>,
    /// Client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file", help_heading = "Prometheus")]
    cert_file: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert_file", help_heading = "Prometheus")]
    key_file: Option<PathBuf>,
    /// Accept any certificate; for experiments only
    #[arg(long, help_heading = "Prometheus")]
    insecure_skip_verify: bool,
    /// File with presets for metrics that automap does not know; may be repeated (see 'automap config presets')
    #[arg(long, value_name = "FILE", help_heading = "Prometheus")]
    presets: Vec<PathBuf>,
    /// Patience for one request
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span, help_heading = "Prometheus")]
    timeout: Duration,
    /// Distance of samples [default: the scrape interval]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Prometheus")]
    step: Option<Duration>,
    /// How often the server scrapes [default: asked from the server]
    #[arg(long, value_name = "SPAN", value_parser = span, help_heading = "Prometheus")]
    scrape_interval: Option<Duration>,
}

/// Which time is looked at.
#[derive(Args, Clone, Debug)]
pub(crate) struct TimeArgs {
    /// How far back to look from --to, or from the incident's start
    #[arg(long, value_name = "SPAN", default_value = "60m", value_parser = span, help_heading = "Time")]
    since: Duration,
    /// Start of the data
    #[arg(long, value_name = "TIME", conflicts_with = "since", allow_hyphen_values = true, help_heading = "Time")]
    from: Option<String>,
    /// End of the data
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true, help_heading = "Time")]
    to: String,
    #[command(flatten)]
    hint: HintArgs,
}

/// What is known about the incident. Unset: found in the data.
#[derive(Args, Clone, Debug)]
pub(crate) struct HintArgs {
    /// When the incident began, or was noticed: 14:03, -10m, 2026-11-23T14:03:00Z. Where the data clearly shows that it
    /// began up to --onset-tolerance earlier, the report takes that and says so [default: detected]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    incident_start: Option<String>,
    /// How late --incident-start may be, as alerts are; 0s insists on it [default: 3m]
    #[arg(long, value_name = "SPAN", value_parser = span_or_none, help_heading = "Time")]
    onset_tolerance: Option<Duration>,
    /// When it ended [default: the end of the data]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, help_heading = "Time")]
    incident_end: Option<String>,
    /// Normal time to compare with [default: all before the incident]
    #[arg(long, value_name = "FROM..TO", allow_hyphen_values = true, help_heading = "Time")]
    baseline: Option<String>,
}

impl HintArgs {
    /// The hint, with what is not given taken from `known` (a capture's own).
    pub(crate) fn hint(&self, now: &ZonedDateTime, known: WindowHint) -> Result<WindowHint> {
        let time = |text: &Option<String>| text.as_deref().map(|t| when::parse(t, now)).transpose();
        let baseline = self.baseline.as_deref().map(|b| when::parse_interval(b, now)).transpose()?;
        Ok(WindowHint {
            incident_start: time(&self.incident_start)?.or(known.incident_start),
            start_tolerance_ms: self.onset_tolerance.map(millis).or(known.start_tolerance_ms),
            incident_end: time(&self.incident_end)?.or(known.incident_end),
            baseline: baseline.or(known.baseline),
        })
    }
}

impl TimeArgs {
    /// This span, nothing known about an incident in it.
    pub(crate) fn between(span: Interval) -> Self {
        let hint = HintArgs { incident_start: None, onset_tolerance: None, incident_end: None, baseline: None };
        let length = Duration::from_millis(span.len_ms().unsigned_abs());
        Self { since: length, from: Some(span.start.rfc3339()), to: span.end.rfc3339(), hint }
    }

    /// What is known about the incident, for sources that have a time of their own.
    pub(crate) fn hint(&self, now: &ZonedDateTime, known: WindowHint) -> Result<WindowHint> {
        self.hint.hint(now, known)
    }

    /// Start and end of the data, and what is known about the incident.
    fn settle(&self, now: &ZonedDateTime) -> Result<(Timestamp, Timestamp, WindowHint)> {
        let hint = self.hint.hint(now, WindowHint::default())?;
        let to = when::parse(&self.to, now).context("--to")?;
        let from = match &self.from {
            Some(text) => when::parse(text, now).context("--from")?,
            None => {
                let end_of_normal = hint.incident_start.unwrap_or(to).min(to);
                let from = end_of_normal.plus_ms(-millis(self.since));
                hint.baseline.map_or(from, |b| b.start.min(from))
            }
        };
        if from >= to {
            bail!("the window starts at {}, not before its end {}", from.rfc3339(), to.rfc3339());
        }
        Ok((from, to, hint))
    }
}

impl PrometheusArgs {
    /// What will be asked of the server.
    pub(crate) fn observe_options(&self, time: &TimeArgs, now: &ZonedDateTime) -> Result<ObserveOptions> {
        let Some(namespace) = &self.namespace else {
            bail!("--namespace is missing: which namespace do the services run in?");
        };
        let (from, to, hint) = time.settle(now)?;
        let now = Timestamp::from_ms(now.timestamp().as_millisecond());
        Ok(ObserveOptions {
            step_ms: self.step.map(millis),
            scrape_interval_ms: self.scrape_interval.map(millis),
            hint,
            ..ObserveOptions::new(namespace, from, to, now)
        })
    }

    /// Asks the server, with a progress bar.
    pub(crate) fn observe(&self, url: &str, time: &TimeArgs, now: &ZonedDateTime) -> Result<(Observation, FetchStats)> {
        let fetched = self.fetch(url, time, now)?;
        Ok((fetched.observation, fetched.stats))
    }

    /// The same, with the presets that were found.
    pub(crate) fn fetch(&self, url: &str, time: &TimeArgs, now: &ZonedDateTime) -> Result<Fetched> {
        let options = self.observe_options(time, now)?;
        let client = self.client(url)?;
        let bar = bar(0);
        let fetched = observe(&client, &options, &|progress| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(progress.what.to_owned());
        });
        bar.finish_and_clear();
        Ok(fetched?)
    }

    /// A client of the server.
    pub(crate) fn client(&self, url: &str) -> Result<Client> {
        Ok(Client::new(ClientOptions { presets: self.presets()?, ..self.client_options(url) })?)
    }

    /// What is looked for: the built-in presets, and before them those of the files that are given.
    pub(crate) fn presets(&self) -> Result<Presets> {
        let mut presets = Presets::default();
        for file in &self.presets {
            presets = presets.with_file(file)?;
        }
        Ok(presets)
    }

    fn client_options(&self, url: &str) -> ClientOptions {
        let auth = match (&self.username, &self.password_file, &self.bearer_token_file) {
            (Some(user), Some(file), _) => {
                Auth::Basic { user: user.clone(), password: SecretSource::File(file.clone()) }
            }
            (_, _, Some(file)) => Auth::Bearer { token: SecretSource::File(file.clone()) },
            _ => Auth::None,
        };
        ClientOptions {
            auth,
            headers: self.header.iter().map(|(name, value)| (name.clone(), Secret::new(value))).collect(),
            tls: TlsOptions {
                ca_file: self.ca_file.clone(),
                cert_file: self.cert_file.clone(),
                key_file: self.key_file.clone(),
                insecure_skip_verify: self.insecure_skip_verify,
            },
            timeout: self.timeout,
            ..ClientOptions::new(url)
        }
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| "write it as 'Name: value'".to_owned())
}

pub(crate) fn span(text: &str) -> Result<Duration, String> {
    when::span_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs())).map_err(|e| e.to_string())
}

fn span_or_none(text: &str) -> Result<Duration, String> {
    when::span_or_none_ms(text).map(|ms| Duration::from_millis(ms.unsigned_abs())).map_err(|e| e.to_string())
}

pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
