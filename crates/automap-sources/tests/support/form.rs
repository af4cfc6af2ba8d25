//! Parameters of a request, as encoded by a client.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::allow_attributes, reason = "what is used differs from file to file, so `expect` cannot hold")]

/// A key or value without its encoding.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).unwrap()
}
