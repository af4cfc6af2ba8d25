//! Evaluates the polls that the server received: who watches what, whether two did at the same time, and for how long nobody did.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::run::{EVERY, REPLICAS};
use super::world::Look;

/// The polls (`Look`) of each target, in order.
fn by_target(looks: &[Look]) -> BTreeMap<usize, Vec<Look>> {
    let mut all: BTreeMap<usize, Vec<Look>> = BTreeMap::new();
    for look in looks {
        all.entry(look.target).or_default().push(*look);
    }
    all
}

/// Who polled each target last.
pub(crate) fn owners(looks: &[Look]) -> BTreeMap<usize, usize> {
    looks.iter().map(|look| (look.target, look.replica)).collect()
}

/// How many targets each replica watches.
pub(crate) fn held(looks: &[Look]) -> [usize; REPLICAS] {
    let mut held = [0; REPLICAS];
    owners(looks).values().for_each(|replica| held[*replica] += 1);
    held
}

/// The number of polls by each replica.
pub(crate) fn counts(looks: &[Look]) -> [usize; REPLICAS] {
    let mut counts = [0; REPLICAS];
    looks.iter().for_each(|look| counts[look.replica] += 1);
    counts
}

/// When a target was last polled by another replica than before.
pub(crate) fn last_move(looks: &[Look]) -> Option<Instant> {
    let moves = |looks: &Vec<Look>| {
        let changed = looks.windows(2).filter(|pair| pair[0].replica != pair[1].replica);
        changed.map(|pair| pair[1].at).max()
    };
    by_target(looks).values().filter_map(moves).max()
}

/// Less time than it takes to hand a target over and back if all replicas renew their leases in time.
pub(crate) const SOON: Duration = Duration::from_millis(EVERY.as_millis() as u64 * 5 / 2);

/// The number of targets that one replica polled shortly before and shortly after another one did: a replica was too slow to renew a lease, or two
/// watched at the same time.
pub(crate) fn there_and_back(looks: &[Look]) -> usize {
    let is_back = |looks: &&Vec<Look>| {
        looks.windows(3).any(|three| {
            let [a, b, c] = [three[0], three[1], three[2]];
            a.replica == c.replica && a.replica != b.replica && c.at - a.at < SOON
        })
    };
    by_target(looks).values().filter(is_back).count()
}

/// The longest time between two polls of the same target.
pub(crate) fn longest_gap(looks: &[Look]) -> Duration {
    let gaps = |looks: &Vec<Look>| looks.windows(2).map(|pair| pair[1].at - pair[0].at).max();
    by_target(looks).values().filter_map(gaps).max().unwrap_or_default()
}

/// For each of these targets the time until a replica other than `gone` first polled it; `None` if none did.
pub(crate) fn taken_over(looks: &[Look], targets: &[usize], gone: usize, since: Instant) -> Vec<Option<Duration>> {
    let first = |target: &usize| {
        looks.iter().find(|l| l.target == *target && l.replica != gone && l.at > since).map(|l| l.at - since)
    };
    targets.iter().map(first).collect()
}
