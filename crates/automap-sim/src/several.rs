//! Several labelled incidents of several systems, from one seed: the options that each is drawn from, and the name of its file.
//!
//! The command line and the Python package use it to write the same files. The writing itself is theirs.

use std::ops::RangeInclusive;

use automap_core::random::Rng;
use serde::Deserialize;

use crate::fleet::RunOptions;
use crate::incident::{IncidentOptions, Shares};
use crate::plan::PlanOptions;

/// Most incidents of one run.
pub const MAX_INCIDENTS: usize = 100_000;
/// Most systems of one run.
pub const MAX_SYSTEMS: usize = 1_000;
/// Fewest and most services of a system.
pub const SERVICES: RangeInclusive<usize> = 3..=20_000;
/// Shortest and longest recording, in minutes.
pub const MINUTES: RangeInclusive<u16> = 6..=1440;
/// Seconds between two scrapes.
pub const SCRAPE_S: RangeInclusive<u16> = 1..=15;
/// Most requests of users a second.
pub const MAX_USERS_PER_S: f64 = 1e5;
/// Most scrapes of services in one run: about 20 numbers each, so twenty gigabytes of captures.
pub const MAX_SCRAPES: f64 = 5e8;
/// Most requests of users in one run: several days of computing.
pub const MAX_REQUESTS: f64 = 2e9;

/// Which incidents.
///
/// ```
/// use automap_sim::several::Several;
///
/// let three = Several { incidents: 3, systems: 2, ..Several::default() };
/// let all: Vec<_> = three.incidents().collect();
/// assert_eq!([all[2].folder(), all[2].file()], ["system-01", "incident-0003.parquet"]);
/// assert_eq!(all[0].options.plan, all[2].options.plan, "two incidents of one system");
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Several {
    /// Number of incidents, including quiet stretches.
    pub incidents: usize,
    /// Systems that they are spread over.
    pub systems: usize,
    /// Fewest services of a system.
    pub least_services: usize,
    /// Most services of a system.
    pub most_services: usize,
    /// Requests of users a second, on average.
    pub users_per_s: f64,
    /// Minutes of a recording, the last four with the fault.
    pub minutes: u16,
    /// Seconds between two scrapes.
    pub scrape_s: u16,
    /// Of the incidents with a fault, the share with two at once, 0–1.
    pub double: f64,
    /// Of the incidents with a fault, the share in which it may spread, 0–1: unresponsive containers are killed.
    pub spreading: f64,
    /// Same seed, same incidents.
    pub seed: u64,
}

impl Default for Several {
    fn default() -> Self {
        Self {
            incidents: 100,
            systems: 10,
            least_services: 8,
            most_services: 60,
            users_per_s: 30.0,
            minutes: 20,
            scrape_s: 5,
            double: 0.0,
            spreading: 0.0,
            seed: 1,
        }
    }
}

/// One of several incidents.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numbered {
    /// The system, from 1.
    pub system: usize,
    /// The incident, from 1.
    pub number: usize,
    /// The options it is drawn from.
    pub options: IncidentOptions,
}

impl Numbered {
    /// Name of its system's folder.
    pub fn folder(&self) -> String {
        format!("system-{:02}", self.system)
    }

    /// Name of its capture.
    pub fn file(&self) -> String {
        format!("incident-{:04}.parquet", self.number)
    }
}

impl Several {
    /// Checks the bounds of each option and of their products. Systems do not multiply: the incidents are spread over them.
    ///
    /// # Errors
    /// What is out of its bounds, and the bounds.
    pub fn check(&self) -> Result<(), String> {
        self.check_each()?;
        let (incidents, minutes, scrape_s) = (self.incidents, self.minutes, self.scrape_s);
        let most = self.most_services;
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

    fn check_each(&self) -> Result<(), String> {
        let counts = [("incidents", self.incidents, MAX_INCIDENTS), ("systems", self.systems, MAX_SYSTEMS)];
        if let Some((name, count, most)) = counts.into_iter().find(|(_, count, most)| !(1..=*most).contains(count)) {
            return Err(format!("{name}: {count} is not a whole number from 1 to {most}"));
        }
        let (least, most) = (self.least_services, self.most_services);
        if least > most || !SERVICES.contains(&least) || !SERVICES.contains(&most) {
            return Err(format!(
                "services: {least}..{most} is no range from {} to {}",
                SERVICES.start(),
                SERVICES.end()
            ));
        }
        for (name, number, range) in [("minutes", self.minutes, MINUTES), ("scrape_s", self.scrape_s, SCRAPE_S)] {
            if !range.contains(&number) {
                return Err(format!(
                    "{name}: {number} is not a whole number from {} to {}",
                    range.start(),
                    range.end()
                ));
            }
        }
        if !(self.users_per_s > 0.0 && self.users_per_s <= MAX_USERS_PER_S) {
            return Err(format!(
                "users_per_s: {} is not a number above 0, at most {MAX_USERS_PER_S}",
                self.users_per_s
            ));
        }
        for (name, share) in [("double", self.double), ("spreading", self.spreading)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{name}: {share} is not a share from 0 to 1"));
            }
        }
        if self.double + self.spreading > 1.0 {
            return Err(format!("double {} and spreading {} are more than 1 together", self.double, self.spreading));
        }
        Ok(())
    }

    /// Every incident.
    pub fn incidents(&self) -> impl Iterator<Item = Numbered> + '_ {
        (1..=self.incidents).map(|number| self.incident(number))
    }

    /// One incident by its number, from 1.
    pub fn incident(&self, number: usize) -> Numbered {
        let i = number.saturating_sub(1);
        let system = i % self.systems;
        let mut rng = Rng::named(self.seed, &format!("system {system}"));
        let services = self.least_services + rng.below(self.most_services - self.least_services + 1);
        let plan = PlanOptions { services, users_per_s: self.users_per_s, seed: rng.bits() };
        let run = RunOptions {
            length_s: f64::from(self.minutes) * 60.0,
            scrape_s: f64::from(self.scrape_s),
            ..RunOptions::default()
        };
        let seed = Rng::named(self.seed, &format!("incident {i}")).bits();
        let shares = Shares { double: self.double, spreading: self.spreading, ..Shares::default() };
        let options = IncidentOptions { plan, run, shares, seed, ..IncidentOptions::default() };
        Numbered { system: system + 1, number: i + 1, options }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_checked() {
        assert_eq!(Several::default().check(), Ok(()));
        let wrong = |change: fn(&mut Several)| {
            let mut several = Several::default();
            change(&mut several);
            several.check().unwrap_err()
        };
        assert!(wrong(|s| s.incidents = 0).starts_with("incidents: 0"));
        assert!(wrong(|s| s.least_services = 2).starts_with("services"));
        assert!(wrong(|s| s.most_services = 7).starts_with("services"));
        assert!(wrong(|s| s.minutes = 5).starts_with("minutes"));
        assert!(wrong(|s| s.users_per_s = f64::NAN).starts_with("users_per_s"));
        assert!(wrong(|s| s.double = 2.0).starts_with("double"));
        assert!(wrong(|s| (s.double, s.spreading) = (0.6, 0.6)).ends_with("more than 1 together"));
        let scrapes = wrong(|s| (s.incidents, s.most_services) = (100_000, 20_000));
        assert!(scrapes.contains("incidents 100000 × services 20000"), "{scrapes}");
    }
}
