//! A checksum over a whole capture, between the pages and the footer of its Parquet file.
//!
//! Our Parquet writer writes no page checksums, and Parquet has none for the footer, where the metadata is. A flipped bit in a page would go
//! unnoticed as a slightly different value. So the CRC-32 of all other bytes of the file is stored before the footer: the footer locates pages by
//! their offset from the start, and every reader skips what lies between. A file that another tool rewrote has no such block.
//!
//! ```text
//!  PAR1 pages … | "AMAPCRC1" CRC-32 (little endian) | footer, its length, PAR1
//! ```

/// Begins the block.
const MAGIC: &[u8; 8] = b"AMAPCRC1";
/// Bytes of the block.
const BLOCK: usize = MAGIC.len() + 4;
/// The footer's length and `PAR1`.
const TRAILER: usize = 8;

/// Result of comparing a file with its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// All bytes are as written.
    Whole,
    /// Some byte differs.
    Damaged,
    /// There is no checksum.
    Absent,
}

/// Adds the checksum to a Parquet file; any other file is returned unchanged.
pub(super) fn seal(mut file: Vec<u8>) -> Vec<u8> {
    let Some(footer_at) = footer_at(&file) else { return file };
    let crc = crc32fast::hash(&file);
    let block: Vec<u8> = MAGIC.iter().copied().chain(crc.to_le_bytes()).collect();
    file.splice(footer_at..footer_at, block);
    file
}

/// Compares a file with its checksum.
pub(super) fn check(file: &[u8]) -> Checked {
    let Some(footer_at) = footer_at(file) else { return Checked::Absent };
    let Some(block_at) = footer_at.checked_sub(BLOCK) else { return Checked::Absent };
    let Some(stored) = file[block_at..footer_at].strip_prefix(MAGIC) else { return Checked::Absent };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&file[..block_at]);
    hasher.update(&file[footer_at..]);
    if hasher.finalize().to_le_bytes() == stored { Checked::Whole } else { Checked::Damaged }
}

/// Where the footer begins.
fn footer_at(file: &[u8]) -> Option<usize> {
    let trailer_at = file.len().checked_sub(TRAILER)?;
    let len = u32::from_le_bytes(file.get(trailer_at..trailer_at + 4)?.try_into().ok()?);
    trailer_at.checked_sub(usize::try_from(len).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts_and_nothing_moves_for_other_readers() {
        let plain = [b"PAR1pages".as_slice(), b"footer", &6u32.to_le_bytes(), b"PAR1"].concat();
        let sealed = seal(plain.clone());
        assert_eq!((check(&plain), check(&sealed)), (Checked::Absent, Checked::Whole));
        assert!(sealed.starts_with(b"PAR1pages") && sealed.ends_with(&plain[9..]));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_ne!(check(&damaged), Checked::Whole, "byte {at}");
        }
        assert_eq!(check(b"PAR1"), Checked::Absent);
    }
}
