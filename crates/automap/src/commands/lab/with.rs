//! `--with`: what runs beside the shop.

use automap_lab::surroundings::Surroundings;
use clap::ValueEnum;

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    /// An Istio ingress gateway that users come through.
    Gateway,
    /// A name server that applications query before they call.
    Dns,
    /// Exporters of the stores and the broker.
    Exporters,
    /// All of them.
    All,
}

/// All parts together.
pub(crate) fn surroundings(parts: &[With]) -> Surroundings {
    let has = |part| parts.iter().any(|p| *p == part || *p == With::All);
    Surroundings { gateway: has(With::Gateway), dns: has(With::Dns), exporters: has(With::Exporters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        let some = surroundings(&[With::Gateway, With::Exporters]);
        assert_eq!((some.gateway, some.dns, some.exporters), (true, false, true));
        assert_eq!(surroundings(&[With::All]), Surroundings::ALL);
        assert!(!surroundings(&[]).is_any());
    }
}
