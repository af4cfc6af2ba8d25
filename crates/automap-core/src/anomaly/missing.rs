//! Turns samples that stop arriving into evidence, because a dead pod does not report that it is dead.
//!
//! Worked example: none of 60 baseline samples is missing, all of 20 incident samples are. The smoothed share before is 0.5 / 61 = 0.008, its
//! error 0.023 + 1/20, so z = (1 − 0.008) / 0.073 = 13.5 and the evidence `ln(1 + 13.5) = 2.7`.

use std::collections::BTreeMap;

use super::Rows;
use super::rows::Column;
use crate::frame::ServiceIdx;
use crate::stats::signed_log;

/// A series that misses a larger share of its baseline samples is ignored.
const USUALLY_MISSING: f64 = 0.5;

/// Evidence by service: the largest rise of the missing share over its series, as a two-sample z with continuity correction, compressed.
/// Services without a rise are absent. O(series × samples).
pub(super) fn evidence(columns: &[Column], rows: &Rows) -> BTreeMap<ServiceIdx, f64> {
    let (n0, n1) = (rows.baseline.len() as f64, rows.incident.len() as f64);
    let mut out: BTreeMap<ServiceIdx, f64> = BTreeMap::new();
    if n0 == 0.0 || n1 == 0.0 {
        return out;
    }
    for column in columns {
        let gaps = |rows: &[usize]| rows.iter().filter(|&&i| column.values[i].is_nan()).count() as f64;
        let before = gaps(&rows.baseline);
        if before / n0 > USUALLY_MISSING {
            continue;
        }
        let p0 = (before + 0.5) / (n0 + 1.0);
        let error = (p0 * (1.0 - p0) * (1.0 / n0 + 1.0 / n1)).sqrt() + 1.0 / n1;
        let z = (gaps(&rows.incident) / n1 - p0) / error;
        if z > 0.0 {
            let e = out.entry(column.service).or_default();
            *e = e.max(signed_log(z));
        }
    }
    out
}
