//! Jobs that started, to the second, and jobs that failed. All jobs of a cron job are one workload.

use std::collections::BTreeMap;

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Moment, Readings, named, text};
use super::tracks::spans;
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;

/// All jobs that started or failed.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let mut out = begun(readings, workloads);
    let failed = readings.by(Part::States, "kube_job_failed", |labels| named(labels, "job_name").map(str::to_owned));
    let watched = readings.watched();
    for (job, points) in failed {
        for edge in spans(&points, &watched).into_iter().filter_map(|span| span.begins) {
            out.push(Change {
                service: Some(workloads.of_job(&job)),
                ..readings.between(edge).change(ChangeKind::JobFailed, format!("job {job}"), "kube_job_failed")
            });
        }
    }
    out
}

/// Dated by their start, or by their creation if only that is exported.
fn begun(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let key = |labels: &Labels| Some((named(labels, "job_name")?.to_owned(), text(labels, "__name__").to_owned()));
    let mut begun: BTreeMap<String, (Timestamp, String)> = BTreeMap::new();
    for ((job, family), points) in readings.by(Part::Jobs, "", key) {
        let Some(at) = points.first().and_then(|(_, seconds)| Timestamp::from_seconds(*seconds)) else { continue };
        let is_start = family.ends_with("_start_time");
        let known = begun.entry(job).or_insert_with(|| (at, family.clone()));
        if is_start {
            *known = (at, family);
        }
    }
    let change = |(job, (at, family)): (String, (Timestamp, String))| Change {
        service: Some(workloads.of_job(&job)),
        ..Moment::exact(at).change(ChangeKind::Job, format!("job {job}"), &family)
    };
    begun.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::pods::Owners;

    #[test]
    fn a_job_begins_when_it_says_and_fails_when_it_is_seen() {
        let of = |family: &str, job: &str| format!("__name__=kube_job_{family},job_name={job}");
        let at = |m: i64| (0..60).filter(move |i| *i >= m).map(move |i| (i, minute(m).seconds() - 40.0));
        let table = Table::new()
            .values(Part::Jobs, &of("created", "backup-29012345"), at(9))
            .values(Part::Jobs, &of("status_start_time", "backup-29012345"), at(10))
            .values(Part::Jobs, &of("created", "import"), at(20))
            .there(Part::States, &of("failed", "backup-29012345"), 30..60)
            .there(Part::States, &of("failed", "backup-29000000"), 0..60);
        let owners = Owners::default();
        let found = find(&table.0, &Workloads { owners: &owners, services: ["backup"].into() });
        let words = |c: &Change| {
            let after_s = (c.at.ms() - minute(0).ms()) / 1000;
            format!("{after_s} {:?} {} ±{}", c.kind, c.service.clone().unwrap(), c.uncertainty_ms / 1000)
        };
        assert_eq!(
            found.iter().map(words).collect::<Vec<_>>(),
            ["560 Job backup ±0", "1160 Job import ±0", "1800 JobFailed backup ±75"]
        );
    }
}
