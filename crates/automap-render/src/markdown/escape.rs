//! Escapes data inside Markdown, so that GitHub, GitLab and Slack all show it literally: no markup, no link, no mention, no reference.

use crate::escape::is_deceptive;

/// An invisible character without width: breaks a link or a mention where a backslash does not.
const JOINER: char = '\u{2060}';

/// Data as text of one line. Underscores between letters stay: they are not emphasis, and metric names are full of them.
pub(crate) fn text(data: &str) -> String {
    let chars: Vec<char> = data.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let mut out = String::with_capacity(data.len() + 16);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|b| chars[b]);
        let after = chars.get(i + 1).copied();
        let in_word = [before, after].into_iter().all(|n| n.is_some_and(char::is_alphanumeric));
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '_' if in_word => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' => out.extend(['\\', c]),
            '~' if after == Some('~') || before == Some('~') => out.extend(['\\', c]),
            // A mention, an issue, a merge request, a label, a snippet; a link; a host.
            '@' | '#' | '!' | '~' | '$' if after.is_some_and(char::is_alphanumeric) => out.extend([c, JOINER]),
            ':' if after == Some('/') => out.extend([c, JOINER]),
            '.' if chars[..i].ends_with(&['w', 'w', 'w']) => out.extend([JOINER, c]),
            c if is_deceptive(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Data as a code span of one line; not for tables, where a bar would end the cell.
pub(crate) fn span(data: &str) -> String {
    let fence = "`".repeat(longest_run(data) + 1);
    let data: String = data.chars().map(shown).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    // Readers strip a space next to a fence.
    let pad = if data.is_empty() || data.starts_with(['`', ' ']) || data.ends_with(['`', ' ']) { " " } else { "" };
    format!("{fence}{pad}{data}{pad}{fence}")
}

/// Data as a block of code.
pub(crate) fn block(language: &'static str, data: &str) -> String {
    let fence = "`".repeat((longest_run(data) + 1).max(3));
    let data: String = data.chars().map(|c| if c == '\n' { c } else { shown(c) }).collect();
    format!("{fence}{language}\n{}\n{fence}", data.trim_end())
}

fn shown(c: char) -> char {
    if is_deceptive(c) && !c.is_whitespace() { '\u{fffd}' } else { c }
}

fn longest_run(data: &str) -> usize {
    data.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_links_and_mentions_become_text() {
        for (data, written) in [
            ("front-end → orders", "front-end → orders"),
            ("disk_read_bytes_per_s", "disk_read_bytes_per_s"),
            ("_odd_ *bold* a|b", "\\_odd\\_ \\*bold\\* a\\|b"),
            ("<script> & <!channel>", "&lt;script&gt; &amp; &lt;!\u{2060}channel&gt;"),
            ("[x](y)", "\\[x\\](y)"),
            ("@all see #12", "@\u{2060}all see #\u{2060}12"),
            ("http://evil.example www.evil", "http:\u{2060}//evil.example www\u{2060}.evil"),
            ("two\nlines\u{202e}", "two lines\u{fffd}"),
            ("```", "\\`\\`\\`"),
        ] {
            assert_eq!(text(data), written);
        }
    }

    #[test]
    fn code_holds_its_own_fences() {
        assert_eq!(span("a`b"), "``a`b``");
        assert_eq!(span("`"), "`` ` ``");
        assert_eq!(block("promql", "sum(x)\n```\n"), "````promql\nsum(x)\n```\n````");
        assert_eq!(block("", "x"), "```\nx\n```");
    }
}
