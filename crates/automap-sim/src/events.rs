//! Future events, in order of time; events in the same microsecond are ordered by when they were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Microseconds since the start.
pub(crate) type Micros = u64;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A user sends a request.
    User,
    /// A request reaches a service.
    Arrive(Id),
    /// A slice of work is done.
    Worked(Id),
    /// The resource that a request waited for (a disk, a lock) is available.
    Resume(Id),
    /// The answer to an attempt reaches its caller.
    Reply(Id, bool),
    /// The caller of an attempt gives up.
    Timeout(Id),
    /// A failed attempt is made again.
    Retry(Id),
    /// A service that was down is up again.
    Back(u32),
    /// A service has this many pods from now on.
    Scaled(u32, u32),
    /// A metrics endpoint is read.
    Scrape(u32),
    /// Processor shares are evaluated, and faults begin and end.
    Tick,
}

/// A slot in a slab that is reused, and a counter of its uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) place: u32,
    pub(crate) turn: u32,
}

/// Events that have not happened yet.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Micros, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse((at, self.planned, event)));
    }

    pub(crate) fn next(&mut self) -> Option<(Micros, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

/// Values in reusable slots. An id of an earlier use finds nothing.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn put(&mut self, value: T) -> Id {
        if let Some(place) = self.free.pop() {
            let (turn, slot) = &mut self.places[place as usize];
            *slot = Some(value);
            return Id { place, turn: *turn };
        }
        self.places.push((0, Some(value)));
        Id { place: self.places.len() as u32 - 1, turn: 0 }
    }

    pub(crate) fn get(&mut self, id: Id) -> Option<&mut T> {
        let (turn, slot) = self.places.get_mut(id.place as usize)?;
        if *turn == id.turn { slot.as_mut() } else { None }
    }

    pub(crate) fn take(&mut self, id: Id) -> Option<T> {
        let (turn, slot) = self.places.get_mut(id.place as usize)?;
        if *turn != id.turn {
            return None;
        }
        let value = slot.take()?;
        *turn = turn.wrapping_add(1);
        self.free.push(id.place);
        Some(value)
    }

    /// Those in use that match, in the order of their slots.
    pub(crate) fn find(&self, fits: impl Fn(&T) -> bool) -> Vec<Id> {
        let used = self.places.iter().enumerate();
        used.filter(|(_, (_, slot))| slot.as_ref().is_some_and(&fits))
            .map(|(place, (turn, _))| Id { place: place as u32, turn: *turn })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_time_happen_as_planned() {
        let mut agenda = Agenda::default();
        agenda.plan(5, Event::Tick);
        agenda.plan(3, Event::User);
        agenda.plan(5, Event::Back(1));
        let all: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        assert_eq!(all, [(3, Event::User), (5, Event::Tick), (5, Event::Back(1))]);
    }

    #[test]
    fn an_id_of_an_earlier_use_finds_nothing() {
        let mut slab = Slab::new();
        let first = slab.put('a');
        assert_eq!(slab.take(first), Some('a'));
        let second = slab.put('b');
        assert_eq!(first.place, second.place);
        assert!(slab.get(first).is_none() && slab.take(first).is_none());
        assert_eq!(slab.get(second), Some(&mut 'b'));
        assert_eq!(slab.find(|c| *c == 'b'), [second]);
    }
}
