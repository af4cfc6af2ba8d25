//! The model of the pod's network: the active network effects, and the delay or loss that they cause for each segment. It does not use sockets;
//! [`wire`](super::wire) applies it.
//!
//! As with `tc netem` on a pod's interface, only outgoing traffic is affected: requests on connections that the pod opened, responses on those
//! that it accepted. TCP hides losses behind retransmissions, so a loss is a delay here. Simplified: every loss waits for the retransmission
//! timer (no fast retransmit, since the shop's messages fit into one or two segments), lost acknowledgements cost nothing, and jitter never
//! reorders what a connection delivers.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::effect::Effect;
use crate::shop::locked;
use automap_core::random::Rng;

/// First retransmission timer of Linux for an open connection.
pub(super) const RTO: Duration = Duration::from_millis(200);
/// The same for a connection that is being opened.
pub(super) const RTO_HANDSHAKE: Duration = Duration::from_secs(1);
/// Retransmissions of one segment; Linux gives up after 15 (`tcp_retries2`).
const MAX_RETRANSMISSIONS: i32 = 15;
/// The longest wait between two retransmissions (`TCP_RTO_MAX`).
const RTO_MAX: Duration = Duration::from_secs(120);

/// The network interface of the pod.
#[derive(Debug)]
pub(super) struct Link {
    state: Mutex<LinkState>,
    changed: watch::Sender<()>,
    sent_bytes: AtomicU64,
    sent_packets: AtomicU64,
    received_bytes: AtomicU64,
    received_packets: AtomicU64,
}

#[derive(Debug)]
struct LinkState {
    rng: Rng,
    active: BTreeMap<String, ActiveEffect>,
}

/// Bytes and packets of the pod so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) sent_bytes: u64,
    pub(super) sent_packets: u64,
    pub(super) received_bytes: u64,
    pub(super) received_packets: u64,
}

/// An effect with its state between segments.
#[derive(Debug)]
struct ActiveEffect {
    effect: Effect,
    since: Instant,
    last_random: f64,
    tokens_bytes: f64,
    refilled: Option<Instant>,
}

impl Link {
    pub(super) fn new(name: &str) -> Self {
        Self {
            // The choice of lost segments need not be reproducible: the operating system's timing is not either.
            state: Mutex::new(LinkState { rng: Rng::named(0, name), active: BTreeMap::new() }),
            changed: watch::Sender::new(()),
            sent_bytes: AtomicU64::new(0),
            sent_packets: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            received_packets: AtomicU64::new(0),
        }
    }

    /// How long a segment of `bytes` to `peer` needs beyond the time of a healthy network, without partitions.
    pub(super) fn delay(&self, peer: Option<&str>, bytes: usize, rto: Duration, now: Instant) -> Duration {
        let LinkState { rng, active } = &mut *locked(&self.state);
        active.values_mut().filter(|a| hits(&a.effect, peer)).map(|a| a.delay(rng, bytes, rto, now)).sum()
    }

    /// Whether no packet reaches `peer`.
    pub(super) fn is_partitioned(&self, peer: Option<&str>) -> bool {
        locked(&self.state).active.values().any(|a| hits(&a.effect, peer) && is_total(&a.effect))
    }

    /// How long its certificate has been expired, so that no peer accepts a new connection from it.
    pub(super) fn certificate_expired_for(&self) -> Option<Duration> {
        let state = locked(&self.state);
        let since = state.active.values().filter(|a| a.effect == Effect::CertificateExpired).map(|a| a.since.elapsed());
        since.max()
    }

    /// Completes when the certificate expires, or at once if it has.
    pub(super) async fn certificate_expires(&self) {
        let mut changes = self.changes();
        while self.certificate_expired_for().is_none() {
            // The sender lives as long as `self`.
            let _changed = changes.changed().await;
        }
    }

    /// Notifies when effects start or end.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn effects(&self) -> BTreeMap<String, Effect> {
        locked(&self.state).active.iter().map(|(id, a)| (id.clone(), a.effect.clone())).collect()
    }

    pub(super) fn apply(&self, id: &str, effect: Effect) {
        let active =
            ActiveEffect { effect, since: Instant::now(), last_random: 0.5, tokens_bytes: 0.0, refilled: None };
        locked(&self.state).active.insert(id.to_owned(), active);
        self.changed.send_replace(());
    }

    pub(super) fn end(&self, id: &str) -> bool {
        let existed = locked(&self.state).active.remove(id).is_some();
        self.changed.send_replace(());
        existed
    }

    pub(super) fn count_sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.sent_packets.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_received(&self, bytes: usize, packets: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.received_packets.fetch_add(packets as u64, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
            sent_packets: self.sent_packets.load(Ordering::Relaxed),
            received_bytes: self.received_bytes.load(Ordering::Relaxed),
            received_packets: self.received_packets.load(Ordering::Relaxed),
        }
    }
}

/// The next retransmission after a partition has healed: the timer kept doubling during the partition.
pub(super) fn next_retransmission(first_sent: Instant, rto: Duration, now: Instant) -> Instant {
    let mut due = first_sent + rto;
    let mut timer = rto;
    for _ in 0..MAX_RETRANSMISSIONS {
        if due > now {
            break;
        }
        timer = (timer * 2).min(RTO_MAX);
        due += timer;
    }
    due.max(now)
}

fn is_total(effect: &Effect) -> bool {
    match effect {
        Effect::NetworkPartition { .. } => true,
        Effect::NetworkLoss { loss_percent, .. } => *loss_percent >= 100.0,
        _ => false,
    }
}

fn hits(effect: &Effect, peer: Option<&str>) -> bool {
    let (Effect::NetworkDelay { peers, .. }
    | Effect::NetworkLoss { peers, .. }
    | Effect::NetworkPartition { peers }
    | Effect::NetworkBandwidth { peers, .. }) = effect
    else {
        return false;
    };
    peers.as_ref().is_none_or(|names| peer.is_some_and(|p| names.iter().any(|n| n == p)))
}

impl ActiveEffect {
    fn delay(&mut self, rng: &mut Rng, bytes: usize, rto: Duration, now: Instant) -> Duration {
        match self.effect {
            Effect::NetworkDelay { latency_ms, jitter_ms, correlation_percent, .. } => {
                let u = self.correlated(rng, correlation_percent);
                millis(latency_ms + jitter_ms * (2.0 * u - 1.0))
            }
            Effect::NetworkLoss { loss_percent, correlation_percent, .. } if loss_percent < 100.0 => {
                self.retransmissions(rng, loss_percent, correlation_percent, rto)
            }
            Effect::NetworkBandwidth { rate_bytes_per_s, buffer_bytes, .. } => {
                self.queue_for_tokens(bytes as f64, rate_bytes_per_s as f64, buffer_bytes as f64, now)
            }
            _ => Duration::ZERO,
        }
    }

    /// A random number correlated with the one before, as `netem` computes it: a weighted mean, so not exactly uniform.
    fn correlated(&mut self, rng: &mut Rng, correlation_percent: f64) -> f64 {
        let rho = (correlation_percent / 100.0).clamp(0.0, 1.0);
        self.last_random = rho * self.last_random + (1.0 - rho) * rng.unit();
        self.last_random
    }

    fn retransmissions(&mut self, rng: &mut Rng, loss: f64, correlation: f64, rto: Duration) -> Duration {
        let mut waited = Duration::ZERO;
        let mut timer = rto;
        for _ in 0..MAX_RETRANSMISSIONS {
            if self.correlated(rng, correlation) * 100.0 >= loss {
                break;
            }
            waited += timer;
            timer = (timer * 2).min(RTO_MAX);
        }
        waited
    }

    /// A token bucket whose tokens may go below zero: the debt is the queue.
    fn queue_for_tokens(&mut self, bytes: f64, rate: f64, buffer: f64, now: Instant) -> Duration {
        let since = self.refilled.replace(now).map(|last| now.duration_since(last).as_secs_f64());
        self.tokens_bytes = since.map_or(buffer, |s| (self.tokens_bytes + s * rate).min(buffer)) - bytes;
        millis(-self.tokens_bytes / rate.max(1.0) * 1000.0)
    }
}

/// Negative and impossible values count as zero.
fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(effect: Effect) -> Link {
        let link = Link::new("test");
        link.apply("e", effect);
        link
    }

    #[test]
    fn delay_stays_within_its_jitter_and_hits_named_peers_only() {
        let peers = Some(vec!["user".to_owned()]);
        let link = link(Effect::NetworkDelay { latency_ms: 100.0, jitter_ms: 10.0, correlation_percent: 50.0, peers });
        let now = Instant::now();
        for _ in 0..100 {
            let ms = link.delay(Some("user"), 100, RTO, now).as_secs_f64() * 1000.0;
            assert!((90.0..=110.0).contains(&ms), "{ms}");
        }
        assert_eq!(link.delay(Some("carts"), 100, RTO, now), Duration::ZERO);
        assert_eq!(link.delay(None, 100, RTO, now), Duration::ZERO);
    }

    #[test]
    fn loss_costs_retransmission_timers_in_the_right_share() {
        let link = link(Effect::NetworkLoss { loss_percent: 25.0, correlation_percent: 0.0, peers: None });
        let now = Instant::now();
        let delays: Vec<_> = (0..8000).map(|_| link.delay(None, 100, RTO, now)).collect();
        let share = delays.iter().filter(|d| !d.is_zero()).count() as f64 / 8000.0;
        assert!((share - 0.25).abs() < 0.02, "{share}");
        // 200 ms, then 200 + 400, then 200 + 400 + 800.
        assert!(delays.iter().all(|d| [0, 200, 600, 1400].contains(&d.as_millis()) || d.as_millis() >= 3000));
    }

    #[test]
    fn bandwidth_lets_the_bucket_through_and_then_the_rate() {
        let link = link(Effect::NetworkBandwidth { rate_bytes_per_s: 1000, buffer_bytes: 2000, peers: None });
        let now = Instant::now();
        assert_eq!(link.delay(None, 2000, RTO, now), Duration::ZERO);
        assert_eq!(link.delay(None, 500, RTO, now), Duration::from_millis(500));
        assert_eq!(link.delay(None, 500, RTO, now), Duration::from_secs(1));
        assert_eq!(link.delay(None, 500, RTO, now + Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn total_loss_is_a_partition() {
        assert!(
            link(Effect::NetworkLoss { loss_percent: 100.0, correlation_percent: 0.0, peers: None })
                .is_partitioned(None)
        );
        let link = link(Effect::NetworkPartition { peers: Some(vec!["user".to_owned()]) });
        assert!(link.is_partitioned(Some("user")) && !link.is_partitioned(Some("carts")));
        assert!(link.end("e") && !link.is_partitioned(Some("user")));
    }

    #[test]
    fn retransmission_follows_the_doubled_timer() {
        let start = Instant::now();
        let at = |ms| next_retransmission(start, RTO, start + Duration::from_millis(ms)) - start;
        assert_eq!([at(0), at(300), at(1000)].map(|d| d.as_millis()), [200, 600, 1400]);
    }
}
