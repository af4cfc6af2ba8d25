//! The metrics of istio-agent and Envoy about the certificate that a gateway presents to its peers.

use std::time::Duration;

/// Workload certificates are valid for a day, and renewed after half of it.
const VALID_FOR: Duration = Duration::from_secs(24 * 3600);
const SECONDS_PER_DAY: f64 = 24.0 * 3600.0;

/// The text for a proxy that has run for `running_for`; `expired_for`: the time since its certificate expired, if it has.
pub(super) fn exposition(running_for: Duration, expired_for: Option<Duration>) -> String {
    let half_s = VALID_FOR.as_secs_f64() / 2.0;
    let left_s = match expired_for {
        Some(since) => -since.as_secs_f64(),
        None => VALID_FOR.as_secs_f64() - running_for.as_secs_f64() % half_s,
    };
    let days = (left_s / SECONDS_PER_DAY).max(0.0).floor();
    format!(
        "# HELP istio_agent_cert_expiry_seconds The time remaining, in seconds, before the certificate chain will expire. A negative value \
         indicates the cert is expired.\n# TYPE istio_agent_cert_expiry_seconds gauge\n\
         istio_agent_cert_expiry_seconds{{resource_name=\"default\"}} {left_s:.3}\n\
         # TYPE envoy_server_days_until_first_cert_expiring gauge\nenvoy_server_days_until_first_cert_expiring{{}} {days}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_renewed_after_half_a_day_and_negative_once_expired() {
        let at = |hours: u64| exposition(Duration::from_secs(hours * 3600), None);
        assert!(at(1).contains("{resource_name=\"default\"} 82800.000\n"), "{}", at(1));
        assert!(at(13).contains("{resource_name=\"default\"} 82800.000\n"), "{}", at(13));
        let expired = exposition(Duration::from_secs(9), Some(Duration::from_secs(4)));
        assert!(expired.contains("} -4.000\n") && expired.ends_with("expiring{} 0\n"), "{expired}");
    }
}
