//! Jobs and the cron jobs that start them. Finished jobs stay, as they do until they are deleted.

use std::collections::BTreeMap;

use super::super::JobReading;
use super::super::exposition::Exposition;
use super::flag;

pub(super) fn write(text: &mut Exposition, jobs: &[JobReading]) {
    numbers(text, jobs);
    let owner = "kube_job_owner";
    text.family(owner, "gauge", "[STABLE] Information about the Job's owner.");
    for job in jobs {
        let (kind, name, is_controller) = match &job.cron_job {
            Some(name) => ("CronJob", name.as_str(), "true"),
            None => ("", "", ""),
        };
        let more = [("owner_kind", kind), ("owner_name", name), ("owner_is_controller", is_controller)];
        text.sample(owner, &[&of(job)[..], &more].concat(), 1.0, None);
    }
    let complete = "kube_job_complete";
    text.family(complete, "gauge", "[STABLE] The job has completed its execution.");
    for job in jobs.iter().filter(|j| j.completed_s.is_some()) {
        for (condition, holds) in [("true", true), ("false", false), ("unknown", false)] {
            text.sample(complete, &[&of(job)[..], &[("condition", condition)]].concat(), flag(holds), None);
        }
    }
    cron_jobs(text, jobs);
}

fn of(job: &JobReading) -> [(&str, &str); 2] {
    [("namespace", &job.namespace), ("job_name", &job.name)]
}

fn numbers(text: &mut Exposition, jobs: &[JobReading]) {
    type Value = fn(&JobReading) -> Option<f64>;
    let families: [(&str, &str, Value); 7] = [
        ("kube_job_info", "[STABLE] Information about job.", |_| Some(1.0)),
        ("kube_job_created", "[STABLE] Unix creation timestamp", |j| Some(j.created_s.floor())),
        ("kube_job_status_active", "[STABLE] The number of actively running pods.", |j| {
            Some(flag(j.completed_s.is_none()))
        }),
        ("kube_job_status_succeeded", "[STABLE] The number of pods which reached Phase Succeeded.", |j| {
            Some(flag(j.completed_s.is_some()))
        }),
        (
            "kube_job_status_failed",
            "[STABLE] The number of pods which reached Phase Failed and the reason for failure.",
            |_| Some(0.0),
        ),
        (
            "kube_job_status_start_time",
            "[STABLE] StartTime represents time when the job was acknowledged by the Job Manager.",
            |j| Some(j.created_s.floor()),
        ),
        (
            "kube_job_status_completion_time",
            "[STABLE] CompletionTime represents time when the job was completed.",
            |j| j.completed_s.map(f64::floor),
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "gauge", help);
        for (job, value) in jobs.iter().filter_map(|j| value(j).map(|v| (j, v))) {
            text.sample(name, &of(job), value, None);
        }
    }
}

/// Cron jobs are derived from their jobs; each was scheduled when its job was created.
fn cron_jobs(text: &mut Exposition, jobs: &[JobReading]) {
    let mut last: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for job in jobs {
        if let Some(cron_job) = &job.cron_job {
            let at = last.entry((&job.namespace, cron_job)).or_insert(0.0);
            *at = at.max(job.created_s.floor());
        }
    }
    let name = "kube_cronjob_status_last_schedule_time";
    let help =
        "[STABLE] LastScheduleTime keeps information of when was the last time the job was successfully scheduled.";
    text.family(name, "gauge", help);
    for ((namespace, cron_job), at_s) in last {
        text.sample(name, &[("namespace", namespace), ("cronjob", cron_job)], at_s, None);
    }
}
