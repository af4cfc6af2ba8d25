//! Chooses the components that an experiment hits, by selector and mode, with the same arithmetic as Chaos Mesh.

use super::experiment::{Mode, Selector};
use crate::plan::{COMPONENTS, Component, NAMESPACE, node_of};

/// The label of a node, which selects all pods that run on it.
pub(super) const NODE_LABEL: &str = "kubernetes.io/hostname";

/// The components whose pods match, in the order of the plan. The only label of pods that can be selected is `name`; changes of a node select by its
/// name.
pub(super) fn matching(selector: &Selector) -> Vec<&'static Component> {
    let here = selector.namespaces.is_empty() || selector.namespaces.iter().any(|n| n == NAMESPACE);
    let has = |c: &Component, key: &str, value: &str| match key {
        "name" => value == c.name,
        NODE_LABEL => value == node_of(c, 0),
        _ => false,
    };
    let labelled = |c: &&Component| selector.labels.iter().all(|(key, value)| has(c, key, value));
    COMPONENTS.iter().filter(|c| here && labelled(c)).collect()
}

/// How many of `available` pods a mode selects. `random` is used by `random-max-percent` only.
pub(super) fn count(mode: Mode, available: usize, random: &mut impl FnMut() -> u64) -> usize {
    let share = |percent: f64| (available as f64 * percent / 100.0).floor() as usize;
    match mode {
        Mode::One => available.min(1),
        Mode::All => available,
        Mode::Fixed(n) => n.min(available),
        Mode::FixedPercent(percent) => share(percent),
        Mode::RandomMaxPercent(max) => share((random() % (max.floor() as u64 + 1)) as f64),
    }
}

/// Chooses the number of pods that the mode requires at random, and returns them in their original order.
pub(super) fn choose<T: Copy>(all: &[T], mode: Mode, random: &mut impl FnMut() -> u64) -> Vec<T> {
    let wanted = count(mode, all.len(), random);
    let mut left: Vec<usize> = (0..all.len()).collect();
    let mut taken: Vec<usize> = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let i = (random() % left.len().max(1) as u64) as usize;
        taken.push(left.swap_remove(i));
    }
    taken.sort_unstable();
    taken.into_iter().filter_map(|i| all.get(i).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(labels: &[(&str, &str)], namespaces: &[&str]) -> Selector {
        Selector {
            namespaces: namespaces.iter().map(|n| (*n).to_owned()).collect(),
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn labels_and_namespaces_must_all_match() {
        let names = |s: &Selector| matching(s).iter().map(|c| c.name).collect::<Vec<_>>();
        assert_eq!(names(&named(&[("name", "payment")], &["sock-shop"])), ["payment"]);
        assert_eq!(names(&named(&[], &["sock-shop"])).len(), 14);
        assert!(names(&named(&[("app", "payment")], &["sock-shop"])).is_empty());
        assert!(names(&named(&[("name", "payment")], &["default"])).is_empty());
    }

    #[test]
    fn modes_count_like_chaos_mesh() {
        let mut ten = || 10;
        for (mode, available, wanted) in [
            (Mode::One, 14, 1),
            (Mode::One, 0, 0),
            (Mode::All, 14, 14),
            (Mode::Fixed(3), 14, 3),
            (Mode::Fixed(20), 14, 14),
            (Mode::FixedPercent(50.0), 3, 1),
            (Mode::FixedPercent(10.0), 3, 0),
            (Mode::FixedPercent(100.0), 3, 3),
            (Mode::RandomMaxPercent(100.0), 20, 2), // the draw is 10 %
            (Mode::RandomMaxPercent(0.0), 20, 0),
        ] {
            assert_eq!(count(mode, available, &mut ten), wanted, "{mode:?} of {available}");
        }
    }

    #[test]
    fn choosing_never_repeats_and_keeps_the_order() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        };
        for n in 0..=14 {
            let taken = choose(&(0..14).collect::<Vec<_>>(), Mode::Fixed(n), &mut random);
            assert_eq!(taken.len(), n);
            assert!(taken.windows(2).all(|w| w[0] < w[1]), "{taken:?}");
        }
    }
}
