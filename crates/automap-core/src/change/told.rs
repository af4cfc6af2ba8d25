//! Changes that were reported to automap (by a webhook, a file, annotations), merged with those that a source found by itself.
//!
//! A reported change may use the sender's name for a service, and may duplicate a change that was found. Both are resolved here, for every input
//! alike: names are mapped to the services in the metrics, and a duplicate is merged into one change, with the more exact time. What nobody reported
//! is not observed: a reported change never lets the log claim that nothing else changed.

use super::{Change, ChangeKind, ChangeLog, MAX_CHANGES};
use crate::time::Interval;

/// Two reports of one change are at most this far apart: 5 min. A pipeline reports a release when it begins or ends, not when the pods start.
const SAME_WITHIN_MS: i64 = 300_000;

/// Changes reported from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The changes, in any order.
    pub changes: Vec<Change>,
    /// The time that they cover; `None` if nothing is known.
    pub period: Option<Interval>,
    /// Kinds that are observed completely in that period, not only as far as somebody reports them.
    pub observed: Vec<ChangeKind>,
}

impl ChangeLog {
    /// This log merged with the reported changes. `services` are the names in the metrics.
    ///
    /// ```
    /// use automap_core::change::{Change, ChangeKind, ChangeLog, Told};
    /// use automap_core::time::{Interval, Timestamp};
    ///
    /// let at = |s: i64| Timestamp::from_ms(s * 1000);
    /// let change = |second, uncertainty_ms, source: &str| Change {
    ///     at: at(second), kind: ChangeKind::Release, service: Some("orders".into()), subject: "deployment orders".into(), from: None,
    ///     to: Some("1.4.3".into()), uncertainty_ms, source: source.into(), url: None,
    /// };
    /// let found = ChangeLog::new(Interval::new(at(0), at(900)).unwrap(), vec![], vec![change(600, 60_000, "kube_pod_owner")]);
    /// let told = Told { changes: vec![change(571, 0, "webhook ci")], period: Interval::new(at(0), at(900)), observed: vec![] };
    /// let log = found.with(told, &["orders".to_owned()]);
    /// assert_eq!((log.changes.len(), log.changes[0].at, log.changes[0].source.as_str()), (1, at(571), "kube_pod_owner, webhook ci"));
    /// ```
    #[must_use]
    pub fn with(mut self, told: Told, services: &[String]) -> Self {
        let Told { mut changes, period, observed } = told;
        self.unseen.retain(|kind| !observed.contains(kind));
        if changes.is_empty() && observed.is_empty() {
            return self;
        }
        if self.observed.is_none() {
            self.observed = period;
            self.unseen = ChangeKind::ALL.into_iter().filter(|kind| !observed.contains(kind)).collect();
        }
        changes.sort();
        changes.drain(..changes.len().saturating_sub(MAX_CHANGES));
        for mut change in changes {
            change.clean();
            change.belong_to(services);
            match self.changes.iter_mut().find(|known| is_same(known, &change)) {
                Some(known) => known.join(change),
                None => self.changes.push(change),
            }
        }
        self.bounded()
    }
}

impl Change {
    /// Maps the service to its name in the metrics. An unknown name is kept in the subject, and the change concerns no single service.
    fn belong_to(&mut self, services: &[String]) {
        let Some(named) = self.service.take() else {
            if self.kind == ChangeKind::FeatureFlag {
                let services = services.iter().map(String::as_str);
                self.service = service_of_flag(&self.subject, services).map(str::to_owned);
            }
            return;
        };
        self.service = service_named(&named, services).map(str::to_owned);
        if self.service.is_none() && !self.subject.contains(&named) {
            self.subject = format!("{} of {named}", self.subject);
        }
    }

    /// Merges another report of the same change into this one, which was found or reported earlier.
    fn join(&mut self, told: Self) {
        if told.uncertainty_ms < self.uncertainty_ms {
            (self.at, self.uncertainty_ms) = (told.at, told.uncertainty_ms);
        }
        // A recreated template looks like a release, but a reported roll-back is certain.
        if told.kind == ChangeKind::Rollback {
            self.kind = told.kind;
        }
        self.from = self.from.take().or(told.from);
        self.to = self.to.take().or(told.to);
        self.url = self.url.take().or(told.url);
        if !self.source.split(", ").any(|source| source == told.source) {
            self.source = format!("{}, {}", self.source, told.source);
        }
    }
}

/// The service of this name in the metrics: an exact match, or one without the prefix before a slash, in another case, or as the primary of a canary.
/// If all services include their namespace or cluster, a name without one matches only if it is unique.
///
/// ```
/// use automap_core::change::service_named;
///
/// let services = ["orders", "cart-primary"].map(str::to_owned);
/// assert_eq!(service_named("shop/Orders", &services), Some("orders"));
/// assert_eq!(service_named("cart", &services), Some("cart-primary"));
/// assert_eq!(service_named("order", &services), None);
///
/// let several = ["bank/api", "shop/api", "shop/orders"].map(str::to_owned);
/// assert_eq!(service_named("orders", &several), Some("shop/orders"));
/// assert_eq!(service_named("api", &several), None, "there are two");
///
/// let clusters = ["eu/shop/api", "eu/shop/orders", "us/shop/api"].map(str::to_owned);
/// assert_eq!(service_named("shop/orders", &clusters), Some("eu/shop/orders"));
/// assert_eq!(service_named("shop/api", &clusters), None, "there are two");
/// ```
pub fn service_named<'a>(name: &str, services: &'a [String]) -> Option<&'a str> {
    let bare = name.rsplit_once('/').map_or(name, |(_, bare)| bare);
    let like = |wanted: &str| services.iter().find(|service| service.eq_ignore_ascii_case(wanted));
    let exact = services.iter().find(|service| *service == name);
    let found = exact.or_else(|| like(name)).or_else(|| like(bare)).or_else(|| like(&format!("{bare}-primary")));
    let is_bare = services.iter().any(|service| !service.contains('/'));
    let ends_so = |service: &&String| {
        let place = service.len().checked_sub(name.len()).filter(|at| service.is_char_boundary(*at));
        place.is_some_and(|at| service[..at].ends_with('/') && service[at..].eq_ignore_ascii_case(name))
    };
    let found = found.or_else(|| {
        let mut called = services.iter().filter(ends_so);
        called.next().filter(|_| !is_bare && called.next().is_none())
    });
    found.map(String::as_str)
}

/// The service with the longest name that a flag's key begins with as a word, ignoring separators between words. Of services that include their
/// namespace or cluster only the last part counts, and it must be unique.
///
/// ```
/// use automap_core::change::service_of_flag;
///
/// assert_eq!(service_of_flag("cartFailure", ["cart", "cart-db"]), Some("cart"));
/// assert_eq!(service_of_flag("productCatalogFailure", ["product-catalog"]), Some("product-catalog"));
/// assert_eq!(service_of_flag("cartonFailure", ["cart"]), None);
/// assert_eq!(service_of_flag("cart-slow", ["bank/cart", "shop/cart"]), None, "there are two");
/// ```
pub fn service_of_flag<'a>(key: &str, services: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |service: &'a str| {
        let own = service.rsplit_once('/').map_or(service, |(_, own)| own);
        let begins = rest_behind(key, own).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()));
        begins.then_some((own.len(), service))
    };
    let fitting: Vec<(usize, &str)> = services.into_iter().filter_map(letters).collect();
    let longest = fitting.iter().map(|(len, _)| *len).max()?;
    let mut found = fitting.into_iter().filter(|(len, _)| *len == longest).map(|(_, service)| service);
    found.next().filter(|_| found.next().is_none())
}

/// The rest of a key that begins with the letters of a name.
fn rest_behind<'k>(key: &'k str, name: &str) -> Option<&'k str> {
    let is_separator = |c: char| matches!(c, '-' | '_' | '.');
    let mut rest = key;
    for wanted in name.chars().filter(|c| !is_separator(*c)) {
        rest = rest.trim_start_matches(is_separator);
        let found = rest.chars().next().filter(|found| found.eq_ignore_ascii_case(&wanted))?;
        rest = &rest[found.len_utf8()..];
    }
    (rest.len() < key.len()).then_some(rest)
}

/// Whether both are reports of one change.
fn is_same(known: &Change, told: &Change) -> bool {
    let of_template = |c: &Change| {
        matches!(c.kind, ChangeKind::Release | ChangeKind::Rollback | ChangeKind::Image | ChangeKind::Version)
    };
    let is_kin = match known.kind == told.kind {
        true => told.service.is_some() || known.subject == told.subject,
        false => told.service.is_some() && of_template(known) && of_template(told),
    };
    let names_a_thing =
        matches!(told.kind, ChangeKind::ConfigMap | ChangeKind::Secret | ChangeKind::FeatureFlag | ChangeKind::Other);
    is_kin
        && known.service == told.service
        && (!names_a_thing || known.subject == told.subject)
        && is_near(known, told)
        && is_compatible(known.to.as_deref(), told.to.as_deref())
        && is_compatible(known.from.as_deref(), told.from.as_deref())
}

fn is_near(a: &Change, b: &Change) -> bool {
    let (a_from, b_from) = (a.at.ms() - a.uncertainty_ms, b.at.ms() - b.uncertainty_ms);
    (a_from - b.at.ms()).max(b_from - a.at.ms()) <= SAME_WITHIN_MS
}

/// Whether two names may be those of one version: `1.4.3` and `registry/orders:1.4.3`, or one of them is unknown.
fn is_compatible(known: Option<&str>, told: Option<&str>) -> bool {
    let (Some(known), Some(told)) = (known, told) else { return true };
    let ends_so = |long: &str, short: &str| {
        // `9` does not match `19`, but `1.4.3` matches `v1.4.3` and `registry/orders:1.4.3`.
        long.strip_suffix(short)
            .is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_digit() || c == '.') && !short.is_empty())
    };
    known == told || ends_so(known, told) || ends_so(told, known) || known.starts_with(&format!("{told} "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_ms(second * 1000)
    }

    fn change(kind: ChangeKind, second: i64, to: Option<&str>) -> Change {
        Change {
            at: at(second),
            kind,
            service: Some("orders".into()),
            subject: "deployment orders".into(),
            from: None,
            to: to.map(Into::into),
            uncertainty_ms: 0,
            source: "found".into(),
            url: None,
        }
    }

    fn told(changes: Vec<Change>) -> Told {
        let changes = changes.into_iter().map(|c| Change { source: "webhook".into(), ..c }).collect();
        Told { changes, period: Interval::new(at(0), at(3600)), observed: Vec::new() }
    }

    fn found(changes: Vec<Change>) -> ChangeLog {
        ChangeLog::new(Interval::new(at(0), at(3600)).unwrap(), vec![ChangeKind::Secret], changes)
    }

    fn services() -> Vec<String> {
        vec!["orders".to_owned(), "user".to_owned()]
    }

    #[test]
    fn two_changes_in_five_minutes_stay_two() {
        let to =
            |kind, second, from: &str, to: &str| Change { from: Some(from.into()), ..change(kind, second, Some(to)) };
        use ChangeKind::{Release, Rollback};
        for changes in [
            vec![to(Release, 1000, "9", "19"), to(Rollback, 1120, "19", "9")],
            vec![to(Release, 1000, "1.1", "11.1"), to(Release, 1090, "11.1", "1.1")],
            vec![to(Release, 1000, "1.0", "1.1"), to(Release, 1090, "1.1", "1.2"), to(Rollback, 1180, "1.2", "1.1")],
        ] {
            let log = found(Vec::new()).with(told(changes.clone()), &services());
            let kept: Vec<_> = log.changes.iter().map(|c| (c.kind, c.to.clone())).collect();
            assert_eq!(kept, changes.iter().map(|c| (c.kind, c.to.clone())).collect::<Vec<_>>());
        }
        for (long, short) in [("registry/orders:1.4.3", "1.4.3"), ("v1.4.3", "1.4.3"), ("1.4.3 (same image)", "1.4.3")]
        {
            assert!(is_compatible(Some(long), Some(short)) && is_compatible(Some("1"), None), "{long}");
        }
    }

    #[test]
    fn a_release_that_is_told_twice_is_one_with_the_exact_time() {
        let vague = Change { uncertainty_ms: 60_000, ..change(ChangeKind::Release, 1000, Some("r/orders:1.4.3")) };
        let page = Change { url: Some("https://ci/7".into()), ..change(ChangeKind::Release, 970, Some("1.4.3")) };
        let log = found(vec![vague.clone()]).with(told(vec![page.clone(), page.clone()]), &services());
        let [one] = &log.changes[..] else { panic!("{log:?}") };
        assert_eq!((one.at, one.uncertainty_ms, one.to.as_deref()), (at(970), 0, Some("r/orders:1.4.3")));
        assert_eq!((one.url.as_deref(), one.source.as_str()), (Some("https://ci/7"), "found, webhook"));
        assert_eq!(log.unseen, [ChangeKind::Secret]);
        // Told later than it was found exactly: the time that was found stays.
        let exact = change(ChangeKind::Release, 1000, Some("1.4.3"));
        let log = found(vec![exact.clone()]).with(told(vec![Change { at: at(1100), ..page.clone() }]), &services());
        assert_eq!((log.changes.len(), log.changes[0].at), (1, at(1000)));
        // Another version, another service, another day, a config map: others.
        for other in [
            change(ChangeKind::Release, 1000, Some("1.4.4")),
            Change { service: Some("user".into()), ..page.clone() },
            Change { at: at(2000), ..page.clone() },
            Change { kind: ChangeKind::ConfigMap, ..page.clone() },
        ] {
            assert_eq!(
                found(vec![exact.clone()]).with(told(vec![other.clone()]), &services()).changes.len(),
                2,
                "{other:?}"
            );
        }
        let back = change(ChangeKind::Rollback, 1010, Some("1.4.3"));
        let log = found(vec![exact]).with(told(vec![back]), &services());
        assert_eq!((log.changes.len(), log.changes[0].kind), (1, ChangeKind::Rollback));
    }

    #[test]
    fn a_service_that_the_metrics_do_not_know_is_named_in_the_subject() {
        let unknown = Change {
            service: Some("billing".into()),
            subject: "application".into(),
            ..change(ChangeKind::Sync, 9, None)
        };
        let slashed = Change { service: Some("shop/orders".into()), ..unknown.clone() };
        let log = found(Vec::new()).with(told(vec![unknown, slashed]), &services());
        let said: Vec<_> = log.changes.iter().map(|c| (c.service.as_deref(), c.subject.as_str())).collect();
        assert_eq!(said, [(None, "application of billing"), (Some("orders"), "application")]);
    }

    #[test]
    fn a_flag_belongs_to_the_service_that_its_key_begins_with() {
        for (key, service) in [
            ("cartFailure", Some("cart")),
            ("cart-db.slow", Some("cart-db")),
            ("cart", Some("cart")),
            ("Cart_Failure", Some("cart")),
            ("carton", None),
            ("ca", None),
            ("cartDbSlow", Some("cart-db")),
            ("carä", None),
        ] {
            assert_eq!(service_of_flag(key, ["cart", "cart-db", "-"]), service, "{key}");
        }
        assert_eq!(service_of_flag("cart-slow", ["bank/api", "shop/cart"]), Some("shop/cart"));
    }

    #[test]
    fn telling_observes_nothing_else() {
        let log = ChangeLog::default().with(told(Vec::new()), &services());
        assert_eq!(log, ChangeLog::default(), "nothing was told");
        let log = ChangeLog::default().with(told(vec![change(ChangeKind::Release, 9, None)]), &services());
        assert!(log.observed.is_some() && log.unseen.contains(&ChangeKind::Release), "others may not have been told");
        let flags = Told { observed: vec![ChangeKind::FeatureFlag], ..told(Vec::new()) };
        let log = ChangeLog::default().with(flags, &services());
        assert!(log.observed.is_some() && !log.unseen.contains(&ChangeKind::FeatureFlag));
        assert_eq!(log.unseen.len(), ChangeKind::ALL.len() - 1);
    }
}
