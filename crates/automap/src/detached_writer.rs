//! Writes to standard output or standard error from a thread of its own, so that a reader that has stopped reading (a paused terminal, a full pipe)
//! holds up neither the watching nor the API.
//!
//! What is waiting is bounded; beyond that, new text is lost, and how much is reported once there is room again. Commands that end by themselves
//! write directly instead: they have nothing better to do than wait for their reader.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes that wait for the reader.
const MAX_WAITING_BYTES: usize = 4 << 20;
/// Texts that wait for the reader.
const MAX_WAITING: usize = 10_000;

/// Something that happened to what was to be written.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// So many texts were lost, because the reader did not keep up.
    Lost(u64),
    /// The stream cannot be written.
    Failed(io::Error),
}

/// The end that texts are given to. Clones share one stream.
#[derive(Clone, Debug)]
pub(crate) struct DetachedWriter {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    is_writing: bool,
}

impl DetachedWriter {
    /// Starts the thread. `on_trouble` is called by it, and may itself write to this or another writer.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub(crate) fn start(
        name: &str,
        stream: impl Write + Send + 'static,
        on_trouble: impl Fn(Trouble) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || theirs.write_all(stream, &on_trouble))?;
        Ok(Self { shared })
    }

    /// Gives a text to the thread. Never waits for the reader.
    pub(crate) fn give(&self, text: Vec<u8>) {
        let mut state = self.shared.lock();
        // A single text may be larger than the bound: then it waits alone.
        let fits = state.waiting.is_empty() || state.bytes + text.len() <= MAX_WAITING_BYTES;
        if fits && state.waiting.len() < MAX_WAITING {
            state.bytes += text.len();
            state.waiting.push_back(text);
            self.shared.changed.notify_all();
        } else {
            state.lost += 1;
        }
    }

    /// Waits until everything is written, for `within` at most.
    pub(crate) fn finish(&self, within: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        // What is still waiting after that is lost: the process ends.
        let _late = self.shared.changed.wait_timeout_while(self.shared.lock(), within, is_busy);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread, which lives as long as the process.
    fn write_all(&self, mut stream: impl Write, on_trouble: &impl Fn(Trouble)) {
        loop {
            let (text, lost) = self.next();
            if let Err(error) = stream.write_all(&text).and_then(|()| stream.flush()) {
                on_trouble(Trouble::Failed(error));
            }
            if lost > 0 {
                on_trouble(Trouble::Lost(lost));
            }
            self.lock().is_writing = false;
            self.changed.notify_all();
        }
    }

    /// The next text, and how many were lost while the one before was being written.
    fn next(&self) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        loop {
            if let Some(text) = state.waiting.pop_front() {
                state.bytes -= text.len();
                state.is_writing = true;
                return (text, std::mem::take(&mut state.lost));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// As a stream: each call is one text.
impl Write for DetachedWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.give(text.to_vec());
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A stream that takes a text only when it is allowed to.
    struct Gate {
        allowed: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _closed = self.allowed.recv();
            let _closed = self.taken.send(text.to_vec());
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (DetachedWriter, Sender<()>, Receiver<Vec<u8>>, Receiver<Trouble>) {
        let ((allow, allowed), (taken, written), (troubled, troubles)) = (channel(), channel(), channel());
        let on_trouble = move |trouble| drop(troubled.send(trouble));
        let writer = DetachedWriter::start("test", Gate { allowed, taken }, on_trouble).unwrap();
        (writer, allow, written, troubles)
    }

    #[test]
    fn a_reader_that_has_stopped_holds_nobody_up_and_what_was_lost_is_counted() {
        let (writer, allow, written, troubles) = gated();
        for number in 0..MAX_WAITING + 500 {
            writer.give(number.to_string().into_bytes());
        }
        (0..=MAX_WAITING).for_each(|_| allow.send(()).unwrap());
        assert_eq!(written.recv().unwrap(), b"0");
        // One may have been on its way before the queue was full.
        let Trouble::Lost(lost) = troubles.recv().unwrap() else { panic!("nothing was lost") };
        assert!((499..=500).contains(&lost), "{lost}");
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_a_large_text_waits_alone() {
        let (writer, _allow, _written, _troubles) = gated();
        writer.give(b"on its way".to_vec());
        while !writer.shared.lock().waiting.is_empty() {
            thread::yield_now();
        }
        for _ in 0..3 {
            writer.give(vec![b'x'; MAX_WAITING_BYTES + 1]);
        }
        let state = writer.shared.lock();
        assert_eq!((state.waiting.len(), state.lost), (1, 2));
    }

    #[test]
    fn finishing_writes_the_rest_and_does_not_wait_forever() {
        let (writer, allow, written, _troubles) = gated();
        writer.give(b"last words".to_vec());
        writer.finish(Duration::from_millis(10));
        assert!(written.try_recv().is_err());
        allow.send(()).unwrap();
        writer.finish(Duration::from_secs(60));
        assert_eq!(written.try_recv().unwrap(), b"last words");
    }
}
