//! Variants of the analysis, side by side on labelled incidents.

use std::collections::BTreeMap;
use std::fmt::Write;

use automap_core::{Analysis, DiagnoseOptions, analyse};

use crate::dataset::{Case, Dataset, DatasetError, Place};
use crate::score::Accuracy;

/// Ranks of the true causes, 1 the best, `None` a miss: by set, then by variant, then by case.
pub type Ranks = BTreeMap<String, Vec<Vec<Option<usize>>>>;

/// Ranks every case with every variant of the options. What cannot be read or answered is a miss for each of them, and told to `miss`.
///
/// # Errors
/// When the folders cannot be listed.
pub fn evaluate(
    dataset: &Dataset,
    topology: bool,
    variants: &[DiagnoseOptions],
    miss: &mut dyn FnMut(&Place, &str),
) -> Result<Ranks, DatasetError> {
    let mut ranks = Ranks::new();
    for place in dataset.places()? {
        let of_set = ranks.entry(place.set.clone()).or_insert_with(|| vec![Vec::new(); variants.len()]);
        let case = dataset.read(&place, topology);
        for (options, ranks) in variants.iter().zip(of_set) {
            let rank = match &case {
                Ok(case) => rank_of(case, options),
                Err(error) => Err(error.to_string()),
            };
            ranks.push(rank.unwrap_or_else(|reason| {
                miss(&place, &reason);
                None
            }));
        }
    }
    Ok(ranks)
}

fn rank_of(case: &Case, options: &DiagnoseOptions) -> Result<Option<usize>, String> {
    let analysis = analyse(&case.observation, options).map_err(|e| e.to_string())?;
    Ok(place_of(&analysis, &case.service))
}

/// Place of a service in the whole ranking, from 1.
pub fn place_of(analysis: &Analysis, service: &str) -> Option<usize> {
    let mut services = analysis.ranking.services.iter();
    services.position(|s| analysis.frame.service(s.service) == service).map(|i| i + 1)
}

/// One variant's accuracy by set, and the mean over the sets, as a table.
pub fn table(ranks: &Ranks, variant: usize) -> String {
    let mut out = format!("{:<20} {:>5}  {:>5}  {:>5}  {:>5}\n", "set", "cases", "AC@1", "AC@3", "Avg@5");
    let mut line = |name: &str, cases: usize, a: Accuracy| {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{name:<20} {cases:>5}  {:.3}  {:.3}  {:.3}", a.ac1, a.ac3, a.avg5);
    };
    for (set, of_set) in ranks {
        line(set, of_set[variant].len(), Accuracy::of(&of_set[variant]));
    }
    let cases = ranks.values().map(|of_set| of_set[variant].len()).sum();
    line("mean over sets", cases, macro_mean(ranks, variant));
    out
}

/// One variant's accuracy, each set counting once.
pub fn macro_mean(ranks: &Ranks, variant: usize) -> Accuracy {
    let of_sets: Vec<Accuracy> = ranks.values().map(|of_set| Accuracy::of(&of_set[variant])).collect();
    Accuracy::macro_mean(&of_sets)
}
