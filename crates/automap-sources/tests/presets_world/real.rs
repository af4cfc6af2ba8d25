//! A Prometheus of our own, with past data.

use std::path::Path;

use automap_sources::prometheus::{Client, ClientOptions};

use super::Series;

use crate::prometheus::Prometheus;

/// The server; it ends and its data is deleted on drop.
pub(crate) struct Real(Prometheus);

impl Real {
    /// `None` if Prometheus is not installed. In continuous integration that fails instead.
    pub(crate) fn start(name: &str, series: &Series) -> Option<Self> {
        Prometheus::backfilled(&format!("presets-{name}"), &series.text()).map(Self)
    }

    /// A Prometheus at this path that scrapes instead, with settings of the scrape configuration.
    pub(crate) fn scraping(program: &Path, target_port: u16, settings: &str) -> Self {
        let target = format!("static_configs: [{{targets: ['127.0.0.1:{target_port}']}}]");
        let global = "global: {scrape_interval: 100ms, scrape_timeout: 100ms}";
        let job = format!("{{job_name: x, honor_labels: true, {settings}, {target}}}");
        let config = format!("{global}\nscrape_configs: [{job}]\n");
        let features = ["--enable-feature=native-histograms"];
        Self(Prometheus::start(program, Prometheus::dir("presets-scraping"), &config, &features))
    }

    pub(crate) fn options(&self) -> ClientOptions {
        ClientOptions::new(self.0.url())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }
}
