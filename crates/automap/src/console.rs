//! Standard output is data, standard error is for people.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use automap_core::text::is_hidden;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::wrap;

/// Longest message on standard error, in bytes; the rest is cut off.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// A message for the user.
pub(crate) fn say(message: &str) {
    // A message that cannot be written is not an error.
    let _ = writeln!(io::stderr(), "{}", harmless(message));
}

/// A message of bounded length in which foreign text can neither control the terminal nor start a line: further lines are indented.
fn harmless(message: &str) -> String {
    let mut safe = String::with_capacity(message.len().min(MAX_MESSAGE_BYTES));
    let body = message.trim_end_matches('\n');
    for c in body.chars() {
        if safe.len() >= MAX_MESSAGE_BYTES {
            safe.push('…');
            break;
        }
        match c {
            '\n' => safe.push_str("\n  "),
            '\t' => safe.push(' '),
            c if is_hidden(c) => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    // An intended blank line.
    if body.len() < message.len() {
        safe.push('\n');
    }
    safe
}

/// Data. A reader that closes the pipe early, like `head`, is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Data that may be binary.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<()> {
    match io::stdout().write_all(bytes) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

/// A text answer; long lines are wrapped if standard output is a terminal.
pub(crate) fn print_answer(text: &str) -> Result<()> {
    let width = io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    match width.map(|(width, _)| usize::from(width.0)) {
        Some(width) if width >= wrap::MIN_WIDTH => print(&wrap::wrap(text, width)),
        _ => print(text),
    }
}

/// Whether to colour standard output, given `NO_COLOR`, `TERM` and whether it is a terminal.
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

/// A progress bar on standard error, removed on drop; hidden if standard error is not a terminal.
pub(crate) fn bar(total: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_forges_an_answer_steers_the_terminal_or_goes_on_for_ever() {
        let evil = format!("error: a.csv\nVERDICT  payment\r\u{1b}[2J\u{202e}{}", "x".repeat(5_000_000));
        let shown = harmless(&evil);
        assert!(shown.len() < MAX_MESSAGE_BYTES + 100, "{} bytes", shown.len());
        assert!(shown.contains("\n  VERDICT") && !shown.contains(['\r', '\u{1b}', '\u{202e}']), "{shown:.200}");
    }
}
