//! The wire under paused time: waits take no real time and are exact.

use super::*;
use crate::effect::Effect;

/// A wire between two in-memory ends, without sockets.
struct Bench {
    link: Arc<Link>,
    near: DuplexStream,
    far: DuplexStream,
}

impl Bench {
    fn new() -> Self {
        let link = Arc::new(Link::new("test"));
        let (near, into_pump) = duplex(SEND_BUFFER_BYTES);
        let (out_of_pump, far) = duplex(1 << 20);
        tokio::spawn(Egress::new(Arc::clone(&link), Some("payment")).pump(into_pump, out_of_pump));
        Self { link, near, far }
    }

    /// Milliseconds until `bytes` have arrived.
    async fn arrival_ms(&mut self, bytes: usize) -> u128 {
        let start = Instant::now();
        let mut buffer = vec![0; bytes];
        self.far.read_exact(&mut buffer).await.unwrap();
        start.elapsed().as_millis()
    }

    fn delay(&self, latency_ms: f64) {
        let effect = Effect::NetworkDelay { latency_ms, jitter_ms: 0.0, correlation_percent: 0.0, peers: None };
        self.link.apply("delay", effect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_wire_adds_nothing() {
    let mut bench = Bench::new();
    bench.near.write_all(&[1; 10_000]).await.unwrap();
    assert_eq!(bench.arrival_ms(10_000).await, 0);
    assert_eq!(bench.link.traffic().sent_bytes, 10_000);
}

#[tokio::test(start_paused = true)]
async fn delay_is_paid_once_per_burst_and_ends_on_a_live_connection() {
    let mut bench = Bench::new();
    bench.delay(100.0);
    bench.near.write_all(&[1; 10_000]).await.unwrap();
    let ms = bench.arrival_ms(10_000).await;
    assert!((100..=102).contains(&ms), "seven segments travel together, got {ms}");
    bench.link.end("delay");
    bench.near.write_all(&[1; 10]).await.unwrap();
    assert_eq!(bench.arrival_ms(10).await, 0);
}

#[tokio::test(start_paused = true)]
async fn later_bytes_never_overtake() {
    let mut bench = Bench::new();
    bench.delay(500.0);
    bench.near.write_all(b"first").await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    bench.link.end("delay");
    bench.near.write_all(b"second").await.unwrap();
    let mut buffer = [0; 11];
    bench.far.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"firstsecond");
}

#[tokio::test(start_paused = true)]
async fn a_partition_holds_bytes_until_the_retransmission_after_it_ends() {
    let mut bench = Bench::new();
    bench.near.write_all(b"hello").await.unwrap();
    bench.arrival_ms(5).await;
    bench.link.apply("cut", Effect::NetworkPartition { peers: None });
    bench.near.write_all(b"held").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(700), bench.arrival_ms(4)).await;
    assert!(early.is_err(), "nothing may pass a partition");
    bench.link.end("cut");
    // Sent at 0, retransmitted at 200, 600, 1400 ms: the first one after 700 ms gets through.
    let ms = bench.arrival_ms(4).await;
    assert!((699..=702).contains(&ms), "{ms}");
}

#[tokio::test(start_paused = true)]
async fn bandwidth_is_the_rate() {
    let mut bench = Bench::new();
    let effect = Effect::NetworkBandwidth { rate_bytes_per_s: 10_000, buffer_bytes: 1448, peers: None };
    bench.link.apply("slow", effect);
    bench.near.write_all(&[1; 21_448]).await.unwrap();
    let ms = bench.arrival_ms(21_448).await;
    assert!((1990..=2010).contains(&ms), "{ms}");
}

#[tokio::test(start_paused = true)]
async fn closing_delivers_what_is_under_way_first() {
    let mut bench = Bench::new();
    bench.delay(100.0);
    bench.near.write_all(b"bye").await.unwrap();
    drop(bench.near);
    let mut all = Vec::new();
    bench.far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"bye");
}
