//! Least squares on standardised columns, with a tiny ridge penalty so that collinear columns do not make it fail.

use super::common::is_constant;

/// Ridge penalty per sample on columns of unit variance: collinear columns share their slope, others are unaffected.
const RIDGE: f64 = 1e-6;

/// A linear model of one series on others.
#[derive(Debug)]
pub(super) struct Fit {
    centres: Vec<f64>,
    slopes: Vec<f64>,
    intercept: f64,
}

impl Fit {
    /// Fits `y` on the columns `x[j]`, all as long as `y`, without gaps. A constant column gets slope 0. `None` if the normal equations cannot be
    /// solved.
    pub(super) fn new(x: &[Vec<f64>], y: &[f64]) -> Option<Self> {
        let n = y.len() as f64;
        let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
        let centres: Vec<f64> = x.iter().map(|c| mean(c)).collect();
        let spread = |(c, centre): (&Vec<f64>, &f64)| {
            let squares = c.iter().map(|v| (v - centre).powi(2)).sum::<f64>();
            if is_constant(c) { 0.0 } else { (squares / n).sqrt() }
        };
        let spreads: Vec<f64> = x.iter().zip(&centres).map(spread).collect();
        let intercept = mean(y);
        let scaled: Vec<Vec<f64>> = (0..x.len())
            .map(|j| {
                let one_over = if spreads[j] > 0.0 { 1.0 / spreads[j] } else { 0.0 };
                x[j].iter().map(|v| (v - centres[j]) * one_over).collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut normal: Vec<Vec<f64>> =
            scaled.iter().map(|a| scaled.iter().map(|b| dot(a, b)).collect::<Vec<f64>>()).collect();
        (0..x.len()).for_each(|j| normal[j][j] += RIDGE * n);
        let deviations: Vec<f64> = y.iter().map(|v| v - intercept).collect();
        let right = scaled.iter().map(|a| dot(a, &deviations)).collect();
        let slopes = solve(normal, right)?;
        let unscaled = slopes.iter().zip(&spreads).map(|(b, s)| if *s > 0.0 { b / s } else { 0.0 }).collect();
        Some(Self { centres, slopes: unscaled, intercept })
    }

    /// The predicted value for these column values.
    pub(super) fn predict(&self, x: impl Iterator<Item = f64>) -> f64 {
        let terms = x.zip(&self.centres).zip(&self.slopes);
        self.intercept + terms.map(|((v, centre), slope)| slope * (v - centre)).sum::<f64>()
    }
}

/// Solves `a·x = b` for a symmetric positive definite `a`, by Cholesky's method.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            let left = a[i][j] - sum;
            if i == j && left <= 0.0 {
                return None;
            }
            a[i][j] = if i == j { left.sqrt() } else { left / a[j][j] };
        }
        let known: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - known) / a[i][i];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 4x₁ + 2x₂ = 8, 2x₁ + 3x₂ = 8: x = (1, 2).
    #[test]
    fn cholesky_by_hand() {
        let x = solve(vec![vec![4.0, 2.0], vec![2.0, 3.0]], vec![8.0, 8.0]).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
        assert_eq!(solve(vec![vec![0.0]], vec![1.0]), None);
    }

    /// y = 3 + 2a − b; a constant column and a copy of `a` do not change the prediction.
    #[test]
    fn a_plane_is_found_again() {
        let a: Vec<f64> = (0..12).map(f64::from).collect();
        let b: Vec<f64> = (0..12).map(|i| f64::from((i * i) % 7)).collect();
        let y: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 3.0 + 2.0 * a - b).collect();
        let plain = Fit::new(&[a.clone(), b.clone()], &y).unwrap();
        assert!((plain.predict([20.0, 1.0].into_iter()) - 42.0).abs() < 1e-3);
        let more = Fit::new(&[a.clone(), b, vec![5.0; 12], a], &y).unwrap();
        assert!((more.predict([20.0, 1.0, 5.0, 20.0].into_iter()) - 42.0).abs() < 1e-3);
    }
}
