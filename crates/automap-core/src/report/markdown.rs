//! The page for an incident channel.

use super::dossier::{Dossier, PageOptions, wording};

/// Renders the page.
pub fn markdown(dossier: &Dossier, options: &PageOptions) -> String {
    wording::why(&dossier.report, options)
}
