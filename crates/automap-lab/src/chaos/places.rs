//! The lab's own faults of stores, queues, names and certificates: Chaos Mesh has no kinds for them, or hits them only with privileges that a normal
//! user lacks. One function for each kind.
//!
//! | kind | what happens | who feels it |
//! |---|---|---|
//! | StoreLock | something takes a lock of a store again and again | whoever needs the store waits |
//! | StoreConnections | something holds the connections of a store | whoever gets none fails |
//! | ConsumerStop | a consumer takes nothing from its queue | who ordered, later: no request waits for it. If the queue is bounded and refuses more, requests fail |
//! | DNS | names are answered late, or not | whoever looks one up waits or fails |
//! | Certificate | the gateway's certificate has expired | all users fail |

use super::experiment::{Fault, Mode, Selector};
use super::fields::{ChaosError, Fields};
use super::quantity;
use crate::effect::Effect;
use crate::plan::{self, Role};
use crate::surroundings::Place;

/// The kinds.
pub const PLACE_KINDS: [&str; 5] = ["Certificate", "ConsumerStop", "DNS", "StoreConnections", "StoreLock"];

/// Maximum number of connections and messages in a file.
const COUNT_MAX: u64 = 100_000;
/// The only consumer of the shop, and its broker.
const CONSUMER: &str = "queue-master";
const BROKER: &str = "rabbitmq";

/// Reads the `spec` of one. Returns action, fault, and the pods that it hits.
pub(super) fn fault(kind: &str, spec: &Fields) -> Result<(String, Fault, Selector, Mode), ChaosError> {
    let (action, effects) = match kind {
        "StoreLock" => lock(spec)?,
        "StoreConnections" => connections(spec)?,
        "ConsumerStop" => consumer(spec)?,
        "DNS" => names(spec)?,
        _ => certificate(spec)?,
    };
    // Outside the shop there is no pod for a selector to match; `Experiment::beneath` names such a place.
    let service = effects.iter().find_map(|(place, _)| if let Place::Service(s) = place { Some(*s) } else { None });
    let labels = service.map(|s| ("name".to_owned(), s.to_owned())).into_iter().collect();
    let selector = Selector { namespaces: vec![plan::NAMESPACE.to_owned()], labels };
    Ok((action.to_owned(), Fault::Placed { effects }, selector, Mode::All))
}

type Placed = (&'static str, Vec<(Place, Effect)>);

fn lock(spec: &Fields) -> Result<Placed, ChaosError> {
    spec.only(&["store", "hold", "free", "duration"])?;
    let hold_ms = spec.read("hold", quantity::duration)?.as_secs_f64() * 1e3;
    let free_ms = spec.read_opt("free", quantity::duration)?.unwrap_or_default().as_secs_f64() * 1e3;
    if hold_ms <= 0.0 {
        return Err(spec.wrong("hold", "must be longer than 0"));
    }
    Ok(("hold", vec![(store(spec)?, Effect::StoreLock { hold_ms, free_ms })]))
}

fn connections(spec: &Fields) -> Result<Placed, ChaosError> {
    spec.only(&["store", "left", "duration"])?;
    let left = count(spec, "left")?.unwrap_or(0);
    Ok(("exhaust", vec![(store(spec)?, Effect::StoreSessions { left })]))
}

fn store(spec: &Fields) -> Result<Place, ChaosError> {
    let name = spec.text("store")?;
    let stores = || plan::COMPONENTS.iter().filter(|c| c.role == Role::Store).map(|c| c.name);
    let found = stores().find(|s| *s == name).map(Place::Service);
    found.ok_or_else(|| {
        let all = stores().collect::<Vec<_>>().join(", ");
        spec.wrong("store", format!("{name:?} is no store of the shop; there are {all}"))
    })
}

fn consumer(spec: &Fields) -> Result<Placed, ChaosError> {
    spec.only(&["queueLimit", "duration"])?;
    let mut effects = vec![(Place::Service(CONSUMER), Effect::ConsumerStop)];
    if let Some(max) = count(spec, "queueLimit")? {
        effects.push((Place::Service(BROKER), Effect::QueueLimit { max }));
    }
    Ok(("stop", effects))
}

fn names(spec: &Fields) -> Result<Placed, ChaosError> {
    spec.only(&["delay", "fail", "percent", "duration"])?;
    let delay = spec.read_opt("delay", quantity::duration)?.unwrap_or_default();
    let fails = spec.flag_opt("fail")?.unwrap_or(false);
    if delay.is_zero() && !fails {
        return Err(spec.wrong("delay", "one of delay and fail is required"));
    }
    let percent = spec.read_opt("percent", quantity::percent)?.unwrap_or(100.0);
    let effect = Effect::NameService { delay_ms: delay.as_secs_f64() * 1e3, percent, fails };
    Ok((if fails { "fail" } else { "slow" }, vec![(Place::NameServer, effect)]))
}

fn certificate(spec: &Fields) -> Result<Placed, ChaosError> {
    spec.only(&["duration"])?;
    Ok(("expire", vec![(Place::Gateway, Effect::CertificateExpired)]))
}

fn count(spec: &Fields, key: &str) -> Result<Option<u32>, ChaosError> {
    let Some(count) = spec.whole_opt(key)? else { return Ok(None) };
    let count = u32::try_from(count).ok().filter(|n| u64::from(*n) <= COUNT_MAX);
    count.map(Some).ok_or_else(|| spec.wrong(key, format!("expected 0 to {COUNT_MAX}")))
}

#[cfg(test)]
mod tests {
    use automap_chaos::injection::Role as InStory;

    use super::super::parse;

    fn read(kind: &str, spec: &str) -> Result<super::super::Experiment, String> {
        let yaml = format!(
            "{{apiVersion: lab.automap/v1, kind: {kind}, metadata: {{name: x}}, spec: {{{spec}, duration: 60s}}}}"
        );
        parse("x.yaml", &yaml).map(|mut all| all.remove(0)).map_err(|e| e.to_string())
    }

    #[test]
    fn a_stopped_consumer_is_a_fault_of_its_queue_bounded_or_not() {
        let unbounded = "{apiVersion: lab.automap/v1, kind: ConsumerStop, metadata: {name: x}, spec: {duration: 60s}}";
        for stop in [read("ConsumerStop", "queueLimit: 10").unwrap(), parse("x.yaml", unbounded).unwrap().remove(0)] {
            assert_eq!(stop.role, InStory::Cause);
            let (name, kind, told_by) = stop.beneath().unwrap();
            assert_eq!((name.as_str(), kind, told_by.as_deref()), ("rabbitmq", "broker", Some("queue-master")));
        }
    }

    #[test]
    fn what_is_hit_is_named_as_an_answer_names_it() {
        let of = |kind, spec| {
            let experiment = read(kind, spec).unwrap();
            (experiment.action.clone(), experiment.beneath().map(|(name, kind, _)| (name, kind)))
        };
        let dns = Some(("kube-system/coredns".to_owned(), "dns"));
        assert_eq!(of("DNS", "delay: 200ms"), ("slow".to_owned(), dns));
        assert_eq!(of("StoreLock", "store: carts-db, hold: 600ms"), ("hold".to_owned(), None));
        let plan = read("StoreLock", "store: carts-db, hold: 600ms").unwrap().plan_injection(&mut || 0).unwrap();
        assert_eq!(plan.targets, ["carts-db"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let error = read("StoreLock", "store: orders, hold: 1s").unwrap_err();
        assert!(error.contains("\"orders\" is no store of the shop; there are carts-db, catalogue-db"), "{error}");
        let error = read("DNS", "percent: '50'").unwrap_err();
        assert!(error.contains("one of delay and fail is required"), "{error}");
    }
}
