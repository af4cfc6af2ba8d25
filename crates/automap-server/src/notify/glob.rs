//! Patterns of names: `*` matches any characters, everything else itself.

/// Whether the whole `name` matches; time is at most the product of the lengths.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        // The earliest match leaves the most for the remaining pieces.
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        let table = [
            ("payment", "payment", true),
            ("payment", "payments", false),
            ("pay*", "payment", true),
            ("*", "", true),
            ("*-db", "carts-db", true),
            ("*-db", "carts-db-2", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("", "", true),
            ("", "x", false),
            ("pay.*", "payment", false),
            ("*ä*", "xäy", true),
        ];
        for (pattern, name, fits) in table {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
