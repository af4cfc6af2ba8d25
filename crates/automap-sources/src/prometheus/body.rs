//! Reads the body of an answer: decompressed if it arrives compressed, and never more than a limit.
//!
//! Nothing here requests compression, but proxies compress on their own. The limit applies to the body both before and after decompression, so that a
//! small body cannot expand to gigabytes. Not supported: brotli and zstd, which no server sends unrequested.

use std::io::Read;
use std::time::Duration;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::CONTENT_ENCODING;

use super::body_budget::{self, Permit, SMALL_BYTES};
use crate::bounded::{ReadFailure, read_stream};

/// First bytes of a gzip stream. No JSON and no web page begins with them.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Most encodings that are decoded; there is no reason to compress twice.
const MAX_ENCODINGS: usize = 2;

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The connection, or a limit of the client.
    Transport(ureq::Error),
    /// It does not match its header, or is truncated.
    Compressed(String),
    /// An unknown encoding.
    Encoding(String),
    /// It holds more than the limit.
    TooLarge,
    /// Other large bodies were being read the whole time.
    Busy,
}

/// A whole body, with the permit if it is large.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    pub(crate) permit: Option<Permit>,
}

/// Reads the whole body, at most `limit` bytes before and after decompression. A large one waits for a permit, at most `patience`.
pub(crate) fn read(response: &mut Response<Body>, limit: u64, patience: Duration) -> Result<Whole, BodyError> {
    let encodings = encodings(response)?;
    let mut reader = response.body_mut().with_config().limit(limit).reader();
    let broken = |e: std::io::Error| BodyError::Transport(e.into());
    let mut bytes = Vec::new();
    let small = limit.min(SMALL_BYTES);
    reader.by_ref().take(small).read_to_end(&mut bytes).map_err(broken)?;
    let mut permit = None;
    if bytes.len() as u64 == small {
        permit = Some(wait(patience)?);
        reader.read_to_end(&mut bytes).map_err(broken)?;
    }
    if permit.is_none() && is_packed(&bytes, &encodings) {
        match decode(bytes.clone(), &encodings, small) {
            Err(BodyError::TooLarge) if small < limit => permit = Some(wait(patience)?),
            unpacked => return unpacked.map(|bytes| Whole { bytes, permit }),
        }
    }
    decode(bytes, &encodings, limit).map(|bytes| Whole { bytes, permit })
}

fn wait(patience: Duration) -> Result<Permit, BodyError> {
    body_budget::permit(patience).ok_or(BodyError::Busy)
}

fn is_packed(body: &[u8], encodings: &[Encoding]) -> bool {
    !encodings.is_empty() || body.starts_with(&GZIP_MAGIC)
}

/// The beginning of a body, as far as it is readable, for error messages.
pub(crate) fn beginning(response: &mut Response<Body>, limit: u64) -> Vec<u8> {
    let encodings = encodings(response).unwrap_or_default();
    let mut body = Vec::new();
    // A part that cannot be read is only missing from the message.
    let _ = response.body_mut().as_reader().take(limit).read_to_end(&mut body);
    decode(body, &encodings, limit).unwrap_or_default()
}

/// The encodings of a body in the order in which they were applied; `identity` is skipped.
fn encodings(response: &Response<Body>) -> Result<Vec<Encoding>, BodyError> {
    let values = response.headers().get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let found: Vec<Encoding> = names.filter_map(|name| Encoding::named(&name)).collect::<Result<_, _>>()?;
    if found.len() > MAX_ENCODINGS {
        return Err(BodyError::Encoding("several encodings at once".to_owned()));
    }
    Ok(found)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Gzip,
    /// The zlib format according to the standard; a bare stream from some servers.
    Deflate,
}

impl Encoding {
    fn named(name: &str) -> Option<Result<Self, BodyError>> {
        match name {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Ok(Self::Gzip)),
            "deflate" => Some(Ok(Self::Deflate)),
            other => Some(Err(BodyError::Encoding(other.to_owned()))),
        }
    }
}

fn decode(mut body: Vec<u8>, encodings: &[Encoding], limit: u64) -> Result<Vec<u8>, BodyError> {
    for encoding in encodings.iter().rev() {
        body = match encoding {
            // A proxy decompressed the body and kept the header.
            Encoding::Gzip if !body.starts_with(&GZIP_MAGIC) => body,
            Encoding::Gzip => inflate(MultiGzDecoder::new(body.as_slice()), limit)?,
            Encoding::Deflate if is_zlib(&body) => inflate(ZlibDecoder::new(body.as_slice()), limit)?,
            Encoding::Deflate => inflate(DeflateDecoder::new(body.as_slice()), limit)?,
        };
    }
    // A proxy compressed the body and dropped the header.
    if encodings.is_empty() && body.starts_with(&GZIP_MAGIC) {
        body = inflate(MultiGzDecoder::new(body.as_slice()), limit)?;
    }
    Ok(body)
}

/// Whether a stream begins with zlib's two bytes: method 8, and a checksum of both.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0,
        _ => false,
    }
}

fn inflate(stream: impl Read, limit: u64) -> Result<Vec<u8>, BodyError> {
    read_stream(stream, "the answer", limit).map_err(|e| match e.reason {
        ReadFailure::TooLarge(_) => BodyError::TooLarge,
        reason => BodyError::Compressed(reason.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = br#"{"status":"success"}"#;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_spelling_of_compression_is_undone() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(TEXT).unwrap();
        bare.write_all(TEXT).unwrap();
        for (body, encodings) in [
            (TEXT.to_vec(), &[][..]),
            (gzip(TEXT), &[Encoding::Gzip]),
            (gzip(TEXT), &[]),
            (TEXT.to_vec(), &[Encoding::Gzip]),
            (gzip(&gzip(TEXT)), &[Encoding::Gzip, Encoding::Gzip]),
            ([gzip(&TEXT[..5]), gzip(&TEXT[5..])].concat(), &[Encoding::Gzip]),
            (zlib.finish().unwrap(), &[Encoding::Deflate]),
            (bare.finish().unwrap(), &[Encoding::Deflate]),
        ] {
            assert_eq!(decode(body, encodings, 100).unwrap(), TEXT, "{encodings:?}");
        }
    }

    #[test]
    fn a_small_body_does_not_unfold_beyond_the_limit() {
        let bomb = gzip(&vec![b'x'; 1 << 20]);
        assert!(bomb.len() < 10_000);
        assert!(matches!(decode(bomb.clone(), &[Encoding::Gzip], 10_000), Err(BodyError::TooLarge)));
        assert_eq!(decode(bomb, &[Encoding::Gzip], 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_compressed_body_that_breaks_off_is_an_error() {
        let whole = gzip(TEXT);
        for length in [whole.len() - 1, whole.len() - 9, 12] {
            assert!(matches!(decode(whole[..length].to_vec(), &[Encoding::Gzip], 100), Err(BodyError::Compressed(_))));
        }
    }
}
