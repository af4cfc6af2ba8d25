//! What the proxy does to answers, by kind.

use std::time::Duration;

use automap_core::random::Rng;
use serde_json::Value;

use crate::distort;

/// How an answer reaches the client.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    /// Complete.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Claims more or fewer bytes than there are, then closes the connection.
    WrongLength { body: Vec<u8>, claimed: usize },
    /// In chunks with pauses.
    Slow { body: Vec<u8>, piece: usize, pause: Duration },
    /// Closes the connection without an answer.
    Reset,
    /// Never answers.
    Silent,
    /// Never ends.
    Endless,
}

impl Delivery {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self::Whole { status: 200, headers: vec![("content-type", "application/json".to_owned())], body }
    }

    fn status(status: u16, headers: Vec<(&'static str, String)>, body: &str) -> Self {
        Self::Whole { status, headers, body: body.as_bytes().to_vec() }
    }
}

/// Changes one answer.
type Change = fn(Vec<u8>, &mut Rng) -> Delivery;

/// Every kind of fault, by its name in the table.
pub(crate) const KINDS: [(&str, Change); 27] = [
    ("passes on", |body, _| Delivery::ok(body)),
    ("resets", |_, _| Delivery::Reset),
    ("truncated bodies", |body, random| {
        let claimed = body.len();
        let end = random.below(claimed.max(1));
        Delivery::WrongLength { body: body[..end].to_vec(), claimed }
    }),
    ("lengths too long", |body, random| Delivery::WrongLength { claimed: body.len() + 1 + random.below(1000), body }),
    ("lengths too short", |body, random| Delivery::WrongLength { claimed: random.below(body.len().max(1)), body }),
    ("slow bodies", |body, random| {
        let piece = body.len() / (2 + random.below(60)) + 1;
        Delivery::Slow { body, piece, pause: Duration::from_millis(100) }
    }),
    ("no answers", |_, _| Delivery::Silent),
    ("429 with Retry-After", |_, random| {
        Delivery::status(429, vec![("retry-after", random.below(4).to_string())], "too many requests")
    }),
    ("5xx storms", |_, random| {
        Delivery::status([500, 502, 503, 504][random.below(4)], Vec::new(), "upstream connect error")
    }),
    ("logins with 200", |_, _| {
        let html = vec![("content-type", "text/html".to_owned())];
        Delivery::status(200, html, "<!doctype html><html><title>Log in</title><form action=/login></form></html>")
    }),
    ("redirects", |_, _| Delivery::status(302, vec![("location", "http://127.0.0.1:1/login".to_owned())], "")),
    ("empty bodies", |_, _| Delivery::ok(Vec::new())),
    ("noise for JSON", |mut body, random| {
        for _ in 0..=random.below(20) {
            let at = random.below(body.len().max(1));
            if let Some(byte) = body.get_mut(at) {
                *byte = random.bits() as u8;
            }
        }
        Delivery::ok(body)
    }),
    ("wrong content types", |body, _| Delivery::Whole {
        status: 200,
        headers: vec![("content-type", "text/html; charset=utf-16".to_owned())],
        body,
    }),
    ("gzip bombs", |_, _| Delivery::Whole {
        status: 200,
        headers: vec![("content-encoding", "gzip".to_owned())],
        body: distort::gzip_bomb(),
    }),
    ("endless bodies", |_, _| Delivery::Endless),
    ("duplicated series", |body, random| each_result(body, random, distort::duplicate)),
    ("reordered series", |body, random| each_result(body, random, distort::reorder)),
    ("missing series", |body, random| each_result(body, random, distort::leave_out)),
    ("partial with warning", |body, random| {
        let Delivery::Whole { status, headers, body } = each_result(body, random, distort::leave_out) else {
            unreachable!()
        };
        Delivery::Whole { status, headers, body: distort::with_warning(body) }
    }),
    ("counter resets", |body, random| each_result(body, random, distort::dip)),
    ("clock jumps", |body, random| each_result(body, random, distort::jump)),
    ("label churn", |body, random| each_result(body, random, distort::churn)),
    ("many new series", |body, random| each_result(body, random, distort::explode)),
    ("stale values", |body, random| each_result(body, random, distort::freeze)),
    ("ends early", |body, random| each_result(body, random, distort::cut)),
    ("NaN and Inf", |body, random| each_result(body, random, distort::not_numbers)),
];

/// Modifies the series of an answer; other answers pass.
fn each_result(body: Vec<u8>, random: &mut Rng, change: fn(&mut Vec<Value>, &mut Rng)) -> Delivery {
    let Ok(mut answer) = serde_json::from_slice::<Value>(&body) else { return Delivery::ok(body) };
    if let Some(series) = answer.pointer_mut("/data/result").and_then(Value::as_array_mut) {
        change(series, random);
    }
    Delivery::ok(answer.to_string().into_bytes())
}
