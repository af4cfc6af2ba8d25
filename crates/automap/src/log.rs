//! The log on standard error: which events are written, as text or as JSON lines.
//!
//! Events and spans come from every crate through `tracing`; this module turns `--log` and the variable `AUTOMAP_LOG` into a subscriber.
//! Events carry short targets of their own (`request`, `store`, `poll`, …) instead of module paths, so that a filter survives moved
//! code. Standard output stays free for data, and other libraries' events are hidden unless named.

mod format;

use std::io;
use std::str::FromStr;
#[cfg(feature = "server")]
use std::sync::OnceLock;
#[cfg(feature = "server")]
use std::time::Duration;

use anyhow::{Context, Result};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;

#[cfg(feature = "server")]
use crate::detached_writer::{DetachedWriter, Trouble};
use format::{JsonFormat, TextFormat};

/// The variable that is read if `--log` is not given.
const VARIABLE: &str = "AUTOMAP_LOG";
/// Libraries that log through `tracing`, too. Each name is the beginning of a target.
const LIBRARIES: [&str; 5] = ["h2", "hyper", "kube", "tokio", "tower"];
/// In text form, incidents are on standard output already, and a line for every request or message would drown out the rest.
const QUIET_IN_TEXT: [&str; 3] = ["incident", "messages", "request"];

/// What is logged, and how: `json,info,request=off`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogSettings {
    is_json: bool,
    /// `None` if only the form was given.
    filter: Option<Targets>,
}

impl FromStr for LogSettings {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            if part == "json" || part == "text" {
                settings.is_json = part == "json";
                continue;
            }
            let (target, level) = part.split_once('=').map_or((None, part), |(target, level)| (Some(target), level));
            // `LevelFilter` reads an empty text as `error`.
            let is_named = !level.is_empty() && target != Some("");
            let level = LevelFilter::from_str(level).ok().filter(|_| is_named).ok_or_else(|| {
                format!("'{part}' is none of: text, json, a level (off, error, warn, info, debug, trace), TARGET=LEVEL")
            })?;
            let filter = settings.filter.unwrap_or_default();
            settings.filter = Some(match target {
                Some(target) => filter.with_target(target, level),
                None => filter.with_default(level),
            });
        }
        Ok(settings)
    }
}

impl LogSettings {
    /// The filter. If the user gave none, a service logs what it does and every other command only problems.
    fn targets(&self, is_service: bool) -> Targets {
        let libraries = Targets::new().with_targets(LIBRARIES.map(|name| (name, LevelFilter::OFF)));
        match &self.filter {
            Some(filter) => {
                let default = filter.default_level().unwrap_or(LevelFilter::OFF);
                libraries.with_default(default).with_targets(filter.iter())
            }
            None if !is_service => libraries.with_default(LevelFilter::WARN),
            None if self.is_json => libraries.with_default(LevelFilter::INFO),
            None => {
                let quiet = QUIET_IN_TEXT.map(|name| (name, LevelFilter::WARN));
                libraries.with_default(LevelFilter::INFO).with_targets(quiet)
            }
        }
    }
}

/// Starts the log. `is_service`: whether the command runs until it is stopped, as `watch` and `serve` do.
///
/// # Errors
/// If `AUTOMAP_LOG` is used and is not a valid filter.
pub(crate) fn start(flag: Option<&LogSettings>, is_service: bool) -> Result<()> {
    let settings = match (flag, std::env::var(VARIABLE)) {
        (Some(settings), _) => settings.clone(),
        (None, Ok(text)) => text.parse().map_err(anyhow::Error::msg).context(VARIABLE)?,
        (None, Err(_)) => LogSettings::default(),
    };
    // Spans are reported when they end, with the time they took. A line that cannot be written (a full disk, a closed pipe) is lost.
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(writer(is_service)?)
        .log_internal_errors(false);
    let targets = settings.targets(is_service);
    let registry = tracing_subscriber::registry().with(targets);
    if settings.is_json {
        tracing::subscriber::set_global_default(registry.with(layer.event_format(JsonFormat)))?;
    } else {
        tracing::subscriber::set_global_default(registry.with(layer.event_format(TextFormat)))?;
    }
    Ok(())
}

/// The log of a service, which may not wait for its reader.
#[cfg(feature = "server")]
static OF_SERVICE: OnceLock<DetachedWriter> = OnceLock::new();
/// How long the last lines may take.
#[cfg(feature = "server")]
const FINISHES_WITHIN: Duration = Duration::from_secs(1);

fn writer(is_service: bool) -> Result<BoxMakeWriter> {
    if !is_service {
        return Ok(BoxMakeWriter::new(io::stderr));
    }
    #[cfg(feature = "server")]
    {
        // A line that cannot be written is lost.
        let on_trouble = |trouble| {
            if let Trouble::Lost(lines) = trouble {
                tracing::warn!(target: "log", lines, "{lines} lines of the log were lost: whoever reads it did not keep up");
            }
        };
        let log = DetachedWriter::start("log", io::stderr(), on_trouble).context("the thread of the log")?;
        // The log is started once.
        let log = OF_SERVICE.get_or_init(|| log).clone();
        Ok(BoxMakeWriter::new(move || log.clone()))
    }
    #[cfg(not(feature = "server"))]
    Ok(BoxMakeWriter::new(io::stderr))
}

/// Writes the last lines, before the process ends.
pub(crate) fn finish() {
    #[cfg(feature = "server")]
    if let Some(log) = OF_SERVICE.get() {
        log.finish(FINISHES_WITHIN);
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn settings(text: &str) -> LogSettings {
        text.parse().unwrap()
    }

    #[test]
    fn form_levels_and_targets_stand_in_one_list() {
        let targets = settings("json, warn,request=off,store=debug").targets(true);
        for (target, level, is_shown) in [
            ("api", Level::WARN, true),
            ("api", Level::INFO, false),
            ("request", Level::ERROR, false),
            ("store", Level::DEBUG, true),
            ("kube_client::client", Level::ERROR, false),
        ] {
            assert_eq!(targets.would_enable(target, &level), is_shown, "{target} {level}");
        }
        assert!(settings("kube_client=debug").targets(true).would_enable("kube_client::client", &Level::DEBUG));
        for wrong in ["inof", "store=loud", "=", "json=info=1"] {
            let error = wrong.parse::<LogSettings>().unwrap_err();
            assert!(error.contains("TARGET=LEVEL"), "{error}");
        }
    }

    #[test]
    fn a_service_logs_more_than_a_command_and_json_more_than_words() {
        let shown =
            |text: &str, is_service, target, level| settings(text).targets(is_service).would_enable(target, &level);
        assert!(shown("", true, "target", Level::INFO) && !shown("", false, "target", Level::INFO));
        assert!(shown("json", true, "request", Level::INFO) && !shown("", true, "request", Level::INFO));
        assert!(shown("", true, "request", Level::ERROR));
        assert!(shown("info", true, "request", Level::INFO), "a filter of the user's replaces the defaults");
    }
}
