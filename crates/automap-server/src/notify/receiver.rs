//! The services that can be notified, one file each. A receiver turns a message into its service's request and reports the outcome.

mod alertmanager;
mod cloudevents;
mod dingtalk;
mod feishu;
mod grafana;
mod pagerduty;
mod robot;
mod service;
mod slack;
mod webhook;
mod wecom;

use serde::Deserialize;

use super::guard::refused_host;
use super::http::HttpOptions;
use crate::address::without_credentials;
use crate::secret::SecretSource;
use service::Receiver;

pub use alertmanager::Alertmanager;
pub use cloudevents::CloudEvents;
pub use dingtalk::DingTalk;
pub use feishu::Feishu;
pub use grafana::Grafana;
pub use pagerduty::PagerDuty;
pub use slack::Slack;
pub use webhook::Webhook;
pub use wecom::WeCom;

/// What a receiver is. In YAML one key: `to: {slack: {webhook: {env: SLACK_URL}}}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Prometheus' Alertmanager.
    Alertmanager(Alertmanager),
    /// Slack.
    Slack(Slack),
    /// PagerDuty.
    PagerDuty(PagerDuty),
    /// Grafana annotations.
    Grafana(Grafana),
    /// Anything that takes CloudEvents over HTTP.
    CloudEvents(CloudEvents),
    /// Anything that takes JSON.
    Webhook(Webhook),
    /// A robot of a WeCom group.
    WeCom(WeCom),
    /// A robot of a Feishu or Lark group.
    Feishu(Feishu),
    /// A robot of a DingTalk group.
    DingTalk(DingTalk),
}

impl Kind {
    pub(super) fn receiver(&self) -> &dyn Receiver {
        match self {
            Self::Alertmanager(r) => r,
            Self::Slack(r) => r,
            Self::PagerDuty(r) => r,
            Self::Grafana(r) => r,
            Self::CloudEvents(r) => r,
            Self::Webhook(r) => r,
            Self::WeCom(r) => r,
            Self::Feishu(r) => r,
            Self::DingTalk(r) => r,
        }
    }

    pub(crate) fn secrets(&self) -> Vec<(&'static str, &SecretSource)> {
        self.receiver().secrets()
    }

    pub(crate) fn urls(&self) -> Vec<&str> {
        self.receiver().urls()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.receiver().check()
    }
}

/// An address in the configuration: http or https, no credentials in it, no host that is always refused.
pub(super) fn check_url(url: &str, http: &HttpOptions) -> Result<(), String> {
    let shown = without_credentials(url);
    let parsed: ureq::http::Uri = url.parse().map_err(|_| format!("{shown} is not an address"))?;
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return Err(format!("{shown} is not an http or https address"));
    }
    if parsed.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err("the address holds credentials; give a token from a file or the environment".to_owned());
    }
    refused_host(parsed.host().unwrap_or_default(), http.allowed()).map_or(Ok(()), Err)
}
