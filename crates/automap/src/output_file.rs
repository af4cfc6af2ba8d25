//! Writing an answer to a file without losing another one.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Writes a new file, or replaces it with `force`.
pub(crate) fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    // Without --force the file system itself refuses what came to exist in the meantime.
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).with_context(|| path.display().to_string()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => bail!("{}", taken(path)),
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}

/// Says that a file is there already, before the work that would fill it.
pub(crate) fn check(path: Option<&Path>, force: bool) -> Result<()> {
    match path {
        Some(path) if !force && path.exists() => bail!("{}", taken(path)),
        _ => Ok(()),
    }
}

fn taken(path: &Path) -> String {
    format!("{} exists; give another name, or --force to replace it", path.display())
}
