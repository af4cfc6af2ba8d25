//! The options of a drawing and its colours. Roles differ by shape and word too, so colour alone carries no information.

/// How the drawing is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct SvgOptions {
    /// Light, dark, or the reader's system preference.
    pub theme: Theme,
    /// For use inside a page: no background and no title above the drawing, since the page has its own.
    pub embedded: bool,
}

/// Colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// By `prefers-color-scheme`.
    #[default]
    Auto,
    /// Dark on light, for pictures and print.
    Light,
}

/// Shapes, sizes and the light colours. Plain rules only, no variables, so that every SVG viewer understands them.
const LIGHT: &str = "\
.am-map{font-family:Inter,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;max-width:100%;height:auto}
.am-paper{fill:#ffffff}
.am-title{fill:#18202b;font-weight:600}
.am-note{fill:#566170}
.am-node text{text-anchor:middle}
.am-box{fill:#f5f6f8;stroke:#bcc4ce;stroke-width:1}
.am-name{fill:#3b4552;font-weight:400}
.am-more{fill:#566170}
.am-cause .am-box{fill:#c62828;stroke:#8e1414;stroke-width:1.5}
.am-ring{fill:none;stroke:#c62828;stroke-width:2}
.am-cause .am-name{fill:#ffffff;font-weight:600}
.am-cause .am-tag{fill:#ffffff;font-weight:600;letter-spacing:.6px}
.am-cause .am-more{fill:#ffe3e0}
.am-candidate .am-box{fill:#fdeeec;stroke:#c62828;stroke-width:1.6}
.am-candidate .am-name{fill:#5d1a16;font-weight:600}
.am-candidate .am-tag{fill:#b02420}
.am-victim .am-box{fill:#fff3da;stroke:#d9a441;stroke-width:1.2}
.am-victim .am-bar{fill:#d98a00}
.am-victim .am-name{fill:#4a3508;font-weight:600}
.am-victim .am-more{fill:#6b5318}
.am-unobserved .am-box{fill:#ffffff;stroke:#98a2af;stroke-dasharray:4 3}
.am-unobserved .am-name{fill:#6b7683}
.am-entry circle{fill:#566170}
.am-entry path{fill:none;stroke:#566170;stroke-width:1.5}
.am-entry .am-tip{fill:#566170;stroke:none}
.am-line{fill:none}
.am-call .am-line{stroke:#aab3be;stroke-width:1.3}
.am-call .am-head{fill:#98a2af}
.am-small .am-call .am-line{stroke:#c3cad3;stroke-width:1}
.am-affected .am-line,.am-small .am-affected .am-line{stroke:#d98a00;stroke-width:1.8}
.am-affected .am-head{fill:#d98a00}
.am-path .am-line,.am-small .am-path .am-line{stroke:#c62828;stroke-width:4}
.am-path .am-head{fill:#c62828}
.am-data .am-line{stroke:#6f7fae;stroke-width:1;stroke-dasharray:5 4}
.am-data .am-head{fill:#6f7fae}
.am-faint .am-line{stroke-opacity:.45}
.am-faint .am-head{fill-opacity:.45}
.am-new .am-line,.am-small .am-new .am-line{stroke:#0b62c4;stroke-width:2.2}
.am-new .am-head{fill:#0b62c4}
.am-gone .am-line,.am-small .am-gone .am-line{stroke:#7d8793;stroke-width:1.6;stroke-dasharray:1 4;stroke-linecap:round}
.am-gone .am-head{fill:#7d8793}
.am-letters{fill:#4d5b86;text-anchor:middle;font-weight:600;stroke:#ffffff;stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.am-letters.am-new{fill:#0b62c4}
.am-letters.am-gone{fill:#6b7683}
";

/// The dark colours that differ.
const DARK: &str = "\
.am-paper{fill:#14181f}
.am-title{fill:#eef1f5}
.am-note{fill:#a3adba}
.am-box{fill:#20262f;stroke:#465160}
.am-name{fill:#cfd6df}
.am-more{fill:#a3adba}
.am-cause .am-box{fill:#d93a35;stroke:#ff8a80}
.am-ring{stroke:#ff6b61}
.am-candidate .am-box{fill:#3a1f20;stroke:#ff7b72}
.am-candidate .am-name{fill:#ffd7d3}
.am-candidate .am-tag{fill:#ff9a92}
.am-victim .am-box{fill:#3a2f17;stroke:#b98a34}
.am-victim .am-bar{fill:#f0b040}
.am-victim .am-name{fill:#ffe6b8}
.am-victim .am-more{fill:#dcc391}
.am-unobserved .am-box{fill:#14181f;stroke:#6b7683}
.am-unobserved .am-name{fill:#8f9aa8}
.am-entry circle,.am-entry .am-tip{fill:#a3adba}
.am-entry path{stroke:#a3adba}
.am-entry .am-tip{stroke:none}
.am-call .am-line{stroke:#566170}
.am-call .am-head{fill:#6b7683}
.am-small .am-call .am-line{stroke:#3f4854}
.am-affected .am-line,.am-small .am-affected .am-line{stroke:#d99a2b}
.am-affected .am-head{fill:#d99a2b}
.am-path .am-line,.am-small .am-path .am-line{stroke:#ff6b61}
.am-path .am-head{fill:#ff6b61}
.am-data .am-line{stroke:#8b9bd0}
.am-data .am-head{fill:#8b9bd0}
.am-new .am-line,.am-small .am-new .am-line{stroke:#58a6ff}
.am-new .am-head{fill:#58a6ff}
.am-gone .am-line,.am-small .am-gone .am-line{stroke:#8f9aa8}
.am-gone .am-head{fill:#8f9aa8}
.am-letters{fill:#b7c3ee;stroke:#14181f}
.am-letters.am-new{fill:#58a6ff}
.am-letters.am-gone{fill:#a3adba}
";

/// The style sheet of one drawing.
pub(crate) fn css(theme: Theme) -> String {
    match theme {
        Theme::Light => LIGHT.to_owned(),
        Theme::Auto => format!("{LIGHT}@media (prefers-color-scheme:dark){{\n{DARK}}}\n@media print{{\n{LIGHT}}}\n"),
    }
}
