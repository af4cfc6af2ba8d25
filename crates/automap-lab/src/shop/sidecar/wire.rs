//! The network side of a connection: a TCP stream whose outgoing bytes are delayed or lost as [`Link`] decides.
//!
//! Reads pass straight through. Writes go into a bounded buffer; a separate task cuts them into segments, gives each a departure time and
//! keeps their order, so that a late segment delays those behind it, as in TCP. When effects start or end, they apply to the segments that
//! depart from then on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, Join, ReadBuf, duplex, join};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::link::{self, Link};

/// A connection across the network.
pub(super) type Wire = Join<CountedReads<OwnedReadHalf>, DuplexStream>;

/// Payload of one Ethernet-sized TCP segment.
const SEGMENT_BYTES: usize = 1448;
/// How much a connection buffers before its writer must wait, not counting the segments in flight: its send buffer.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Segments in flight.
const MAX_SEGMENTS: usize = 256;
/// How long a closed connection keeps trying to deliver its buffered data.
const LINGER: Duration = Duration::from_secs(60);

/// Puts the faulty network between us and `peer`.
pub(super) fn over(stream: TcpStream, link: Arc<Link>, peer: Option<&'static str>) -> Wire {
    let (reader, writer) = stream.into_split();
    let (near, far) = duplex(SEND_BUFFER_BYTES);
    tokio::spawn(Egress::new(Arc::clone(&link), peer).pump(far, writer));
    join(CountedReads { inner: reader, link }, near)
}

/// The sending half of one connection.
struct Egress {
    link: Arc<Link>,
    peer: Option<&'static str>,
    changes: watch::Receiver<()>,
    queue: VecDeque<Segment>,
    /// The first segment stands for the handshake.
    rto: Duration,
}

struct Segment {
    bytes: Vec<u8>,
    first_sent: Instant,
    departs: Instant,
    rto: Duration,
}

impl Egress {
    fn new(link: Arc<Link>, peer: Option<&'static str>) -> Self {
        Self { changes: link.changes(), link, peer, queue: VecDeque::new(), rto: link::RTO_HANDSHAKE }
    }

    /// Moves bytes until the near side has closed and all is sent, or the far side breaks.
    async fn pump<R, W>(mut self, mut near: R, mut far: W)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = [0; SEGMENT_BYTES];
        let mut give_up: Option<Instant> = None;
        while give_up.is_none() || !self.queue.is_empty() {
            let may_read = give_up.is_none() && self.queue.len() < MAX_SEGMENTS;
            tokio::select! {
                read = near.read(&mut buffer), if may_read => match read {
                    Ok(n) if n > 0 => self.enqueue(&buffer[..n]),
                    _ => give_up = Some(Instant::now() + LINGER),
                },
                () = self.departure(), if !self.queue.is_empty() => {
                    // A peer that has stopped reading is treated as gone.
                    let sent = timeout(LINGER, self.send_first(&mut far)).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
                () = sleep_until(give_up.unwrap_or_else(Instant::now)), if give_up.is_some() => return,
            }
        }
        // The peer may be gone already; then the reply has no recipient.
        let _closed = far.shutdown().await;
    }

    fn enqueue(&mut self, bytes: &[u8]) {
        let now = Instant::now();
        let delay = self.link.delay(self.peer, bytes.len(), self.rto, now);
        let after_those_before = self.queue.back().map_or(now, |last| last.departs);
        let departs = (now + delay).max(after_those_before);
        self.queue.push_back(Segment { bytes: bytes.to_vec(), first_sent: now, departs, rto: self.rto });
        self.rto = link::RTO;
    }

    /// Waits until the first segment may leave. May be dropped and called again at any time.
    async fn departure(&mut self) {
        let Some(first) = self.queue.front_mut() else { return };
        loop {
            if Instant::now() < first.departs {
                sleep_until(first.departs).await;
            }
            self.changes.mark_unchanged();
            if !self.link.is_partitioned(self.peer) {
                return;
            }
            // The link outlives the wait, so the sender still exists.
            let _changed = self.changes.changed().await;
            first.departs = link::next_retransmission(first.first_sent, first.rto, Instant::now());
        }
    }

    async fn send_first<W: AsyncWrite + Unpin>(&mut self, far: &mut W) -> std::io::Result<()> {
        if let Some(segment) = self.queue.pop_front() {
            self.link.count_sent(segment.bytes.len());
            far.write_all(&segment.bytes).await?;
        }
        Ok(())
    }
}

/// Counts what arrives from the network.
#[derive(Debug)]
pub(super) struct CountedReads<R> {
    inner: R,
    link: Arc<Link>,
}

impl<R: AsyncRead + Unpin> AsyncRead for CountedReads<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let bytes = buf.filled().len() - before;
        self.link.count_received(bytes, bytes.div_ceil(SEGMENT_BYTES));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
