//! Finds the placeholder for the window in an expression. Sloth uses Go templates, `{{.window}}` in any of Go's spellings; others use variables like
//! Grafana's.

/// Variables that stand for the window.
const VARIABLES: [&str; 6] = ["WINDOW", "window", "__window", "__interval", "__rate_interval", "__range"];

/// The expression with `$WINDOW` in place of its placeholder, and whether there was one.
///
/// # Errors
/// Another template, whose value is unknown.
pub(super) fn windowed(query: &str) -> Result<(String, bool), String> {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    let mut is_found = false;
    while let Some(at) = rest.find(['{', '$']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let length = if after.starts_with("{{") { Some(template(after)?) } else { variable(after) };
        match length {
            Some(length) => {
                is_found = true;
                out.push_str("$WINDOW");
                rest = &after[length..];
            }
            None => {
                out.push_str(&after[..1]);
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    Ok((out, is_found))
}

/// The length of `{{ .window }}`; also with `{{-`, `-}}`, `$.window` and `.Window`.
fn template(text: &str) -> Result<usize, String> {
    let end = text.find("}}").ok_or("its template {{ has no end")?;
    let inside = text[2..end].trim();
    let inside = inside.strip_prefix('-').unwrap_or(inside);
    let inside = inside.strip_suffix('-').unwrap_or(inside).trim();
    let name = inside.strip_prefix('$').unwrap_or(inside);
    let name = name.strip_prefix('.').unwrap_or(name);
    if name.eq_ignore_ascii_case("window") {
        return Ok(end + 2);
    }
    Err(format!("only {{{{.window}}}} has a value here, {} has none", &text[..end + 2]))
}

/// The length of `$__range` or `${__range}`, if it is a variable for the window. Any other `$` belongs to a pattern.
fn variable(text: &str) -> Option<usize> {
    let after = text.strip_prefix('$')?;
    let (name, brackets) = match after.strip_prefix('{') {
        Some(inside) => (&inside[..inside.find('}')?], 2),
        None => {
            let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            (&after[..after.find(is_end).unwrap_or(after.len())], 0)
        }
    };
    VARIABLES.contains(&name).then(|| 1 + brackets + name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_found_in_every_spelling() {
        for window in [
            "{{.window}}",
            "{{ .window }}",
            "{{- .window -}}",
            "{{ $.window }}",
            "{{window}}",
            "{{ .Window}}",
            "$window",
            "$__window",
            "${__range}",
            "$__rate_interval",
            "$__interval",
            "{{\t.window\n}}",
        ] {
            let expected = Ok(("rate(x{a=~\"b$\"}[$WINDOW])".to_owned(), true));
            assert_eq!(windowed(&format!("rate(x{{a=~\"b$\"}}[{window}])")), expected, "{window}");
        }
        let mixed = windowed("a[{{.window}}] / b[{{ .window }}]");
        assert_eq!(mixed, Ok(("a[$WINDOW] / b[$WINDOW]".to_owned(), true)));
        let none = r#"x{a=~".*$",b="$windows"}"#;
        assert_eq!(windowed(none), Ok((none.to_owned(), false)));
        assert!(windowed("x[{{.period}}]").is_err() && windowed("x[{{.window]").is_err());
    }
}
