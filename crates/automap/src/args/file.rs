//! The output file. The same rule for every verb: `-f FILE`, `-` is standard output, and an existing file is replaced only
//! with `--force`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::console;

/// The path that stands for standard input, where a file is read, or standard output, where one is written.
const STANDARD: &str = "-";

/// Where to write the answer.
#[derive(Args, Clone, Debug)]
pub(crate) struct FileArgs {
    /// Write to this file; - is standard output [default: -]
    #[arg(long, short, alias = "out", value_name = "FILE", help_heading = "Output")]
    file: Option<PathBuf>,
    #[command(flatten)]
    force: ForceArgs,
}

/// Whether an existing file may be replaced.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct ForceArgs {
    /// Replace the file if it exists
    #[arg(long, help_heading = "Output")]
    force: bool,
}

impl FileArgs {
    /// The file to write; `None` for standard output.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| !is_standard(path))
    }

    /// Refuses an existing file before any work is done.
    pub(crate) fn check(&self) -> Result<()> {
        self.path().map_or(Ok(()), |path| self.force.check(path))
    }

    /// Writes the answer to the file, or to standard output.
    pub(crate) fn write(&self, answer: &[u8]) -> Result<()> {
        match self.path() {
            Some(path) => self.force.write(path, answer),
            None => console::print_bytes(answer),
        }
    }
}

impl ForceArgs {
    /// Refuses an existing file unless it may be replaced.
    pub(crate) fn check(self, path: &Path) -> Result<()> {
        if !self.force && !is_standard(path) && path.exists() {
            bail!("{}", exists(path));
        }
        Ok(())
    }

    /// Opens the file for writing. Without `--force`, the file system refuses one that was created meanwhile.
    pub(crate) fn create(self, path: &Path) -> Result<Box<dyn Write>> {
        if is_standard(path) {
            return Ok(Box::new(io::stdout()));
        }
        let mut options = OpenOptions::new();
        options.write(true).create(self.force).truncate(self.force).create_new(!self.force);
        match options.open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => bail!("{}", exists(path)),
            Err(e) => Err(e).with_context(|| path.display().to_string()),
        }
    }

    fn write(self, path: &Path, answer: &[u8]) -> Result<()> {
        self.create(path)?.write_all(answer).with_context(|| path.display().to_string())
    }
}

/// Whether a path is `-`.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == STANDARD
}

/// The path to read from: `-` is standard input, whose path the system provides.
pub(crate) fn readable(path: &Path) -> &Path {
    if is_standard(path) { Path::new("/dev/stdin") } else { path }
}

fn exists(path: &Path) -> String {
    format!("{} exists; give another name, or --force to replace it", path.display())
}
