//! Names of a server's metrics, if no preset finds anything.
//!
//! They show the author of a preset which metrics exist. Nothing is concluded from a name.

use super::client::{Call, Client};

/// Metrics that seem to count requests, for a preset of the user's own. Empty if the server does not list names.
pub(crate) fn similar_metrics(client: &Client) -> Vec<String> {
    let form = [("limit", "20".to_owned()), ("match[]", COUNTING_METRICS.to_owned())];
    let names: Vec<String> =
        client.fetch(&Call::get("label/__name__/values", &form)).map(|answer| answer.data).unwrap_or_default();
    let seems_to_count = |name: &String| {
        (name.ends_with("_count") || name.ends_with("_total")) && (name.contains("request") || name.contains("calls"))
    };
    names.into_iter().filter(seems_to_count).take(MAX_SIMILAR).collect()
}

/// Names with `request` or `calls` that end in `_count` or `_total`; servers that do not support `match[]` or `limit` list all names.
const COUNTING_METRICS: &str = r#"{__name__=~".*(request|calls).*_(count|total)"}"#;
/// Most metrics named in a message.
const MAX_SIMILAR: usize = 6;
