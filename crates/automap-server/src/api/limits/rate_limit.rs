//! Limits the request rate of each client: a token bucket for each address. The table of buckets is bounded; clients that do not fit into it share
//! one bucket.
//!
//! Worked example: a limiter of 2 requests a second with a burst of 3 lets three requests through at once, refuses the fourth with "wait one
//! second", and lets one more through after half a second.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use parking_lot::Mutex;

/// Most clients with a bucket of their own; the others share one.
const MAX_CLIENTS: usize = 4096;

/// Token buckets by client.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    per_s: f64,
    burst: f64,
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimiter {
    /// Allows `burst` requests at once and `per_s` requests a second on average.
    pub(crate) fn new(per_s: f64, burst: f64) -> Self {
        Self { per_s, burst, buckets: Mutex::default() }
    }

    /// Takes one token of `client`.
    ///
    /// # Errors
    /// The whole seconds until the next token, when none is left.
    pub(crate) fn take(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        let mut buckets = self.buckets.lock();
        let key = self.key(&mut buckets, client, now);
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.burst, at: now });
        bucket.tokens = self.tokens(bucket, now);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(((1.0 - bucket.tokens) / self.per_s).ceil() as u64)
    }

    /// Returns the token that `client` took last.
    pub(crate) fn give_back(&self, client: IpAddr) {
        let mut buckets = self.buckets.lock();
        if let Some(bucket) = buckets.get_mut(&client_network(client)) {
            bucket.tokens = (bucket.tokens + 1.0).min(self.burst);
        }
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_s).min(self.burst)
    }

    /// The key of the bucket for `client`. When the table is full, buckets that have refilled are dropped first: they carry no information.
    fn key(&self, buckets: &mut BTreeMap<IpAddr, Bucket>, client: IpAddr, now: Instant) -> IpAddr {
        let key = client_network(client);
        if buckets.len() < MAX_CLIENTS || buckets.contains_key(&key) {
            return key;
        }
        buckets.retain(|_, b| self.tokens(b, now) < self.burst);
        if buckets.len() < MAX_CLIENTS { key } else { OVERFLOW }
    }
}

/// Stands for all clients without a bucket of their own; no client has this address.
const OVERFLOW: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The address that identifies a client. A provider hands out IPv6 by whole /64 networks, so addresses of one network are one client.
pub(crate) fn client_network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn v4(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn a_burst_then_a_rate_for_each_client() {
        let (rate, start) = (RateLimiter::new(2.0, 3.0), Instant::now());
        assert!((0..3).all(|_| rate.take(v4(1), start).is_ok()));
        assert_eq!(rate.take(v4(1), start), Err(1));
        rate.give_back(v4(1));
        assert!(rate.take(v4(1), start).is_ok() && rate.take(v4(1), start).is_err());
        assert!(rate.take(v4(2), start).is_ok(), "another client has its own");
        assert!(rate.take(v4(1), start + Duration::from_millis(500)).is_ok());
        assert!(rate.take(v4(1), start + Duration::from_millis(500)).is_err());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let (rate, start) = (RateLimiter::new(1.0, 1.0), Instant::now());
        assert!(rate.take("2001:db8::1".parse().unwrap(), start).is_ok());
        assert!(rate.take("2001:db8::ffff".parse().unwrap(), start).is_err());
        assert!(rate.take("2001:db8:0:1::1".parse().unwrap(), start).is_ok());
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_idle() {
        let (rate, start) = (RateLimiter::new(1.0, 2.0), Instant::now());
        for n in 1..MAX_CLIENTS as u32 + 100 {
            let _ = rate.take(v4(n), start);
        }
        let size = || rate.buckets.lock().len();
        assert!(size() <= MAX_CLIENTS + 1);
        assert!(rate.take(v4(u32::MAX), start).is_err(), "clients beyond the table share one bucket");
        assert_ne!(client_network("::1".parse().unwrap()), OVERFLOW, "this machine has a bucket of its own");
        rate.take(v4(u32::MAX), start + Duration::from_secs(10)).unwrap();
        assert!(size() < 10, "{}", size());
    }
}
