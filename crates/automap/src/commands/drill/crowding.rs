//! Whether this machine had enough processors for a drill: without them, everything slows down at times, and the diagnoses reflect that.
//!
//! Linux counts the time in which at least one process waited for a processor (`some` in `/proc/pressure/cpu`). A lab of sixty processes has some of it
//! always; what matters is how a run compares with another, and an episode with the rest. Other systems report nothing.

use std::fs;
use std::time::{Duration, Instant};

/// The counter at one time.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    waited: Duration,
}

impl Reading {
    fn now() -> Option<Self> {
        Some(Self { at: Instant::now(), waited: waited(&fs::read_to_string("/proc/pressure/cpu").ok()?)? })
    }
}

/// The counter in `some avg10=0.00 avg60=0.00 avg300=0.00 total=10229279180`, in microseconds there.
fn waited(pressure: &str) -> Option<Duration> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split(' ').find_map(|field| field.strip_prefix("total="))?;
    Some(Duration::from_micros(total.parse().ok()?))
}

/// The share of time in which something waited for a processor, episode by episode.
#[derive(Debug)]
pub(super) struct Crowding {
    last: Option<Reading>,
    shares: Vec<(f64, String)>,
}

impl Crowding {
    /// Counts from now on.
    pub(super) fn begin() -> Self {
        Self { last: Reading::now(), shares: Vec::new() }
    }

    /// Ends an episode, and begins the next.
    pub(super) fn end_episode(&mut self, name: &str) {
        let now = Reading::now();
        if let Some((last, now)) = self.last.zip(now) {
            let share = (now.waited - last.waited).div_duration_f64(now.at - last.at);
            self.shares.push((share, name.to_owned()));
        }
        self.last = now;
    }

    /// `something waited for a processor 41 % of the time (median of 3; most in dns-slow: 80 %)`; `None` if it is not counted.
    pub(super) fn words(mut self) -> Option<String> {
        self.shares.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let (median, _) = self.shares.get(self.shares.len() / 2)?;
        let (most, name) = self.shares.last()?;
        Some(format!(
            "something waited for a processor {:.0} % of the time (median of {}; most in {name}: {:.0} %)",
            median * 100.0,
            self.shares.len(),
            most * 100.0
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_read_in_microseconds() {
        let text =
            "some avg10=47.79 avg60=37.32 avg300=15.31 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(waited(text), Some(Duration::from_millis(2500)));
        assert_eq!(waited("full avg10=0.00 total=7\n"), None);
        assert_eq!(waited("some avg10=0.00 total=many\n"), None);
    }

    #[test]
    fn the_most_crowded_episode_is_named() {
        let shares =
            [(0.8, "dns-slow"), (0.25, "quiet-1"), (0.41, "cpu-user")].map(|(share, name)| (share, name.into()));
        let words = Crowding { last: None, shares: shares.into() }.words();
        let wanted = "something waited for a processor 41 % of the time (median of 3; most in dns-slow: 80 %)";
        assert_eq!(words.as_deref(), Some(wanted));
        assert_eq!(Crowding { last: None, shares: Vec::new() }.words(), None);
    }
}
