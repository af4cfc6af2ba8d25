//! Which incidents are simulated, from options of `sim` or the words of `eval --sim`.

use std::ops::RangeInclusive;

use automap_core::random::Rng;
use automap_sim::fleet::RunOptions;
use automap_sim::incident::{IncidentOptions, Shares};
use automap_sim::plan::PlanOptions;
use clap::Args;

use crate::args::parse::share;

/// Most services of a system, and most incidents and systems of one run.
const MAX: (usize, usize, usize) = (20_000, 100_000, 1_000);
/// Most scrapes of services in one run: about 20 numbers each, so twenty gigabytes of captures.
const MAX_SCRAPES: f64 = 5e8;
/// Most requests of users in one run: some days of computing.
const MAX_REQUESTS: f64 = 2e9;
/// Minutes of a recording, and seconds between two scrapes.
const MINUTES: RangeInclusive<i64> = 6..=1440;
const SCRAPE_S: RangeInclusive<i64> = 1..=15;
/// What `eval --sim` understands.
const KEYS: &str = "incidents, systems, services, users-per-s, minutes, scrape-s, double, spreading, seed";

/// Which incidents.
#[derive(Args, Clone, Debug, PartialEq)]
pub(crate) struct SimSpec {
    /// Incidents, quiet stretches among them
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number(MAX.1))]
    pub(super) incidents: usize,
    /// Systems that they are spread over
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number(MAX.2))]
    pub(super) systems: usize,
    /// Services of a system: a number, or least..most
    #[arg(long, value_name = "N", default_value = "8..60", value_parser = sizes)]
    pub(super) services: RangeInclusive<usize>,
    /// Users' requests a second, on average
    #[arg(long, value_name = "RATE", default_value_t = 30.0, value_parser = rate)]
    pub(super) users_per_s: f64,
    /// Minutes of a recording, the last four with the fault
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(MINUTES))]
    pub(super) minutes: u16,
    /// Seconds between two scrapes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(SCRAPE_S))]
    pub(super) scrape_s: u16,
    /// Of the incidents with a fault, the share with two at once
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) double: f64,
    /// Of the incidents with a fault, the share in which it may spread: containers are killed that do not answer
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) spreading: f64,
    /// Same seed, same incidents
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub(super) seed: u64,
}

impl Default for SimSpec {
    fn default() -> Self {
        Self {
            incidents: 100,
            systems: 10,
            services: 8..=60,
            users_per_s: 30.0,
            minutes: 20,
            scrape_s: 5,
            double: 0.0,
            spreading: 0.0,
            seed: 1,
        }
    }
}

impl SimSpec {
    /// System, number and options of every incident.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = (usize, usize, IncidentOptions)> + '_ {
        (0..self.incidents).map(|i| self.incident(i))
    }

    /// System, number and options of one incident, counted from 0.
    pub(super) fn incident(&self, i: usize) -> (usize, usize, IncidentOptions) {
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
        let shares = Shares { double: self.double, spreading: self.spreading, ..Shares::default() };
        (system + 1, i + 1, IncidentOptions { plan, run, shares, seed, ..IncidentOptions::default() })
    }

    /// Refuses what nobody waits for. Systems do not multiply: the incidents are spread over them.
    ///
    /// # Errors
    /// Names the options whose product is too large, and what it is.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.double + self.spreading > 1.0 {
            return Err(format!("double {} and spreading {} are more than 1 together", self.double, self.spreading));
        }
        let (incidents, minutes, scrape_s) = (self.incidents, self.minutes, self.scrape_s);
        let most = *self.services.end();
        let scrapes = incidents as f64 * most as f64 * f64::from(minutes) * 60.0 / f64::from(scrape_s);
        if scrapes > MAX_SCRAPES {
            return Err(format!(
                "incidents {incidents} × services {most} × minutes {minutes} × 60 / scrape-s {scrape_s} are {scrapes:.1e} scrapes, and at most \
                 {MAX_SCRAPES:.0e} are simulated in one run; make one of them smaller"
            ));
        }
        let requests = incidents as f64 * f64::from(minutes) * 60.0 * self.users_per_s;
        if requests > MAX_REQUESTS {
            return Err(format!(
                "incidents {incidents} × minutes {minutes} × 60 × users-per-s {} are {requests:.1e} requests of users, and at most {MAX_REQUESTS:.0e} \
                 are simulated in one run; make one of them smaller",
                self.users_per_s
            ));
        }
        Ok(())
    }
}

/// `systems=20,incidents=1000,services=8..60,seed=7`; what is left out is as for `automap sim`.
pub(crate) fn parse(words: &str) -> Result<SimSpec, String> {
    let mut spec = SimSpec::default();
    for part in words.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("'{part}' is not KEY=VALUE"))?;
        let of_key = |e: String| format!("{key}: {e}");
        match key {
            "incidents" => spec.incidents = number(MAX.1)(value).map_err(of_key)?,
            "systems" => spec.systems = number(MAX.2)(value).map_err(of_key)?,
            "services" => spec.services = sizes(value).map_err(of_key)?,
            "users-per-s" => spec.users_per_s = rate(value).map_err(of_key)?,
            "minutes" => spec.minutes = within(MINUTES, value).map_err(of_key)?,
            "scrape-s" => spec.scrape_s = within(SCRAPE_S, value).map_err(of_key)?,
            "double" => spec.double = share(value).map_err(of_key)?,
            "spreading" => spec.spreading = share(value).map_err(of_key)?,
            "seed" => spec.seed = value.parse().map_err(|_| format!("seed: '{value}' is not a whole number"))?,
            _ => return Err(format!("there is no '{key}'; there are {KEYS}")),
        }
    }
    spec.check().map(|()| spec)
}

/// A whole number from 1 to `most`.
fn number(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|n| (1..=most).contains(n));
        number.ok_or_else(|| format!("'{text}' is not a whole number from 1 to {most}"))
    }
}

fn within(range: RangeInclusive<i64>, text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|n| range.contains(&i64::from(*n)));
    number.ok_or_else(|| format!("'{text}' is not a whole number from {} to {}", range.start(), range.end()))
}

/// A number above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
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
        let spec = parse("systems=2,incidents=5,services=12,minutes=10,scrape-s=15,double=0.2,seed=9").unwrap();
        assert_eq!((spec.systems, spec.incidents, spec.services.clone(), spec.seed), (2, 5, 12..=12, 9));
        assert_eq!((spec.minutes, spec.scrape_s, spec.double), (10, 15, 0.2));
        assert_eq!(parse("").unwrap(), SimSpec::default());
        for wrong in [
            "systems",
            "systems=0",
            "services=2",
            "services=9..8",
            "users-per-s=nan",
            "days=3",
            "minutes=5",
            "scrape-s=16",
            "double=2",
            "double=0.6,spreading=0.6",
        ] {
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

    #[test]
    fn what_nobody_waits_for_is_refused_by_the_names_of_the_options() {
        assert!(parse("incidents=2000,services=60").is_ok());
        let scrapes = parse("incidents=100000,services=1000").unwrap_err();
        for option in ["incidents 100000", "services 1000", "minutes 20", "scrape-s 5"] {
            assert!(scrapes.contains(option), "{scrapes}");
        }
        let requests = parse("incidents=1000,minutes=1440,services=3,scrape-s=15,users-per-s=1000").unwrap_err();
        assert!(requests.contains("users-per-s 1000") && requests.contains("minutes 1440"), "{requests}");
    }
}
