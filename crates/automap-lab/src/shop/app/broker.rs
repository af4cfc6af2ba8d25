//! The stand-in for RabbitMQ: bounded queues in memory. A full queue drops its oldest message, as RabbitMQ does by default for queues with a
//! maximum length.
//!
//! Left out: acknowledgements, exchanges, durability.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::context::App;
use super::counters::QueueCounters;
use super::record_server;
use super::records::{Command, Operation, Reply};
use crate::shop::locked;

/// Queues that exist at a time.
const MAX_QUEUES: usize = 16;
/// Messages of one queue.
const MAX_MESSAGES: usize = 10_000;
/// How long a consumer waits for a message before it gets "none" and asks again.
const CONSUME_WAIT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Broker {
    queues: Mutex<BTreeMap<String, VecDeque<Bytes>>>,
    published: Notify,
}

/// Serves the broker forever.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>) {
    let broker = Arc::new(Broker::default());
    let sessions = Arc::clone(&app);
    record_server::serve(listener, &sessions, move |connection, command| {
        answer(Arc::clone(&app), Arc::clone(&broker), connection, command)
    })
    .await;
}

async fn answer(app: Arc<App>, broker: Arc<Broker>, connection: u64, command: Command) -> Reply {
    match command.operation {
        Operation::Publish => {
            app.work().await;
            let (queue, limit) = (command.key.clone(), app.effects.queue_limit());
            let reply = broker.publish(command.key, command.value, limit);
            broker.count(&app, &queue, |counters| counters.published += u64::from(reply != Reply::Failed));
            reply
        }
        Operation::Consume => {
            broker.count(&app, &command.key, |counters| counters.ask(connection, Instant::now()));
            let message = broker.consume(&command.key).await;
            broker.count(&app, &command.key, |_| {});
            app.work().await;
            message.map_or(Reply::Missing, Reply::Found)
        }
        Operation::Get | Operation::Put | Operation::Delete => Reply::Failed,
    }
}

impl Broker {
    /// Counts an event of a queue, and updates its current length.
    fn count(&self, app: &App, name: &str, change: impl FnOnce(&mut QueueCounters)) {
        let Some(ready) = locked(&self.queues).get(name).map(VecDeque::len) else { return };
        let mut all = locked(&app.counters.queues);
        let counters = all.entry(name.to_owned()).or_default();
        counters.ready = ready as u64;
        change(counters);
    }

    /// `limit`: messages that a queue holds before it rejects more (`overflow: reject-publish`); `None`: the oldest is dropped.
    fn publish(&self, name: String, message: Bytes, limit: Option<u32>) -> Reply {
        let mut queues = locked(&self.queues);
        if queues.len() >= MAX_QUEUES && !queues.contains_key(&name) {
            return Reply::Failed;
        }
        let queue = queues.entry(name).or_default();
        if limit.is_some_and(|max| queue.len() >= max as usize) {
            return Reply::Failed;
        }
        if queue.len() >= MAX_MESSAGES {
            queue.pop_front();
        }
        queue.push_back(message);
        self.published.notify_one();
        Reply::Found(Bytes::new())
    }

    async fn consume(&self, name: &str) -> Option<Bytes> {
        let wait = async {
            loop {
                // Registered before the queue is checked, so that no message is missed in between.
                let published = self.published.notified();
                if let Some(message) = self.take(name) {
                    return message;
                }
                published.await;
            }
        };
        timeout(CONSUME_WAIT, wait).await.ok()
    }

    fn take(&self, name: &str) -> Option<Bytes> {
        locked(&self.queues).get_mut(name)?.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_come_in_order_and_an_empty_queue_says_so() {
        let broker = Broker::default();
        for message in ["a", "b"] {
            broker.publish("q".to_owned(), Bytes::from_static(message.as_bytes()), None);
        }
        assert_eq!(broker.consume("q").await.unwrap(), "a");
        assert_eq!(broker.consume("q").await.unwrap(), "b");
        assert_eq!(broker.consume("q").await, None);
    }

    #[test]
    fn a_full_queue_drops_its_oldest_message() {
        let broker = Broker::default();
        for n in 0..=MAX_MESSAGES {
            broker.publish("q".to_owned(), Bytes::from(n.to_string()), None);
        }
        assert_eq!(broker.take("q").unwrap(), "1");
    }

    #[test]
    fn a_bounded_queue_refuses_what_is_too_much() {
        let broker = Broker::default();
        let publish = || broker.publish("q".to_owned(), Bytes::from_static(b"m"), Some(2));
        assert_eq!([publish(), publish(), publish()].map(|reply| reply == Reply::Failed), [false, false, true]);
        assert!(broker.take("q").is_some() && publish() != Reply::Failed);
    }
}
