//! Messages: published to a broker by its callers, and processed by another service asynchronously.
//!
//! A message waits in the broker until a worker of the consumer is free; nobody waits for it to be processed. A full broker refuses further messages,
//! which its publishers feel. Messages that a consumer was processing when it died are requeued. Left out: order, deadlines, several consumers, and
//! retries after an error.

use super::Fleet;
use super::requests::Request;

impl Fleet<'_> {
    /// A broker stores a message, if there is room.
    pub(super) fn keep(&mut self, broker: usize) -> bool {
        let has_room = self.pods[broker].messages < self.plan.services[broker].holds;
        self.pods[broker].messages += usize::from(has_room);
        has_room
    }

    /// The consumer takes waiting messages, as far as it has free workers.
    pub(super) fn deliver(&mut self, consumer: usize) {
        let plan = &self.plan.services[consumer];
        let Some(broker) = plan.consumes else { return };
        let is_reached = |i: usize| self.pods[i].is_up && !self.pods[i].effect.is_cut_off;
        let is_there = is_reached(consumer) && is_reached(broker) && !self.pods[consumer].effect.is_idle;
        self.pods[broker].has_consumer = is_there;
        while is_there && self.pods[broker].messages > 0 && self.pods[consumer].free_workers(plan) > 0 {
            self.pods[broker].messages -= 1;
            let message = self.requests.put(Request::new(consumer, None, self.now));
            self.arrive(message);
        }
    }

    /// Messages of a consumer that died are requeued.
    pub(super) fn give_back(&mut self, consumer: usize, messages: usize) {
        if let Some(broker) = self.plan.services[consumer].consumes {
            self.pods[broker].messages += messages;
        }
    }
}
