//! The config map of a service: its settings, and the object's version, which every change increments.
//!
//! Applications read their settings while they run, as they would from a mounted config map; no pod is restarted for it. The only trace in Kubernetes
//! is the object's `resourceVersion`.

use std::collections::BTreeMap;

use crate::change::{SETTINGS_MAX, effect_of};
use crate::kubelet::ConfigMapReading;

/// Initial settings of every service. Nothing reads them.
const AT_FIRST: (&str, &str) = ("log-level", "info");

/// A config map.
#[derive(Debug)]
pub(super) struct ConfigMap {
    name: String,
    created_s: f64,
    resource_version: u64,
    pub(super) settings: BTreeMap<String, String>,
}

/// Previous values of settings: `None` if a setting did not exist.
pub(super) type Former = BTreeMap<String, Option<String>>;

impl ConfigMap {
    pub(super) fn new(service: &str, created_s: f64, resource_version: u64) -> Self {
        let settings = BTreeMap::from([(AT_FIRST.0.to_owned(), AT_FIRST.1.to_owned())]);
        Self { name: format!("{service}-config"), created_s, resource_version, settings }
    }

    /// Sets some of the settings, or removes those that are `None`. Returns their previous values.
    ///
    /// # Errors
    /// When a value does not fit its setting, or there would be too many. Nothing has been changed then.
    pub(super) fn set(&mut self, change: &Former, resource_version: u64) -> Result<Former, String> {
        for (name, value) in change {
            value.as_ref().map_or(Ok(None), |v| effect_of(name, v))?;
        }
        let mut settings = self.settings.clone();
        let mut former = Former::new();
        for (name, value) in change {
            let before = match value {
                Some(value) => settings.insert(name.clone(), value.clone()),
                None => settings.remove(name),
            };
            former.insert(name.clone(), before);
        }
        if settings.len() > SETTINGS_MAX {
            return Err(format!("{} would have more than {SETTINGS_MAX} settings", self.name));
        }
        if settings != self.settings {
            self.settings = settings;
            self.resource_version = resource_version;
        }
        Ok(former)
    }

    pub(super) fn reading(&self) -> ConfigMapReading {
        ConfigMapReading { name: self.name.clone(), created_s: self.created_s, resource_version: self.resource_version }
    }

    /// `page-size=500, log-level=info` for these settings.
    pub(super) fn words(&self, of: &Former) -> String {
        let word = |name: &String| match self.settings.get(name) {
            Some(value) => format!("{name}={value}"),
            None => format!("{name} not set"),
        };
        of.keys().map(word).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_real_change_raises_the_version_and_can_be_taken_back() {
        let mut map = ConfigMap::new("orders", 10.0, 7);
        let change = |value: Option<&str>| Former::from([("page-size".to_owned(), value.map(str::to_owned))]);
        let former = map.set(&change(Some("500")), 8).unwrap();
        assert_eq!((former, map.reading().resource_version), (change(None), 8));
        assert_eq!(map.words(&change(None)), "page-size=500");
        let again = map.set(&change(Some("500")), 9).unwrap();
        assert_eq!((again, map.reading().resource_version), (change(Some("500")), 8), "nothing changed");
        assert!(map.set(&change(Some("many")), 10).is_err());
        map.set(&change(None), 11).unwrap();
        assert_eq!((map.words(&change(None)).as_str(), map.reading().resource_version), ("page-size not set", 11));
        assert_eq!(map.reading().name, "orders-config");
    }
}
