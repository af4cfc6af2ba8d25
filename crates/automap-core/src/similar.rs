//! Suggests known names for a mistyped one: services, namespaces, metrics, configuration keys.
//!
//! Two names are similar when one becomes the other by few edits (insert, delete, replace, swap neighbours), or when the known
//! name contains the given one. The caller words the suggestion.

/// Most names suggested.
const MAX_SUGGESTIONS: usize = 3;
/// Longest name compared, in characters. Kubernetes names have at most 63; the comparison is quadratic.
const MAX_COMPARED_CHARS: usize = 128;
/// Shortest name that is searched for inside the known ones.
const MIN_CONTAINED_CHARS: usize = 3;

/// At most three of the known names, the most similar first and ties by name. Similar means at most one edit, or one edit for
/// every three characters of the given name.
///
/// ```
/// use automap_core::similar::similar_names;
///
/// let known = ["carts", "carts-db", "orders", "payment"].map(String::from);
/// assert_eq!(similar_names("paymnet", &known), ["payment"]);
/// assert_eq!(similar_names("cart", &known), ["carts", "carts-db"]);
/// assert!(similar_names("zebra", &known).is_empty());
/// ```
pub fn similar_names(given: &str, known: &[String]) -> Vec<String> {
    let length = given.chars().count();
    if length > MAX_COMPARED_CHARS {
        return Vec::new();
    }
    let max_edits = (length / 3).max(1);
    let is_contained = |name: &str| length >= MIN_CONTAINED_CHARS && name.contains(given);
    let mut similar: Vec<(usize, &String)> = known
        .iter()
        .filter(|name| name.chars().count() <= MAX_COMPARED_CHARS)
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(edits, name)| *edits <= max_edits || is_contained(name))
        .collect();
    similar.sort();
    similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_name_and_unrelated_names_do_not() {
        let known = ["default", "kube-system", "sock-shop", "sock-shop-2"].map(str::to_owned);
        assert_eq!(similar_names("sockshop", &known), ["sock-shop"]);
        assert_eq!(similar_names("sock-shp", &known), ["sock-shop"]);
        assert_eq!(similar_names("shop", &known), ["sock-shop", "sock-shop-2"]);
        assert!(similar_names("payments", &known).is_empty());
    }

    #[test]
    fn very_long_names_are_not_compared() {
        let long = "a".repeat(MAX_COMPARED_CHARS + 1);
        assert!(similar_names(&long, std::slice::from_ref(&long)).is_empty());
    }
}
