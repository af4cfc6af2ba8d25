//! Names and files that become queries.
//!
//! Whatever the name of a namespace, the query around it stays the same: outside its strings it reads like the one for `shop` or, with several
//! namespaces and patterns, like theirs.

use std::sync::LazyLock;

use automap_core::time::Timestamp;
use automap_sources::prometheus::{NamespaceSpec, ObserveOptions, PlannedQuery, Presets, explain_queries};

use crate::text;

const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

fn queries(namespace: &str, presets: &Presets) -> Vec<PlannedQuery> {
    let options = ObserveOptions {
        scrape_interval_ms: Some(15_000),
        ..ObserveOptions::new(namespace, NOW.plus_ms(-3_600_000), NOW, NOW)
    };
    explain_queries(&options, presets)
}

/// The query with every string replaced by two quotes; `None` if a string or a bracket is not closed.
fn skeleton(promql: &str) -> Option<String> {
    let (mut out, mut open) = (String::new(), Vec::new());
    let mut rest = promql.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\'' | '`' => {
                loop {
                    match rest.next()? {
                        '\\' if c != '`' => drop(rest.next()?),
                        end if end == c => break,
                        '\n' if c != '`' => return None,
                        _ => {}
                    }
                }
                out.extend([c, c]);
                continue;
            }
            '(' | '[' | '{' => open.push(c),
            ')' if open.pop() != Some('(') => return None,
            ']' if open.pop() != Some('[') => return None,
            '}' if open.pop() != Some('{') => return None,
            _ => {}
        }
        out.push(c);
    }
    open.is_empty().then_some(out)
}

/// A namespace inside every built-in expression.
pub(crate) fn namespace(data: &[u8]) {
    static PLAIN: LazyLock<[Vec<Option<String>>; 3]> = LazyLock::new(|| {
        let of = |spec: &str| queries(spec, &Presets::default()).iter().map(|q| skeleton(&q.promql)).collect();
        ["shop", "bank,shop", "bank,team-*"].map(of)
    });
    let Some(name) = text(data).filter(|name| name.len() <= 1000) else { return };
    let kind = match NamespaceSpec::parse(name).is_one() {
        true => 0,
        false if name.contains('*') => 2,
        false => 1,
    };
    let found = queries(name, &Presets::default());
    assert_eq!(found.len(), PLAIN[kind].len());
    for (query, wanted) in found.iter().zip(PLAIN[kind].iter()) {
        assert!(wanted.is_some());
        assert_eq!(&skeleton(&query.promql), wanted, "{:?} leaves its string in {}", name, query.promql);
    }
}

/// A file of presets, and the queries made from it.
pub(crate) fn presets(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(presets) = Presets::default().with("presets.yaml", text) else { return };
    for query in queries("shop", &presets) {
        assert!(!query.promql.is_empty());
        assert!(
            !query.promql.contains("$NS") && !query.promql.contains("$RATE"),
            "a placeholder is left: {}",
            query.promql
        );
    }
}
