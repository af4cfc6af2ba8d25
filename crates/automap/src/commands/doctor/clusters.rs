//! Which clusters a server has, and which of them were checked.

use automap_sources::prometheus::ClusterSeen;

use super::findings::{Finding, State, finding, names};

/// Which of a server's clusters are checked, if it has several.
pub(super) fn finding_of(all: &[ClusterSeen]) -> Option<Finding> {
    let named = |is_looked_at: bool| {
        let of = all.iter().filter(|cluster| cluster.is_looked_at == is_looked_at);
        of.map(|cluster| cluster.name.as_str()).collect::<Vec<_>>()
    };
    let (ours, others) = (named(true), named(false));
    let more = if others.is_empty() { String::new() } else { format!("; not checked: {}", names(&others)) };
    let found = format!("the namespace is in {} clusters; checked: {}{more}", all.len(), names(&ours));
    (all.len() > 1).then(|| finding("clusters", State::Ok, found, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_clusters_are_named_and_one_is_no_choice() {
        let seen = |name: &str, is_looked_at| ClusterSeen { name: name.into(), is_looked_at };
        let found = finding_of(&[seen("eu", true), seen("us", false)]).unwrap().found;
        assert_eq!(found, "the namespace is in 2 clusters; checked: eu; not checked: us");
        assert_eq!(finding_of(&[seen("eu", true)]), None);
    }
}
