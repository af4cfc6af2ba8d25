//! An archive's answers for a terminal.

use automap_archive::Row;
use automap_archive::history::{Confirmed, Counted};
use automap_core::quantity::duration;
use automap_render::TextOptions;
use automap_render::table::{Align, Table};

use super::SimilarRow;

/// Causes of a period that are named; the others are counted.
const MAX_CAUSES: usize = 4;

/// A table of incidents, and how many there are.
pub(super) fn rows(rows: &[Row], options: &TextOptions) -> String {
    if rows.is_empty() {
        return "no incident\n".to_owned();
    }
    let mut table = Table::new([Align::Left; 6]);
    table.row(["OPENED", "LASTED", "SEVERITY", "CAUSE", "KIND", "ID"]);
    for row in rows {
        let lasted = row.closed.map_or_else(|| "open".to_owned(), |closed| duration(closed.ms() - row.onset.ms()));
        let kind = row.mechanism.clone().unwrap_or_default();
        table.row([
            options.zone.date_and_clock(row.opened),
            lasted,
            row.severity.clone(),
            cause(row),
            kind,
            row.id.clone(),
        ]);
    }
    format!("{}{} incidents\n", table.text(), rows.len())
}

fn cause(row: &Row) -> String {
    match (&row.confirmed, &row.cause) {
        (Some(confirmed), _) => format!("{confirmed} (confirmed)"),
        (None, Some(named)) => named.clone(),
        (None, None) => "not clear".to_owned(),
    }
}

/// A line for each period, and one for all of them.
pub(super) fn periods(periods: &[Counted], all: Option<&Counted>) -> String {
    let Some(all) = all else { return "no incident\n".to_owned() };
    let mut table = Table::new([Align::Left, Align::Right, Align::Right, Align::Left, Align::Left]);
    table.row(["FROM", "INCIDENTS", "FELT", "CAUSES", "CONFIRMED"]);
    for period in periods.iter().chain((periods.len() > 1).then_some(all)) {
        let is_all = std::ptr::eq(period, all);
        let from = if is_all { "all".to_owned() } else { period.from.clone() };
        let (incidents, felt) = (period.incidents.to_string(), period.felt.to_string());
        table.row([from, incidents, felt, causes(period), confirmed(&period.confirmed)]);
    }
    table.text()
}

/// `carts 3, payment 1, 2 not clear`.
fn causes(period: &Counted) -> String {
    let named = period.causes.iter().take(MAX_CAUSES).map(|c| format!("{} {}", c.service, c.incidents));
    let others: usize = period.causes.iter().skip(MAX_CAUSES).map(|c| c.incidents).sum();
    let others = (others > 0).then(|| format!("{others} others"));
    let unclear = (period.without_cause > 0).then(|| format!("{} not clear", period.without_cause));
    named.chain(others).chain(unclear).collect::<Vec<_>>().join(", ")
}

/// `5: 4 named rightly, 1 first and not named`.
fn confirmed(of: &Confirmed) -> String {
    let Confirmed { incidents, named_right, named_wrong, first_unnamed } = *of;
    if incidents == 0 {
        return "–".to_owned();
    }
    let others = incidents - named_right - named_wrong - first_unnamed;
    let parts = [
        (named_right, "named rightly"),
        (named_wrong, "another named"),
        (first_unnamed, "first and not named"),
        (others, "neither"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    format!("{incidents}: {}", parts.join(", "))
}

/// Similar incidents with their causes, and how many were searched.
pub(super) fn similar(found: &[SimilarRow], of_past: usize, options: &TextOptions) -> String {
    if found.is_empty() {
        return format!("none of {of_past} incidents has anything in common with it\n");
    }
    let mut table = Table::new([Align::Right, Align::Left, Align::Left, Align::Left, Align::Left]);
    table.row(["SIMILARITY", "OPENED", "CAUSE", "IN COMMON", "ID"]);
    for SimilarRow { similar, incident } in found {
        let opened = incident.as_ref().map_or_else(String::new, |row| options.zone.date_and_clock(row.opened));
        let cause = incident.as_ref().map_or_else(String::new, cause);
        let similarity = format!("{:.2}", similar.similarity);
        table.row([similarity, opened, cause, similar.shared.join(", "), similar.id.clone()]);
    }
    format!("{}among {of_past} incidents\n", table.text())
}
