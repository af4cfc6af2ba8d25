//! Feature flags that were switched: evaluations of a flag return another variant than before, and continue to do so.
//!
//! flagd counts evaluations by flag and variant (`feature_flag_flagd_impression_total`), and so does OpenFeature's metrics hook inside the program
//! that evaluates (`feature_flag_evaluation_success_total`). The switch itself is not counted, so it is inferred from the shares of the variants.
//! Shares also move without a switch: by chance if a flag is evaluated rarely, so a move must be much larger than chance explains; and by another mix
//! of callers, so some variants must lose evaluations that others gain. Left out: moves of less than a fifth of the evaluations, as in a gradual
//! rollout.
//!
//! Worked example: `cartFailure` is evaluated 30 times between two looks, always `off`; from 14:00:10 on it is `on`. Between the looks at 14:00:00
//! and 14:00:15, 10 evaluations return `off` and 20 `on`, then all 30 `on`. The medians of the shares before and after 14:00:00 differ by 100 %,
//! while 150 evaluations on either side differ by at most 36 % by chance. The two halves fit best if the first look with `on` counts as later:
//! "cartFailure: off → on", at 14:00:15, up to 15 s earlier.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::change::{Change, ChangeKind, service_of_flag};
use automap_core::stats::median;
use automap_core::time::Timestamp;

use super::evaluations::{FAMILIES, KEYS, MAX_SERIES, VARIANTS};
use super::queries::Part;
use super::readings::{Readings, named, text};
use super::tracks::{Edge, Points};
use super::workloads::Workloads;
use crate::prometheus::decode::Labels;
use crate::prometheus::qualify::PLACE;

/// Looks over which the shares before and after a switch are compared.
const LOOKS: usize = 8;
/// Fewest of them on either side, so that at least two agree.
const MIN_LOOKS: usize = 3;
/// Share of all evaluations that has to move to other variants.
const MOVED: f64 = 0.2;
/// The same in standard deviations of the share that as many evaluations show by chance.
const DEVIATIONS: f64 = 5.0;
/// Variance of one evaluation at a share of a half, for a median of several.
const VARIANCE: f64 = 0.25 * std::f64::consts::FRAC_PI_2;
/// Share of the whole move from which a look holds evaluations of both sides of a switch.
const MIXED: f64 = 0.1;
/// A flag that switches more often than this in one look-back is not switched by a person.
const MAX_USUAL: usize = 12;
/// Share from which only one variant is reported.
const NEARLY_ALL: f64 = 0.95;
/// Most variants that are reported.
const MAX_TOLD: usize = 3;

/// Evaluations of one flag between two instants.
#[derive(Debug)]
struct Look {
    edge: Edge,
    counts: BTreeMap<String, f64>,
}

/// Place and key of a flag → family → variant → values of the counter.
type Flags = BTreeMap<(Option<String>, String), BTreeMap<usize, BTreeMap<String, Points>>>;

/// All switches of flags.
pub(super) fn find(readings: &Readings, workloads: &Workloads<'_>) -> Vec<Change> {
    let mut out = Vec::new();
    for ((place, flag), families) in flags(readings) {
        let of_family = families.into_iter().map(|(family, variants)| (family, switches(&looks(&variants))));
        let usable = |(_, found): &(usize, Vec<_>)| (1..=MAX_USUAL).contains(&found.len());
        let Some((family, found)) = of_family.into_iter().find(usable) else { continue };
        let service = service(&flag, place.as_deref(), workloads);
        out.extend(found.into_iter().map(|(edge, from, to)| {
            let change = readings.between(edge).change(ChangeKind::FeatureFlag, flag.clone(), FAMILIES[family]);
            Change { service: service.clone(), from: Some(from), to: Some(to), ..change }
        }));
    }
    out
}

/// Whether the answer left out flags because there were too many.
pub(super) fn are_cut(readings: &Readings) -> bool {
    let mut at_once: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for (time, _) in readings.part(Part::Flags).iter().flat_map(|series| series.points(&readings.axis)) {
        *at_once.entry(time).or_default() += 1;
    }
    at_once.into_values().any(|series| series >= MAX_SERIES)
}

fn flags(readings: &Readings) -> Flags {
    let key = |labels: &Labels| {
        let first = |names: &[&str]| names.iter().find_map(|name| named(labels, name)).map(str::to_owned);
        let family = FAMILIES.iter().position(|family| *family == text(labels, "__name__"))?;
        Some((labels.get(PLACE).cloned(), first(&KEYS)?, family, first(&VARIANTS)?))
    };
    let mut out = Flags::new();
    for ((place, flag, family, variant), points) in readings.by(Part::Flags, "", key) {
        out.entry((place, flag)).or_default().entry(family).or_default().insert(variant, points);
    }
    out
}

/// The service that a flag's key begins with: one in the namespace of the counting program, else the only one of that name.
fn service(flag: &str, place: Option<&str>, workloads: &Workloads<'_>) -> Option<String> {
    let all = || workloads.services.iter().copied();
    let is_beside = |service: &&str| place.is_some() && service.rsplit_once('/').map(|(place, _)| place) == place;
    let found = service_of_flag(flag, all().filter(is_beside)).or_else(|| service_of_flag(flag, all()));
    found.map(str::to_owned)
}

/// The evaluations between instants. A counter without a sample keeps its value; if one fell, programs restarted, and nothing is known for that time.
fn looks(variants: &BTreeMap<String, Points>) -> Vec<Look> {
    let mut by_time: BTreeMap<Timestamp, BTreeMap<&str, f64>> = BTreeMap::new();
    for (variant, points) in variants {
        for (time, value) in points {
            by_time.entry(*time).or_default().insert(variant, *value);
        }
    }
    let mut known: BTreeMap<&str, f64> = BTreeMap::new();
    let mut before = None;
    let mut out = Vec::new();
    for (at, values) in by_time {
        let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
        for (variant, value) in &values {
            counts.insert(variant, value - known.get(variant).copied().unwrap_or(0.0));
        }
        let is_restart = counts.values().any(|count| *count < 0.0);
        let is_evaluated = counts.values().any(|count| *count > 0.0);
        known.extend(values);
        match before {
            Some(before) if !is_restart && is_evaluated => {
                let counts = counts.into_iter().filter(|(_, count)| *count > 0.0);
                let counts = counts.map(|(variant, count)| (variant.to_owned(), count)).collect();
                out.push(Look { edge: Edge { before, at }, counts });
            }
            // Until the next evaluation, it may have been switched at any time.
            Some(_) if !is_restart => continue,
            _ => {}
        }
        before = Some(at);
    }
    out
}

/// Times at which evaluations move to other variants, with the most frequent variants before and after. O(looks · variants).
fn switches(looks: &[Look]) -> Vec<(Edge, String, String)> {
    let moved: Vec<bool> = (0..looks.len()).map(|at| has_moved(looks, at)).collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(first) = (at..looks.len()).find(|i| moved[*i]) {
        // A window around a look near a switch holds evaluations from before and after it.
        let end = (first..looks.len()).find(|i| !moved[*i]).unwrap_or(looks.len());
        let (from, to) = (middle(before(looks, first)), middle(after(looks, end - 1)));
        let settled = (end + MIN_LOOKS - 1).min(looks.len());
        let switched = best_cut(&looks[first..settled], &from, &to) + first;
        let previous = &looks[switched - 1];
        let is_mixed = distance(&shares(previous), &from) > MIXED * distance(&from, &to);
        let edge = if is_mixed { previous.edge } else { looks[switched].edge };
        out.push((edge, told(&from), told(&to)));
        at = end;
    }
    out
}

/// The first look that belongs to the later side, chosen so that as few evaluations as possible are on a side that they do not fit.
fn best_cut(looks: &[Look], from: &BTreeMap<String, f64>, to: &BTreeMap<String, f64>) -> usize {
    let misfit = |look: &Look, side: &BTreeMap<String, f64>| distance(&shares(look), side);
    let mut cost: f64 = looks.iter().map(|look| misfit(look, to)).sum();
    let mut best = (0, cost);
    for (i, look) in looks.iter().enumerate().take(looks.len().saturating_sub(1)) {
        cost += misfit(look, from) - misfit(look, to);
        if cost < best.1 {
            best = (i + 1, cost);
        }
    }
    best.0
}

fn before(looks: &[Look], at: usize) -> &[Look] {
    &looks[at.saturating_sub(LOOKS)..at]
}

fn after(looks: &[Look], at: usize) -> &[Look] {
    &looks[at..(at + LOOKS).min(looks.len())]
}

/// Whether many evaluations return other variants from a look on: more than chance explains, and so that some variants gain what others lost.
fn has_moved(looks: &[Look], at: usize) -> bool {
    let (before, after) = (before(looks, at), after(looks, at));
    if before.len() < MIN_LOOKS || after.len() < MIN_LOOKS {
        return false;
    }
    let count = |looks: &[Look]| looks.iter().flat_map(|look| look.counts.values()).sum::<f64>().max(1.0);
    let by_chance = DEVIATIONS * (VARIANCE / count(before) + VARIANCE / count(after)).sqrt();
    let least = MOVED.max(by_chance);
    distance(&middle(before), &middle(after)) > least && taken_over(&rates(before), &rates(after)) > MOVED
}

/// The share of evaluations that some variants lost and others gained; 0 if there was only loss or only gain, since then the callers changed.
fn taken_over(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> f64 {
    let (mut lost, mut gained) = (0.0, 0.0);
    for variant in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let difference = of(after, variant) - of(before, variant);
        lost += (-difference).max(0.0);
        gained += difference.max(0.0);
    }
    let all = before.values().sum::<f64>().min(after.values().sum());
    if all > 0.0 { f64::min(lost, gained) / all } else { 0.0 }
}

fn of(shares: &BTreeMap<String, f64>, variant: &str) -> f64 {
    shares.get(variant).copied().unwrap_or(0.0)
}

/// The variants' shares in one look.
fn shares(look: &Look) -> BTreeMap<String, f64> {
    let all: f64 = look.counts.values().sum();
    look.counts.iter().map(|(variant, count)| (variant.clone(), count / all)).collect()
}

/// The medians of the shares, so that a single outlier does not count.
fn middle(looks: &[Look]) -> BTreeMap<String, f64> {
    medians(looks.iter().map(shares).collect())
}

/// The medians of evaluations per second.
fn rates(looks: &[Look]) -> BTreeMap<String, f64> {
    let rates = |look: &Look| {
        let span_s = (look.edge.at.ms() - look.edge.before.ms()).max(1) as f64 / 1e3;
        look.counts.iter().map(|(variant, count)| (variant.clone(), count / span_s)).collect()
    };
    medians(looks.iter().map(rates).collect())
}

fn medians(values: Vec<BTreeMap<String, f64>>) -> BTreeMap<String, f64> {
    let variants: BTreeSet<&String> = values.iter().flat_map(BTreeMap::keys).collect();
    let middle = |variant: &String| {
        let of_variant: Vec<f64> = values.iter().map(|look| of(look, variant)).collect();
        (variant.clone(), median(&of_variant))
    };
    variants.into_iter().map(middle).collect()
}

/// The share of all evaluations with another variant: half the sum of all differences.
fn distance(a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>) -> f64 {
    let variants: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    variants.into_iter().map(|variant| (of(a, variant) - of(b, variant)).abs()).sum::<f64>() / 2.0
}

/// `off`, or `off 70 %, on 30 %`: the variants, the most frequent first.
fn told(shares: &BTreeMap<String, f64>) -> String {
    let mut by_share: Vec<(&String, f64)> = shares.iter().map(|(variant, share)| (variant, *share)).collect();
    by_share.retain(|(_, share)| *share > 0.0);
    by_share.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    match by_share.as_slice() {
        [(only, share), ..] if *share >= NEARLY_ALL => (*only).clone(),
        several => {
            let told =
                several.iter().take(MAX_TOLD).map(|(variant, share)| format!("{variant} {:.0} %", 100.0 * share));
            told.collect::<Vec<_>>().join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::readings::tests::{Table, minute};
    use super::*;
    use crate::prometheus::pods::Owners;

    /// Six hours.
    const MINUTES: i64 = 360;

    /// The counters of `off` and `on`, when a minute has that many evaluations of each.
    fn table(of: impl Fn(i64) -> (f64, f64)) -> Table {
        let series = |table: Table, variant: &str, of: &dyn Fn(i64) -> f64| {
            let mut count = 0.0;
            let values = (0..MINUTES).map(|m| {
                count += of(m);
                (m, count)
            });
            // A counter appears with the first evaluation.
            let values: Vec<_> = values.filter(|(_, count)| *count > 0.0).collect();
            let labels = format!("__name__={},feature_flag_key=cartFailure,{}={variant}", FAMILIES[0], VARIANTS[0]);
            table.values(Part::Flags, &labels, values)
        };
        series(series(Table::new(), "off", &|m| of(m).0), "on", &|m| of(m).1)
    }

    fn words(readings: &Readings) -> Vec<String> {
        let owners = Owners::default();
        let workloads = Workloads { owners: &owners, services: ["cart", "orders"].into() };
        let words = |c: &Change| {
            let minutes = (c.at.ms() - minute(0).ms()) / 60_000;
            let [from, to, service] = [&c.from, &c.to, &c.service].map(|text| text.clone().unwrap_or("-".into()));
            format!("{minutes} {} of {service}: {from} → {to} ±{}", c.subject, c.uncertainty_ms / 1000)
        };
        find(readings, &workloads).iter().map(words).collect()
    }

    fn found(of: impl Fn(i64) -> (f64, f64)) -> Vec<String> {
        words(&table(of).0)
    }

    #[test]
    fn a_switch_is_dated_between_two_looks() {
        let switched = |m: i64| if m < 30 { (120.0, 0.0) } else { (0.0, 120.0) };
        assert_eq!(found(switched), ["30 cartFailure of cart: off → on ±75"]);
        let mixed = |m: i64| if m == 30 { (90.0, 30.0) } else { switched(m) };
        assert_eq!(found(mixed), ["30 cartFailure of cart: off → on ±75"], "within a step");
        let there_and_back = |m: i64| if (20..40).contains(&m) { (0.0, 120.0) } else { (120.0, 0.0) };
        assert_eq!(
            found(there_and_back),
            ["20 cartFailure of cart: off → on ±75", "40 cartFailure of cart: on → off ±75"]
        );
        let more = |m: i64| if m < 30 { (108.0, 12.0) } else { (60.0, 60.0) };
        assert_eq!(found(more), ["30 cartFailure of cart: off 90 %, on 10 % → off 50 %, on 50 % ±75"]);
        let asleep = |m: i64| if (25..35).contains(&m) { (0.0, 0.0) } else { switched(m) };
        assert_eq!(found(asleep), ["35 cartFailure of cart: off → on ±675"], "nobody asked for ten minutes");
        let late = |m: i64| if m < MINUTES - 2 { (120.0, 0.0) } else { (0.0, 120.0) };
        assert_eq!(found(late), ["358 cartFailure of cart: off → on ±75"], "two looks are enough");
    }

    #[test]
    fn chance_and_others_who_ask_are_no_switch() {
        assert!(found(|_| (120.0, 0.0)).is_empty());
        assert!(found(|m| (if m < 30 { 120.0 } else { 2400.0 }, 0.0)).is_empty(), "more are asked");
        assert!(found(|m| if m % 2 == 0 { (1.0, 2.0) } else { (2.0, 1.0) }).is_empty(), "three evaluations a minute");
        assert!(found(|m| if m == 30 { (0.0, 120.0) } else { (120.0, 0.0) }).is_empty(), "one look proves nothing");
        assert!(
            found(|m| if m < MINUTES - 1 { (120.0, 0.0) } else { (0.0, 120.0) }).is_empty(),
            "nor does the last one"
        );
        assert!(found(|m| if m < 30 { (0.0, 0.0) } else { (0.0, 120.0) }).is_empty(), "the first evaluations");
        assert!(
            found(|m| (100.0, if m < 30 { 0.0 } else { 200.0 })).is_empty(),
            "others ask, who get the other variant"
        );
        assert!(found(|m| (100.0, if m < 30 { 200.0 } else { 0.0 })).is_empty(), "and ask no more");
        assert!(found(|m| if m / 12 % 2 == 0 { (120.0, 0.0) } else { (0.0, 120.0) }).is_empty(), "all the time");
    }

    #[test]
    fn a_counter_that_restarts_or_is_away_switches_nothing() {
        let mixed = |_| (90.0, 30.0);
        let mut restarted = table(mixed).0;
        for series in restarted.parts.get_mut(&Part::Flags).unwrap() {
            let (at, lost) = series.points(&restarted.axis).nth(30).unwrap();
            *series = series.with(&restarted.axis, |time, value| Some(if time > at { value - lost } else { value }));
        }
        assert!(words(&restarted).is_empty());
        let mut away = table(mixed).0;
        let is_away = |time: Timestamp| (20..40).contains(&((time.ms() - minute(0).ms()) / 60_000));
        let series = &mut away.parts.get_mut(&Part::Flags).unwrap()[1];
        *series = series.with(&away.axis, |time, value| (!is_away(time)).then_some(value));
        assert!(words(&away).is_empty());
    }

    #[test]
    fn a_program_s_own_counter_is_read_where_flagd_s_tells_no_switch() {
        let of =
            |family: usize, variant: &str| format!("__name__={},key=ordersSlow,variant={variant}", FAMILIES[family]);
        let hook = Table::new()
            .values(Part::Flags, &of(0, "off"), (0..60).map(|m| (m, 1.0)))
            .values(Part::Flags, &of(1, "off"), (0..60).map(|m| (m, 60.0 * m.min(30) as f64 + 60.0)))
            .values(Part::Flags, &of(1, "on"), (31..60).map(|m| (m, 60.0 * (m - 30) as f64)));
        assert_eq!(words(&hook.0), ["31 ordersSlow of orders: off → on ±75"]);
    }

    #[test]
    fn of_too_many_flags_it_is_said_that_some_are_not_seen() {
        let some = |n: usize| {
            let series = |table: Table, i: usize| {
                table.there(Part::Flags, &format!("__name__={},key=f{i},variant=a", FAMILIES[0]), [7])
            };
            are_cut(&(0..n).fold(Table::new(), series).0)
        };
        assert_eq!([some(MAX_SERIES - 1), some(MAX_SERIES)], [false, true]);
    }
}
