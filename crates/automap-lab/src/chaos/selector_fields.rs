//! The fields that choose pods, common to all kinds and to the target of network faults: `selector`, `mode` and `value`.

use super::experiment::{Mode, Selector};
use super::fields::{ChaosError, Fields};
use super::quantity;

pub(super) fn selector(parent: &Fields, path: &str) -> Result<Selector, ChaosError> {
    let selector = parent.object("selector", path)?;
    selector.only(&["namespaces", "labelSelectors"])?;
    Ok(Selector { namespaces: selector.texts("namespaces")?, labels: selector.pairs("labelSelectors")? })
}

pub(super) fn mode(parent: &Fields) -> Result<Mode, ChaosError> {
    let needs_value = |key: &str| parent.wrong("value", format!("is required with mode {key}"));
    let word =
        parent.word("mode", &["one", "all", "fixed", "fixed-percent", "random-max-percent"].map(|w| (w, w)), None)?;
    let share = || parent.read_opt("value", quantity::percent)?.ok_or_else(|| needs_value(word));
    match word {
        "one" | "all" if parent.has("value") => Err(parent.wrong("value", format!("has no meaning with mode {word}"))),
        "one" => Ok(Mode::One),
        "all" => Ok(Mode::All),
        "fixed" => {
            let text = parent.text_opt("value")?.ok_or_else(|| needs_value(word))?;
            let count = text.parse().ok().filter(|n| *n > 0);
            count.map(Mode::Fixed).ok_or_else(|| parent.wrong("value", format!("{text:?} is not a number of pods")))
        }
        "fixed-percent" => Ok(Mode::FixedPercent(share()?)),
        _ => Ok(Mode::RandomMaxPercent(share()?)),
    }
}
