//! The protocol of the stores and the broker: a length, followed by one command or one reply, over a persistent connection.
//!
//! ```text
//! command: u32 length | u8 operation | u16 length of key | key | value
//! reply:   u32 length | u8 status    | value                            (numbers big-endian)
//! ```

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longer messages end the connection.
pub(super) const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// The type of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Get,
    Put,
    Delete,
    Publish,
    Consume,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) operation: Operation,
    /// A record's key or a queue's name.
    pub(super) key: String,
    pub(super) value: Bytes,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Done; with the requested value.
    Found(Bytes),
    /// No such record, or the queue is empty.
    Missing,
    /// The server could not do it.
    Failed,
}

impl Command {
    fn encode(&self) -> BytesMut {
        let mut out = BytesMut::with_capacity(8 + self.key.len() + self.value.len());
        out.put_u32((3 + self.key.len() + self.value.len()) as u32);
        out.put_u8(self.operation as u8);
        out.put_u16(self.key.len() as u16);
        out.put_slice(self.key.as_bytes());
        out.put_slice(&self.value);
        out
    }

    pub(super) fn decode(mut message: Bytes) -> Option<Self> {
        let operations = [Operation::Get, Operation::Put, Operation::Delete, Operation::Publish, Operation::Consume];
        let operation = *operations.get(usize::from(message.try_get_u8().ok()?))?;
        let key_length = usize::from(message.try_get_u16().ok()?);
        if message.len() < key_length {
            return None;
        }
        let key = String::from_utf8(message.split_to(key_length).to_vec()).ok()?;
        Some(Self { operation, key, value: message })
    }
}

impl Reply {
    pub(super) fn encode(&self) -> BytesMut {
        let (status, value) = match self {
            Self::Found(value) => (0, value.as_ref()),
            Self::Missing => (1, [].as_slice()),
            Self::Failed => (2, [].as_slice()),
        };
        let mut out = BytesMut::with_capacity(5 + value.len());
        out.put_u32(1 + value.len() as u32);
        out.put_u8(status);
        out.put_slice(value);
        out
    }

    fn decode(mut message: Bytes) -> Option<Self> {
        match message.try_get_u8().ok()? {
            0 => Some(Self::Found(message)),
            1 => Some(Self::Missing),
            2 => Some(Self::Failed),
            _ => None,
        }
    }
}

/// Sends a command and waits for its reply.
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    command: &Command,
) -> io::Result<Reply> {
    stream.write_all(&command.encode()).await?;
    stream.flush().await?;
    Reply::decode(read_message(stream).await?).ok_or_else(malformed)
}

pub(super) async fn read_message<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Bytes> {
    let length = stream.read_u32().await? as usize;
    if length > MAX_MESSAGE_BYTES {
        return Err(malformed());
    }
    let mut message = BytesMut::zeroed(length);
    stream.read_exact(&mut message).await?;
    Ok(message.freeze())
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a message of the shop's stores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_survives_the_wire() {
        let (mut client, mut server) = tokio::io::duplex(1024);
        let command =
            Command { operation: Operation::Put, key: "cart:é".to_owned(), value: Bytes::from_static(b"[1]") };
        let expected = command.clone();
        let served = tokio::spawn(async move {
            let got = Command::decode(read_message(&mut server).await.unwrap());
            server.write_all(&Reply::Found(Bytes::from_static(b"v")).encode()).await.unwrap();
            got
        });
        assert_eq!(exchange(&mut client, &command).await.unwrap(), Reply::Found(Bytes::from_static(b"v")));
        assert_eq!(served.await.unwrap(), Some(expected));
    }

    #[test]
    fn malformed_messages_are_refused() {
        for message in [&b""[..], b"\x09\0\0", b"\0\0\x05ab", b"\0\0\x01\xff"] {
            assert_eq!(Command::decode(Bytes::copy_from_slice(message)), None, "{message:?}");
        }
    }
}
