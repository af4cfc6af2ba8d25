//! What was changed in the system, and when: releases, scaling, configuration, and what happened to its containers.
//!
//! Most incidents begin with a change, so the ranking weighs how well each one fits the onset. This module holds only the types: sources read the
//! log, and the ranking decides what a change says about a cause. A log that was not read is not empty: only within [`ChangeLog::observed`] may
//! automap claim that nothing changed.

mod told;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use told::{Told, service_named, service_of_flag};

use crate::text::{clean_name, is_plain, shown};
use crate::time::{Interval, Timestamp, as_rfc3339};

/// The most changes of one log.
pub const MAX_CHANGES: usize = 1_000;
/// Longest text of a change, in characters.
const MAX_TEXT_CHARS: usize = 200;
/// Longest address of a page about a change, in bytes.
const MAX_URL_BYTES: usize = 500;

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Another pod template took over: a new version, or a restart of all pods.
    Release,
    /// An earlier pod template took over again.
    Rollback,
    /// The image behind the same tag changed.
    Image,
    /// The number of replicas was changed deliberately.
    Scaled,
    /// A config map changed.
    ConfigMap,
    /// A secret changed.
    Secret,
    /// The configuration of the mesh changed, such as a virtual service.
    MeshConfig,
    /// A gateway reloaded its configuration.
    GatewayReload,
    /// Argo CD, Flux or the like applied another revision.
    Sync,
    /// A canary began, advanced, succeeded or failed.
    Canary,
    /// A feature flag changed.
    FeatureFlag,
    /// A job began.
    Job,
    /// A node was added, removed, cordoned or tainted.
    Node,
    /// A program reports a new version that no change of a workload explains.
    Version,
    /// Another change that was reported to automap.
    Other,
    /// The autoscaler changed the number of replicas.
    Autoscaled,
    /// The autoscaler wants more replicas than its limit allows.
    AutoscalerAtLimit,
    /// A container was killed because it exceeded its memory limit.
    OomKilled,
    /// A container ended with an error.
    Crashed,
    /// A container crashes repeatedly.
    CrashLoop,
    /// An image could not be pulled.
    ImagePullFailed,
    /// A liveness, readiness or startup probe failed.
    ProbeFailed,
    /// A pod was evicted from its node.
    Evicted,
    /// A pod found no node.
    Unschedulable,
    /// A job failed.
    JobFailed,
    /// A node is not ready or under pressure.
    NodeCondition,
}

impl ChangeKind {
    /// All kinds, in order.
    pub const ALL: [Self; 26] = [
        Self::Release,
        Self::Rollback,
        Self::Image,
        Self::Scaled,
        Self::ConfigMap,
        Self::Secret,
        Self::MeshConfig,
        Self::GatewayReload,
        Self::Sync,
        Self::Canary,
        Self::FeatureFlag,
        Self::Job,
        Self::Node,
        Self::Version,
        Self::Other,
        Self::Autoscaled,
        Self::AutoscalerAtLimit,
        Self::OomKilled,
        Self::Crashed,
        Self::CrashLoop,
        Self::ImagePullFailed,
        Self::ProbeFailed,
        Self::Evicted,
        Self::Unschedulable,
        Self::JobFailed,
        Self::NodeCondition,
    ];

    /// Whether it is a deliberate change, so that an incident may begin with it. The others happen to a system, mostly as a consequence of an
    /// existing fault.
    pub fn is_deliberate(self) -> bool {
        self < Self::Autoscaled
    }

    /// The noun for what is not observed if changes of this kind cannot be seen.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Release => "releases",
            Self::Rollback => "roll-backs",
            Self::Image => "images",
            Self::Scaled => "scaling",
            Self::ConfigMap => "config maps",
            Self::Secret => "secrets",
            Self::MeshConfig => "mesh configuration",
            Self::GatewayReload => "gateway configuration",
            Self::Sync => "Argo CD and Flux",
            Self::Canary => "canaries",
            Self::FeatureFlag => "feature flags",
            Self::Job => "jobs",
            Self::Node => "nodes",
            Self::Version => "versions",
            Self::Other => "other changes",
            Self::Autoscaled | Self::AutoscalerAtLimit => "autoscaling",
            Self::OomKilled => "out-of-memory kills",
            Self::Crashed => "crashes",
            Self::CrashLoop => "crash loops",
            Self::ImagePullFailed => "image pulls",
            Self::ProbeFailed => "probes",
            Self::Evicted => "evictions",
            Self::Unschedulable => "scheduling",
            Self::JobFailed => "failed jobs",
            Self::NodeCondition => "node conditions",
        }
    }

    /// The words in reports.
    pub fn words(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Rollback => "roll-back",
            Self::Image => "image changed",
            Self::Scaled => "scaled",
            Self::ConfigMap => "config map changed",
            Self::Secret => "secret changed",
            Self::MeshConfig => "mesh configuration changed",
            Self::GatewayReload => "gateway reloaded",
            Self::Sync => "synchronised",
            Self::Canary => "canary",
            Self::FeatureFlag => "feature flag changed",
            Self::Job => "job began",
            Self::Node => "node changed",
            Self::Version => "version changed",
            Self::Other => "change",
            Self::Autoscaled => "autoscaled",
            Self::AutoscalerAtLimit => "autoscaler at its limit",
            Self::OomKilled => "out of memory, killed",
            Self::Crashed => "crashed",
            Self::CrashLoop => "crash loop",
            Self::ImagePullFailed => "image not pulled",
            Self::ProbeFailed => "probe failed",
            Self::Evicted => "evicted",
            Self::Unschedulable => "not scheduled",
            Self::JobFailed => "job failed",
            Self::NodeCondition => "node condition",
        }
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// When it happened, or when it was first seen.
    #[serde(with = "as_rfc3339")]
    #[schemars(schema_with = "as_rfc3339::schema")]
    pub at: Timestamp,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The service that it concerns, by its name in the metrics; `null` if it concerns no single one.
    pub service: Option<String>,
    /// What was changed, such as `deployment catalogue` or `config map orders-settings`.
    pub subject: String,
    /// What it was before, such as a version or a number of replicas; `null` if unknown.
    pub from: Option<String>,
    /// What it is now; `null` if unknown.
    pub to: Option<String>,
    /// How much earlier it may have happened, in milliseconds: 0 if the time is exact.
    #[serde(default)]
    pub uncertainty_ms: i64,
    /// Where it was found, such as `kube_replicaset_created` or `webhook ci`.
    pub source: String,
    /// A page about it; `null` if there is none.
    #[serde(default)]
    pub url: Option<String>,
}

/// The changes that a source found.
///
/// ```
/// use automap_core::change::ChangeLog;
///
/// let log = ChangeLog::default();
/// assert!(log.changes.is_empty() && log.observed.is_none(), "nobody looked, so it does not say that nothing changed");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeLog {
    /// The time in which changes were observed; `null` if they were not queried or not answered.
    pub observed: Option<Interval>,
    /// Kinds that the source could not have observed, in order.
    #[serde(default)]
    pub unseen: Vec<ChangeKind>,
    /// All changes that were found, the earliest first.
    pub changes: Vec<Change>,
    /// How many more there were before these.
    #[serde(default)]
    pub omitted: usize,
}

impl ChangeLog {
    /// A log of changes in any order, bounded as by [`Self::bounded`].
    pub fn new(observed: Interval, unseen: Vec<ChangeKind>, changes: Vec<Change>) -> Self {
        Self { observed: Some(observed), unseen, changes, omitted: 0 }.bounded()
    }

    /// The same log with its changes sorted and deduplicated, all texts cleaned and shortened, and the earliest dropped if there are more than
    /// [`MAX_CHANGES`]. Must be called after reading a log from outside.
    pub fn bounded(mut self) -> Self {
        self.changes.iter_mut().for_each(Change::clean);
        self.changes.sort();
        self.changes.dedup();
        let too_many = self.changes.len().saturating_sub(MAX_CHANGES);
        self.changes.drain(..too_many);
        self.omitted += too_many;
        self.unseen.sort_unstable();
        self.unseen.dedup();
        self
    }
}

impl Change {
    /// Cleans and shortens all texts from outside; an address that is not that of a page is dropped.
    pub fn clean(&mut self) {
        let service = self.service.take();
        self.service = service.map(|name| clean_name(&name).into_owned());
        let texts = [Some(&mut self.subject), Some(&mut self.source), self.from.as_mut(), self.to.as_mut()];
        for text in texts.into_iter().flatten() {
            *text = shown(text, MAX_TEXT_CHARS);
        }
        let is_page = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        self.url = self.url.take().filter(|url| url.len() <= MAX_URL_BYTES && is_plain(url) && is_page(url));
        self.uncertainty_ms = self.uncertainty_ms.max(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(second: i64, subject: &str) -> Change {
        Change {
            at: Timestamp::from_ms(second * 1000),
            kind: ChangeKind::Release,
            service: Some("orders\n".into()),
            subject: subject.into(),
            from: None,
            to: Some("2\u{1b}[31m".into()),
            uncertainty_ms: -5,
            source: "test".into(),
            url: Some("https://ci\n/1".into()),
        }
    }

    #[test]
    fn a_log_is_in_order_cleaned_and_bounded() {
        let day = Interval::new(Timestamp::from_ms(0), Timestamp::from_ms(86_400_000)).unwrap();
        let many = (0..1_500).rev().chain([3, 1_499]).map(|i| change(i, "deployment orders")).collect();
        let log = ChangeLog::new(day, vec![ChangeKind::Secret, ChangeKind::Image, ChangeKind::Secret], many);
        assert_eq!((log.changes.len(), log.omitted), (MAX_CHANGES, 500));
        assert_eq!(log.changes[0].at.ms(), 500_000, "the earliest are left out");
        let first = &log.changes[0];
        assert!(is_plain(first.service.as_deref().unwrap()) && is_plain(first.to.as_deref().unwrap()));
        assert_eq!((first.uncertainty_ms, &first.url), (0, &None));
        assert_eq!(log.unseen, [ChangeKind::Image, ChangeKind::Secret]);
        assert_eq!(log.clone().bounded(), log, "again changes nothing");
    }

    #[test]
    fn an_address_is_that_of_a_page() {
        for (url, is_kept) in
            [("https://ci/1", true), ("http://ci/1", true), ("javascript:alert(1)", false), ("//ci", false)]
        {
            let mut change = Change { url: Some(url.into()), ..change(1, "deployment orders") };
            change.clean();
            assert_eq!(change.url.is_some(), is_kept, "{url}");
        }
    }

    #[test]
    fn all_kinds_are_listed_in_order() {
        assert!(ChangeKind::ALL.is_sorted_by(|a, b| a < b));
        // The last variant: one added after it must be added to the list, too.
        assert_eq!(ChangeKind::ALL.len(), ChangeKind::NodeCondition as usize + 1);
    }

    #[test]
    fn what_happens_to_a_system_is_no_decision() {
        assert!(ChangeKind::Release.is_deliberate() && ChangeKind::Other.is_deliberate());
        assert!(!ChangeKind::Autoscaled.is_deliberate() && !ChangeKind::OomKilled.is_deliberate());
    }
}
