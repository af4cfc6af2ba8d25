//! What the user may have meant.

/// Most suggestions.
const MAX_SUGGESTIONS: usize = 3;
/// Longest name that is compared, in characters; a Kubernetes name has at most 63.
const MAX_COMPARED_CHARS: usize = 128;

/// Known names that resemble the wanted one, the most similar first.
pub fn names(wanted: &str, known: &[String]) -> Vec<String> {
    let limit = (wanted.chars().count() / 3).max(2);
    let mut scored: Vec<(usize, &String)> = known
        .iter()
        .map(|name| (distance(wanted, name), name))
        .filter(|(d, name)| *d <= limit || (wanted.len() > 2 && name.contains(wanted)))
        .collect();
    scored.sort();
    scored.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name.clone()).collect()
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(MAX_COMPARED_CHARS).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(MAX_COMPARED_CHARS).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_found_and_strangers_are_not() {
        assert_eq!(distance("kitten", "sitting"), 3);
        let known = ["default", "kube-system", "sock-shop", "sock-shop-2"].map(str::to_owned);
        assert_eq!(names("sockshop", &known), ["sock-shop"]);
        assert_eq!(names("sock-shp", &known), ["sock-shop"]);
        assert_eq!(names("shop", &known), ["sock-shop", "sock-shop-2"]);
        assert!(names("payments", &known).is_empty());
    }
}
