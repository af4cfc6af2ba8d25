//! Lists every query of an observation for users who want to read them before anything is sent.

use std::collections::BTreeMap;

use super::changes::{self, Gateway};
use super::discover::{self, Found};
use super::look::once_queries;
use super::namespaces;
use super::native;
use super::nodes;
use super::observe_options::{ObserveOptions, PlannedQuery};
use super::plan;
use super::presets::{Exporter, Presets};
use super::promql::{self, Values};
use super::query::Grid;
use super::scope::{NamespaceSpec, Scope};
use super::scrape;
use super::window;

/// Used if no scrape interval is given: the default of Istio and most tutorials.
const SHOWN_SCRAPE_MS: i64 = 15_000;
/// Marks queries that need Prometheus 3.
const QUOTED: &str = " (labels with dots)";

/// Every query of an observation, without sending one; those of a preset are sent only if it is found.
///
/// The rate window follows from the given scrape interval and step; an observation determines them if they are unset.
pub fn explain_queries(options: &ObserveOptions, presets: &Presets) -> Vec<PlannedQuery> {
    let scrape_ms = options.scrape_interval_ms.unwrap_or(SHOWN_SCRAPE_MS).max(1);
    let span_ms = options.to.ms().saturating_sub(options.from.ms()).max(scrape_ms);
    let step_ms = options.step_ms.unwrap_or_else(|| window::usual_step(span_ms, scrape_ms)).max(scrape_ms);
    let rate_ms = window::rate_ms(step_ms, scrape_ms);
    let spec = NamespaceSpec::parse(&options.namespace);
    let namespace = if spec.is_one() { Scope::from(options.namespace.as_str()) } else { spec.scope() };
    let values = Values { namespace, cluster: None, rate_ms, span_ms, only: None };
    let query = |purpose: String, promql| PlannedQuery { purpose, promql };
    let probe = |e: &&'static Exporter| {
        query(format!("look for {} (preset {})", e.title, e.preset), discover::probe(e, &values.namespace))
    };
    let exporters = presets.exporters();
    let mut out: Vec<PlannedQuery> = exporters.iter().map(probe).collect();
    // Servers before Prometheus 3 refuse quoted labels.
    let of_namespaces = exporters.iter().copied().filter(|e| e.outside.is_none());
    let (quoted, plain): (Vec<_>, Vec<_>) = of_namespaces.partition(|e| e.quotes_names);
    for (which, exporters) in [("", plain), (QUOTED, quoted)].into_iter().filter(|(_, all)| !all.is_empty()) {
        let all = |queries: &[String]| promql::join(queries);
        let counting = all(&scrape::counting_query(&exporters, &values.namespace));
        out.push(query(format!("scrape interval, where the server lists no targets{which}"), counting));
        let (_, twice) = scrape::scraper_queries(&exporters, &values.namespace, &BTreeMap::new());
        if !twice.is_empty() {
            out.push(query(format!("who scrapes the same pods, of the exporters found{which}"), all(&twice)));
        }
        out.push(query(format!("namespaces, where ours is unknown{which}"), all(&namespaces::listing(&exporters))));
    }
    let once = promql::join(&once_queries(&values, &Found::default()));
    out.push(query("owners of pods, services and their workloads".to_owned(), once));
    let nodes = nodes::explain(&values).into_iter();
    out.extend(nodes.map(|(purpose, promql)| query(purpose.to_owned(), promql)));
    if options.changes {
        let grid = Grid { start: options.from, end: options.to, step_ms };
        let gateways = Gateway::among(exporters, &values, &BTreeMap::new());
        let all = changes::explain(&values, grid, gateways).into_iter();
        out.extend(all.map(|(purpose, promql)| query(purpose.to_owned(), promql)));
    }
    for exporter in exporters {
        let told = |exporter: &&'static Exporter, remark: &str| {
            let requests = plan::requests([exporter], &values, &BTreeMap::new()).into_iter().map(|request| {
                let names: Vec<&str> = request.signals.iter().map(|p| p.signal.name).collect();
                query(format!("{} (preset {}{remark})", names.join(", "), exporter.preset), request.promql)
            });
            requests.collect::<Vec<_>>()
        };
        let classic = told(exporter, "");
        if let Some(native) = &exporter.native {
            let look = format!("look for native histograms of {} (preset {})", exporter.title, exporter.preset);
            out.push(query(look, native::query(exporter, native, &values.namespace)));
            let mut with_native = told(&native.exporter, ", native histograms");
            with_native.retain(|q| classic.iter().all(|known| known.promql != q.promql));
            out.extend(with_native);
        }
        out.extend(classic);
    }
    out
}
