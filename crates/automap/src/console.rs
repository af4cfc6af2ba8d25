//! Standard output is data, standard error is for people.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::fold;

/// A message for the user.
pub(crate) fn say(line: &str) {
    // Progress that nobody can read is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Data. A reader that has seen enough, like `head`, is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// An answer for people, its long lines folded where standard output is a terminal.
pub(crate) fn print_answer(text: &str) -> Result<()> {
    let width = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    match width.map(|(width, _)| usize::from(width.0)) {
        Some(width) if width >= fold::MIN_WIDTH => print(&fold::fold(text, width)),
        _ => print(text),
    }
}

/// Whether standard output shows colours, by `NO_COLOR`, `TERM` and whether it is a terminal.
pub(crate) fn color(choice: Color) -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var_os("TERM").is_some_and(|v| v == "dumb");
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stdout().is_terminal() && !plain,
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A bar on standard error, gone when it is dropped; nothing where standard error is no terminal.
pub(crate) fn bar(total: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}
