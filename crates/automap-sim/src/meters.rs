//! What is counted, and what a scrape reads of it: counters that only rise (and restart with their process), and gauges.

/// Upper bounds of the histogram of durations, in ms, as in sidecars; the last bucket has none.
pub const BUCKETS_MS: [f64; 14] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 30_000.0];

/// Requests of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Requests {
    /// How many ended.
    pub count: f64,
    /// How many of them failed.
    pub errors: f64,
    /// Their total duration.
    pub duration_ms: f64,
}

impl Requests {
    pub(crate) fn add(&mut self, duration_ms: f64, ok: bool) {
        self.count += 1.0;
        self.errors += f64::from(u8::from(!ok));
        self.duration_ms += duration_ms;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            errors: self.errors + other.errors,
            duration_ms: self.duration_ms + other.duration_ms,
        }
    }
}

/// Requests of one caller, as counted by the service that answers them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// All of them.
    pub requests: Requests,
    /// Those in each of [`BUCKETS_MS`], not cumulative; the last one has the rest.
    pub buckets: [f64; BUCKETS_MS.len() + 1],
}

/// The counters of a service and its container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceMeter {
    /// Served requests, by caller, in the order of [`crate::plan::Plan::callers`]. The gateway's only caller are the users.
    pub served: Vec<Served>,
    /// CPU time.
    pub cpu_s: f64,
    /// Scheduling periods, and those in which the limit withheld CPU time.
    pub periods: f64,
    /// See `periods`.
    pub throttled: f64,
    /// Bytes written to disk.
    pub written_bytes: f64,
    /// Bytes received and sent.
    pub received_bytes: f64,
    /// See `received_bytes`.
    pub sent_bytes: f64,
    /// Calls as measured by this service, in the order of its plan.
    pub calls: Vec<Requests>,
}

impl ServiceMeter {
    pub(crate) fn new(callers: usize, calls: usize) -> Self {
        Self { served: vec![Served::default(); callers], calls: vec![Requests::default(); calls], ..Self::default() }
    }

    pub(crate) fn serve(&mut self, caller: usize, duration_ms: f64, ok: bool) {
        let bucket = BUCKETS_MS.iter().position(|bound| duration_ms <= *bound).unwrap_or(BUCKETS_MS.len());
        if let Some(served) = self.served.get_mut(caller) {
            served.requests.add(duration_ms, ok);
            served.buckets[bucket] += 1.0;
        }
    }

    /// Requests of all callers.
    pub fn requests(&self) -> Requests {
        self.served.iter().map(|served| served.requests).fold(Requests::default(), Requests::plus)
    }

    /// Requests of all callers in a bucket.
    pub fn bucket(&self, bucket: usize) -> f64 {
        self.served.iter().map(|served| served.buckets[bucket]).sum()
    }
}

/// What a scrape of a service reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceSample {
    /// Time, in seconds since the start.
    pub at_s: f64,
    /// The counters; `None` if the pod is down.
    pub meter: Option<ServiceMeter>,
    /// Memory in use, in MiB.
    pub memory_mib: f64,
    /// Restarts since the start: counted by the cluster, so the count does not restart.
    pub restarts: f64,
    /// Whether its pod is ready.
    pub is_ready: bool,
    /// Commands that wait for a lock.
    pub lock_waiters: f64,
    /// Share of its workers or connections that are in use.
    pub used: f64,
    /// Pods that serve.
    pub pods: f64,
    /// For a broker: waiting messages and the number of consumers.
    pub messages: f64,
    /// See `messages`.
    pub consumers: f64,
}

/// What a scrape of a node reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeSample {
    /// Time, in seconds since the start.
    pub at_s: f64,
    /// Used CPU time.
    pub cpu_s: f64,
    /// Time during which the disk was busy.
    pub disk_s: f64,
}

/// The answers that a service's callers got, in stretches of [`Answers::STRETCH_S`]: for the truth, never for metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    stretches: Vec<Requests>,
}

impl Answers {
    /// Length of a stretch.
    pub const STRETCH_S: f64 = 5.0;

    pub(crate) fn add(&mut self, asked_s: f64, duration_ms: f64, ok: bool) {
        let stretch = (asked_s / Self::STRETCH_S) as usize;
        if self.stretches.len() <= stretch {
            self.stretches.resize(stretch + 1, Requests::default());
        }
        self.stretches[stretch].add(duration_ms, ok);
    }

    /// Requests that were sent between two times, in seconds.
    pub fn between(&self, from_s: f64, to_s: f64) -> Requests {
        let (from, to) = ((from_s / Self::STRETCH_S).ceil() as usize, (to_s / Self::STRETCH_S) as usize);
        let stretches = self.stretches.get(from..to.min(self.stretches.len())).unwrap_or_default();
        stretches.iter().copied().fold(Requests::default(), Requests::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_one_bucket() {
        let mut meter = ServiceMeter::new(2, 0);
        for (caller, ms) in [(0, 0.5), (1, 5.0), (0, 5.1), (1, 90_000.0)] {
            meter.serve(caller, ms, ms < 100.0);
        }
        assert_eq!([0, 2, 3, 14].map(|bucket| meter.bucket(bucket)), [1.0; 4]);
        assert_eq!((meter.requests().count, meter.requests().errors), (4.0, 1.0));
        assert_eq!((meter.served[0].requests.errors, meter.served[1].requests.errors), (0.0, 1.0));
    }

    #[test]
    fn answers_are_counted_by_when_they_were_asked_for() {
        let mut answers = Answers::default();
        answers.add(1.0, 10.0, true);
        answers.add(7.0, 30.0, false);
        assert_eq!(answers.between(5.0, 10.0), Requests { count: 1.0, errors: 1.0, duration_ms: 30.0 });
        assert_eq!((answers.between(0.0, 60.0).count, answers.between(50.0, 60.0).count), (2.0, 0.0));
    }
}
