//! Decoders of foreign formats on a thread of their own.
//!
//! The Parquet crate asserts on some damaged pages instead of returning an error (found by flipping bits). Nothing is shared with that thread, so
//! its panic is one more sign of a damaged file.

use std::thread;

/// The thread that decodes files. A panic on it means that a file is damaged and comes back as an error: a program's panic hook may leave it out.
pub const DECODER_THREAD: &str = "capture-decoder";

/// Runs a decoder; the error says why there is no result.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let builder = thread::Builder::new().name(DECODER_THREAD.to_owned());
    thread::scope(|scope| match builder.spawn_scoped(scope, work) {
        Ok(decoder) => decoder.join().map_err(|_| "a page contradicts its own lengths".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}
