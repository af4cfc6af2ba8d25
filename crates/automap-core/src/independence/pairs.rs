//! Positions of unordered pairs, so that what is symmetric in (i, j) is computed and stored once.
//!
//! The pairs of n items are numbered as in the upper triangle of a matrix, row by row. Worked example, n = 4: (0, 1), (0, 2), (0, 3), (1, 2), (1,
//! 3), (2, 3) have the positions 0 to 5.

/// Position of the pair of two different items among all pairs of `n`, in either order. O(1).
pub(crate) fn place(n: usize, i: usize, j: usize) -> usize {
    let (i, j) = ordered(i, j);
    i * n - i * (i + 1) / 2 + j - i - 1
}

/// The smaller one first.
pub(crate) fn ordered(i: usize, j: usize) -> (usize, usize) {
    (i.min(j), i.max(j))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_positions_of_their_own() {
        let places: Vec<usize> = (0..4).flat_map(|i| (i + 1..4).map(move |j| place(4, j, i))).collect();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
    }
}
