//! The binary for cargo-fuzz: one for all targets, so that it is linked only once. `AUTOMAP_FUZZ` names the target; `scripts/fuzz.sh` runs them all.
#![no_main]

use std::sync::OnceLock;

use automap_fuzz::{Check, TARGETS, forgive_decoders};
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<Check> = OnceLock::new();

fn chosen() -> Check {
    forgive_decoders();
    let name = std::env::var("AUTOMAP_FUZZ").unwrap_or_default();
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => target.check,
        None => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            unreachable!("AUTOMAP_FUZZ is {name:?}; it names one of {}", names.join(", "))
        }
    }
}

fuzz_target!(|data: &[u8]| CHOSEN.get_or_init(chosen)(data));
