//! Diagnoses that were asked for: queued, running, done. The last ones are kept for those who come back for the answer.

use std::collections::BTreeMap;

use automap_core::report::Report;
use automap_core::time::{Timestamp, as_rfc3339};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::problem::Problem;
use super::system::DiagnoseRequest;

/// Diagnoses kept, those under way included.
const MAX_JOBS: usize = 128;

/// One diagnosis.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Job {
    /// Its name in the address.
    pub(crate) id: String,
    /// How far it is.
    pub(crate) state: JobState,
    /// What was asked.
    pub(crate) request: DiagnoseRequest,
    /// When.
    #[serde(with = "as_rfc3339")]
    #[schemars(with = "String")]
    pub(crate) asked: Timestamp,
    /// The answer; `null` until it is there.
    pub(crate) report: Option<Report>,
    /// Why there is none; `null` unless it failed.
    pub(crate) problem: Option<Problem>,
}

/// How far a diagnosis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobState {
    /// Waits for others.
    Queued,
    /// Under way.
    Running,
    /// The report is there.
    Done,
    /// There will be none.
    Failed,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    jobs: BTreeMap<u64, (Job, watch::Sender<bool>)>,
}

impl Jobs {
    /// A new one. The oldest that is finished makes room.
    ///
    /// # Errors
    /// [`Problem::too_many`] when all that are kept are still under way.
    pub(crate) fn add(
        &self,
        request: DiagnoseRequest,
        now: Timestamp,
    ) -> Result<(u64, Job, watch::Receiver<bool>), Problem> {
        let mut table = self.0.lock();
        if table.jobs.len() >= MAX_JOBS {
            let finished = table.jobs.iter().find(|(_, (_, done))| *done.borrow()).map(|(n, _)| *n);
            let Some(oldest) = finished else {
                return Err(Problem::too_many(format!("{MAX_JOBS} diagnoses are under way"), 10));
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

    pub(crate) fn running(&self, number: u64) {
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
    fn finished_ones_make_room_and_those_under_way_do_not() {
        let jobs = Jobs::default();
        let request = DiagnoseRequest { target: "shop".into(), incident_start: None, baseline: None, engine: None };
        let now = Timestamp::from_ms(0);
        let numbers: Vec<u64> = (0..MAX_JOBS).map(|_| jobs.add(request.clone(), now).unwrap().0).collect();
        assert_eq!(jobs.add(request.clone(), now).unwrap_err().status, 429);
        jobs.running(numbers[3]);
        jobs.finish(numbers[3], Err(Problem::internal("test")));
        assert_eq!(jobs.get("4").unwrap().state, JobState::Failed);
        let (number, _, finished) = jobs.add(request, now).unwrap();
        assert!(jobs.get("4").is_none() && !*finished.borrow());
        jobs.finish(number, Err(Problem::internal("test")));
        assert!(*finished.borrow());
    }
}
