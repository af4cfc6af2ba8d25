//! Who a caller is, and what that caller may do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Send alerts, and nothing else: for the credentials of Alertmanager and Grafana.
    Alerts,
    /// Send changes, and nothing else: for the credentials of pipelines.
    Changes,
    /// Read everything.
    Viewer,
    /// Read, send alerts and changes, start diagnoses and confirm causes.
    Operator,
}

impl Role {
    /// Whether this role is enough where `needed` is required.
    pub fn allows(self, needed: Self) -> bool {
        self == Self::Operator || self == needed
    }

    /// The name used in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Changes => "changes",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// A caller whose credentials were accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name for the access log and for confirmations.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_may_do_everything_and_the_others_only_their_own() {
        assert!([Role::Alerts, Role::Changes, Role::Viewer, Role::Operator].iter().all(|r| Role::Operator.allows(*r)));
        assert!(Role::Viewer.allows(Role::Viewer) && !Role::Viewer.allows(Role::Operator));
        assert!(!Role::Changes.allows(Role::Alerts) && !Role::Viewer.allows(Role::Changes));
        assert!(!Role::Alerts.allows(Role::Viewer) && !Role::Viewer.allows(Role::Alerts));
    }
}
