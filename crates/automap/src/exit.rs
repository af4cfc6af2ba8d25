//! Exit codes, so that scripts can tell what happened.

use std::process::ExitCode;

use automap_core::DiagnoseError;
use automap_sources::SourceError;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// A cause was named, and `--exit-code` was given.
    Incident = 1,
    /// The command line, a file or a name in it is wrong.
    Usage = 2,
    /// The data source could not be reached or refused.
    Unreachable = 3,
    /// The data does not suffice for a diagnosis.
    NotEnoughData = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code of an error, found by its type anywhere in the chain.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if cause.is::<DiagnoseError>() {
            return Exit::NotEnoughData;
        }
        if let Some(e) = cause.downcast_ref::<SourceError>() {
            return of_source(e);
        }
    }
    Exit::Usage
}

fn of_source(error: &SourceError) -> Exit {
    let _ = error;
    Exit::Unreachable
}
