//! Signatures: HMAC-SHA256, from the library that TLS uses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA256, Key, sign};

/// `sha256=<hex>` of `<timestamp>.<body>`: a recorded body cannot be replayed later with another time.
pub(super) fn webhook(secret: &str, timestamp_s: i64, body: &[u8]) -> String {
    let mut signed = format!("{timestamp_s}.").into_bytes();
    signed.extend_from_slice(body);
    let tag = sign(&Key::new(HMAC_SHA256, secret.as_bytes()), &signed);
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

/// Feishu: key `<seconds>\n<secret>` over nothing, Base64.
pub(super) fn feishu(secret: &str, timestamp_s: i64) -> String {
    let key = format!("{timestamp_s}\n{secret}");
    STANDARD.encode(sign(&Key::new(HMAC_SHA256, key.as_bytes()), b""))
}

/// DingTalk: key `<secret>` over `<milliseconds>\n<secret>`, Base64 (to be percent-encoded).
pub(super) fn dingtalk(secret: &str, timestamp_ms: i64) -> String {
    let text = format!("{timestamp_ms}\n{secret}");
    STANDARD.encode(sign(&Key::new(HMAC_SHA256, secret.as_bytes()), text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each value was computed by Python's `hmac`.
    #[test]
    fn signatures_agree_with_another_implementation() {
        assert_eq!(
            webhook("key", 1_700_000_000, b"{}"),
            "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
        assert_eq!(feishu("demo", 1_599_360_473), "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=");
        assert_eq!(dingtalk("SECabc", 1_577_262_236_757), "I5TKCOTTj6fad4sJ4q9RsIffw0PAChVQZQGTdtRbNEQ=");
    }
}
