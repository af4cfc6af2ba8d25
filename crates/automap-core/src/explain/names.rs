//! The error for a service name that does not exist, with suggestions.

use std::fmt;

use crate::similar::similar_names;
use crate::text::listed;

/// Number of names listed if none is similar.
const MAX_LISTED: usize = 12;

/// No service has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownService {
    /// The requested name.
    pub name: String,
    /// Similar known names, the most similar first; ties by name.
    pub nearest: Vec<String>,
    /// All known names, in order.
    pub known: Vec<String>,
}

impl UnknownService {
    pub(super) fn new(name: &str, known: Vec<String>) -> Self {
        let nearest = similar_names(name, &known);
        Self { name: name.to_owned(), nearest, known }
    }
}

impl fmt::Display for UnknownService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no service is called {}", self.name.escape_debug())?;
        if !self.nearest.is_empty() {
            return write!(f, "; did you mean {}?", self.nearest.join(", "));
        }
        write!(f, "; known are {}", listed(&self.known, MAX_LISTED))
    }
}

impl std::error::Error for UnknownService {}

#[cfg(test)]
mod tests {
    use super::*;

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
