//! Finds the line and column of a key in a YAML text: `targets[0].prometheus.url` is in line 7.
//!
//! Checks that involve several values run on parsed values, which no longer have positions; this module finds the positions for their errors. Aliases
//! and merge keys are reported where they are used.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// Deepest nesting that is searched.
const MAX_DEPTH: usize = 32;

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// Position of a key's value in the document with this number (from 0), or of the nearest enclosing value if the key is not written. `None` if there
/// is neither.
///
/// ```
/// use automap_sources::key_position::find;
///
/// let text = "a: 1\n---\nslos:\n  - name: x\n";
/// assert_eq!(find(text, 1, "slos[0].name").map(|p| p.line), Some(4));
/// assert_eq!(find(text, 1, "slos[0].objective").map(|p| p.line), Some(4));
/// ```
pub fn find(text: &str, document: usize, key: &str) -> Option<Position> {
    let documents: Vec<Spanned<Node>> = serde_saphyr::from_multiple(text).ok()?;
    let mut node = documents.into_iter().nth(document)?;
    let mut position = None;
    for step in steps(key).take(MAX_DEPTH) {
        let next = match (node.value, step) {
            (Node::Map(mut keys), Step::Key(name)) => keys.remove(name),
            (Node::List(mut items), Step::Index(i)) if i < items.len() => Some(items.swap_remove(i)),
            _ => None,
        };
        let Some(next) = next else { break };
        position = Some(Position { line: next.referenced.line(), column: next.referenced.column() });
        node = next;
    }
    position
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// `a.b[2]` is `a`, `b`, 2.
fn steps(key: &str) -> impl Iterator<Item = Step<'_>> {
    key.split('.').flat_map(|part| {
        let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        let index = |i: &str| i.trim_end_matches(']').parse().ok().map(Step::Index);
        std::iter::once(Step::Key(name)).chain(indices.split('[').skip(1).filter_map(index).collect::<Vec<_>>())
    })
}

/// Any YAML value, with the positions of the values inside it.
enum Node {
    Map(BTreeMap<String, Spanned<Node>>),
    List(Vec<Spanned<Node>>),
    Value,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

/// Visitor methods of scalar values: only their position matters.
macro_rules! values {
    ($($visit:ident: $of:ty),*) => {
        $(fn $visit<E>(self, _: $of) -> Result<Node, E> { Ok(Node::Value) })*
    };
}

impl<'de> Visitor<'de> for Any {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut keys = BTreeMap::new();
        while let Some((key, node)) = map.next_entry::<String, Spanned<Node>>()? {
            keys.insert(key, node);
        }
        Ok(Node::Map(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(node) = seq.next_element()? {
            items.push(node);
        }
        Ok(Node::List(items))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        from.deserialize_any(self)
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        data.variant::<IgnoredAny>().map(|_| Node::Value)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Value)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Value)
    }

    values!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64, visit_str: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "targets:\n  - name: shop\n    prometheus: { url: 'x' }\n  - name: bank\nwatching: { learn: 10m, min_requests: 20 }\nn: ~\n";

    #[test]
    fn a_key_or_its_nearest_parent_is_found() {
        for (key, line) in [
            ("targets[0].name", 2),
            ("targets[0].prometheus.url", 3),
            ("targets[1].name", 4),
            ("targets[1].prometheus.url", 4),
            ("watching.min_requests", 5),
            ("n", 6),
        ] {
            assert_eq!(find(TEXT, 0, key).map(|p| p.line), Some(line), "{key}");
        }
        assert_eq!(find(TEXT, 0, "nothing.of[3].this"), None);
        assert_eq!(find("a: [", 0, "a"), None);
    }
}
