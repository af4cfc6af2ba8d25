//! Callees and callers of the changed services, which their own requests do not reveal.

use std::collections::BTreeSet;

use super::super::error::RequestError;
use super::super::plan;
use super::super::presets::Key;
use super::super::promql;
use super::{Ask, Changed, MAX_SUSPECTS, in_order, own_name, raise};

/// The calls with requests or bytes in the window of the services behind `END=~"NAMES"`.
const CALLS: &str = "group by ($CALL$AND_SCOPE) (rate(istio_requests_total{$CLIENT,END=~\"NAMES\"}[$SPAN]) > 0 \
                     or rate(istio_tcp_sent_bytes_total{$CLIENT,END=~\"NAMES\"}[$SPAN]) > 0)";

/// The part of a service's change that is passed on to its callees and callers.
const PER_CALL: f64 = 0.8;
const PER_CALLER: f64 = 0.5;

/// Passes the changes of the suspects along their calls, to callees twice: neighbours of a large change rank before services with a small change.
pub(super) fn nearby(ask: &Ask<'_>, suspects: &[String], changed: &Changed) -> Result<Changed, RequestError> {
    let mut scores = Changed::new();
    if suspects.is_empty() {
        return Ok(scores);
    }
    let of = |changes: &Changed, name: &String| changes.get(name).copied().unwrap_or_default();
    let [down, up] = calls(ask, suspects)?;
    down.iter().for_each(|(caller, callee)| raise(&mut scores, callee.clone(), PER_CALL * of(changed, caller)));
    let callees = scores.clone();
    up.iter().for_each(|(caller, callee)| raise(&mut scores, caller.clone(), PER_CALLER * of(changed, callee)));
    let is_new = |name: &String| !suspects.contains(name) && ask.is_ours(name);
    let new: Vec<String> = in_order(&callees).into_iter().filter(is_new).take(MAX_SUSPECTS).collect();
    if !new.is_empty() {
        let [further, _] = calls(ask, &new)?;
        further.iter().for_each(|(caller, callee)| raise(&mut scores, callee.clone(), PER_CALL * of(&callees, caller)));
    }
    scores.retain(|name, _| ask.is_ours(name));
    Ok(scores)
}

type Calls = BTreeSet<(String, String)>;

/// Calls from these services, and to them.
fn calls(ask: &Ask<'_>, of: &[String]) -> Result<[Calls; 2], RequestError> {
    let members: BTreeSet<&str> = of.iter().map(String::as_str).collect();
    let names = promql::any_of(of.iter().map(|name| own_name(name)).collect::<BTreeSet<_>>());
    let ends = ["source_workload", "destination_workload"];
    // Names are inserted last: a placeholder in one of them stays as it is.
    let templates = ends.map(|end| CALLS.replace("END", end));
    let answer = ask.answer_with(&templates, |filled| filled.replace("NAMES", &names))?;
    Ok([0, 1].map(|part| {
        let owners = plan::part(&answer, part).flat_map(|s| ask.names.owners(Key::Call, &s.labels));
        let calls = owners.filter_map(|owner| Some((owner.service, owner.peer?)));
        // Another namespace may have a workload of the same name.
        calls
            .filter(|(caller, callee)| members.contains(if part == 0 { caller.as_str() } else { callee.as_str() }))
            .collect()
    }))
}
