//! Leaves out one system at a time: which engine would have been chosen by the scores on all others, and the cost of that choice on the one left out.
//!
//! A mean over data sets shows which engine is best on those. What a user with another system wants to know is whether that carries over: the engine
//! that won on the other systems is applied, and its regret is how much more the best engine for this system would have scored (arXiv 2606.29159
//! compares methods in this way). Each system counts once, however many sets were recorded on it. Two sets belong to one system if at least half of
//! the services of the smaller one are in the other.
//!
//! An engine that was developed on these sets has seen them: its regret here is not that on a new system.
//!
//! # Example
//! Engine A scores .9 and .8 on two systems, B scores .5 and .6, and on a third A has .3 and B .4. Left out, the third gets A, by .85 against .55,
//! and the regret is .1. The other two get A too, without regret. The mean regret is .033.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::round;
use super::model::{ByName, Choice, EngineSummary, LeftOut};
use super::table::Table;

/// Share of the smaller set's services from which two sets belong to one system.
const SAME_SYSTEM: f64 = 0.5;

/// `None` with one engine or one system: then there is nothing to choose, or nothing to base a choice on.
pub(super) fn choice(engines: &ByName<EngineSummary>, services: &BTreeMap<String, BTreeSet<String>>) -> Option<Choice> {
    let systems = systems(services);
    if engines.0.len() < 2 || systems.len() < 2 {
        return None;
    }
    let scores: Vec<Vec<f64>> =
        engines.0.iter().map(|(_, engine)| systems.iter().map(|sets| mean_ac1(engine, sets)).collect()).collect();
    let left_out = |at: usize| {
        let elsewhere = |of: &Vec<f64>| of.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, score)| score).sum();
        let chosen = first_largest(scores.iter().map(elsewhere))?;
        let best = first_largest(scores.iter().map(|of| of[at]))?;
        let (ac1, best_ac1) = (scores[chosen][at], scores[best][at]);
        Some(LeftOut {
            sets: systems[at].iter().map(|set| (*set).to_owned()).collect(),
            chosen: engines.0[chosen].0.clone(),
            ac1: round(ac1),
            best: engines.0[best].0.clone(),
            best_ac1: round(best_ac1),
            regret: round(best_ac1 - ac1),
        })
    };
    let all: Vec<LeftOut> = (0..systems.len()).filter_map(left_out).collect();
    let mean = |of: fn(&LeftOut) -> f64| round(all.iter().map(of).sum::<f64>() / all.len() as f64);
    Some(Choice { ac1: mean(|l| l.ac1), regret: mean(|l| l.regret), systems: all })
}

pub(super) fn choice_table(choice: &Choice) -> Table {
    let row = |of: &LeftOut| {
        let mut row = vec![of.sets.join(", "), of.chosen.clone(), format!("{:.3}", of.ac1)];
        row.extend([of.best.clone(), format!("{:.3}", of.best_ac1), format!("{:.3}", of.regret)]);
        row
    };
    let header = ["system left out", "chosen by the others", "AC@1", "best there", "AC@1", "regret"];
    Table {
        title: "Leaving out one system at a time".to_owned(),
        header: header.map(ToOwned::to_owned).to_vec(),
        rows: choice.systems.iter().map(row).collect(),
        note: Some(format!("mean AC@1 {:.3}, mean regret {:.3}", choice.ac1, choice.regret)),
    }
}

/// The sets of each system, systems by their first set.
fn systems(services: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<&str>> {
    let mut out: Vec<Vec<&str>> = Vec::new();
    for (set, its) in services {
        let is_of = |system: &Vec<&str>| system.iter().any(|other| are_of_one_system(its, &services[*other]));
        // A set may link systems that had nothing in common before.
        let (same, others) = out.into_iter().partition::<Vec<_>, _>(is_of);
        out = others;
        let mut system: Vec<&str> = same.into_iter().flatten().chain([set.as_str()]).collect();
        system.sort_unstable();
        out.push(system);
    }
    out.sort();
    out
}

fn are_of_one_system(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let smaller = a.len().min(b.len());
    smaller > 0 && a.intersection(b).count() as f64 >= SAME_SYSTEM * smaller as f64
}

fn mean_ac1(engine: &EngineSummary, sets: &[&str]) -> f64 {
    let of = |set: &&str| engine.sets.get(set).map_or(0.0, |group| group.services.mean.ac1);
    sets.iter().map(of).sum::<f64>() / sets.len() as f64
}

/// The index of the largest value, the first of equal ones.
fn first_largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Estimate, GroupScores};
    use super::*;
    use crate::score::Accuracy;

    fn set(services: &[&str]) -> BTreeSet<String> {
        services.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn sets_that_share_half_of_their_services_are_of_one_system() {
        let services = BTreeMap::from([
            ("shop-1".to_owned(), set(&["carts", "orders", "user"])),
            ("shop-2".to_owned(), set(&["carts", "orders", "payment", "queue"])),
            ("trains".to_owned(), set(&["ticket", "user", "route"])),
            ("trains-and-shop".to_owned(), set(&["ticket", "route"])),
        ]);
        assert_eq!(systems(&services), [vec!["shop-1", "shop-2"], vec!["trains", "trains-and-shop"]]);
    }

    #[test]
    fn two_systems_are_one_as_soon_as_a_set_has_both() {
        let services = BTreeMap::from([
            ("a".to_owned(), set(&["x"])),
            ("b".to_owned(), set(&["y"])),
            ("c".to_owned(), set(&["x", "y"])),
        ]);
        assert_eq!(systems(&services), [vec!["a", "b", "c"]]);
    }

    /// The example of the module.
    #[test]
    fn the_winner_elsewhere_is_applied_and_its_regret_told() {
        let services: BTreeMap<String, BTreeSet<String>> =
            ["one", "two", "three"].map(|name| (name.to_owned(), set(&[name]))).into();
        let group = |ac1: f64| {
            let mean = Accuracy { ac1, ..Accuracy::default() };
            GroupScores { services: Estimate { mean, ..Estimate::default() }, ..GroupScores::default() }
        };
        let engine = |scores: [f64; 3]| {
            let sets = ["one", "two", "three"].into_iter().zip(scores).map(|(name, ac1)| (name.to_owned(), group(ac1)));
            EngineSummary { sets: ByName(sets.collect()), ..EngineSummary::default() }
        };
        let engines =
            ByName(vec![("a".to_owned(), engine([0.9, 0.8, 0.3])), ("b".to_owned(), engine([0.5, 0.6, 0.4]))]);
        let choice = choice(&engines, &services).unwrap();
        let third = choice.systems.iter().find(|s| s.sets == ["three"]).unwrap();
        assert_eq!((third.chosen.as_str(), third.best.as_str(), third.regret), ("a", "b", 0.1));
        assert_eq!((choice.ac1, choice.regret), (0.666667, 0.033333));
        assert!(super::choice(&ByName(engines.0[..1].to_vec()), &services).is_none(), "one engine is no choice");
    }
}
