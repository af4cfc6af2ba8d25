//! Delays packets of a netfilter queue, or drops them: `netdelay QUEUE DELAY_MS JITTER_MS LOSS_PERCENT`.

use std::collections::BinaryHeap;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nfq::{Message, Queue, Verdict};

/// Packets held at a time, as netem's `limit`; further ones pass at once.
const MAX_HELD: usize = 10_000;
/// Maximum lateness of a released packet.
const GRAIN: Duration = Duration::from_micros(500);

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [queue_number, delay_ms, jitter_ms, loss_percent] = args.as_slice() else {
        return Err("netdelay QUEUE DELAY_MS JITTER_MS LOSS_PERCENT".into());
    };
    let (delay_ms, jitter_ms): (f64, f64) = (delay_ms.parse()?, jitter_ms.parse()?);
    let loss: f64 = loss_percent.parse()?;
    let mut queue = Queue::open()?;
    let number: u16 = queue_number.parse()?;
    queue.bind(number)?;
    queue.set_queue_max_len(number, u32::try_from(MAX_HELD)?)?;
    queue.set_nonblocking(true);

    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut order: BinaryHeap<Reverse<(Instant, u64)>> = BinaryHeap::new();
    let mut held: BTreeMap<u64, Message> = BTreeMap::new();
    let mut arrived = 0;
    loop {
        match queue.recv() {
            Ok(mut packet) => {
                let is_lost = random.unit() * 100.0 < loss;
                packet.set_verdict(if is_lost { Verdict::Drop } else { Verdict::Accept });
                let late_ms = delay_ms + jitter_ms * (2.0 * random.unit() - 1.0);
                if is_lost || late_ms <= 0.0 || held.len() >= MAX_HELD {
                    queue.verdict(packet)?;
                } else {
                    arrived += 1;
                    order.push(Reverse((Instant::now() + Duration::from_secs_f64(late_ms / 1e3), arrived)));
                    held.insert(arrived, packet);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(GRAIN),
            Err(error) => return Err(error.into()),
        }
        while let Some(Reverse((due, key))) = order.peek().copied() {
            if due > Instant::now() {
                break;
            }
            order.pop();
            if let Some(packet) = held.remove(&key) {
                queue.verdict(packet)?;
            }
        }
    }
}

/// xorshift: the same packets are treated the same in every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
