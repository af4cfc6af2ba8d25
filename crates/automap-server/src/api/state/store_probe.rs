//! Whether the store can be written to, for `/readyz` and `/metrics`. Readiness is requested often and without credentials, and a write reaches the
//! disk, so a successful one is valid for a few seconds. A failed one is tried again each time, so that a recovery is seen at once.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::api::http::problem::Problem;

/// How long a successful write is valid.
const VALID_FOR: Duration = Duration::from_secs(5);

/// When a write last succeeded. Concurrent callers wait for one try.
#[derive(Debug, Default)]
pub(crate) struct StoreProbe(Mutex<Option<Instant>>);

impl StoreProbe {
    /// Tries to write with `probe`, unless that succeeded a moment ago.
    ///
    /// # Errors
    /// That of `probe`.
    pub(crate) async fn check<F: Future<Output = Result<(), Problem>>>(
        &self,
        probe: impl FnOnce() -> F,
    ) -> Result<(), Problem> {
        let mut succeeded = self.0.lock().await;
        if succeeded.is_some_and(|at| at.elapsed() < VALID_FOR) {
            return Ok(());
        }
        *succeeded = None;
        probe().await?;
        *succeeded = Some(Instant::now());
        Ok(())
    }
}
