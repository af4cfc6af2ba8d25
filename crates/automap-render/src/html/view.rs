//! The input of every section of the page.

use automap_core::dossier::Dossier;

use crate::clock::Zone;

/// The incident, and the zone in which its times are shown.
pub(super) struct View<'a> {
    pub(super) dossier: &'a Dossier,
    pub(super) zone: Zone,
}
