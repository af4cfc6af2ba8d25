//! Mutes for a terminal: when nobody is notified of which incidents.

use automap_core::time::Timestamp;

use crate::table::{Align, Table};
use crate::text_options::TextOptions;

/// One mute.
#[derive(Clone, Debug)]
pub struct MuteRow<'a> {
    /// Its id or name.
    pub id: &'a str,
    /// Where it comes from.
    pub origin: &'a str,
    /// Whether it applies now.
    pub is_active: bool,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Patterns of targets; empty: all.
    pub targets: &'a [String],
    /// Patterns of services; empty: all.
    pub services: &'a [String],
    /// Who made it.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// A table of mutes: state, beginning, end, what they cover, who made them and why.
pub fn mutes_text(mutes: &[MuteRow<'_>], options: &TextOptions) -> String {
    if mutes.is_empty() {
        return "nothing is muted\n".to_owned();
    }
    let mut table = Table::new([Align::Left; 9]);
    table.row(["STATE", "FROM", "UNTIL", "TARGETS", "SERVICES", "ORIGIN", "BY", "REASON", "ID"]);
    let list = |patterns: &[String]| if patterns.is_empty() { "all".to_owned() } else { patterns.join(", ") };
    for m in mutes {
        let state = if m.is_active { "active" } else { "later" }.to_owned();
        let time = |t| options.zone.date_and_clock(t);
        let [origin, by, reason, id] = [m.origin, m.by, m.reason, m.id].map(ToOwned::to_owned);
        table.row([state, time(m.from), time(m.until), list(m.targets), list(m.services), origin, by, reason, id]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_is_muted_and_until_when() {
        let from = Timestamp::from_ms(1_763_906_595_000);
        let row = MuteRow {
            id: "backup",
            origin: "configuration",
            is_active: true,
            from,
            until: from.plus_ms(3_600_000),
            targets: &[],
            services: &["*-db".to_owned()],
            by: "automap.yaml",
            reason: "weekly",
        };
        let expected = "STATE   FROM                 UNTIL                TARGETS  SERVICES  ORIGIN         BY            REASON  ID\n\
                        active  2025-11-23 14:03:15  2025-11-23 15:03:15  all      *-db      configuration  automap.yaml  weekly  backup\n";
        assert_eq!(mutes_text(&[row], &TextOptions::default()), expected);
        assert_eq!(mutes_text(&[], &TextOptions::default()), "nothing is muted\n");
    }
}
