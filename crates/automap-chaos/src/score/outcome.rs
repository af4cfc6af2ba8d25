//! The outcome of a row.

use serde::Serialize;

/// The result of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A service that was hit is named as the cause.
    Named,
    /// It is ranked first; the lead is not enough to name it.
    First,
    /// It is second or third.
    AmongThree,
    /// It is further down, or not among the candidates.
    Missed,
    /// The fault was in place, users felt nothing, nothing moved beyond noise at the services it hit or at their callers, and no service is
    /// named. Counts as missed.
    NoEffect,
    /// The fault was in place, no service is named, and its effect could not be observed. Counts as missed.
    NotObserved,
    /// No fault was injected, or one without noticeable effect, and no service is named.
    Quiet,
    /// The same, but a service is named.
    FalseAlarm,
    /// The experiment hit no pod. Counts nowhere.
    NothingInjected,
    /// The experiment or the diagnosis failed; the remark gives the reason. Counts nowhere.
    NotScored,
}

impl Outcome {
    /// As shown to users.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::First => "first",
            Self::AmongThree => "among three",
            Self::Missed => "missed",
            Self::NoEffect => "no effect",
            Self::NotObserved => "not observed",
            Self::Quiet => "quiet",
            Self::FalseAlarm => "false alarm",
            Self::NothingInjected => "nothing injected",
            Self::NotScored => "not scored",
        }
    }

    /// Whether a fault was in place and evaluated.
    pub(super) fn is_of_fault(self) -> bool {
        use Outcome::{AmongThree, First, Missed, Named, NoEffect, NotObserved};
        matches!(self, Named | First | AmongThree | Missed | NoEffect | NotObserved)
    }

    /// Whether the diagnosis was right.
    pub fn is_right(self) -> bool {
        matches!(self, Self::Named | Self::First | Self::Quiet)
    }
}
