//! Standard output is data, standard error is for people.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::wrap;

/// A message for the user.
pub(crate) fn say(line: &str) {
    // A message that cannot be written is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Data. A reader that closes the pipe early, like `head`, is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Data that need not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<()> {
    match io::stdout().write_all(bytes) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// An answer for people, its long lines wrapped where standard output is a terminal.
pub(crate) fn print_answer(text: &str) -> Result<()> {
    let width = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    match width.map(|(width, _)| usize::from(width.0)) {
        Some(width) if width >= wrap::MIN_WIDTH => print(&wrap::wrap(text, width)),
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
