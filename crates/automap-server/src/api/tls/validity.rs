//! When a certificate expires. Reads the two times out of the DER encoding (RFC 5280, 4.1) and nothing else; whether to trust a certificate is up to
//! the client.

use automap_core::time::Timestamp;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity; `None` when the bytes are not a certificate.
pub(super) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, rest) = time(validity)?;
    time(rest).map(|(end, _)| end)
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        // One to three bytes of length: a certificate has less than 16 MiB.
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    if let Some((text, rest)) = element(der, GENERALIZED_TIME) {
        return Some((moment(text)?, rest));
    }
    let (text, rest) = element(der, UTC_TIME)?;
    // Two-digit years: 50 to 99 are of the last century.
    let century: &[u8] = if text.first()? >= &b'5' { b"19" } else { b"20" };
    Some((moment(&[century, text].concat())?, rest))
}

/// `YYYYMMDDHHMMSSZ`.
fn moment(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z').filter(|t| t.len() == 14)?;
    let part = |from: usize, to: usize| text.get(from..to);
    let (date, year) = ((part(4, 6)?, part(6, 8)?), part(0, 4)?);
    let iso = format!("{year}-{}-{}T{}:{}:{}Z", date.0, date.1, part(8, 10)?, part(10, 12)?, part(12, 14)?);
    Some(Timestamp::from_ms(iso.parse::<jiff::Timestamp>().ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_and_damaged_ones_have_none() {
        let pem = include_str!("../../../tests/fixtures/tls-old.crt");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        assert_eq!(not_after(&der).map(|t| t.rfc3339()).as_deref(), Some("2126-11-02T02:36:34Z"));
        for end in 0..der.len().min(200) {
            let _ = not_after(&der[..end]);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }

    #[test]
    fn both_kinds_of_times_are_read() {
        let of = |tag: u8, text: &str| {
            let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
            der.extend_from_slice(text.as_bytes());
            time(&der).map(|(t, _)| t.rfc3339())
        };
        assert_eq!(of(UTC_TIME, "261102023634Z").as_deref(), Some("2026-11-02T02:36:34Z"));
        assert_eq!(of(UTC_TIME, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(of(GENERALIZED_TIME, "20501102023634Z").as_deref(), Some("2050-11-02T02:36:34Z"));
        for wrong in ["20501302023634Z", "2050110202363Z", "20501102023634", "é"] {
            assert_eq!(of(GENERALIZED_TIME, wrong), None, "{wrong}");
        }
    }
}
