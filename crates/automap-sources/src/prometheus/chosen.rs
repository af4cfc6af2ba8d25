//! Chooses which of a server's clusters an observation covers.
//!
//! If one was requested, every query carries its matcher and names are unchanged. Several are queried one after the other, and names carry their
//! cluster (`clusters.rs`). If none was requested and the server has several, nothing is guessed: the error names them, since an operator who forgot
//! the flag would otherwise read a diagnosis of a system that does not exist. If there is only one, series without a namespace (nodes, the DNS,
//! controllers) are taken from that one.

use std::collections::BTreeSet;

use automap_core::note::{NotChecked, Note};

use super::cluster::{ClusterSpec, Known, MAX_CLUSTERS, short_cluster_name};
use super::enumerate::enumerate;
use super::source_error::SourceError;

/// The cluster of one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// None was requested, and there is nothing to choose from.
    #[default]
    Any,
    /// None was requested, and everything of the namespace is in this one.
    Implied(String),
    /// The only one that was requested.
    One(String),
    /// One of several, which prefixes names.
    OneOfSeveral(Place),
}

/// A cluster and its prefix in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cluster: String,
    /// Contains no slash, which separates it from the name.
    pub(crate) prefix: String,
}

impl Place {
    /// A name without the cluster, if it belongs to this one.
    pub(crate) fn without<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.prefix.as_str())?.strip_prefix('/')
    }
}

impl Chosen {
    /// The requested cluster.
    pub(crate) fn asked(&self) -> Option<&str> {
        match self {
            Self::Any | Self::Implied(_) => None,
            Self::One(name) => Some(name),
            Self::OneOfSeveral(place) => Some(&place.cluster),
        }
    }

    /// The place, if names carry their cluster.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::OneOfSeveral(place) => Some(place),
            _ => None,
        }
    }
}

/// The looks to take, and notes about clusters that are not covered.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub(crate) looks: Vec<Chosen>,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
}

/// Chooses among the clusters that a server has the namespace in.
pub(crate) fn choose(asked: Option<&str>, known: &Known, namespace: &str) -> Result<Choice, SourceError> {
    let one = |chosen| Ok(Choice { looks: vec![chosen], ..Choice::default() });
    let Some(asked) = asked else {
        return match (known.several(), known.names().as_slice()) {
            (Some((label, clusters)), _) => {
                Err(SourceError::SeveralClusters { namespace: namespace.to_owned(), label: label.to_owned(), clusters })
            }
            (None, [only]) => one(Chosen::Implied(only.clone())),
            _ => one(Chosen::Any),
        };
    };
    let spec = ClusterSpec::parse(asked);
    if spec.is_one() {
        return one(Chosen::One(spec.plain().next().cloned().unwrap_or_default()));
    }
    let among = known.names();
    let matching = among.iter().filter(|name| spec.matches(name));
    let named = spec.plain().filter(|name| known.all.contains(*name));
    let mut clusters: Vec<String> = matching.chain(named).cloned().collect::<BTreeSet<_>>().into_iter().collect();
    if clusters.is_empty() {
        let (cluster, namespace) = (asked.to_owned(), namespace.to_owned());
        return Err(SourceError::UnknownCluster { cluster, namespace, known: among });
    }
    let mut out = Choice::default();
    let mut left_out = |code: &str, reason: String| {
        out.notes.push(Note::warning(code, reason.clone()));
        out.not_checked.push(NotChecked::not_looked_at(Vec::new(), reason));
    };
    let absent: Vec<String> = spec.plain().filter(|name| !known.all.contains(*name)).cloned().collect();
    if !absent.is_empty() {
        left_out("clusters", format!("nothing was found of {} clusters: {}", absent.len(), enumerate(absent)));
    }
    if clusters.len() > MAX_CLUSTERS {
        let more = clusters.split_off(MAX_CLUSTERS);
        let reason = format!(
            "there are more than {MAX_CLUSTERS} clusters: the first ones by name are looked at, {} are not ({})",
            more.len(),
            enumerate(more)
        );
        left_out("clusters_left_out", reason);
    }
    let prefixes = prefixes(&clusters);
    let place = |(cluster, prefix)| Chosen::OneOfSeveral(Place { cluster, prefix });
    out.looks = clusters.into_iter().zip(prefixes).map(place).collect();
    Ok(out)
}

/// The prefix of each cluster: of `arn:aws:eks:eu-west-1:123:cluster/prod` only `prod`, if no other one ends so.
fn prefixes(clusters: &[String]) -> Vec<String> {
    let is_only = |short: &str| clusters.iter().filter(|other| short_cluster_name(other) == short).count() == 1;
    let prefix = |name: &String| match short_cluster_name(name) {
        short if !short.is_empty() && is_only(short) => short.to_owned(),
        _ => name.replace('/', "_"),
    };
    clusters.iter().map(prefix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str]) -> Known {
        Known::of("cluster", names)
    }

    fn names(choice: &Choice) -> Vec<&str> {
        choice.looks.iter().filter_map(|chosen| Some(chosen.place()?.prefix.as_str())).collect()
    }

    #[test]
    fn several_clusters_are_chosen_and_never_guessed() {
        let error = choose(None, &known(&["eu", "us"]), "shop").unwrap_err().to_string();
        assert!(error.contains("eu, us") && error.contains("--cluster"), "{error}");
        assert_eq!(choose(None, &known(&["eu"]), "shop").unwrap().looks, [Chosen::Implied("eu".into())]);
        assert_eq!(choose(None, &known(&[]), "shop").unwrap().looks, [Chosen::Any]);
        assert_eq!(choose(Some("eu"), &known(&["eu", "us"]), "shop").unwrap().looks, [Chosen::One("eu".into())]);
        let chosen = choose(Some("e*, us, asia"), &known(&["eu", "us", "x"]), "shop").unwrap();
        assert_eq!(names(&chosen), ["eu", "us"]);
        assert!(chosen.not_checked[0].reason.contains("asia"), "{chosen:?}");
        assert_eq!(names(&choose(Some("e*"), &known(&["eu", "us"]), "shop").unwrap()), ["eu"], "a pattern may fit one");
        assert!(choose(Some("a,b"), &known(&["eu"]), "shop").unwrap_err().to_string().contains("it is in: eu"));
    }

    #[test]
    fn more_clusters_than_the_bound_are_told() {
        let many: Vec<String> = (0..MAX_CLUSTERS + 2).map(|i| format!("c{i:02}")).collect();
        let chosen = choose(Some("*"), &known(&many.iter().map(String::as_str).collect::<Vec<_>>()), "shop").unwrap();
        assert_eq!(chosen.looks.len(), MAX_CLUSTERS);
        assert!(chosen.notes[0].message.contains("c10, c11"), "{:?}", chosen.notes);
    }

    #[test]
    fn long_names_are_short_where_that_tells_them_apart() {
        let of = |names: [&str; 2]| prefixes(&names.map(str::to_owned));
        assert_eq!(of(["arn:aws:eks:eu:1:cluster/prod", "arn:aws:eks:us:1:cluster/test"]), ["prod", "test"]);
        assert_eq!(of(["eu:cluster/prod", "us:cluster/prod"]), ["eu:cluster_prod", "us:cluster_prod"]);
    }
}
