//! What was discovered, as text.

use std::fmt::Write as _;

use automap_sources::prometheus::ClusterSeen;

use super::{ChangesSeen, Discovery, listed};
use crate::coverage_table;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// The presets, then the signals of every service, then what is missing and what cannot be diagnosed without it, then what surrounds the services.
pub(super) fn text(discovery: &Discovery, is_coloured: bool) -> String {
    let paint = |colour: &str, text: String| if is_coloured { format!("{colour}{text}{PLAIN}") } else { text };
    let mut out = format!("{}\n\n", discovery.source);
    let width = |of: fn(&super::PresetFound) -> usize| discovery.presets.iter().map(of).max().unwrap_or(0);
    let (name, title) = (width(|p| p.preset.len()), width(|p| p.title.len()));
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{:<9}  {:<name$}  {:<title$}  {:>6}", "", "PRESET", "SYSTEM", "SERIES");
    for preset in &discovery.presets {
        let colour = match preset.state {
            "used" => GREEN,
            "left_out" | "elsewhere" => YELLOW,
            "failed" => RED,
            _ => PLAIN,
        };
        let state = paint(colour, format!("{:<9}", preset.state.replace('_', " ")));
        let series = if preset.series == 0 { "-".to_owned() } else { preset.series.to_string() };
        let remark = match (preset.remark.as_str(), preset.state) {
            ("", "used") => preset.covers.as_str(),
            (remark, _) => remark,
        };
        let line = format!("{state}  {:<name$}  {:<title$}  {series:>6}  {remark}", preset.preset, preset.title);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    write_clusters(&mut out, &discovery.clusters);
    if discovery.services.is_empty() {
        return out;
    }
    out.push('\n');
    coverage_table::write(&mut out, &discovery.signals, &discovery.services, is_coloured);
    out.push_str("\nMissing signals, and what cannot be diagnosed without them\n");
    for missing in &discovery.missing {
        let whose = if missing.everywhere { "every service".to_owned() } else { listed(&missing.services) };
        let _ = writeln!(out, "  {:<8}  {whose}\n            → {}", missing.signal.as_str(), missing.costs);
    }
    if discovery.missing.is_empty() {
        out.push_str("  none: every service has every signal\n");
    }
    for gap in &discovery.not_checked {
        let _ = writeln!(out, "  {}: {}", gap.signal, gap.reason);
    }
    if !discovery.surroundings.is_empty() {
        out.push_str("\nAround the services\n");
    }
    for surrounding in &discovery.surroundings {
        let _ = writeln!(out, "  {}", surrounding.line());
    }
    write_changes(&mut out, &discovery.changes);
    out
}

/// The clusters to choose from; one alone is no choice.
fn write_clusters(out: &mut String, clusters: &[ClusterSeen]) {
    if clusters.len() < 2 {
        return;
    }
    out.push_str("\nClusters, to choose with --cluster\n");
    for cluster in clusters {
        let mark = if cluster.is_looked_at { "checked" } else { "" };
        let _ = writeln!(out, "{}", format!("  {mark:<9}  {}", cluster.name).trim_end());
    }
}

/// Kinds of change that cannot be observed, by what they need.
fn write_changes(out: &mut String, changes: &[ChangesSeen]) {
    let mut unseen: Vec<(&str, Vec<&str>)> = Vec::new();
    for change in changes.iter().filter(|change| !change.is_seen) {
        match unseen.iter_mut().find(|(needs, _)| *needs == change.needs) {
            Some((_, kinds)) => kinds.push(change.kind.words()),
            None => unseen.push((change.needs, vec![change.kind.words()])),
        }
    }
    if unseen.is_empty() {
        return;
    }
    out.push_str("\nChanges that cannot be observed, and what they need\n");
    for (needs, kinds) in unseen {
        let _ = writeln!(out, "  {}\n            → {needs}", kinds.join(", "));
    }
}
