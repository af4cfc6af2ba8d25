//! Which message of a route and incident is sent next. An incident that changed five times while its receiver was unavailable sends one
//! update, the newest: an update that another message follows is not sent. Messages that open, close or reopen are always sent.

use crate::store::{Event, Waiting};

/// How many messages at the front of the queue are skipped; the one after them, if any, is sent. `updates`: whether the route wants updates.
pub(super) fn fold(queue: &[Waiting], updates: bool) -> usize {
    queue
        .iter()
        .enumerate()
        .take_while(|(i, waiting)| waiting.event == Event::Updated && (!updates || i + 1 < queue.len()))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_fold_into_what_comes_after_them() {
        use Event::{Closed, Opened, Reopened, Updated};
        let line = |events: &[Event]| -> Vec<Waiting> {
            let one = |event: &Event| Waiting { key: String::new(), event: *event, uncertain: false };
            events.iter().map(one).collect()
        };
        let table: [(&[Event], usize, usize); 7] = [
            (&[], 0, 0),
            (&[Updated], 0, 1),
            (&[Updated, Updated, Updated], 2, 3),
            (&[Opened, Updated, Updated], 0, 0),
            (&[Updated, Closed], 1, 1),
            (&[Closed, Updated], 0, 0),
            (&[Reopened, Closed], 0, 0),
        ];
        for (events, with, without) in table {
            assert_eq!((fold(&line(events), true), fold(&line(events), false)), (with, without), "{events:?}");
        }
    }
}
