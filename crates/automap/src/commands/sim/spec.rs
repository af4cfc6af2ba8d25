//! Which incidents are simulated, from options of `sim` or the words of `eval --sim`.

use std::ops::RangeInclusive;

use automap_core::random::Rng;
use automap_sim::fleet::RunOptions;
use automap_sim::incident::IncidentOptions;
use automap_sim::plan::PlanOptions;
use clap::Args;

/// Most services of a system, and most incidents and systems of one run.
const MAX: (usize, usize, usize) = (20_000, 100_000, 1_000);

/// Which incidents.
#[derive(Args, Clone, Debug, PartialEq)]
pub(crate) struct SimSpec {
    /// Incidents, quiet stretches among them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number(MAX.1))]
    incidents: usize,
    /// Systems that they are spread over
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number(MAX.2))]
    systems: usize,
    /// Services of a system: a number, or least..most
    #[arg(long, value_name = "N", default_value = "8..60", value_parser = sizes)]
    services: RangeInclusive<usize>,
    /// Users' requests a second, on average
    #[arg(long, value_name = "RATE", default_value_t = 30.0, value_parser = rate)]
    users_per_s: f64,
    /// Minutes of a recording, the last four with the fault
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(6..=1440))]
    minutes: u16,
    /// Seconds between two scrapes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=15))]
    scrape_s: u16,
    /// Same seed, same incidents
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
}

impl Default for SimSpec {
    fn default() -> Self {
        Self { incidents: 100, systems: 10, services: 8..=60, users_per_s: 30.0, minutes: 20, scrape_s: 5, seed: 1 }
    }
}

impl SimSpec {
    /// System, number and options of every incident.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = (usize, usize, IncidentOptions)> + '_ {
        (0..self.incidents).map(|i| {
            let system = i % self.systems;
            let mut rng = Rng::named(self.seed, &format!("system {system}"));
            let (least, most) = (*self.services.start(), *self.services.end());
            let services = least + rng.below(most - least + 1);
            let plan = PlanOptions { services, users_per_s: self.users_per_s, seed: rng.bits() };
            let run = RunOptions {
                length_s: f64::from(self.minutes) * 60.0,
                scrape_s: f64::from(self.scrape_s),
                ..RunOptions::default()
            };
            let seed = Rng::named(self.seed, &format!("incident {i}")).bits();
            (system + 1, i + 1, IncidentOptions { plan, run, seed, ..IncidentOptions::default() })
        })
    }
}

/// `systems=20,incidents=1000,services=8..60,seed=7`; what is left out is as for `automap sim`.
pub(crate) fn parse(words: &str) -> Result<SimSpec, String> {
    let mut spec = SimSpec::default();
    for part in words.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("'{part}' is not KEY=VALUE"))?;
        match key {
            "incidents" => spec.incidents = number(MAX.1)(value)?,
            "systems" => spec.systems = number(MAX.2)(value)?,
            "services" => spec.services = sizes(value)?,
            "users-per-s" => spec.users_per_s = rate(value)?,
            "seed" => spec.seed = value.parse().map_err(|_| format!("seed: '{value}' is not a whole number"))?,
            _ => return Err(format!("there is no '{key}'; there are incidents, systems, services, users-per-s, seed")),
        }
    }
    Ok(spec)
}

fn number(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|n| (1..=most).contains(n));
        number.ok_or_else(|| format!("'{text}' is not a whole number from 1 to {most}"))
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|r: &f64| *r > 0.0 && *r <= 1e5);
    rate.ok_or_else(|| format!("'{text}' is not a number above 0, at most 100000"))
}

fn sizes(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let size = |text: &str| text.parse().ok().filter(|n| (3..=MAX.0).contains(n));
    match (size(least), size(most)) {
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        _ => Err(format!("'{text}' is neither a number from 3 to {} nor two of them as least..most", MAX.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_options() {
        let spec = parse("systems=2,incidents=5,services=12,seed=9").unwrap();
        assert_eq!((spec.systems, spec.incidents, spec.services.clone(), spec.seed), (2, 5, 12..=12, 9));
        assert_eq!(parse("").unwrap(), SimSpec::default());
        for wrong in ["systems", "systems=0", "services=2", "services=9..8", "users-per-s=nan", "days=3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let all: Vec<_> = spec.incidents().collect();
        assert_eq!(
            all.iter().map(|(system, number, _)| (*system, *number)).collect::<Vec<_>>(),
            [(1, 1), (2, 2), (1, 3), (2, 4), (1, 5)]
        );
        assert_eq!(all[0].2.plan, all[2].2.plan, "two incidents of one system");
        assert_ne!(all[0].2.seed, all[2].2.seed);
    }
}
