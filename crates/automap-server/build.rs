//! Lists the files of the web interface that `web/dist` holds, so that they become part of the program. It builds nothing: `make page` does, with
//! Node. Without the files the program compiles as well, and tells at `/` how to get them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Media types by ending; anything else that the page's build makes is an error, so that nothing is sent under a wrong name.
const MEDIA: [(&str, &str); 6] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("woff2", "font/woff2"),
];

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A path that does not exist would make cargo run this, and compile the crate, every time.
    if dist.exists() {
        println!("cargo::rerun-if-changed={}", dist.display());
    }
    let page = dist.join("page");
    let mut files = Vec::new();
    if page.join("index.html").exists() {
        collect(&page, &mut files)?;
    }
    files.sort();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let mut table = format!("const FILES: [File; {}] = [\n", files.len());
    for (number, path) in files.iter().enumerate() {
        table += &entry(&page, path, &out.join(number.to_string()))?;
    }
    table += "];\n";
    fs::write(out.join("page.rs"), table)
}

/// All files but the compressed copies.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false if path.extension().is_some_and(|e| e == "gz") => {}
            false => files.push(path),
        }
    }
    Ok(())
}

/// One line of the table. The file is copied, so that a page that is built at the same time breaks nothing.
fn entry(page: &Path, path: &Path, copy: &Path) -> io::Result<String> {
    let name = path.strip_prefix(page).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
    let ending = name.rsplit('.').next().unwrap_or_default();
    let media = MEDIA.iter().find(|(e, _)| *e == ending).map(|(_, media)| *media);
    let media =
        media.ok_or_else(|| io::Error::other(format!("web/dist/page/{name}: no media type is known for it")))?;
    let bytes = fs::read(path)?;
    let tag = fingerprint(&bytes);
    fs::write(copy, bytes)?;
    let gzip = PathBuf::from(format!("{}.gz", path.display()));
    let gzip = match gzip.exists() {
        true => {
            let compressed = copy.with_extension("gz");
            fs::copy(gzip, &compressed)?;
            format!("include_bytes!({:?})", compressed.display().to_string())
        }
        false => "&[]".to_owned(),
    };
    let copy = copy.display().to_string();
    Ok(format!(
        "    File {{ path: {name:?}, media: {media:?}, tag: \"\\\"{tag:016x}\\\"\", bytes: include_bytes!({copy:?}), gzip: {gzip} }},\n"
    ))
}

/// FNV-1a: tells one build's file from another's, and protects nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
