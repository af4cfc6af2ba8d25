//! The answers by object: the series of one part of the answers, each object once, however many exporters report it.

use std::collections::{BTreeMap, BTreeSet};

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::kept_series::KeptSeries;
use super::queries::Part;
use super::tracks::{Edge, Points, Watched};
use crate::prometheus::decode::{LabelledSeries, Labels};
use crate::prometheus::qualify::PLACE;

/// When something happened, and by how much it may have been earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) uncertainty_ms: i64,
}

impl Moment {
    /// A time that the object itself reports, to the second.
    pub(super) fn exact(at: Timestamp) -> Self {
        Self { at, uncertainty_ms: 0 }
    }

    /// A change at this moment, not yet attributed to a service.
    pub(super) fn change(self, kind: ChangeKind, subject: impl Into<String>, source: &str) -> Change {
        Change {
            at: self.at,
            kind,
            service: None,
            subject: subject.into(),
            from: None,
            to: None,
            uncertainty_ms: self.uncertainty_ms,
            source: source.to_owned(),
            url: None,
        }
    }
}

/// All answers of one look-back.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    /// The sampled instants, in order.
    pub(super) axis: Vec<Timestamp>,
    /// How often the exporters are scraped, in milliseconds.
    pub(super) scrape_ms: i64,
    /// The earliest time that is of interest.
    pub(super) since: Timestamp,
    /// Series over time.
    pub(super) parts: BTreeMap<Part, Vec<KeptSeries>>,
    /// Values that are times, at the last instant.
    pub(super) times: Vec<LabelledSeries>,
    /// When nodes were added.
    pub(super) nodes: Vec<LabelledSeries>,
    /// Autoscalers and their targets.
    pub(super) scalers: Vec<LabelledSeries>,
    /// The families that the server has, in any namespace.
    pub(super) families: BTreeSet<String>,
}

impl Readings {
    /// Readings at these instants, without any series yet.
    pub(super) fn new(axis: Vec<Timestamp>, scrape_ms: i64, since: Timestamp) -> Self {
        let (parts, families) = (BTreeMap::new(), BTreeSet::new());
        Self { axis, scrape_ms, since, parts, times: Vec::new(), nodes: Vec::new(), scalers: Vec::new(), families }
    }

    /// The series of a part.
    pub(super) fn part(&self, part: Part) -> &[KeptSeries] {
        self.parts.get(&part).map_or(&[], Vec::as_slice)
    }

    /// The instants at which kube-state-metrics reported on our namespace.
    pub(super) fn watched(&self) -> Watched {
        self.seen([Part::PodOwners])
    }

    /// The instants at which any of these parts had a series.
    pub(super) fn seen(&self, parts: impl IntoIterator<Item = Part>) -> Watched {
        let series = parts.into_iter().flat_map(|part| self.part(part));
        let seen = series.flat_map(|s| s.points(&self.axis)).map(|(time, _)| time).collect();
        Watched::new(&seen, &self.axis)
    }

    /// The values of one family, keyed by what `key` reads from the labels. If several exporters report one object, the greatest value counts.
    pub(super) fn by<K: Ord>(
        &self,
        part: Part,
        family: &str,
        key: impl Fn(&Labels) -> Option<K>,
    ) -> BTreeMap<K, Points> {
        let ours = self.part(part).iter().filter(|s| family.is_empty() || text(&s.labels, "__name__") == family);
        let mut all: BTreeMap<K, BTreeMap<Timestamp, f64>> = BTreeMap::new();
        for series in ours {
            let Some(key) = key(&series.labels) else { continue };
            let of_object = all.entry(key).or_default();
            for (time, value) in series.points(&self.axis).filter(|(_, value)| !value.is_nan()) {
                let known = of_object.entry(time).or_insert(value);
                *known = known.max(value);
            }
        }
        all.into_iter().map(|(key, points)| (key, points.into_iter().collect())).collect()
    }

    /// The instant before this one.
    pub(super) fn before(&self, time: Timestamp) -> Timestamp {
        let n = self.axis.partition_point(|t| *t < time);
        n.checked_sub(1).map_or(time, |i| self.axis[i])
    }

    /// Between two samples. An object that was absent at the earlier one may have appeared since the scrape before that.
    pub(super) fn between(&self, edge: Edge) -> Moment {
        Moment { at: edge.at, uncertainty_ms: edge.at.ms() - edge.before.ms() + self.scrape_ms }
    }

    /// Within the step before this instant.
    pub(super) fn within_step(&self, at: Timestamp) -> Moment {
        self.between(Edge { before: self.before(at), at })
    }

    /// When objects of a family were created or begun, by name.
    pub(super) fn created(&self, family: &str, label: &str) -> BTreeMap<String, Timestamp> {
        let of_family = self.times.iter().filter(|s| text(&s.labels, "__name__") == family);
        let time = |s: &LabelledSeries| Some((named(&s.labels, label)?.to_owned(), last_time(s)?));
        of_family.filter_map(time).collect()
    }
}

/// The newest value of a series, read as a time.
pub(super) fn last_time(series: &LabelledSeries) -> Option<Timestamp> {
    series.points.last().and_then(|(_, seconds)| Timestamp::from_seconds(*seconds))
}

/// A label's value; empty if there is none.
pub(super) fn text<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

/// The name of an object, from a label that a scraper may have renamed.
pub(super) fn named<'a>(labels: &'a Labels, label: &str) -> Option<&'a str> {
    let exported = match label {
        "pod" => text(labels, "exported_pod"),
        "container" => text(labels, "exported_container"),
        _ => "",
    };
    [exported, text(labels, label)].into_iter().find(|name| !name.is_empty())
}

/// A name with the namespace of its series, if there are several.
pub(super) fn in_place(labels: &Labels, name: &str) -> String {
    match labels.get(PLACE) {
        Some(place) => format!("{place}/{name}"),
        None => name.to_owned(),
    }
}

/// Pod and container.
pub(super) fn container(labels: &Labels) -> Option<(String, String)> {
    Some((named(labels, "pod")?.to_owned(), named(labels, "container")?.to_owned()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Instants every minute, and series by hand.
    pub(in super::super) struct Table(pub(in super::super) Readings);

    pub(in super::super) fn minute(n: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000 + n * 60_000)
    }

    /// Labels as in `pod=a,container=b`.
    pub(in super::super) fn labels(text: &str) -> Labels {
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    impl Table {
        /// One hour in which kube-state-metrics was up.
        pub(in super::super) fn new() -> Self {
            let axis: Vec<Timestamp> = (0..60).map(minute).collect();
            Self(Readings::new(axis, 15_000, minute(0))).there(
                Part::PodOwners,
                "owner_kind=DaemonSet,owner_name=agent",
                0..60,
            )
        }

        /// A series with the value 1 at these minutes.
        pub(in super::super) fn there(self, part: Part, of: &str, minutes: impl IntoIterator<Item = i64>) -> Self {
            self.values(part, of, minutes.into_iter().map(|m| (m, 1.0)))
        }

        /// A series with these values.
        pub(in super::super) fn values(
            mut self,
            part: Part,
            of: &str,
            values: impl IntoIterator<Item = (i64, f64)>,
        ) -> Self {
            let points: Vec<(Timestamp, f64)> = values.into_iter().map(|(m, value)| (minute(m), value)).collect();
            let length = self.0.axis.len() as i64;
            let longer = (length..).map(minute).take_while(|time| points.iter().any(|(t, _)| t >= time));
            self.0.axis.extend(longer.collect::<Vec<_>>());
            let mut series = KeptSeries::new(labels(of));
            series.extend(points, &self.0.axis);
            self.0.parts.entry(part).or_default().push(series);
            self
        }

        /// A value that is a time.
        pub(in super::super) fn time(mut self, of: &str, at: Timestamp) -> Self {
            let points = vec![(minute(59), at.seconds())];
            self.0.times.push(LabelledSeries { labels: labels(of), points });
            self
        }
    }

    #[test]
    fn an_object_is_one_whoever_tells_of_it_under_whatever_label() {
        let part = Part::Gauges;
        let table = Table::new()
            .values(part, "__name__=f,pod=web-1,container=web", [(1, 1.0), (2, 2.0)])
            .values(part, "__name__=f,pod=exporter-a,exported_pod=web-1,exported_container=web", [(2, 2.0), (3, 3.0)])
            .values(part, "__name__=g,pod=web-1,container=web", [(9, 9.0)]);
        let found = table.0.by(part, "f", container);
        let points = vec![(minute(1), 1.0), (minute(2), 2.0), (minute(3), 3.0)];
        assert_eq!(found, BTreeMap::from([(("web-1".to_owned(), "web".to_owned()), points)]));
        let moment = table.0.within_step(minute(5));
        assert_eq!((moment.at, moment.uncertainty_ms), (minute(5), 75_000));
    }
}
