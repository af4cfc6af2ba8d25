//! Tests over the whole command line: shared flags mean the same everywhere, every verb's help is complete, and docs/cli.md is
//! what the command line says. They see every verb, so they need every feature.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command};

use super::exit_codes::{self, EXIT_CODES};

/// Set to write docs/cli.md instead of comparing it.
const UPDATE: &str = "AUTOMAP_UPDATE_DOCS";

/// A verb with its full name, such as `chaos score`.
struct Verb {
    name: String,
    command: Command,
}

/// All verbs that a user can call, without groups such as `chaos` and without hidden ones.
fn verbs() -> Vec<Verb> {
    fn collect(command: &Command, path: &str, out: &mut Vec<Verb>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let name = if path.is_empty() { sub.get_name().to_owned() } else { format!("{path} {}", sub.get_name()) };
            match sub.has_subcommands() {
                true => collect(sub, &name, out),
                false => out.push(Verb { name, command: sub.clone() }),
            }
        }
    }
    let mut out = Vec::new();
    collect(&super::command(), "", &mut out);
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| arg.get_long().is_some() && !arg.is_hide_set())
}

/// `-f, --file FILE`.
fn spelling(arg: &Arg) -> String {
    let short = arg.get_short().map_or_else(String::new, |short| format!("-{short}, "));
    format!("{short}--{}{}", arg.get_long().unwrap_or_default(), value(arg))
}

fn value(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names = arg.get_value_names().map(|names| names.join(" "));
    format!(" {}", names.unwrap_or_else(|| arg.get_id().as_str().to_uppercase()))
}

#[test]
fn a_flag_means_the_same_for_every_verb() {
    let mut spellings: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut shorts: BTreeMap<char, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for verb in verbs() {
        for arg in flags(&verb.command) {
            let long = arg.get_long().unwrap().to_owned();
            spellings.entry(long.clone()).or_default().entry(spelling(arg)).or_default().push(verb.name.clone());
            if let Some(short) = arg.get_short() {
                shorts.entry(short).or_default().entry(long).or_default().push(verb.name.clone());
            }
        }
    }
    let differing: Vec<_> = spellings.into_iter().filter(|(_, spellings)| spellings.len() > 1).collect();
    assert!(differing.is_empty(), "one flag is spelt in several ways: {differing:#?}");
    let ambiguous: Vec<_> = shorts.into_iter().filter(|(_, longs)| longs.len() > 1).collect();
    assert!(ambiguous.is_empty(), "one letter stands for several flags: {ambiguous:#?}");
}

/// On one line, however long the lines of the help are.
fn unwrapped(help: &str) -> String {
    help.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_verb_says_what_it_is_then_how_to_use_it_and_how_it_ends() {
    for mut verb in verbs() {
        let help = verb.command.render_long_help().to_string();
        let about = verb.command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(
            !about.is_empty() && unwrapped(&help).starts_with(&about),
            "{}: the help begins with what it is:\n{help}",
            verb.name
        );
        let codes = exit_codes::of(&verb.name).unwrap_or_else(|| panic!("{} has no row in EXIT_CODES", verb.name));
        assert!(help.trim_end().ends_with(&codes.help()), "{}: the help ends with the exit codes:\n{help}", verb.name);
        if let Some(examples) = help.find("Examples:") {
            assert!(examples < help.find("Usage:").unwrap(), "{}: examples stand before the usage", verb.name);
        }
    }
}

#[test]
fn the_table_of_exit_codes_holds_the_verbs_and_nothing_else() {
    let names: Vec<String> = verbs().into_iter().map(|verb| verb.name).collect();
    let table: Vec<&str> = EXIT_CODES.iter().map(|codes| codes.verb).collect();
    assert_eq!(names, table);
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let expected = reference();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/cli.md differs from the command line: run {UPDATE}=1 cargo test -p automap --bin automap"
    );
}

fn reference() -> String {
    let verbs = verbs();
    let mut out = format!(
        "# Flags and exit codes\n\nGenerated from the command line by `{UPDATE}=1 cargo test -p automap --bin automap`; a test \
         compares it. `automap VERB --help` says more.\n\n## Verbs\n\nEvery verb ends with 0 when it is done and with 2 for wrong \
         usage, a wrong file or a wrong name.\n\n| verb | what it does | 1 | 3 | 4 | 130 |\n|---|---|---|---|---|---|\n"
    );
    for verb in &verbs {
        let about = verb.command.get_about().map(ToString::to_string).unwrap_or_default();
        let meanings = exit_codes::of(&verb.name).map(|codes| codes.meanings()).unwrap_or_default();
        let cell = |code: u8| meanings.iter().find(|(c, _)| *c == code).map_or("–", |(_, text)| *text);
        writeln!(out, "| `{}` | {about} | {} | {} | {} | {} |", verb.name, cell(1), cell(3), cell(4), cell(130))
            .unwrap();
    }
    out.push_str("\n## Flags\n\nA flag means the same for every verb that has it.\n\n| flag | meaning | verbs |\n|---|---|---|\n");
    let mut rows: BTreeMap<String, (String, String, Vec<&str>)> = BTreeMap::new();
    for verb in &verbs {
        for arg in flags(&verb.command) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let row = rows.entry(arg.get_long().unwrap().to_owned());
            row.or_insert_with(|| (spelling(arg), help, Vec::new())).2.push(&verb.name);
        }
    }
    for (spelling, help, of) in rows.values() {
        let of = if of.len() == verbs.len() { "all".to_owned() } else { of.join(", ") };
        let help = help.replace('|', "\\|").replace('<', "\\<").replace('\n', " ");
        writeln!(out, "| `{}` | {help} | {of} |", spelling.replace('|', "\\|")).unwrap();
    }
    out
}
