//! The values of `--engine`, `--onset` and `--topology`.

use automap_core::rank;
use automap_eval::baselines::Baseline;
use automap_eval::engine::Engine;
use automap_eval::evaluate::onset::OnsetHint;
use clap::ValueEnum;

use crate::parse_time::span_or_zero_ms;

/// The engines on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EngineName {
    /// Ours: evidence from every series, explained away along the calls.
    Evidence,
    /// Ours: AutoMAP, a learnt behaviour graph and a random walk.
    Automap,
    /// Largest rise above the median in interquartile ranges (FSE 2024).
    Baro,
    /// Largest rise above the mean in standard deviations.
    Nsigma,
    /// Regression on causes by architecture, descendant adjustment (KDD 2022).
    Circa,
    /// Random walk on the calls towards services that move like the front-end (SIGMETRICS 2013).
    Monitorrank,
    /// PageRank on a graph learnt by PC.
    PcPagerank,
    /// Two-sample test of every metric (WWW 2019), repaired.
    EpsilonDiagnosis,
    /// Anomalous inside and at the boundary: the sum of both (2026).
    Prism,
    /// The same, with the lesser of both.
    PrismConjunctive,
    /// All metrics' distances from normal, added up (FSE 2026): its part for metrics.
    Torai,
    /// A random order.
    Random,
    /// All of them.
    All,
}

/// The engines, each once, in the order typed.
pub(super) fn engines(names: &[EngineName]) -> Vec<Engine> {
    let mut out: Vec<Engine> = Vec::new();
    for engine in names.iter().flat_map(|name| name.engines()) {
        if !out.contains(&engine) {
            out.push(engine);
        }
    }
    out
}

impl EngineName {
    fn engines(self) -> Vec<Engine> {
        let one = match self {
            Self::Evidence => Engine::BuiltIn(rank::Engine::Evidence),
            Self::Automap => Engine::BuiltIn(rank::Engine::Automap),
            Self::Baro => Engine::Baseline(Baseline::Baro),
            Self::Nsigma => Engine::Baseline(Baseline::NSigma),
            Self::Circa => Engine::Baseline(Baseline::Circa),
            Self::Monitorrank => Engine::Baseline(Baseline::MonitorRank),
            Self::PcPagerank => Engine::Baseline(Baseline::PcPageRank),
            Self::EpsilonDiagnosis => Engine::Baseline(Baseline::EpsilonDiagnosis),
            Self::Prism => Engine::Baseline(Baseline::Prism),
            Self::PrismConjunctive => Engine::Baseline(Baseline::PrismConjunctive),
            Self::Torai => Engine::Baseline(Baseline::Torai),
            Self::Random => Engine::Baseline(Baseline::Random),
            Self::All => return Engine::all(),
        };
        vec![one]
    }
}

/// The calls given to the engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Topology {
    /// The calls in the data set and those observed in its metrics.
    Known,
    /// No calls.
    None,
}

/// Reads `known`, `detected`, `+60s`, `-1m30s`.
pub(super) fn onset(text: &str) -> Result<OnsetHint, String> {
    let shift = |span: &str, sign: i64| span_or_zero_ms(span).map(|ms| OnsetHint::Shifted(sign * ms)).ok();
    let known = match text.trim() {
        "known" => Some(OnsetHint::Exact),
        "detected" => Some(OnsetHint::Unknown),
        shifted => match shifted.split_at_checked(1) {
            Some(("+", span)) => shift(span, 1),
            Some(("-", span)) => shift(span, -1),
            _ => None,
        },
    };
    known.ok_or_else(|| "write known, detected, or a signed span such as +60s or -2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_come_in_the_order_typed_and_once() {
        let names = |typed: &[EngineName]| engines(typed).iter().map(|e| e.as_str()).collect::<Vec<_>>();
        assert_eq!(names(&[EngineName::Baro, EngineName::Evidence, EngineName::Baro]), ["baro", "evidence"]);
        assert_eq!(names(&[EngineName::Nsigma, EngineName::All]).len(), 12);
        // The words of the command line are those of the results.
        for name in EngineName::value_variants().iter().filter(|n| **n != EngineName::All) {
            assert_eq!(name.to_possible_value().unwrap().get_name(), names(&[*name])[0]);
        }
    }

    #[test]
    fn onsets_are_words_or_signed_spans() {
        assert_eq!(onset("known"), Ok(OnsetHint::Exact));
        assert_eq!(onset("detected"), Ok(OnsetHint::Unknown));
        assert_eq!(onset("+1m30s"), Ok(OnsetHint::Shifted(90_000)));
        assert_eq!(onset("-60s"), Ok(OnsetHint::Shifted(-60_000)));
        assert_eq!(onset("+0s"), Ok(OnsetHint::Shifted(0)));
        for bad in ["60s", "", "+", "--1s", "late"] {
            assert!(onset(bad).is_err(), "{bad}");
        }
    }
}
