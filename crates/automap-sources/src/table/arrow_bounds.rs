//! The declared unpacked size of an Arrow file's compressed buffers, before anything is unpacked.
//!
//! A stream is a sequence of messages: a mark, the length of a header, the header, and a body of buffers. A file lists the positions of its messages
//! at its end. A compressed buffer begins with its unpacked length, which the decoder would allocate at once.

use arrow_ipc::reader::read_footer_length;
use arrow_ipc::{Message, RecordBatch, root_as_footer, root_as_message};

/// Length of the mark and of the header's length.
const PREFIX: usize = 8;
/// Length of a file's trailer: the length of its table of messages, and a magic word.
const TRAILER: usize = 10;

/// The sum of all unpacked lengths; a damaged part counts as zero, since the decoder stops there too.
pub(super) fn unpacked_bytes(file: &[u8]) -> i64 {
    let places = if file.starts_with(b"ARROW1") { of_file(file).unwrap_or_default() } else { of_stream(file) };
    let unpacked = |at: usize| {
        let (message, body_at) = message(file, at)?;
        Some(of_batch(batch(&message)?, file.get(body_at..)?))
    };
    places.into_iter().filter_map(unpacked).fold(0, i64::saturating_add)
}

/// The positions of a file's messages.
fn of_file(file: &[u8]) -> Option<Vec<usize>> {
    let trailer_at = file.len().checked_sub(TRAILER)?;
    let len = read_footer_length(file.get(trailer_at..)?.try_into().ok()?).ok()?;
    let footer = root_as_footer(file.get(trailer_at.checked_sub(len)?..trailer_at)?).ok()?;
    let blocks = footer.recordBatches().into_iter().chain(footer.dictionaries()).flatten();
    Some(blocks.filter_map(|b| usize::try_from(b.offset()).ok()).collect())
}

/// The positions of a stream's messages.
fn of_stream(file: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    while let Some((message, body_at)) = message(file, at) {
        places.push(at);
        let len = usize::try_from(message.bodyLength()).ok();
        let Some(next) = len.and_then(|len| body_at.checked_add(len)) else { break };
        at = next;
    }
    places
}

/// The message at a position, and the position of its body.
fn message(file: &[u8], at: usize) -> Option<(Message<'_>, usize)> {
    let prefix = file.get(at..at.checked_add(PREFIX)?)?;
    let len = u32::from_le_bytes(prefix[4..].try_into().ok()?) as usize;
    let body_at = at.checked_add(PREFIX)?.checked_add(len)?;
    let is_message = prefix.starts_with(b"\xff\xff\xff\xff") && len > 0;
    let message = root_as_message(file.get(at + PREFIX..body_at)?).ok()?;
    is_message.then_some((message, body_at))
}

fn batch<'a>(message: &Message<'a>) -> Option<RecordBatch<'a>> {
    message.header_as_record_batch().or_else(|| message.header_as_dictionary_batch()?.data())
}

fn of_batch(batch: RecordBatch<'_>, body: &[u8]) -> i64 {
    if batch.compression().is_none() {
        return 0;
    }
    let unpacked = |offset: i64| {
        let at = usize::try_from(offset).ok()?;
        let len = i64::from_le_bytes(body.get(at..at.checked_add(8)?)?.try_into().ok()?);
        Some(len.max(0))
    };
    let buffers = batch.buffers().into_iter().flatten();
    buffers.filter(|b| b.length() >= 8).filter_map(|b| unpacked(b.offset())).fold(0, i64::saturating_add)
}
