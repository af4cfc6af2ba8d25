//! Configurations as people write them.

use automap_server::notify::NotifyConfig;

/// One receiver `r` and one route `chat` to it; `to` is the receiver's YAML, `more` further lines of the route.
pub(crate) fn one(to: &str, more: &str) -> NotifyConfig {
    yaml(&format!(
        "external_url: https://automap.example.org/\nhttp: {{allow_loopback: true, timeout_s: 1}}\n\
         retry: {{max_attempts: 4, max_age_h: 1, max_pause_s: 60}}\n\
         receivers:\n  - name: r\n    to: {to}\nroutes:\n  - {{name: chat, receiver: r{more}}}\n\
         owners:\n  - {{service: 'pay*', team: payments, runbook: 'https://wiki/pay', dashboard: 'https://grafana/d/pay'}}\n"
    ))
}

pub(crate) fn yaml(text: &str) -> NotifyConfig {
    let config: NotifyConfig = serde_saphyr::from_str(text).unwrap();
    assert_eq!(config.check(), []);
    config
}
