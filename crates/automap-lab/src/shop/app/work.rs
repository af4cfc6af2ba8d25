//! The cost of a request: CPU time that is really used, and a wait that stands for locks, disks and garbage collection.

use std::hash::{DefaultHasher, Hasher};
use std::hint::black_box;
use std::time::Duration;

use super::cpu_limiter::CpuLimiter;
use crate::shop::clock::thread_cpu_time;

/// CPU time between two requests for admission.
const SLICE: Duration = Duration::from_micros(100);
/// Bytes hashed between two readings of the clock.
const BLOCK: [u8; 1024] = [0x5a; 1024];

/// Mean cost of one request of a component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) cpu_us: f64,
    pub(super) wait_ms: f64,
}

/// The cost of a component's request. The Java services are the heavy ones, as in the original.
pub(super) fn cost_of(component: &str) -> Cost {
    let (cpu_us, wait_ms) = match component {
        "front-end" => (500.0, 1.0),
        "orders" => (900.0, 2.0),
        "carts" | "shipping" | "queue-master" => (600.0, 1.5),
        "catalogue" | "user" | "payment" => (350.0, 1.0),
        "session-db" | "rabbitmq" => (100.0, 0.2),
        _ => (250.0, 1.0),
    };
    Cost { cpu_us, wait_ms }
}

/// Burns CPU time of this thread, in slices that the CPU limiter admits.
pub(super) fn burn(cpu_limiter: &CpuLimiter, total: Duration) {
    let mut left = total;
    while !left.is_zero() {
        cpu_limiter.admit();
        let slice = left.min(SLICE);
        burn_slice(slice);
        left = left.saturating_sub(slice);
    }
}

fn burn_slice(slice: Duration) {
    let end = thread_cpu_time() + slice;
    let mut hasher = DefaultHasher::new();
    while thread_cpu_time() < end {
        hasher.write(&BLOCK);
    }
    black_box(hasher.finish());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burning_takes_cpu_time_and_not_just_time() {
        let before = thread_cpu_time();
        burn(&CpuLimiter::unlimited(), Duration::from_millis(5));
        assert!(thread_cpu_time() - before >= Duration::from_millis(5));
    }
}
