//! Coordinates in drawings: short, and always numbers.

/// A coordinate or length with at most one decimal: a tenth of a pixel is invisible. A value that is not finite is drawn at 0, so that no value from
/// the data can break a drawing.
pub(crate) fn px(v: f64) -> String {
    if !v.is_finite() {
        return "0".to_owned();
    }
    let tenths = (v * 10.0).round() as i64;
    let sign = if tenths < 0 { "-" } else { "" };
    match (tenths.abs() / 10, tenths.abs() % 10) {
        (whole, 0) => format!("{}{whole}", if whole == 0 { "" } else { sign }),
        (whole, tenth) => format!("{sign}{whole}.{tenth}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_always_numbers() {
        assert_eq!([px(1.0), px(-0.04), px(2.349), px(-3.25)], ["1", "0", "2.3", "-3.3"]);
        assert_eq!([px(f64::NAN), px(f64::INFINITY), px(12.0)], ["0", "0", "12"]);
    }
}
