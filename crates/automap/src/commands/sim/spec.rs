//! Which incidents to simulate, from options of `sim` or the keys of `eval --sim`.

use std::ops::RangeInclusive;

use automap_sim::several::{MAX_INCIDENTS, MAX_SYSTEMS, MAX_USERS_PER_S, MINUTES, SCRAPE_S, SERVICES, Several};
use clap::Args;

use crate::args::parse::share;

/// Keys of `eval --sim`.
const KEYS: &str = "incidents, systems, services, users-per-s, minutes, scrape-s, double, spreading, seed";

/// Which incidents.
#[derive(Args, Clone, Debug, PartialEq)]
pub(crate) struct SimSpec {
    /// Number of incidents, including quiet ones
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number(MAX_INCIDENTS))]
    pub(super) incidents: usize,
    /// Number of systems to spread them over
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number(MAX_SYSTEMS))]
    pub(super) systems: usize,
    /// Services per system: a number, or a range such as 8..60
    #[arg(long, value_name = "N", default_value = "8..60", value_parser = sizes)]
    pub(super) services: RangeInclusive<usize>,
    /// User requests per second, on average
    #[arg(long, value_name = "RATE", default_value_t = 30.0, value_parser = rate)]
    pub(super) users_per_s: f64,
    /// Minutes per recording; the fault is in the last four
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(bounds(&MINUTES)))]
    pub(super) minutes: u16,
    /// Seconds between two scrapes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(bounds(&SCRAPE_S)))]
    pub(super) scrape_s: u16,
    /// Share of the incidents with a fault that have two at once
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) double: f64,
    /// Share of the incidents with a fault in which it may spread: containers that do not answer are killed
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) spreading: f64,
    /// Seed; the same seed gives the same incidents
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
    /// The same for the simulator.
    pub(crate) fn several(&self) -> Several {
        Several {
            incidents: self.incidents,
            systems: self.systems,
            least_services: *self.services.start(),
            most_services: *self.services.end(),
            users_per_s: self.users_per_s,
            minutes: self.minutes,
            scrape_s: self.scrape_s,
            double: self.double,
            spreading: self.spreading,
            seed: self.seed,
        }
    }
}

/// `systems=20,incidents=1000,services=8..60,seed=7`; omitted keys have the defaults of `automap sim`.
pub(crate) fn parse(words: &str) -> Result<SimSpec, String> {
    let mut spec = SimSpec::default();
    for part in words.split(',').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("'{part}' is not KEY=VALUE"))?;
        let of_key = |e: String| format!("{key}: {e}");
        match key {
            "incidents" => spec.incidents = number(MAX_INCIDENTS)(value).map_err(of_key)?,
            "systems" => spec.systems = number(MAX_SYSTEMS)(value).map_err(of_key)?,
            "services" => spec.services = sizes(value).map_err(of_key)?,
            "users-per-s" => spec.users_per_s = rate(value).map_err(of_key)?,
            "minutes" => spec.minutes = within(MINUTES, value).map_err(of_key)?,
            "scrape-s" => spec.scrape_s = within(SCRAPE_S, value).map_err(of_key)?,
            "double" => spec.double = share(value).map_err(of_key)?,
            "spreading" => spec.spreading = share(value).map_err(of_key)?,
            "seed" => spec.seed = value.parse().map_err(|_| format!("seed: '{value}' is not a whole number"))?,
            _ => return Err(format!("there is no key '{key}'; the keys are {KEYS}")),
        }
    }
    spec.several().check().map(|()| spec)
}

/// A whole number from 1 to `most`.
fn number(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let number = text.parse().ok().filter(|n| (1..=most).contains(n));
        number.ok_or_else(|| format!("'{text}' is not a whole number from 1 to {most}"))
    }
}

/// The same numbers, as clap takes them.
fn bounds(range: &RangeInclusive<u16>) -> RangeInclusive<i64> {
    i64::from(*range.start())..=i64::from(*range.end())
}

fn within(range: RangeInclusive<u16>, text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|n| range.contains(n));
    number.ok_or_else(|| format!("'{text}' is not a whole number from {} to {}", range.start(), range.end()))
}

/// A number above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|r: &f64| *r > 0.0 && *r <= MAX_USERS_PER_S);
    rate.ok_or_else(|| format!("'{text}' is not a number above 0, at most 100000"))
}

fn sizes(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let size = |text: &str| text.parse().ok().filter(|n| SERVICES.contains(n));
    match (size(least), size(most)) {
        (Some(least), Some(most)) if least <= most => Ok(least..=most),
        _ => Err(format!(
            "'{text}' is neither a number from {} to {} nor two of them as least..most",
            SERVICES.start(),
            SERVICES.end()
        )),
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
        let all: Vec<_> = spec.several().incidents().map(|one| (one.system, one.number)).collect();
        assert_eq!(all, [(1, 1), (2, 2), (1, 3), (2, 4), (1, 5)]);
        assert_eq!(SimSpec::default().several(), Several::default());
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
