//! Secrets of the service: the shared types, and files that are read again when they change.

pub(crate) mod random;
pub mod watched;

pub use automap_sources::secret::{ExposeSecret, SecretSource, SecretString};
