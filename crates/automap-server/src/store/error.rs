//! Why a store operation failed.

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("{place}: {message}")]
    Database {
        /// File or server, without credentials.
        place: String,
        /// What it said.
        message: String,
    },
    /// It was written by a later version.
    #[error("{place} is of a later automap (tables {found}, known {known}); use that one")]
    TooNew {
        /// File or server.
        place: String,
        /// Version found.
        found: i64,
        /// Latest version known here.
        known: i64,
    },
    /// The file or database belongs to another program.
    #[error("{place} {found}; give another file (`--store`, `store.file`) or another database (`store.postgres`)")]
    Foreign {
        /// File or server.
        place: String,
        /// What is there instead.
        found: String,
    },
    /// The incident was changed in between.
    #[error("incident {id} is at revision {found}, not {expected}")]
    Conflict {
        /// Which incident.
        id: String,
        /// Revision in the store.
        found: u64,
        /// Revision that the change was based on.
        expected: u64,
    },
    /// The change would overwrite permanent history: another incident, or one that is closed.
    #[error("incident {id} stays as it is: {reason}")]
    History {
        /// Which incident.
        id: String,
        /// What must not be overwritten.
        reason: &'static str,
    },
    /// A stored value cannot be read.
    #[error("{place}: {what} cannot be read: {message}")]
    Damaged {
        /// File or server.
        place: String,
        /// Which row.
        what: String,
        /// Why.
        message: String,
    },
    /// This replica does not hold the lease (any more).
    #[error("another replica leads {target}")]
    NotLeader {
        /// The target whose lease was lost.
        target: String,
    },
    /// The value that was given cannot be stored.
    #[error("{what} cannot be kept: {reason}")]
    Unfit {
        /// Which value.
        what: String,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// For a mute beyond the limit.
    pub(super) fn too_many_mutes(max: usize) -> Self {
        Self::Unfit { what: "the mute".into(), reason: format!("{max} mutes apply now or later already") }
    }
}
