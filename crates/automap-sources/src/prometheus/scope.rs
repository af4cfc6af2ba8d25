//! Which namespaces are observed, and how names in one are distinguished from those in another.
//!
//! A single namespace is queried by its name, and its workloads keep theirs. Several, or a pattern, are queried together
//! (`namespace=~"shop|payments"`, sums by namespace), and every workload is named `namespace/name`, so that two services of the same name remain two.
//! Labels are rewritten once, when an answer arrives; later code handles only names. `cluster.rs` distinguishes clusters.

use std::collections::BTreeSet;

use automap_core::note::{NotChecked, Note};

use super::enumerate::enumerate;

/// Most namespaces of one observation: the first ones by name.
pub const MAX_NAMESPACES: usize = 100;

/// Namespaces of the cluster's own components. `*` excludes them; by name, or by another pattern, they are observed.
const OF_THE_CLUSTER: [&str; 11] = [
    "cert-manager",
    "gatekeeper-system",
    "gmp-system",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "linkerd",
    "linkerd-viz",
    "monitoring",
    "observability",
];

/// The requested namespaces: a name, several separated by commas, or patterns in which `*` stands for anything.
///
/// ```
/// use automap_sources::prometheus::NamespaceSpec;
///
/// let spec = NamespaceSpec::parse("shop, team-*");
/// assert!(spec.matches("shop") && spec.matches("team-red") && !spec.matches("bank"));
/// assert!(!spec.is_one() && NamespaceSpec::parse("shop").is_one());
/// assert!(!NamespaceSpec::parse("*").matches("kube-system"), "unless it is named");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSpec(Vec<String>);

impl NamespaceSpec {
    /// Parses the user's input. Empty parts and repetitions are dropped. Text that is not a valid namespace is taken as one name, literally.
    pub fn parse(text: &str) -> Self {
        if !is_plain(text) {
            return Self(vec![text.to_owned()]);
        }
        Self(parts(text))
    }

    /// Whether it is a single name, so that workloads keep their own names.
    pub fn is_one(&self) -> bool {
        matches!(self.0.as_slice(), [name] if !is_pattern(name))
    }

    /// Whether a namespace is included.
    pub fn matches(&self, namespace: &str) -> bool {
        let is_of_cluster = OF_THE_CLUSTER.contains(&namespace);
        self.0.iter().any(|part| match part.as_str() {
            "*" => !is_of_cluster,
            part => fits(part, namespace),
        })
    }

    /// Whether it has to be matched against the existing namespaces.
    pub(crate) fn has_pattern(&self) -> bool {
        self.0.iter().any(|part| is_pattern(part))
    }

    /// The scope without querying a server: patterns stay patterns.
    pub(crate) fn scope(&self) -> Scope {
        Scope { names: self.0.clone(), is_qualified: !self.is_one(), is_other_end: false }
    }

    /// The scope among the existing namespaces, and a note on those that are not observed.
    pub(crate) fn among(&self, known: &[String]) -> Expanded {
        let plain = self.0.iter().filter(|part| !is_pattern(part)).cloned();
        let matching = known.iter().filter(|name| self.matches(name)).cloned();
        let mut names: Vec<String> = plain.chain(matching).collect::<BTreeSet<_>>().into_iter().collect();
        let mut out = Expanded::default();
        let skipped = known.iter().filter(|name| OF_THE_CLUSTER.contains(&name.as_str()) && !self.matches(name));
        let skipped: Vec<String> = skipped.cloned().collect();
        if self.0.iter().any(|part| part == "*") && !skipped.is_empty() {
            let text =
                format!("the cluster's own namespaces are not looked at unless they are named: {}", enumerate(skipped));
            out.notes.push(Note::info("namespaces", text));
        }
        if names.len() > MAX_NAMESPACES {
            let left_out = names.split_off(MAX_NAMESPACES);
            let reason = format!(
                "there are more than {MAX_NAMESPACES} namespaces: the first ones by name are looked at, {} are not ({})",
                left_out.len(),
                enumerate(left_out)
            );
            out.notes.push(Note::warning("namespaces_left_out", reason.clone()));
            out.not_checked.push(NotChecked::not_looked_at(Vec::new(), reason));
        }
        out.scope = Scope { names, is_qualified: true, is_other_end: false };
        out
    }
}

/// The result of expanding a pattern.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    pub(crate) scope: Scope,
    pub(crate) notes: Vec<Note>,
    pub(crate) not_checked: Vec<NotChecked>,
}

/// Whether it has only the characters of namespaces, separators and wildcards.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || "-_.,* ".contains(c))
}

fn is_pattern(part: &str) -> bool {
    part.contains('*') && is_plain(part)
}

/// The parts between commas, each once. Empty input is one empty name, which matches nothing.
pub(crate) fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if !parts.iter().any(|known| known == part) {
            parts.push(part.to_owned());
        }
    }
    if parts.is_empty() { vec![text.to_owned()] } else { parts }
}

/// Whether a name matches a pattern, in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(head) else { return false };
    if rest.is_empty() {
        return true;
    }
    (0..=name.len()).filter(|i| name.is_char_boundary(*i)).any(|i| fits(rest, &name[i..]))
}

/// The namespaces of one observation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    names: Vec<String>,
    /// Whether names carry their namespace.
    pub(crate) is_qualified: bool,
    /// Whether it selects the other end of calls: workloads outside that call these namespaces or are called by them.
    pub(crate) is_other_end: bool,
}

impl From<&str> for Scope {
    /// Exactly this namespace, whatever its name looks like.
    fn from(name: &str) -> Self {
        Self { names: vec![name.to_owned()], ..Self::default() }
    }
}

impl From<String> for Scope {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl Scope {
    /// The namespaces, or patterns if no server was queried.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name, if one is enough to select it.
    pub(crate) fn single(&self) -> Option<&str> {
        match self.names.as_slice() {
            [name] if !self.is_qualified || !name.contains('*') => Some(name),
            _ => None,
        }
    }

    /// A regular expression that matches each of the namespaces; `literal` escapes a text.
    pub(crate) fn alternatives(&self, literal: impl Fn(&str) -> String) -> String {
        let glob = |name: &String| match self.is_qualified {
            true => name.split('*').map(&literal).collect::<Vec<_>>().join(".*"),
            false => literal(name),
        };
        self.names.iter().map(glob).collect::<Vec<_>>().join("|")
    }

    /// The other end of the calls of several namespaces; `None` for a single one, whose callers stay outside.
    pub(crate) fn other_end(&self) -> Option<Self> {
        self.is_qualified.then(|| Self { is_other_end: true, ..self.clone() })
    }

    /// Whether a service belongs to a namespace that is not observed, but calls or is called by one that is.
    pub(crate) fn is_beyond(&self, service: &str) -> bool {
        let place = service.split_once('/').map(|(place, _)| place).filter(|place| *place != "external");
        self.is_qualified && place.is_some_and(|place| !self.has(place))
    }

    /// The same without the namespaces that have none of these services.
    pub(crate) fn narrowed_to<'a>(&self, services: impl Iterator<Item = &'a str>) -> Self {
        if !self.is_qualified {
            return self.clone();
        }
        let names: BTreeSet<&str> = services.filter_map(|s| Some(s.split_once('/')?.0)).collect();
        Self { names: names.into_iter().map(ToOwned::to_owned).collect(), ..self.clone() }
    }

    /// Whether it has this namespace.
    pub(crate) fn has(&self, namespace: &str) -> bool {
        self.names.iter().any(|name| name == namespace)
    }

    /// Whether a namespace is not ours. With several, all of ours have become part of names.
    pub(crate) fn is_elsewhere(&self, namespace: &str) -> bool {
        self.is_qualified || !self.has(namespace)
    }

    /// One service of it: its namespace, and its own name.
    pub(crate) fn of_service<'a>(&self, service: &'a str) -> (Self, &'a str) {
        match service.rsplit_once('/').filter(|_| self.is_qualified) {
            Some((namespace, name)) => (Self::from(namespace), name),
            None => (self.clone(), service),
        }
    }

    /// Namespaces that none of these names belongs to.
    pub(crate) fn unseen<'a>(&self, services: impl IntoIterator<Item = &'a str>) -> Option<NotChecked> {
        if !self.is_qualified {
            return None;
        }
        let seen: BTreeSet<&str> = services.into_iter().filter_map(|s| Some(s.split_once('/')?.0)).collect();
        let silent: Vec<String> = self.names.iter().filter(|name| !seen.contains(name.as_str())).cloned().collect();
        (!silent.is_empty()).then(|| {
            let reason = format!("nothing was found of {} namespaces: {}", silent.len(), enumerate(silent));
            NotChecked::not_looked_at(Vec::new(), reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_compared_with_what_there_is() {
        for (pattern, name, expected) in [
            ("team-*", "team-red", true),
            ("team-*", "team", false),
            ("*-prod", "a-prod", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("a.b", "aXb", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        let known: Vec<String> = ["bank", "kube-system", "shop"].map(ToOwned::to_owned).into();
        let all = NamespaceSpec::parse("*").among(&known);
        assert_eq!(all.scope.names(), ["bank", "shop"]);
        assert!(all.notes[0].message.contains("kube-system"), "{:?}", all.notes);
        assert_eq!(NamespaceSpec::parse("*,kube-system").among(&known).scope.names().len(), 3);
        let many: Vec<String> = (0..=MAX_NAMESPACES).map(|i| format!("n{i:03}")).collect();
        let cut = NamespaceSpec::parse("n*").among(&many);
        assert_eq!((cut.scope.names().len(), cut.not_checked.len()), (MAX_NAMESPACES, 1));
        assert!(cut.not_checked[0].reason.contains("n100"), "{:?}", cut.not_checked);
    }

    #[test]
    fn namespaces_of_which_nothing_is_seen_are_told() {
        let scope = NamespaceSpec::parse("shop,bank").scope();
        assert!(scope.unseen(["shop/web"]).unwrap().reason.contains("bank"));
        assert_eq!(scope.unseen(["shop/web", "bank/api"]), None);
        assert_eq!(Scope::from("shop").unseen([]), None);
    }
}
