//! Runs decoders of foreign formats on a separate thread.
//!
//! The Parquet crate asserts on some damaged pages instead of returning an error (found by flipping bits). Nothing is shared with that thread, so its
//! panic is treated as one more sign of a damaged file.

use std::{panic, thread};

/// The thread that decodes files. A panic on it means that a file is damaged.
const DECODER_THREAD: &str = "capture-decoder";

/// Suppresses the panic messages of decoders: the panics come back as errors, which the program shows. Call once at program start.
pub fn hide_decoder_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().name() != Some(DECODER_THREAD) {
            report(info);
        }
    }));
}

/// Runs a decoder; the error says why there is no result.
pub(crate) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    let builder = thread::Builder::new().name(DECODER_THREAD.to_owned());
    thread::scope(|scope| match builder.spawn_scoped(scope, work) {
        Ok(decoder) => decoder.join().map_err(|_| "a page contradicts its own lengths".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}
