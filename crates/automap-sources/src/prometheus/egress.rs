//! External hosts: bounds their number, and merges counts of one host under two names.
//!
//! Calls to a host that a `ServiceEntry` allows are counted under its own name; without the entry they are counted under the cluster that allows or
//! blocks all outgoing traffic. So counts of both are summed, and means and shares fill each other's gaps. Nothing else is decided here.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::entity::external_name;
use automap_core::frame::RawSeries;
use automap_core::metric::CLIENT_RPS;
use automap_core::note::NotChecked;
use automap_core::time::Timestamp;
use automap_core::topology::CallGraph;

use super::combine::Columns;
use super::plan::Planned;
use super::presets::Formula;

/// Most external hosts of one observation: those with the most calls.
pub(crate) const MAX_HOSTS: usize = 20;

/// Merges columns with existing series of the same calls, and leaves the others.
pub(crate) fn merge(raw: &mut [RawSeries], planned: &Planned, columns: &mut Columns, times: &[Timestamp]) {
    let is_count = matches!(planned.signal.formula, Formula::Sum(_));
    columns.retain(|owner, values| {
        let is_it =
            |s: &&mut RawSeries| s.metric == planned.signal.name && s.service == owner.service && s.peer == owner.peer;
        let Some(known) = raw.iter_mut().find(is_it) else { return true };
        let mut points: BTreeMap<Timestamp, f64> = known.points.iter().copied().collect();
        for (time, value) in times.iter().zip(values.iter()).filter(|(_, value)| !value.is_nan()) {
            let slot = points.entry(*time).or_insert(if is_count { 0.0 } else { *value });
            if is_count {
                *slot += value;
            }
        }
        known.points = points.into_iter().collect();
        false
    });
}

/// Keeps the [`MAX_HOSTS`] hosts with the most calls, and reports the others.
pub(crate) fn bound(raw: &mut Vec<RawSeries>, calls: &mut CallGraph, not_checked: &mut Vec<NotChecked>) {
    let is_outside = |name: &str| name.starts_with(&external_name(""));
    let mut called: BTreeMap<String, f64> = BTreeMap::new();
    for (_, callee, _) in calls.edges().filter(|(_, callee, _)| is_outside(callee)) {
        called.entry(callee.to_owned()).or_default();
    }
    if called.len() <= MAX_HOSTS {
        return;
    }
    for series in raw.iter().filter(|s| s.metric == CLIENT_RPS) {
        if let Some(sum) = series.peer.as_ref().and_then(|peer| called.get_mut(peer)) {
            *sum += series.points.iter().map(|(_, value)| value).sum::<f64>();
        }
    }
    let mut by_calls: Vec<(String, f64)> = called.into_iter().collect();
    by_calls.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let left_out: BTreeSet<String> = by_calls.split_off(MAX_HOSTS).into_iter().map(|(host, _)| host).collect();
    raw.retain(|s| !left_out.contains(&s.service) && s.peer.as_ref().is_none_or(|peer| !left_out.contains(peer)));
    let mut kept = CallGraph::new();
    calls.edges().filter(|(_, to, _)| !left_out.contains(*to)).for_each(|(from, to, how)| kept.add(from, to, how));
    *calls = kept;
    let reason = format!("there are more than {MAX_HOSTS} hosts outside: those that are called most are looked at");
    not_checked.push(NotChecked { signal: "calls".to_owned(), services: left_out.into_iter().collect(), reason });
}

#[cfg(test)]
mod tests {
    use automap_core::topology::Protocol;

    use super::*;

    #[test]
    fn the_hosts_that_are_called_most_stay_and_the_others_are_named() {
        let host = |i: usize| external_name(&format!("h{i:02}.example.com"));
        let (mut raw, mut calls, mut not_checked) = (Vec::new(), CallGraph::new(), Vec::new());
        for i in 0..MAX_HOSTS + 2 {
            let points = vec![(Timestamp::from_ms(0), i as f64)];
            raw.push(RawSeries { service: "orders".into(), metric: CLIENT_RPS.into(), peer: Some(host(i)), points });
            calls.add("orders", &host(i), Protocol::Request);
        }
        calls.add("orders", "payment", Protocol::Request);
        bound(&mut raw, &mut calls, &mut not_checked);
        assert_eq!((raw.len(), calls.len()), (MAX_HOSTS, MAX_HOSTS + 1));
        assert_eq!(not_checked[0].services, [host(0), host(1)]);
        let before = not_checked.clone();
        bound(&mut raw, &mut calls, &mut not_checked);
        assert_eq!(not_checked, before, "twenty are few");
    }
}
