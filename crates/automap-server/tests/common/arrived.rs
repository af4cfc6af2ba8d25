//! Compares what a receiver got with the store's records: every message once by its key, and in order.

use std::collections::BTreeMap;

use automap_server::store::{DeliveryState, Event, Store};

use super::server::Server;

/// The messages that arrived, and how many of those in the store were delivered and folded.
pub(crate) struct Arrived {
    bodies: BTreeMap<String, Vec<u8>>,
    /// Messages that came twice under their key.
    pub(crate) repeated: u64,
    pub(crate) delivered: u64,
    pub(crate) folded: u64,
    /// Messages kept for the next start.
    pub(crate) waiting: u64,
}

impl Arrived {
    /// The messages of a receiver. A repeated one has the same body, and none comes after a later revision of its incident.
    pub(crate) fn at(receiver: &Server) -> Self {
        let mut arrived = Self { bodies: BTreeMap::new(), repeated: 0, delivered: 0, folded: 0, waiting: 0 };
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for request in receiver.seen() {
            let key = request.header("idempotency-key").unwrap().to_owned();
            let (id, revision) = (key.split('/').next().unwrap(), key.split('/').nth(1).unwrap().parse().unwrap());
            if let Some(before) = arrived.bodies.insert(key.clone(), request.body.clone()) {
                assert_eq!(before, request.body, "{key} came twice and was not the same");
                arrived.repeated += 1;
            }
            let before = last.insert(id.to_owned(), revision).unwrap_or(0);
            assert!(before <= revision, "{key} came after revision {before}");
        }
        arrived
    }

    /// Checks the messages of an incident: delivered ones arrived, only updates were folded, none was given up. Returns their keys.
    pub(crate) fn check(&mut self, store: &dyn Store, incident: &str) -> Vec<String> {
        let records = store.deliveries(incident).unwrap();
        for record in &records {
            let key = &record.message.key;
            match record.state {
                DeliveryState::Delivered => {
                    assert!(self.bodies.contains_key(key), "{key} never arrived");
                    self.delivered += 1;
                }
                DeliveryState::Folded => {
                    assert_eq!(record.event, Event::Updated, "{key}");
                    self.folded += 1;
                }
                DeliveryState::Waiting => self.waiting += 1,
                state => panic!("{key} is {state:?}: {:?}", record.error),
            }
        }
        records.into_iter().map(|record| record.message.key).collect()
    }
}
