//! Selects the middle values of a set without sorting it.
//!
//! Most of the time of a diagnosis is spent on medians. Numbers are compared as integers with the order of [`f64::total_cmp`], so that one
//! comparison is one instruction, and the buffer is reused for the next series.

/// Maps a number to an integer, with the order of [`f64::total_cmp`].
pub(crate) fn key(value: f64) -> i64 {
    turn(value.to_bits() as i64)
}

/// The number of a [`key`].
pub(crate) fn of_key(key: i64) -> f64 {
    f64::from_bits(turn(key) as u64)
}

/// Negative numbers sort in reverse by their other bits; inverting these is its own inverse.
fn turn(bits: i64) -> i64 {
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// The two middle values of an even number of observations, or twice the middle one of an odd number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Middle {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Middle {
    /// The middle of the values of these keys; `None` without any. Reorders the keys. O(n).
    pub(crate) fn of_keys(keys: &mut [i64]) -> Option<Self> {
        let n = keys.len();
        if n == 0 {
            return None;
        }
        let (below, upper, _) = keys.select_nth_unstable(n / 2);
        let lower = if n % 2 == 1 { *upper } else { below.iter().copied().max().unwrap_or(*upper) };
        Some(Self { lower: of_key(lower), upper: of_key(*upper) })
    }

    pub(crate) fn median(self) -> f64 {
        if self.lower.to_bits() == self.upper.to_bits() { self.upper } else { 0.5 * (self.lower + self.upper) }
    }

    /// The middle of the same values after a monotone change.
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self { lower: change(self.lower), upper: change(self.upper) }
    }
}

/// A reusable buffer in which middles are selected.
#[derive(Debug, Default)]
pub(crate) struct Selection(Vec<i64>);

impl Selection {
    /// The middle of the observed values; `None` without any. O(n).
    pub(crate) fn middle(&mut self, values: impl IntoIterator<Item = f64>) -> Option<Middle> {
        self.0.clear();
        self.0.extend(values.into_iter().filter(|v| !v.is_nan()).map(key));
        Middle::of_keys(&mut self.0)
    }

    /// The middle of values that are all observed. O(n).
    pub(crate) fn middle_of_all(&mut self, values: impl IntoIterator<Item = f64>) -> Option<Middle> {
        self.0.clear();
        self.0.extend(values.into_iter().map(key));
        Middle::of_keys(&mut self.0)
    }

    /// The median of the observed values; `NaN` without any. O(n).
    pub(crate) fn median(&mut self, values: impl IntoIterator<Item = f64>) -> f64 {
        self.middle(values).map_or(f64::NAN, Middle::median)
    }

    /// [`super::mad`] of values that are all observed: their median distance from `centre`, times 1.4826; `NaN` without any. O(n).
    pub(crate) fn mad(&mut self, values: impl IntoIterator<Item = f64>, centre: f64) -> f64 {
        let distances = values.into_iter().map(|v| (v - centre).abs());
        1.4826 * self.middle_of_all(distances).map_or(f64::NAN, Middle::median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_numbers_and_give_them_back() {
        let values = [f64::NEG_INFINITY, -3.5, -1e-300, -0.0, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        assert!(values.windows(2).all(|w| key(w[0]) < key(w[1])));
        assert!(values.iter().all(|v| of_key(key(*v)).to_bits() == v.to_bits()));
    }

    #[test]
    fn the_middle_of_four_lies_between_two_and_of_three_on_one() {
        let mut selection = Selection::default();
        let four = selection.middle([9.0, f64::NAN, -1.0, 3.0, 4.0]).unwrap();
        assert_eq!((four, four.median()), (Middle { lower: 3.0, upper: 4.0 }, 3.5));
        assert_eq!(selection.middle_of_all([9.0, -1.0, 3.0]).unwrap(), Middle { lower: 3.0, upper: 3.0 });
        assert!(selection.median([f64::NAN]).is_nan());
    }
}
