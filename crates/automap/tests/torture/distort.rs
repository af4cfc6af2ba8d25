//! Modifications of the series in an answer, and compressed bodies that expand to much more.
#![expect(clippy::ptr_arg, reason = "one type for all changes, most of which add or leave out series")]

use std::io::Write;
use std::sync::LazyLock;

use automap_core::random::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// The expanded size of a bomb.
const BOMB_BYTES: usize = 1 << 30;
/// Maximum number of copies of each series in an explosion.
const MAX_COPIES: usize = 3000;
/// Maximum number of series in one answer after an explosion, so that the proxy itself stays small.
const MAX_SERIES: usize = 20_000;

/// A mebibyte that expands to a gibibyte.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1 << 20];
        (0..BOMB_BYTES >> 20).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap()
    });
    BOMB.clone()
}

fn points(series: &mut Value) -> Option<&mut Vec<Value>> {
    series.get_mut("values").and_then(Value::as_array_mut)
}

pub(crate) fn duplicate(series: &mut Vec<Value>, random: &mut Rng) {
    for i in 0..series.len() {
        if random.percent(50.0) {
            series.push(series[i].clone());
        }
    }
}

pub(crate) fn reorder(series: &mut Vec<Value>, random: &mut Rng) {
    random.shuffle(series);
}

pub(crate) fn leave_out(series: &mut Vec<Value>, random: &mut Rng) {
    series.retain(|_| !random.percent(30.0));
}

pub(crate) fn with_warning(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return body };
    answer["warnings"] = json!(["a store is down: the answer is partial"]);
    answer.to_string().into_bytes()
}

/// One sample of every series falls to zero, like a counter that restarts between two scrapes.
pub(crate) fn dip(series: &mut Vec<Value>, random: &mut Rng) {
    for points in series.iter_mut().filter_map(points) {
        let at = random.below(points.len().max(1));
        if let Some(point) = points.get_mut(at) {
            point[1] = json!("0");
        }
    }
}

/// From some sample on, all times are a few steps or an hour off.
pub(crate) fn jump(series: &mut Vec<Value>, random: &mut Rng) {
    let by = [-3600.0, -30.0, -7.0, 7.0, 30.0, 3600.0][random.below(6)];
    let at = random.unit();
    for points in series.iter_mut().filter_map(points) {
        let from = (points.len() as f64 * at) as usize;
        for point in &mut points[from..] {
            point[0] = json!(point[0].as_f64().unwrap_or_default() + by);
        }
    }
}

/// Every series ends somewhere and continues with one more label.
pub(crate) fn churn(series: &mut Vec<Value>, random: &mut Rng) {
    for i in 0..series.len() {
        let mut later = series[i].clone();
        let Some(points) = points(&mut series[i]) else { continue };
        let rest = points.split_off(random.below(points.len().max(1)));
        later["values"] = Value::Array(rest);
        later["metric"]["pod_template_hash"] = json!(format!("{:x}", random.bits()));
        series.push(later);
    }
}

/// Thousands of unknown series, each like a known one.
pub(crate) fn explode(series: &mut Vec<Value>, random: &mut Rng) {
    let known = series.len();
    let copies = (1 + random.below(MAX_COPIES)).min(MAX_SERIES / known.max(1));
    for i in 0..known {
        for _ in 0..copies {
            let mut copy = series[i].clone();
            for value in copy["metric"].as_object_mut().into_iter().flat_map(|labels| labels.values_mut()) {
                *value = json!(format!("{}-{:x}", value.as_str().unwrap_or_default(), random.bits()));
            }
            // A constant value.
            for point in points(&mut copy).into_iter().flatten() {
                point[1] = json!("1");
            }
            series.push(copy);
        }
    }
}

/// From some sample on, every series keeps its value.
pub(crate) fn freeze(series: &mut Vec<Value>, random: &mut Rng) {
    let at = 0.8 + 0.2 * random.unit();
    for points in series.iter_mut().filter_map(points) {
        let from = (points.len() as f64 * at) as usize;
        let Some(last) = points.get(from).map(|point| point[1].clone()) else { continue };
        points[from..].iter_mut().for_each(|point| point[1] = last.clone());
    }
}

/// The newest samples have not arrived.
pub(crate) fn cut(series: &mut Vec<Value>, random: &mut Rng) {
    let at = 0.85 + 0.15 * random.unit();
    for points in series.iter_mut().filter_map(points) {
        points.truncate((points.len() as f64 * at) as usize);
    }
}

pub(crate) fn not_numbers(series: &mut Vec<Value>, random: &mut Rng) {
    for point in series.iter_mut().filter_map(points).flatten() {
        if random.percent(5.0) {
            point[1] = json!(["NaN", "+Inf", "-Inf", "1e308", "-1e308"][random.below(5)]);
        }
    }
}
