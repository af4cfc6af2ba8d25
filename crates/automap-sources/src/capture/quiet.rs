//! Panics of the Parquet decoder, turned into a value without a word on standard error.

use std::cell::Cell;
use std::panic::{self, UnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether a panic on this thread is expected, and caught.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` when it panicked. Panics elsewhere are reported as before.
pub(super) fn caught<T>(work: impl FnOnce() -> T + UnwindSafe) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                before(info);
            }
        }));
    });
    EXPECTED.set(true);
    let result = panic::catch_unwind(work).ok();
    EXPECTED.set(false);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_value_and_the_next_one_is_loud_again() {
        assert_eq!(caught(|| 7), Some(7));
        assert_eq!(caught(|| -> i32 { panic!("expected") }), None);
        assert!(!EXPECTED.get());
    }
}
