//! Generates names as Kubernetes does, from a seed: ReplicaSets, pods, UIDs, container ids.

use automap_core::random::Rng;

/// Kubernetes leaves out vowels and digits that resemble them, so that no name becomes a word.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
const HEX: &[u8] = b"0123456789abcdef";

/// `orders-6d5f8c7b9d`
pub(super) fn replica_set(deployment: &str, rng: &mut Rng) -> String {
    format!("{deployment}-{}", word(ALPHABET, 10, rng))
}

/// `orders-6d5f8c7b9d-x2kqz`
pub(super) fn pod(replica_set: &str, rng: &mut Rng) -> String {
    format!("{replica_set}-{}", word(ALPHABET, 5, rng))
}

/// 64 hexadecimal digits, as containerd gives.
pub(super) fn container_id(rng: &mut Rng) -> String {
    word(HEX, 64, rng)
}

/// The shape of a UUID.
pub(super) fn uid(rng: &mut Rng) -> String {
    [8, 4, 4, 4, 12].map(|n| word(HEX, n, rng)).join("-")
}

fn word(alphabet: &[u8], length: usize, rng: &mut Rng) -> String {
    (0..length).filter_map(|_| alphabet.get(rng.below(alphabet.len()))).map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_names_have_the_shape_that_queries_expect() {
        let mut rng = Rng::new(7);
        let replica_set_name = replica_set("user-db", &mut rng);
        let name = pod(&replica_set_name, &mut rng);
        let parts: Vec<&str> = name.split('-').collect();
        assert_eq!(parts[..2], ["user", "db"]);
        assert_eq!((parts[2].len(), parts[3].len()), (10, 5));
        assert!(parts[2..].iter().all(|p| p.bytes().all(|b| ALPHABET.contains(&b))));
        assert_ne!(name, pod(&replica_set_name, &mut rng));
        assert_eq!(replica_set("user-db", &mut Rng::new(7)), replica_set_name);
    }
}
