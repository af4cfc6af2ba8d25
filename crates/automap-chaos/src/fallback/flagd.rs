//! Feature flags of flagd that break something, as in the OpenTelemetry demo.

use serde_json::Value;

use super::polled::ActiveFault;
use crate::object::text;

/// Flag, service that it breaks, metric family that moves first: the OpenTelemetry demo's `demo.flagd.json`.
const KNOWN: [(&str, &str, &str); 13] = [
    ("adFailure", "ad", "error"),
    ("adHighCpu", "ad", "cpu"),
    ("adManualGc", "ad", "latency"),
    ("cartFailure", "cart", "error"),
    ("emailMemoryLeak", "email", "memory"),
    ("failedReadinessProbe", "cart", "lifecycle"),
    ("imageSlowLoad", "image-provider", "latency"),
    ("intlShippingSlowdown", "shipping", "latency"),
    ("kafkaQueueProblems", "kafka", "latency"),
    ("paymentFailure", "payment", "error"),
    ("paymentUnreachable", "payment", "error"),
    ("productCatalogFailure", "product-catalog", "error"),
    ("recommendationCacheFailure", "recommendation", "memory"),
];

/// Flags of a flagd file (or a ConfigMap's value) that are on: enabled, known to break something, and not at the variant without effect.
pub fn faults(file: &Value) -> Vec<ActiveFault> {
    let on = |(flag, service, metric): &(&str, &str, &str)| {
        let value = file.pointer(&format!("/flags/{flag}"))?;
        if text(value, "/state").is_some_and(|s| s != "ENABLED") {
            return None;
        }
        let variant = text(value, "/defaultVariant")?;
        let setting = value.pointer("/variants").and_then(|v| v.get(variant))?;
        let percent = setting.as_f64().filter(|v| *v > 0.0 && *v < 1.0).map(|v| (v * 100.0).round() as u64);
        is_on(setting).then(|| ActiveFault {
            id: format!("flagd/{flag}"),
            kind: "flagd".to_owned(),
            namespace: String::new(),
            name: (*flag).to_owned(),
            action: variant.to_owned(),
            services: vec![(*service).to_owned()],
            expected_metric: Some((*metric).to_owned()),
            since: None,
            percent,
        })
    };
    KNOWN.iter().filter_map(on).collect()
}

fn is_on(setting: &Value) -> bool {
    match setting {
        Value::Bool(on) => *on,
        Value::Number(n) => n.as_f64().is_some_and(|n| n != 0.0),
        Value::String(s) => !matches!(s.as_str(), "" | "off" | "none"),
        _ => false,
    }
}
