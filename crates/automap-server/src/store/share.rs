//! How the replicas on one store divide the targets among them: what each keeps, takes and gives back.
//!
//! A replica announces itself by a lease of its own among those of the targets, `#replica/<group>/<name>`; a group is the replicas that watch the
//! same targets. Of `n` targets and `m` replicas each holds at most `n / m`, rounded up. That covers all targets: if a target is free, one of the
//! group has room for it. Replicas that watch other targets (a configuration that is being rolled out) belong to other groups and do not count here,
//! so that no target waits for a replica that does not know it.
//!
//! Worked example: `a` alone holds 500 targets. `b` comes and may hold 250; none is free. `a` finds that it holds 250 too many, stops
//! watching some, and names those with its next call: their leases end, and `b` takes them. When `b` is killed, its own lease and those of its
//! targets run out together, `a` is alone again, may hold 500, and takes what is free.
//!
//! Pure: a store calls it inside a transaction that excludes other sharing. The caller that watches the targets decides which to give back.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::time::Timestamp;
use ring::digest::{SHA256, digest};

/// Prefix of the replicas' own leases. No target can have such a name.
const REPLICA: &str = "#replica/";
/// Replicas that have been gone for this long are forgotten: their names may never come back.
const FORGET_MS: i64 = 600_000;

/// The request of one replica.
#[derive(Clone, Copy, Debug)]
pub struct Sharing<'a> {
    /// Its name.
    pub holder: &'a str,
    /// The targets that it is configured to watch.
    pub targets: &'a [&'a str],
    /// Those of them that it has stopped watching, for others to take.
    pub given_back: &'a [&'a str],
}

/// What it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The targets that it holds now.
    pub held: BTreeSet<String>,
    /// By how many these exceed its share.
    pub surplus: usize,
}

/// A row of the leases.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) target: String,
    pub(super) holder: String,
    pub(super) until: Timestamp,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Leases to take or to renew.
    pub(super) take: Vec<String>,
    /// Leases to delete: those given back, and those of replicas that are long gone.
    pub(super) delete: Vec<String>,
    /// The most targets that the replica may hold.
    pub(super) share: usize,
}

impl Sharing<'_> {
    /// The name of this replica's own lease.
    pub fn own_lease(&self) -> String {
        format!("{}{}", self.group(), self.holder)
    }

    /// Prefix of this group's own leases.
    fn group(&self) -> String {
        let mut names = self.targets.to_vec();
        names.sort_unstable();
        let digest = digest(&SHA256, names.join("\n").as_bytes());
        let hex: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{REPLICA}{hex}/")
    }

    /// What to write, given all leases, including the expired ones.
    pub(super) fn plan(&self, leases: &[Lease], now: Timestamp) -> Plan {
        let (group, own) = (self.group(), self.own_lease());
        let by_name: BTreeMap<&str, &Lease> = leases.iter().map(|lease| (lease.target.as_str(), lease)).collect();
        let others = leases.iter().filter(|l| l.until > now && l.target.starts_with(&group) && l.target != own);
        let share = self.targets.len().div_ceil(others.count() + 1);
        let is_ours = |target: &&str| by_name.get(target).is_some_and(|lease| lease.holder == self.holder);
        let is_free = |target: &&str| by_name.get(target).is_none_or(|lease| lease.until <= now);
        let (given, kept): (Vec<&str>, Vec<&str>) =
            self.targets.iter().copied().filter(is_ours).partition(|target| self.given_back.contains(target));
        // A replica that could not reach the store for so long cannot know who else is back: what others held stays theirs for one more round.
        let was_away = by_name.get(own.as_str()).is_some_and(|lease| lease.until <= now);
        let room = if was_away { 0 } else { share.saturating_sub(kept.len()) };
        let free = self.targets.iter().copied().filter(|target| is_free(target) && !is_ours(target)).take(room);
        let gone = |lease: &&Lease| lease.target.starts_with(REPLICA) && lease.until.plus_ms(FORGET_MS) <= now;
        let gone = leases.iter().filter(gone).map(|lease| lease.target.clone()).filter(|target| *target != own);
        Plan {
            take: kept.iter().copied().chain(free).map(ToOwned::to_owned).chain([own.clone()]).collect(),
            delete: given.into_iter().map(ToOwned::to_owned).chain(gone).collect(),
            share,
        }
    }
}

impl Plan {
    /// What the replica got, of all leases that could be taken.
    pub(super) fn got(&self, taken: impl IntoIterator<Item = String>) -> Shared {
        let held: BTreeSet<String> = taken.into_iter().filter(|target| !target.starts_with(REPLICA)).collect();
        Shared { surplus: held.len().saturating_sub(self.share), held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(target: &str, holder: &str, until_ms: i64) -> Lease {
        Lease { target: target.into(), holder: holder.into(), until: Timestamp::from_ms(until_ms) }
    }

    const NAMES: [&str; 5] = ["p", "q", "r", "s", "t"];

    fn sharing<'a>(holder: &'a str, given_back: &'a [&'a str]) -> Sharing<'a> {
        Sharing { holder, targets: &NAMES, given_back }
    }

    /// What it would hold, and its surplus.
    fn got(sharing: Sharing<'_>, leases: &[Lease]) -> (String, usize) {
        let plan = sharing.plan(leases, Timestamp::from_ms(100));
        let Shared { held, surplus } = plan.got(plan.take.clone());
        (held.into_iter().collect(), surplus)
    }

    #[test]
    fn nobody_takes_more_than_a_share_and_all_shares_are_enough() {
        let there = |name: &str, until_ms| lease(&sharing(name, &[]).own_lease(), name, until_ms);
        assert_eq!(got(sharing("a", &[]), &[]), ("pqrst".into(), 0));
        let mut leases: Vec<Lease> = NAMES.iter().map(|name| lease(name, "a", 200)).collect();
        leases.extend([there("a", 200), there("b", 200)]);
        assert_eq!(got(sharing("a", &[]), &leases), ("pqrst".into(), 2), "it gives nothing back before it has stopped");
        assert_eq!(got(sharing("a", &["s", "t"]), &leases), ("pqr".into(), 0));
        assert_eq!(got(sharing("b", &[]), &leases), (String::new(), 0));
        leases.retain(|lease| !["s", "t"].contains(&lease.target.as_str()));
        assert_eq!(got(sharing("b", &[]), &leases), ("st".into(), 0));
        // One that is gone makes the shares larger; what it held is free with its own lease.
        let all = [there("b", 200), there("a", 100), lease("p", "a", 100), lease("q", "b", 200)];
        assert_eq!(got(sharing("b", &[]), &all), ("pqrst".into(), 0));
    }

    #[test]
    fn whoever_was_away_keeps_its_own_and_leaves_the_rest_for_a_round() {
        let a = sharing("a", &[]);
        let leases = [lease(&a.own_lease(), "a", 100), lease("p", "a", 90), lease("q", "b", 90), lease("r", "b", 200)];
        assert_eq!(got(a, &leases), ("p".into(), 0));
        let renewed =
            [lease(&a.own_lease(), "a", 110), lease("p", "a", 110), lease("q", "b", 90), lease("r", "b", 200)];
        assert_eq!(got(a, &renewed), ("pqst".into(), 0));
    }

    #[test]
    fn replicas_with_other_targets_and_those_that_are_gone_do_not_count() {
        let other = Sharing { holder: "b", targets: &["p", "x"], given_back: &[] };
        let long_gone = lease(&sharing("c", &[]).own_lease(), "c", 100 - FORGET_MS);
        let leases = [lease(&other.own_lease(), "b", 200), lease("p", "b", 200), long_gone.clone()];
        assert_eq!(got(sharing("a", &[]), &leases), ("qrst".into(), 0));
        assert_eq!(sharing("a", &[]).plan(&leases, Timestamp::from_ms(100)).delete, [long_gone.target]);
        let turned = Sharing { targets: &["t", "s", "r", "q", "p"], ..sharing("a", &[]) };
        assert_eq!(turned.own_lease(), sharing("a", &[]).own_lease(), "the order of the targets does not matter");
    }
}
