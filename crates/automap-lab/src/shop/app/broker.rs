//! The stand-in for RabbitMQ: bounded queues in memory. A full queue drops its oldest message, as RabbitMQ does by default for queues with a
//! maximum length.
//!
//! Left out: acknowledgements, exchanges, durability.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::context::App;
use super::records::{self, Command, Operation, Reply};
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

/// Serves the broker for ever.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>) {
    let broker = Arc::new(Broker::default());
    records::serve(listener, move |command| answer(Arc::clone(&app), Arc::clone(&broker), command)).await;
}

async fn answer(app: Arc<App>, broker: Arc<Broker>, command: Command) -> Reply {
    match command.operation {
        Operation::Publish => {
            app.work().await;
            broker.publish(command.key, command.value)
        }
        Operation::Consume => {
            let message = broker.consume(&command.key).await;
            app.work().await;
            message.map_or(Reply::Missing, Reply::Found)
        }
        Operation::Get | Operation::Put | Operation::Delete => Reply::Failed,
    }
}

impl Broker {
    fn publish(&self, name: String, message: Bytes) -> Reply {
        let mut queues = locked(&self.queues);
        if queues.len() >= MAX_QUEUES && !queues.contains_key(&name) {
            return Reply::Failed;
        }
        let queue = queues.entry(name).or_default();
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
            broker.publish("q".to_owned(), Bytes::from_static(message.as_bytes()));
        }
        assert_eq!(broker.consume("q").await.unwrap(), "a");
        assert_eq!(broker.consume("q").await.unwrap(), "b");
        assert_eq!(broker.consume("q").await, None);
    }

    #[test]
    fn a_full_queue_drops_its_oldest_message() {
        let broker = Broker::default();
        for n in 0..=MAX_MESSAGES {
            broker.publish("q".to_owned(), Bytes::from(n.to_string()));
        }
        assert_eq!(broker.take("q").unwrap(), "1");
    }
}
