//! CDEvents about services: `dev.cdevents.service.deployed`, `upgraded`, `rolledback`, `removed`, of any version.

use automap_core::change::{Change, ChangeKind};
use automap_core::time::Timestamp;

use super::cloudevents::Event;
use super::entry::{Entry, Place, at, key_from, name};

/// Prefix of the types of CDEvents.
pub(super) const PREFIX: &str = "dev.cdevents.";
/// Digits of a digest that people compare.
const DIGEST_CHARS: usize = 12;

pub(super) fn entry(event: &Event<'_>, now: Timestamp) -> Entry {
    // dev.cdevents.service.deployed.0.3.0
    let mut words = event.kind.strip_prefix(PREFIX).unwrap_or_default().split('.');
    let kind = match (words.next(), words.next()) {
        (Some("service"), Some("deployed" | "upgraded")) => ChangeKind::Release,
        (Some("service"), Some("rolledback")) => ChangeKind::Rollback,
        (Some("service"), Some("removed")) => ChangeKind::Other,
        _ => return Entry::no_effect(event.kind, "it changes no service that runs"),
    };
    let Some(subject) = at(event.data, &["subject", "id"]) else {
        return Entry::unreadable(event.kind, "its `data.subject.id` is missing: which service is it?");
    };
    let service = name(subject.rsplit('/').next().unwrap_or(subject));
    let time = at(event.data, &["context", "timestamp"]).and_then(Timestamp::parse_rfc3339);
    let version = at(event.data, &["subject", "content", "artifactId"]).map(version_of);
    let what = if kind == ChangeKind::Other { "removed service" } else { "service" };
    let place = Place {
        environment: at(event.data, &["subject", "content", "environment", "id"])
            .map(|id| name(id.rsplit('/').next().unwrap_or(id))),
        ..Place::default()
    };
    let change = Change {
        at: time.or(event.time).unwrap_or(now),
        kind,
        subject: format!("{what} {service}"),
        service: Some(service),
        from: None,
        to: version,
        uncertainty_ms: 0,
        source: "CDEvents".to_owned(),
        url: at(event.data, &["context", "chainId"]).or(Some(event.source)).map(str::to_owned),
    };
    Entry::change(&key_from("cdevents", &[event.source, event.id]), place, change)
}

/// The version in a package URL: its tag, else the part after the `@`.
///
/// `pkg:oci/orders@sha256%3A0b31…?tag=1.4.3` is `1.4.3`; without the tag it is `sha256:0b31…`.
fn version_of(artifact: &str) -> String {
    let (path, qualifiers) = artifact.split_once('?').unwrap_or((artifact, ""));
    let tag = qualifiers.split('&').find_map(|pair| pair.strip_prefix("tag=")).filter(|tag| !tag.is_empty());
    let Some((_, version)) = path.rsplit_once('@') else { return tag.unwrap_or(path).to_owned() };
    let version = version.replace("%3A", ":").replace("%3a", ":");
    match (tag, version.strip_prefix("sha256:")) {
        (Some(tag), _) => tag.to_owned(),
        (None, Some(digest)) => format!("sha256:{}", digest.chars().take(DIGEST_CHARS).collect::<String>()),
        (None, None) => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_tags_or_short_digests() {
        for (artifact, version) in [
            ("pkg:oci/orders@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f?tag=1.4.3", "1.4.3"),
            ("pkg:oci/orders@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f", "sha256:0b31b1c02ff4"),
            ("pkg:golang/example.com/orders@v1.4.3", "v1.4.3"),
            ("orders-1.4.3.jar", "orders-1.4.3.jar"),
        ] {
            assert_eq!(version_of(artifact), version);
        }
    }
}
