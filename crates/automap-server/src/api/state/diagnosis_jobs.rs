//! Diagnoses on demand: queued, running, done or failed. The latest are kept so that a client can fetch the result later; they are not stored, and
//! are lost at a restart.

use std::collections::BTreeMap;

use automap_core::report::Report;
use automap_core::time::{Timestamp, as_rfc3339};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use crate::api::http::problem::Problem;
use crate::system::DiagnoseRequest;

/// Diagnoses kept, running ones included.
pub(crate) const MAX_JOBS: usize = 128;

/// One diagnosis.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Job {
    /// Its id in the address.
    pub(crate) id: String,
    /// How far it has come.
    pub(crate) state: JobState,
    /// The request.
    pub(crate) request: DiagnoseRequest,
    /// When it was requested.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub(crate) asked: Timestamp,
    /// The result; `null` until it is done.
    pub(crate) report: Option<Report>,
    /// Why it failed; `null` unless it did.
    pub(crate) problem: Option<Problem>,
}

/// How far a diagnosis has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// Waits for a free thread.
    Queued,
    /// Running.
    Running,
    /// Finished with a report.
    Done,
    /// Finished without a report.
    Failed,
}

/// The diagnoses that are kept.
#[derive(Debug, Default)]
pub(crate) struct DiagnosisJobs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    jobs: BTreeMap<u64, (Job, watch::Sender<bool>)>,
}

impl DiagnosisJobs {
    /// Adds a job. When the table is full, the oldest finished job is dropped.
    ///
    /// # Errors
    /// [`Problem::too_many`] when all kept jobs are still queued or running.
    pub(crate) fn add(
        &self,
        request: DiagnoseRequest,
        now: Timestamp,
    ) -> Result<(u64, Job, watch::Receiver<bool>), Problem> {
        let mut table = self.0.lock();
        if table.jobs.len() >= MAX_JOBS {
            let finished = table.jobs.iter().find(|(_, (_, done))| *done.borrow()).map(|(n, _)| *n);
            let Some(oldest) = finished else {
                return Err(Problem::too_many(format!("{MAX_JOBS} diagnoses are already queued or running"), 10));
            };
            table.jobs.remove(&oldest);
        }
        table.last += 1;
        let number = table.last;
        let job =
            Job { id: number.to_string(), state: JobState::Queued, request, asked: now, report: None, problem: None };
        let (done, finished) = watch::channel(false);
        table.jobs.insert(number, (job.clone(), done));
        Ok((number, job, finished))
    }

    pub(crate) fn mark_running(&self, number: u64) {
        let mut table = self.0.lock();
        if let Some((job, _)) = table.jobs.get_mut(&number) {
            job.state = JobState::Running;
        }
    }

    pub(crate) fn finish(&self, number: u64, result: Result<Report, Problem>) {
        let mut table = self.0.lock();
        if let Some((job, done)) = table.jobs.get_mut(&number) {
            match result {
                Ok(report) => (job.state, job.report) = (JobState::Done, Some(report)),
                Err(problem) => (job.state, job.problem) = (JobState::Failed, Some(problem)),
            }
            done.send_replace(true);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Job> {
        let table = self.0.lock();
        table.jobs.get(&id.parse().ok()?).map(|(job, _)| job.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_jobs_make_room_and_running_ones_do_not() {
        let jobs = DiagnosisJobs::default();
        let request = DiagnoseRequest { target: "shop".into(), incident_start: None, baseline: None, engine: None };
        let now = Timestamp::from_ms(0);
        let numbers: Vec<u64> = (0..MAX_JOBS).map(|_| jobs.add(request.clone(), now).unwrap().0).collect();
        assert_eq!(jobs.add(request.clone(), now).unwrap_err().status, 429);
        jobs.mark_running(numbers[3]);
        jobs.finish(numbers[3], Err(Problem::internal("test")));
        assert_eq!(jobs.get("4").unwrap().state, JobState::Failed);
        let (number, _, finished) = jobs.add(request, now).unwrap();
        assert!(jobs.get("4").is_none() && !*finished.borrow());
        jobs.finish(number, Err(Problem::internal("test")));
        assert!(*finished.borrow());
    }
}
