//! Rolling mean.

/// Mean of every `width` neighbours, `values.len() − width + 1` of them; `NaN` where fewer than half were observed.
/// Empty when `width` is 0 or longer than the values. O(n).
pub fn rolling_mean(values: &[f64], width: usize) -> Vec<f64> {
    if width == 0 || width > values.len() {
        return Vec::new();
    }
    let mut sums = Vec::with_capacity(values.len() + 1);
    let (mut sum, mut seen) = (0.0, 0usize);
    sums.push((sum, seen));
    for v in values {
        if !v.is_nan() {
            sum += v;
            seen += 1;
        }
        sums.push((sum, seen));
    }
    let enough = (0.5 * width as f64).max(1.0);
    sums.iter()
        .zip(&sums[width..])
        .map(|(a, b)| {
            let n = (b.1 - a.1) as f64;
            if n >= enough { (b.0 - a.0) / n } else { f64::NAN }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_observed_is_enough_and_less_is_a_gap() {
        let gap = f64::NAN;
        assert_eq!(rolling_mean(&[1.0, 3.0, gap, 5.0], 2), [2.0, 3.0, 5.0]);
        assert!(rolling_mean(&[gap, gap, 2.0], 2)[0].is_nan());
        assert!(rolling_mean(&[1.0], 2).is_empty());
    }
}
