//! Versions in words, from the images of containers: `1.4.2` → `1.4.3` where only the tag differs.

use std::collections::BTreeMap;

use automap_core::time::Timestamp;

use super::queries::Part;
use super::readings::{Readings, text};

/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

/// The image of each container: its name and the id that it resolved to, as last seen.
pub(super) type Images = BTreeMap<String, Image>;

/// One container's image.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) id: String,
}

/// Kind and name of an owner of pods.
pub(super) type OwnerKey = (String, String);

/// The images of every owner of pods.
pub(super) fn of_owners(readings: &Readings) -> BTreeMap<OwnerKey, Images> {
    let mut newest: BTreeMap<(OwnerKey, String), (Timestamp, Image)> = BTreeMap::new();
    for series in readings.part(Part::Images) {
        let label = |name: &str| text(&series.labels, name).to_owned();
        let key = ((label("owner_kind"), label("owner_name")), label("container"));
        let image = Image { name: label("image"), id: label("image_id") };
        let Some(time) = series.last() else { continue };
        let known = newest.entry(key).or_insert_with(|| (time, image.clone()));
        if (time, &image) > (known.0, &known.1) {
            *known = (time, image);
        }
    }
    let mut out: BTreeMap<OwnerKey, Images> = BTreeMap::new();
    for ((owner, container), (_, image)) in newest {
        out.entry(owner).or_default().insert(container, image);
    }
    out
}

/// Before and after in words, by the containers whose image differs; the same word twice if none does.
///
/// `shop/orders:1.4.2` and `shop/orders:1.4.3` are `1.4.2` and `1.4.3`; another repository, or several containers, are given with their names.
pub(super) fn compared(workload: &str, before: &Images, after: &Images) -> (Option<String>, Option<String>) {
    let both = after.iter().filter_map(|(container, image)| Some((container, before.get(container)?, image)));
    let mut pairs: Vec<_> = both.collect();
    if pairs.is_empty() {
        return (None, one(workload, after));
    }
    let has_other_name = |(_, a, b): &(&String, &Image, &Image)| a.name != b.name;
    let has_other_id = |(_, a, b): &(&String, &Image, &Image)| a.id != b.id && !a.id.is_empty() && !b.id.is_empty();
    if pairs.iter().any(has_other_name) {
        pairs.retain(has_other_name);
    } else if pairs.iter().any(has_other_id) {
        pairs.retain(has_other_id);
        let word = |image: &Image| format!("{} ({})", tag(&image.name).1, digest(&image.id));
        return (Some(word(pairs[0].1)), Some(word(pairs[0].2)));
    } else {
        let same = one(workload, after);
        return (same.clone(), same);
    }
    let is_one = pairs.len() == 1 && tag(&pairs[0].1.name).0 == tag(&pairs[0].2.name).0;
    let side = |after: bool| {
        let words = pairs.iter().map(|(container, a, b)| {
            let name = if after { &b.name } else { &a.name };
            match (is_one, tag(&a.name).0 == tag(&b.name).0) {
                (true, _) => tag(name).1.to_owned(),
                (false, true) => format!("{container} {}", tag(name).1),
                (false, false) => name.clone(),
            }
        });
        Some(words.collect::<Vec<_>>().join(", "))
    };
    (side(false), side(true))
}

/// The version of one workload: its container of the same name, or the first.
fn one(workload: &str, images: &Images) -> Option<String> {
    let image = images.get(workload).or_else(|| images.values().next())?;
    Some(tag(&image.name).1.to_owned())
}

/// Repository and tag; a digest counts as the tag, and a missing tag means `latest`.
fn tag(image: &str) -> (&str, &str) {
    if let Some((repository, digest)) = image.split_once('@') {
        let end = digest.char_indices().nth("sha256:".len() + DIGEST_DIGITS).map_or(digest.len(), |(i, _)| i);
        return (repository, &digest[..end]);
    }
    // A colon before the last slash is a port.
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    }
}

/// The beginning of a digest: `sha256:0123456789ab`.
pub(super) fn digest(id: &str) -> &str {
    let digest = id.rsplit_once('@').map_or(id, |(_, digest)| digest);
    let digest = digest.rsplit_once(':').map_or(digest, |(_, hex)| hex);
    let end = digest.char_indices().nth(DIGEST_DIGITS).map_or(digest.len(), |(i, _)| i);
    &digest[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(all: &[(&str, &str, &str)]) -> Images {
        let image = |(container, name, id): &(&str, &str, &str)| {
            ((*container).to_owned(), Image { name: (*name).to_owned(), id: (*id).to_owned() })
        };
        all.iter().map(image).collect()
    }

    #[test]
    fn only_what_differs_is_told() {
        let words = |before: &[_], after: &[_]| {
            let (from, to) = compared("web", &images(before), &images(after));
            (from.unwrap_or_default(), to.unwrap_or_default())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let proxy = ("proxy", "mesh/proxy:1", "");
        assert_eq!(
            words(&[("web", "r:5000/shop/web:1.4.2", "a"), proxy], &[("web", "r:5000/shop/web:1.4.3", "b"), proxy]),
            pair("1.4.2", "1.4.3")
        );
        assert_eq!(
            words(&[("web", "shop/web:1", ""), proxy], &[("web", "shop/web:2", ""), ("proxy", "mesh/proxy:2", "")]),
            pair("proxy 1, web 1", "proxy 2, web 2")
        );
        assert_eq!(words(&[("web", "a/web:1", "")], &[("web", "b/web", "")]), pair("a/web:1", "b/web"));
        let same = [("web", "shop/web", "x@sha256:0123456789abcdef")];
        assert_eq!(words(&same, &same), pair("latest", "latest"));
        let pushed = [("web", "shop/web", "x@sha256:fedcba9876543210")];
        assert_eq!(words(&same, &pushed), pair("latest (0123456789ab)", "latest (fedcba987654)"));
        assert_eq!(words(&[], &same), pair("", "latest"));
        assert_eq!(words(&[], &[]), pair("", ""));
        let by_digest = |d: &str| format!("shop/web@sha256:{d}cdef");
        let (a, b) = (by_digest("0123456789ab"), by_digest("ba9876543210"));
        assert_eq!(words(&[("web", &a, "")], &[("web", &b, "")]), pair("sha256:0123456789ab", "sha256:ba9876543210"));
        assert_eq!(digest("é"), "é");
    }
}
