//! A session with RabbitMQ: publishing with confirms, and a consumer that takes one message at a time.
//!
//! The broker's pod declares the queue; publishers and consumers expect it to exist.

use std::fmt;
use std::io;
use std::time::Duration;

use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicPublishArguments, BasicQosArguments, Channel,
    ConfirmSelectArguments, ConsumerMessage, QueueDeclareArguments, QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{Ack, BasicProperties, Cancel, CloseChannel, FieldTable, FieldValue, Nack, Return};
use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::super::records::{Command, Operation, Reply};
use crate::shop::http::Local;

/// RabbitMQ's default account, which is restricted to this machine.
const GUEST: &str = "guest";
/// How long a consumer waits for a message before it reports that there is none.
const CONSUME_WAIT: Duration = Duration::from_secs(1);
/// Messages that a queue keeps before the oldest is dropped.
const MAX_MESSAGES: u32 = 10_000;

/// A session.
pub(crate) struct Session {
    channel: Channel,
    /// Whether the broker accepted each published message, in order.
    confirmed: UnboundedReceiver<bool>,
    consumer: Option<UnboundedReceiver<ConsumerMessage>>,
    /// Ends with the session.
    _connection: Connection,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects.
    pub(crate) async fn open(address: Local) -> io::Result<Self> {
        let arguments = OpenConnectionArguments::new(&address.ip().to_string(), address.port_number(), GUEST, GUEST);
        let connection = Connection::open(&arguments).await.map_err(io::Error::other)?;
        let channel = connection.open_channel(None).await.map_err(io::Error::other)?;
        let (sender, confirmed) = unbounded_channel();
        channel.register_callback(Confirmations(sender)).await.map_err(io::Error::other)?;
        channel.confirm_select(ConfirmSelectArguments::default()).await.map_err(io::Error::other)?;
        Ok(Self { channel, confirmed, consumer: None, _connection: connection })
    }

    pub(super) async fn run(&mut self, command: &Command) -> io::Result<Reply> {
        match command.operation {
            Operation::Publish => self.publish(&command.key, command.value.to_vec()).await,
            Operation::Consume => self.consume(&command.key).await,
            Operation::Get | Operation::Put | Operation::Delete => Ok(Reply::Failed),
        }
    }

    async fn publish(&mut self, queue: &str, message: Vec<u8>) -> io::Result<Reply> {
        // The default exchange uses the queue's name as routing key.
        let arguments = BasicPublishArguments::new("", queue);
        self.channel.basic_publish(BasicProperties::default(), message, arguments).await.map_err(io::Error::other)?;
        match self.confirmed.recv().await {
            Some(true) => Ok(Reply::Found(Bytes::new())),
            Some(false) => Ok(Reply::Failed),
            None => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        }
    }

    async fn consume(&mut self, queue: &str) -> io::Result<Reply> {
        if self.consumer.is_none() {
            self.channel.basic_qos(BasicQosArguments::new(0, 1, false)).await.map_err(io::Error::other)?;
            let arguments = BasicConsumeArguments::new(queue, "");
            let (_tag, messages) = self.channel.basic_consume_rx(arguments).await.map_err(io::Error::other)?;
            self.consumer = Some(messages);
        }
        let Some(messages) = &mut self.consumer else { return Ok(Reply::Missing) };
        match timeout(CONSUME_WAIT, messages.recv()).await {
            Err(_elapsed) if self.channel.is_open() => Ok(Reply::Missing),
            Ok(Some(ConsumerMessage { deliver: Some(deliver), content, .. })) => {
                let arguments = BasicAckArguments::new(deliver.delivery_tag(), false);
                self.channel.basic_ack(arguments).await.map_err(io::Error::other)?;
                Ok(Reply::Found(content.unwrap_or_default().into()))
            }
            // The queue was deleted, or the broker is gone.
            _ => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        }
    }

    /// Declares the queue again, with room for `limit` messages before it rejects more; `None`: the oldest is dropped when there are very many.
    pub(crate) async fn declare(&mut self, queue: &str, limit: Option<u32>) -> io::Result<()> {
        self.channel.queue_delete(QueueDeleteArguments::new(queue)).await.map_err(io::Error::other)?;
        let mut arguments = FieldTable::new();
        let mut put = |name: &str, value| {
            if let Ok(name) = name.try_into() {
                arguments.insert(name, value);
            }
        };
        put("x-max-length", FieldValue::l(limit.unwrap_or(MAX_MESSAGES).into()));
        if limit.is_some() {
            put("x-overflow", FieldValue::from("reject-publish".to_owned()));
        }
        let declare = QueueDeclareArguments::new(queue).arguments(arguments).finish();
        self.channel.queue_declare(declare).await.map(drop).map_err(io::Error::other)
    }
}

/// Forwards the confirms. Everything else that the broker reports shows in later operations.
struct Confirmations(UnboundedSender<bool>);

#[async_trait::async_trait]
impl amqprs::callbacks::ChannelCallback for Confirmations {
    async fn close(&mut self, _: &Channel, _: CloseChannel) -> Result<(), amqprs::error::Error> {
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), amqprs::error::Error> {
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, amqprs::error::Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, _: Ack) {
        // No receiver is left once the session is over.
        let _ = self.0.send(true);
    }

    async fn publish_nack(&mut self, _: &Channel, _: Nack) {
        let _ = self.0.send(false);
    }

    async fn publish_return(&mut self, _: &Channel, _: Return, _: BasicProperties, _: Vec<u8>) {}
}
