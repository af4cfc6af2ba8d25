//! How a version of a service differs in behaviour from the previous one: the effects of a bad release.
//!
//! The behaviour belongs to the image, not to a pod: every container of that version starts with it, and none of another version has it. The
//! supervisor passes it to the application on its command line.

use serde::{Deserialize, Serialize};

/// The behaviour of one version. The default is harmless.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Mean additional delay of every request, in milliseconds; it varies between half and one and a half of that.
    pub slow_ms: f64,
    /// Share of requests answered with 500, 0 to 100.
    pub fail_percent: f64,
    /// Memory that is allocated and never freed, in bytes per second.
    pub leak_bytes_per_s: u64,
}

/// Default leak of a version that leaks: a service with 200 MiB reaches its limit within half a minute.
pub const DEFAULT_LEAK_BYTES_PER_S: u64 = 8 * 1024 * 1024;

impl Behaviour {
    /// Whether it has no noticeable effect.
    pub fn is_harmless(&self) -> bool {
        self.slow_ms <= 0.0 && self.fail_percent <= 0.0 && self.leak_bytes_per_s == 0
    }

    /// Its defect in one word: `slow`, `fail`, `leak`; `harmless` if there is none.
    pub fn name(&self) -> &'static str {
        match self {
            b if b.fail_percent > 0.0 => "fail",
            b if b.slow_ms > 0.0 => "slow",
            b if b.leak_bytes_per_s > 0 => "leak",
            _ => "harmless",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_that_changes_something_is_harmful() {
        assert!(Behaviour::default().is_harmless());
        let slow = Behaviour { slow_ms: 200.0, ..Behaviour::default() };
        assert_eq!((slow.is_harmless(), slow.name()), (false, "slow"));
        let leak = Behaviour { leak_bytes_per_s: DEFAULT_LEAK_BYTES_PER_S, ..Behaviour::default() };
        assert_eq!((leak.is_harmless(), leak.name()), (false, "leak"));
    }
}
