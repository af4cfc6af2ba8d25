//! Generates the ids of incidents: globally unique, and deterministic for the same polls, so that a replay gives the same bytes.
//!
//! An id names the target, the second of the opening, and a digest of the opening's milliseconds, the onset and a sequence number. An onset
//! alone is not enough: an alert may state one that an earlier incident had. Ids of older versions, which ended with the second of the
//! onset, stay valid: ids are opaque.

use crate::time::Timestamp;

/// The first id of the sequence that is not taken: `sock-shop-20261125T140415Z-8c1f3a07`.
///
/// Worked example: two incidents of one target that are opened by the same poll differ by their onset or, where that is the same too, by the
/// sequence number, which begins at 0 and is raised until the id is free.
pub(super) fn new_id(target: &str, opened: Timestamp, onset: Timestamp, is_taken: impl Fn(&str) -> bool) -> String {
    let second = opened.compact();
    let mut sequence = 0_u64;
    loop {
        let id = format!("{target}-{second}-{:08x}", digest(target, [opened.ms(), onset.ms()], sequence));
        if !is_taken(&id) {
            return id;
        }
        sequence += 1;
    }
}

/// FNV-1a of 64 bits, folded to 32.
fn digest(target: &str, times_ms: [i64; 2], sequence: u64) -> u32 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let numbers = times_ms.iter().map(|t| t.to_le_bytes()).chain([sequence.to_le_bytes()]);
    let bytes = target.bytes().chain(numbers.flatten());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_repeat_with_their_inputs_and_differ_with_each_of_them() {
        let at = |ms: i64| Timestamp::from_ms(1_795_615_455_000 + ms);
        let id = |target: &str, opened: i64, onset: i64| new_id(target, at(opened), at(onset), |_| false);
        let first = id("shop", 0, -60_000);
        assert!(first.starts_with("shop-20261125T140415Z-") && first.len() == 30, "{first}");
        assert_eq!(first, id("shop", 0, -60_000));
        let others = [id("shop", 1, -60_000), id("shop", 0, -59_999), id("shop2", 0, -60_000)];
        assert!(others.iter().all(|other| *other != first), "{others:?}");
        let second = new_id("shop", at(0), at(-60_000), |taken| taken == first);
        assert!(second != first && second.starts_with("shop-20261125T140415Z-"), "{second}");
    }
}
