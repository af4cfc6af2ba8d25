//! Exit codes, so that scripts can tell what happened.

use std::process::ExitCode;

use automap_core::DiagnoseError;
use automap_core::compare::CompareError;
use automap_sources::prometheus::{ErrorClass, RequestError, SourceError};

#[cfg(any(feature = "kubernetes", feature = "lab"))]
use crate::episode::Interrupted;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// The command found what it looks for, or missed a required accuracy; see `cli::exit_codes` for each verb.
    Found = 1,
    /// The command line, a file or a name in it is wrong.
    Usage = 2,
    /// The data source could not be reached or refused.
    Unreachable = 3,
    /// The data does not suffice for a diagnosis.
    NotEnoughData = 4,
    /// Ctrl-C or SIGTERM ended it early: 128 + SIGINT, as a shell reports it.
    #[cfg_attr(not(any(feature = "kubernetes", feature = "lab")), expect(dead_code, reason = "nothing to take back"))]
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code of an error, by the first known type in its chain; [`Exit::Usage`] if there is none.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    let of_cause = |cause: &(dyn std::error::Error + 'static)| {
        if cause.is::<DiagnoseError>() {
            return Some(Exit::NotEnoughData);
        }
        #[cfg(any(feature = "kubernetes", feature = "lab"))]
        if cause.is::<Interrupted>() {
            return Some(Exit::Interrupted);
        }
        if let Some(CompareError::OutsideData { .. }) = cause.downcast_ref::<CompareError>() {
            return Some(Exit::NotEnoughData);
        }
        let of_request = cause.downcast_ref::<RequestError>().map(|e| SourceError::Request(e.clone()).class());
        let class = cause.downcast_ref::<SourceError>().map(SourceError::class).or(of_request);
        class.map(|class| match class {
            ErrorClass::Usage => Exit::Usage,
            ErrorClass::Unreachable => Exit::Unreachable,
            ErrorClass::NotEnoughData => Exit::NotEnoughData,
        })
    };
    error.chain().find_map(of_cause).unwrap_or(Exit::Usage)
}
