//! The configuration: one YAML file. The commented default file is its documentation; an unknown key is an error that names the nearest known one.

pub(crate) mod duration;
mod error;
mod objective;
mod target;
mod told;
mod watching;

use std::path::{Path, PathBuf};

use automap_sources::bounded::read_text_file;
use serde::Deserialize;

use crate::api::config::ApiConfig;
use crate::mutes::MutesConfig;
use crate::notify::NotifyConfig;
use crate::secret::SecretSource;

pub use duration::ConfigDuration;
pub use error::ConfigError;
pub use objective::{LatencyTarget, ObjectiveConfig};
pub use target::{Prometheus, Target};
pub use told::{FlagsConfig, GrafanaConfig};
pub use watching::Watching;

/// The default file, commented: what every key means, and its default.
pub const DEFAULT: &str = include_str!("config/default.yaml");
/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most targets of a configuration. Each has a thread, which sleeps while another replica watches it.
const MAX_TARGETS: usize = 1000;

/// The configuration of `watch` and `serve`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The systems that are watched.
    pub targets: Vec<Target>,
    /// When an incident opens and ends.
    pub watching: Watching,
    /// Where incidents are kept.
    pub store: StoreConfig,
    /// Which receivers are notified of which incidents.
    pub notify: NotifyConfig,
    /// When nobody is notified.
    pub mutes: MutesConfig,
    /// Where `automap serve` listens, and who may use it.
    pub api: ApiConfig,
}

/// Where incidents are kept and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The SQLite file. Unset: `automap/automap.db` in the user's data folder.
    pub file: Option<PathBuf>,
    /// A PostgreSQL server instead, for several replicas: `postgresql://user:password@host/database`.
    pub postgres: Option<SecretSource>,
    /// Certificate authorities (PEM) that the server's certificate is checked against instead of the public ones.
    pub postgres_ca_file: Option<PathBuf>,
    /// Closed incidents, profiles and records of messages are deleted when they are older than this.
    pub keep: ConfigDuration,
    /// The oldest of them are also deleted while the database is larger than this, in MiB.
    pub max_mib: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            file: None,
            postgres: None,
            postgres_ca_file: None,
            keep: ConfigDuration::from_ms(90 * 86_400_000),
            max_mib: 1024,
        }
    }
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`], which names file, line and key.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text_file(path, MAX_BYTES).map_err(|e| ConfigError::unreadable(&e))?;
        Self::parse(&text, path)
    }

    /// Reads a text; `path` is named in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = serde_saphyr::from_str(text).map_err(|e| ConfigError::syntax(path, &e))?;
        config.check().map_err(|(key, reason)| ConfigError::value(path, text, &key, &reason))?;
        Ok(config)
    }

    /// Name, namespace and cluster of every target.
    pub fn places(&self) -> impl Iterator<Item = (String, String, Option<String>)> {
        self.targets.iter().map(|t| (t.name.clone(), t.namespace.clone(), t.prometheus.cluster.clone()))
    }

    /// Checks values that depend on each other. The error is the key and the reason.
    fn check(&self) -> Result<(), (String, String)> {
        let wrong = |key: String, reason: &str| Err((key, reason.to_owned()));
        if self.targets.len() > MAX_TARGETS {
            return wrong("targets".into(), &format!("{} are more than {MAX_TARGETS}", self.targets.len()));
        }
        for (i, target) in self.targets.iter().enumerate() {
            target.check().map_err(|(key, reason)| (format!("targets[{i}].{key}"), reason))?;
            if self.targets[..i].iter().any(|t| t.name == target.name) {
                return wrong(
                    format!("targets[{i}].name"),
                    &format!("'{}' is already the name of another target", target.name),
                );
            }
        }
        if self.store.file.is_some() && self.store.postgres.is_some() {
            return wrong("store.postgres".into(), "either a file or a server: leave `file` out");
        }
        if let Some((key, reason)) = self.notify.check().into_iter().next() {
            return Err((format!("notify.{key}"), reason));
        }
        self.mutes.check().map_err(|(key, reason)| (format!("mutes.{key}"), reason))?;
        self.api.check().map_err(|e| e.place())?;
        self.watching.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("automap.yaml")).map_err(|e| e.to_string())
    }

    #[test]
    fn the_default_file_equals_an_empty_one() {
        let written = parse(DEFAULT).unwrap();
        let none = Config::default();
        assert_eq!(format!("{:?}", written.watching.options()), format!("{:?}", none.watching.options()));
        assert_eq!(format!("{:?}", (&written.targets, &written.store)), format!("{:?}", (&none.targets, &none.store)));
        assert_eq!(format!("{:?}", (&written.notify, &written.mutes)), format!("{:?}", (&none.notify, &none.mutes)));
        assert_eq!(written.api, none.api);
    }

    #[test]
    fn every_commented_key_of_the_default_file_is_a_key() {
        let uncommented: Vec<&str> =
            DEFAULT.lines().map(|l| l.strip_prefix("#: ").unwrap_or(l)).filter(|l| !l.starts_with('#')).collect();
        let config = parse(&uncommented.join("\n")).unwrap();
        assert_eq!((config.targets.len(), config.targets[0].name.as_str()), (1, "sock-shop"));
        let notify = &config.notify;
        assert_eq!((notify.receivers.len(), notify.routes.len(), notify.owners.len()), (7, 3, 2));
        assert_eq!((config.mutes.windows.len(), config.mutes.alertmanagers.len()), (2, 1));
        assert_eq!((config.api.auth.tokens.len(), config.api.listen), (3, Config::default().api.listen));
    }

    #[test]
    fn errors_name_file_line_key_and_the_nearest_key() {
        let text = "targets:\n  - name: shop\n    namespase: shop\n    prometheus: { url: http://p:9090 }\n";
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("automap.yaml:3:"), "{error}");
        assert!(error.contains("'namespase'") && error.contains("did you mean 'namespace'?"), "{error}");
        let error = parse("watching: { confirm: soon }").unwrap_err();
        assert!(error.starts_with("automap.yaml:1:") && error.contains("'soon' is not a duration"), "{error}");
        let twice = "targets:\n  - &a { name: a, namespace: x, prometheus: { url: http://p } }\n  - *a\n";
        assert_eq!(
            parse(twice).unwrap_err(),
            "automap.yaml:3:5: targets[1].name: 'a' is already the name of another target"
        );
        let lost = "notify:\n  receivers: [{ name: chat, to: { webhook: { url: http://x } } }]\n  routes: [{ name: all, receiver: chatt }]\n";
        assert_eq!(
            parse(lost).unwrap_err(),
            "automap.yaml:3:35: notify.routes[0].receiver: there is no receiver 'chatt'; did you mean 'chat'?"
        );
        for text in ["targets: [", "- 1", "targets: {}", "store: { keep: 0s }"] {
            assert!(parse(text).unwrap_err().starts_with("automap.yaml"), "{text}");
        }
    }
}
