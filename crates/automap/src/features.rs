//! Verbs and options that a build may lack, and the cargo feature for each.
//!
//! clap reports what was not compiled in as unknown; a user who read about it in the documentation needs to know why it is
//! missing.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Verbs, and the features that they need.
const VERBS: &[(&str, &[&str])] = &[
    ("chaos", &["chaos"]),
    ("config", &["server"]),
    ("confirm", &["server"]),
    ("drill", &["lab"]),
    ("eval", &["eval"]),
    ("incidents", &["server"]),
    ("lab", &["lab"]),
    ("mcp", &["server"]),
    ("mutes", &["server"]),
    ("record", &["kubernetes"]),
    ("serve", &["server"]),
    ("sim", &["eval"]),
    ("soak", &["lab", "server"]),
    ("ui", &["server"]),
    ("watch", &["server"]),
];

/// Options, and the features that they need.
const OPTIONS: &[(&str, &[&str])] = &[
    ("--chaos-namespace", &["kubernetes"]),
    ("--kubernetes", &["kubernetes"]),
    ("--config", &["server"]),
    ("--context", &["kubernetes"]),
    ("--keep", &["lab"]),
    ("--kept", &["server"]),
    ("--kubeconfig", &["kubernetes"]),
    ("--lab", &["lab"]),
    ("--live", &["lab"]),
    ("--no-history", &["server"]),
    ("--open", &["lab", "server"]),
    ("--server", &["server"]),
    ("--server-ca", &["server"]),
    ("--store", &["server"]),
];

/// One line about a verb or option that exists but was not compiled in; `None` for every other error.
pub(crate) fn explain_missing(error: &clap::Error) -> Option<String> {
    let (kind, table) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, VERBS),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, OPTIONS),
        _ => return None,
    };
    let Some(ContextValue::String(typed)) = error.get(kind) else { return None };
    let (name, features) = table.iter().find(|(name, _)| typed == name)?;
    Some(message(name, features))
}

fn message(name: &str, features: &[&str]) -> String {
    let s = if features.len() == 1 { "" } else { "s" };
    format!(
        "`{name}` is not part of this build; it comes with the cargo feature{s} `{}`: cargo install --path crates/automap --features {}",
        features.join("` and `"),
        features.join(",")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_verb_names_its_features() {
        let expected = "`soak` is not part of this build; it comes with the cargo features `lab` and `server`: \
                        cargo install --path crates/automap --features lab,server";
        assert_eq!(message("soak", &["lab", "server"]), expected);
    }
}
