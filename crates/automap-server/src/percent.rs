//! Percent-encoding (RFC 3986) of text that becomes a part of an address.

use std::fmt::Write as _;

/// The text with everything encoded but unreserved characters.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_address_stays_one() {
        assert_eq!(encoded("shop-20261125T140315Z-8c1f"), "shop-20261125T140315Z-8c1f");
        assert_eq!(encoded("a/../b?c#d é"), "a%2F..%2Fb%3Fc%23d%20%C3%A9");
    }
}
