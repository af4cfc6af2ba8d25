//! Names that somebody may have meant.

use std::fmt;

/// Names offered.
const MAX_OFFERED: usize = 3;
/// Names listed where none is near.
const MAX_LISTED: usize = 12;

/// No service has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownService {
    /// What was asked for.
    pub name: String,
    /// Known names within a third of its length, nearest first; ties by name.
    pub nearest: Vec<String>,
    /// All known names, in order.
    pub known: Vec<String>,
}

impl UnknownService {
    pub(super) fn new(name: &str, known: Vec<String>) -> Self {
        let limit = (name.chars().count() / 3).max(1);
        let mut near: Vec<(usize, &String)> = known.iter().map(|k| (distance(name, k), k)).collect();
        near.retain(|(d, k)| *d <= limit || (name.len() > 2 && k.contains(name)));
        near.sort();
        let nearest = near.into_iter().take(MAX_OFFERED).map(|(_, k)| k.clone()).collect();
        Self { name: name.to_owned(), nearest, known }
    }
}

impl fmt::Display for UnknownService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no service is called {}", self.name.escape_debug())?;
        if !self.nearest.is_empty() {
            return write!(f, "; did you mean {}?", self.nearest.join(", "));
        }
        let listed = self.known.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
        let more = self.known.len().saturating_sub(MAX_LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write!(f, "; known are {listed}{more}")
    }
}

impl std::error::Error for UnknownService {}

/// Insertions, deletions and replacements that turn one name into the other (Levenshtein). O(length²).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_distances() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("payment", "payment"), 0);
    }

    #[test]
    fn the_nearest_names_are_offered_else_all() {
        let known = || ["carts", "carts-db", "orders", "payment"].map(String::from).to_vec();
        let said = |name: &str| UnknownService::new(name, known()).to_string();
        assert_eq!(said("paymnt"), "no service is called paymnt; did you mean payment?");
        assert_eq!(said("cart"), "no service is called cart; did you mean carts, carts-db?");
        assert_eq!(said("zebra"), "no service is called zebra; known are carts, carts-db, orders, payment");
        let many = (0..14).map(|i| format!("service-{i:02}")).collect();
        assert!(UnknownService::new("zebra", many).to_string().ends_with("service-11 and 2 more"));
    }
}
